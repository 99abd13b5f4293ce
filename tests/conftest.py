"""Fixtures that several test files share."""

from __future__ import annotations

import gc

import pytest
from statfe_cli.main import main


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty folder to work in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def call(capfd):
    """Run a command; gives (exit code, stdout, stderr)."""

    def run(*words: str) -> tuple[int, str, str]:
        code = main(list(words))
        out, err = capfd.readouterr()
        return code, out, err

    return run


def pytest_collection_modifyitems(items):
    """Planted faults last: they find the kernels compiled, and many short tests let all workers end together."""
    items.sort(key=lambda item: item.get_closest_marker("faults") is not None)


def pytest_collection_finish():
    """What is there now stays to the end: the garbage collector need not look at it time and again."""
    gc.freeze()
    gc.set_threshold(10_000, 10, 10)
