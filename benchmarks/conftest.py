"""A `figure` fixture: what was asked, what was measured, printed as one table at the end of a run."""

from __future__ import annotations

from collections.abc import Callable

import pytest

_ROWS: list[tuple[str, str, str, str]] = []


@pytest.fixture
def figure(request: pytest.FixtureRequest) -> Callable[[str, str, str], None]:
    """``figure(what, asked, measured)`` adds a row to the table."""

    def add(what: str, asked: str, measured: str) -> None:
        _ROWS.append((what, asked, measured, request.node.nodeid))

    return add


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table."""
    if not _ROWS:
        return
    terminalreporter.section("figures")
    rows = [("figure", "asked", "measured", "by"), *_ROWS]
    widths = [max(len(row[k]) for row in rows) for k in range(4)]
    for row in rows:
        terminalreporter.write_line("  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip())
