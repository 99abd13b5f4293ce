"""The figure of cost beside accuracy: median error a site against seconds, and the methods that nobody beats in both.

Methods are numbered as in the ranking, so that a crowded figure still says which is which.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from statfe.report.axes import LABEL, label
from statfe.report.styles import Style
from statfe.report.svg import FAINT, INK, PAPER
from statfe.scoring.ranking import MethodSummary
from statfe.scoring.verdict import ROUNDING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Decades of error shown below the largest.
DECADES = 9
#: Inches of a line of the legend.
LINE = 0.185


def draw_pareto(ranked: Sequence[MethodSummary], chosen: Mapping[str, Style], title: str) -> Figure:
    """Median error a site over the grid against seconds a beta; a step joins the methods on the front."""
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    figure = Figure(figsize=(7.4, max(4.3, LINE * (len(ranked) + 3))))
    axes = figure.subplots()
    able = [(k, m) for k, m in enumerate(ranked, start=1) if math.isfinite(m.median_with_failures)]
    low = _floor([m.median_with_failures for _, m in able])
    handles, names = [], []
    for k, m in able:
        style, x, y = chosen[m.method], _seconds(m), max(m.median_with_failures, low)
        mark = Line2D([x], [y], linestyle="none", marker=style.marker, markersize=8.5 if m.pareto else 6.0,
                      markerfacecolor=style.colour if m.pareto else PAPER, markeredgecolor=style.colour,
                      markeredgewidth=1.3, zorder=3, clip_on=False)
        axes.add_line(mark)
        axes.annotate(str(k), (x, y), xytext=(5.5, 4.0), textcoords="offset points", fontsize=8.5,
                      color=INK if m.pareto else FAINT, weight="bold" if m.pareto else "normal", zorder=4)
        handles.append(mark)
        names.append(f"{k}  {label(m.method, LABEL)}")
    front = sorted((_seconds(m), max(m.median_with_failures, low)) for _, m in able if m.pareto)
    axes.step([x for x, _ in front], [y for _, y in front], where="post", color=FAINT, linewidth=1.2, zorder=1)
    axes.set_xscale("log")
    axes.set_yscale("log")
    if able:
        seconds = [_seconds(m) for _, m in able]
        axes.set_xlim(min(seconds) / 1.6, max(seconds) * 2.2)
        axes.set_ylim(low / 1.6, 2.5 * max(m.median_with_failures for _, m in able) + 2.5 * low)
        axes.legend(handles, names, loc="upper left", bbox_to_anchor=(1.01, 1.02), borderaxespad=0.0, fontsize=8.5,
                    handletextpad=0.3, labelspacing=0.35)
    else:
        axes.set_xlim(1e-4, 1.0)
        axes.set_ylim(1e-6, 1.0)
        axes.text(0.5, 0.5, "nothing could be judged", transform=axes.transAxes, ha="center")
    axes.set_xlabel("seconds a β")
    axes.set_ylabel("median |error of βF| a site (nats)")
    axes.set_title(label(title))
    return figure


def _seconds(m: MethodSummary) -> float:
    return max(m.seconds / max(m.n_betas, 1), 1e-7)


def _floor(errors: Sequence[float]) -> float:
    """Where errors that are rounding are drawn: below all others, at most `DECADES` below the largest."""
    real = [e for e in errors if e > ROUNDING]
    if not real:
        return ROUNDING
    return max(min(real) / (3.0 if len(real) < len(errors) else 1.0), max(real) * 10.0**-DECADES)
