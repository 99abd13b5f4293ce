"""Attractors of several loads or temperatures in one set: shares of the starts by kind, value by value."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from statfe.attractors.found import AttractorSet
from statfe.report.attractors.section import Plot, Table, Value
from statfe.report.axes import label
from statfe.report.styles import COLOURS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Stats that a scan runs along, with their words.
ALONG = {"load": "load α", "beta": "β"}


def scanned(found: AttractorSet) -> str | None:
    """The stat that has several values: the shares of one value then add up to one, not those of all."""
    return next((name for name in ALONG if name in found.stats and len(np.unique(found.stats[name])) > 1), None)


def shares_by_kind(found: AttractorSet, along: str) -> tuple[np.ndarray, list[str], np.ndarray, np.ndarray]:
    """Values of the scan, kinds, and for each value and kind the number of attractors and their share of the starts."""
    values, kinds = np.unique(found.stats[along]), list(dict.fromkeys(found.kinds))
    of_kind = np.array([[word == kind for kind in kinds] for word in found.kinds]).reshape(found.count, len(kinds))
    here = values[:, None] == found.stats[along]
    counts = here.astype(np.int64) @ of_kind.astype(np.int64)
    return values, kinds, counts, (here * found.basin_fraction) @ of_kind.astype(np.float64)


def kinds_table(found: AttractorSet, along: str) -> Table:
    """Attractors and share of the starts of each kind, a row a value."""
    values, kinds, counts, shares = shares_by_kind(found, along)
    head = (ALONG[along], *(words for kind in kinds for words in (kind, "share of starts")))
    rows: list[tuple[str | Value, ...]] = [
        (f"{value:g}", *(cell for k in range(len(kinds)) for cell in (str(counts[r, k]), Value(float(shares[r, k])))))
        for r, value in enumerate(values)]
    return Table("kinds", head, rows)


def kinds_plot(found: AttractorSet, along: str) -> Plot:
    """Shares of the starts by kind along the scan."""
    return Plot("basin-fractions", f"Basins against {ALONG[along]}", "Share of the starts that ends on attractors of "
                "each kind; the rest led to none.", lambda: draw_kinds(found, along))


def draw_kinds(found: AttractorSet, along: str) -> Figure:
    """Stacked bars, a bar a value; what is missing up to one led to no attractor."""
    from matplotlib.figure import Figure

    values, kinds, _, shares = shares_by_kind(found, along)
    figure = Figure(figsize=(max(4.8, 0.6 * len(values) + 2.4), 3.8), layout="constrained")
    axes, below = figure.subplots(), np.zeros(len(values))
    for k, kind in enumerate(kinds):
        axes.bar(range(len(values)), shares[:, k], bottom=below, width=0.7, color=COLOURS[k % len(COLOURS)],
                 label=label(kind, 40))
        below += shares[:, k]
    axes.set_xticks(range(len(values)), [f"{v:g}" for v in values])
    axes.set_xlabel(ALONG[along])
    axes.set_ylabel("share of the starts")
    axes.set_ylim(0.0, 1.0)
    axes.grid(visible=False, axis="x")
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.02), title="kind")
    return figure
