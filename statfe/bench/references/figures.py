"""The figures of `statfe bench references`: distributions of z, and the time to an error by method."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from statfe.bench.references.budgets import TARGET
from statfe.bench.references.records import References, Spread
from statfe.report.figures import drawing_room, svg_text
from statfe.report.styles import COLOURS, MARKERS
from statfe.report.svg import FAINT, GRID, INK, PAPER

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Edges of the bins of z; what lies outside is in the last ones.
EDGES = np.linspace(-4.0, 4.0, 33)
COLUMNS = 3


def draw_all(record: References) -> dict[str, str]:
    """SVG documents by name; a figure without data is left out."""
    found = {}
    with drawing_room():
        if any(c.z for c in record.calibrations):
            found["references-z"] = svg_text(draw_z(record))
        if any(math.isfinite(b.to_target) for b in record.budgets):
            found["references-time"] = svg_text(draw_times(record))
    return found


def draw_z(record: References) -> Figure:
    """One panel a method: the distribution of z over all models, beside the normal law that it should be."""
    from matplotlib.figure import Figure

    scores = {name: np.array(z) for name, z in record.by_method().items() if z}
    rows = -(-len(scores) // COLUMNS)
    figure = Figure(figsize=(8.6, 0.7 + 2.0 * rows), layout="constrained")
    figure.suptitle("z = (βF − exact) / error, over all models; the line is the normal law", x=0.01, ha="left",
                    fontsize=12.0)
    panels = figure.subplots(rows, COLUMNS, sharex=True, squeeze=False)
    curve = np.linspace(-4.0, 4.0, 161)
    for k, axes in enumerate(panels.ravel()):
        if k >= len(scores):
            axes.set_visible(False)
            continue
        axes.tick_params(labelbottom=k + COLUMNS >= len(scores))
        name, z = list(scores.items())[k]
        heights = np.histogram(np.clip(z, -4.0, 4.0 - 1e-9), EDGES)[0] / (len(z) * (EDGES[1] - EDGES[0]))
        axes.bar(EDGES[:-1], heights, width=np.diff(EDGES), align="edge", color=COLOURS[0], alpha=0.45)
        axes.plot(curve, np.exp(-0.5 * curve**2) / math.sqrt(2.0 * math.pi), color=INK, linewidth=1.2)
        s = Spread.of(z.tolist())
        axes.set_title(f"{name}, {s.count} runs", fontsize=10.0)
        axes.text(0.98, 0.95, f"mean {s.mean:+.2f}\nsd {s.deviation:.2f}\n1σ {s.within_one:.0%}\n2σ {s.within_two:.0%}",
                  transform=axes.transAxes, ha="right", va="top", fontsize=8.5, color=FAINT)
        axes.set_ylim(0.0, 0.56)
        axes.set_yticks([])
        axes.grid(False)
        axes.spines["left"].set_visible(False)
    return figure


def draw_times(record: References) -> Figure:
    """One line a model: the seconds that each method needs for one error a site."""
    from matplotlib.figure import Figure

    rows = [b for b in record.budgets if math.isfinite(b.to_target) and b.to_target > 0]
    cases, names = list(dict.fromkeys(b.case for b in rows)), list(dict.fromkeys(b.method for b in rows))
    figure = Figure(figsize=(8.6, 1.5 + 0.75 * len(cases)), layout="constrained")
    axes = figure.subplots()
    axes.set_title(f"Seconds to an error of {TARGET:g} a site; open: some runs failed their own checks")
    axes.set_xscale("log")
    axes.set_ylim(len(cases) - 0.4, -0.6)
    for row in range(len(cases)):
        axes.axhline(row, color=GRID, linewidth=0.8, zorder=0)
    for k, name in enumerate(names):
        colour, marker = COLOURS[k % len(COLOURS)], MARKERS[k % len(MARKERS)]
        aside = 0.5 * (k / max(len(names) - 1, 1) - 0.5)
        for b in [b for b in rows if b.method == name]:
            whole = b.converged == b.runs
            axes.plot(b.to_target, cases.index(b.case) + aside, marker=marker, markersize=7.5, linestyle="none",
                      color=colour if whole else PAPER, markeredgecolor=PAPER if whole else colour,
                      markeredgewidth=0.8 if whole else 1.4, zorder=3)
        axes.plot([], [], marker=marker, color=colour, linestyle="none", label=name)
    axes.set_yticks(range(len(cases)), cases)
    axes.set_xlabel("seconds")
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.grid(False, axis="y")
    figure.legend(loc="outside right center", fontsize=9.0)
    return figure
