"""A section of the report: words, facts, tables and figures; the page, the JSON and the CSV are all made from these."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from statfe.report.figures import Drawing, drawing_room, svg_text
from statfe.report.words import number, with_error

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Value:
    """A number of a table, as it is read and as it is.

    Attributes
    ----------
    error
        One standard deviation; nan where none is known.
    note
        Why there is none, or what to think of it.
    """

    value: float
    error: float = math.nan
    note: str = ""
    digits: int = 4

    @property
    def text(self) -> str:
        """As a table shows it."""
        if not math.isfinite(self.value):
            return "–"
        return with_error(self.value, self.error) if self.error > 0.0 else number(self.value, self.digits)


@dataclass(frozen=True)
class Table:
    """Rows under a head; the first column names the rows.

    Attributes
    ----------
    name
        What rows of the CSV call it.
    rows
        Text, numbers or `Value`, one a column.
    """

    name: str
    head: tuple[str, ...]
    rows: Sequence[Sequence[str | Value]]
    caption: str = ""

    def to_dict(self) -> list[dict[str, Any]]:
        """A dictionary a row, numbers with their errors and notes."""
        return [{key: _plain(cell) for key, cell in zip(self.head, row, strict=True)} for row in self.rows]


def _plain(cell: str | Value) -> Any:
    if isinstance(cell, str):
        return cell
    found: dict[str, Any] = {"value": cell.value}
    found |= {"error": cell.error} if math.isfinite(cell.error) else {}
    return found | ({"note": cell.note} if cell.note else {})


@dataclass(frozen=True)
class Plot:
    """A figure that is yet to be drawn."""

    name: str
    subject: str
    caption: str
    draw: Callable[[], Figure]


@dataclass(frozen=True)
class Section:
    """One part of the page.

    Attributes
    ----------
    name
        Key of the JSON and anchor of the page.
    paragraphs, warnings
        Words.
    facts
        Short ones, by name.
    numbers
        What the JSON has beside the tables.
    """

    name: str
    title: str
    paragraphs: Sequence[str] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    warnings: Sequence[str] = ()
    tables: Sequence[Table] = ()
    plots: Sequence[Plot] = ()
    numbers: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"title": self.title, "facts": dict(self.facts), "warnings": list(self.warnings),
                **{table.name: table.to_dict() for table in self.tables}, **dict(self.numbers)}


def drawn(plots: Sequence[Plot]) -> list[Drawing]:
    """The figures themselves."""
    with drawing_room():
        return [Drawing(p.name, p.subject, p.caption, svg_text(p.draw())) for p in plots]


def thinned(points: np.ndarray, most: int) -> np.ndarray:
    """At most `most` rows of `points`, evenly chosen."""
    return points[::max(1, -(-len(points) // most))]
