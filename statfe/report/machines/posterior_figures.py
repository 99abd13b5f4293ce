"""Figures of posteriors scored point by point: errors against the gap of the bound, shares, where orders diverge."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from statfe.report.axes import LABEL, label
from statfe.report.styles import Style
from statfe.report.svg import FAINT, INK, PAPER
from statfe.scoring.machines.posterior_summary import order_of
from statfe.scoring.machines.posteriors import BOUND, Posteriors

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Decades of error shown below the largest gap.
DECADES = 6
#: Groups of points by their gap, and points that a group needs.
GROUPS, LEAST = 8, 5
#: Shares below the first or above the second are drawn at the edge.
LOWEST, HIGHEST = -0.5, 1.5
#: The gap on an axis.
GAP = "gap of the bound, $F_q - F_p$ (nats)"


def orders(found: Posteriors) -> dict[int, int]:
    """Row of each order of the plain cumulant sum among the methods, the bound as order 1."""
    return {order_of(m): k for k, m in enumerate(found.methods) if order_of(m) > 0}


def usable(found: Posteriors) -> np.ndarray:
    """Points whose gap is above the noise of reference and bound, shape (points,)."""
    noise = np.array([s.combined_error for s in found.scores[found.methods.index(BOUND)]])
    with np.errstate(invalid="ignore"):
        return np.asarray(found.gaps > 2.0 * noise)


def draw_gap_error(found: Posteriors, chosen: Mapping[str, Style]) -> Figure:
    """|F - F_p| against F_q - F_p: cumulants on the left, the other methods on the right."""
    from matplotlib.figure import Figure

    series = [k for k, m in enumerate(found.methods) if m.startswith("cumulants")]
    others = [k for k, m in enumerate(found.methods) if k not in series and m != BOUND]
    parts = [("cumulants", series), ("other methods", others)]
    parts = [part for part in parts if part[1]] or [("no method beside the bound", [])]
    figure = Figure(figsize=(5.0 * len(parts), 5.6), layout="constrained")
    panels = figure.subplots(1, len(parts), squeeze=False, sharey=True)[0]
    good = usable(found)
    top = float(np.nanmax(found.gaps[good])) if good.any() else 1.0
    low = top * 10.0**-DECADES
    for axes, (title, rows) in zip(panels, parts, strict=True):
        for k in rows:
            _cloud(axes, found, k, good, low, chosen[found.methods[k]])
        if good.any():
            ends = np.array([max(float(np.min(found.gaps[good])), low), top])
            axes.plot(ends, ends, color=FAINT, linewidth=1.2, zorder=1)
            axes.annotate("as far off as the bound", (ends[1], ends[1]), xytext=(-4, 4), textcoords="offset points",
                          ha="right", va="bottom", fontsize=8.5, color=FAINT,
                          bbox={"facecolor": PAPER, "edgecolor": "none", "pad": 1.0}, zorder=3)
        axes.set_xscale("log")
        axes.set_yscale("log")
        _few_marks(axes)
        axes.set_title(title)
        axes.set_xlabel(GAP)
        if rows:
            axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2, fontsize=8.5, handletextpad=0.2,
                        columnspacing=1.0)
    panels[0].set_ylabel("$|F - F_p|$ (nats)")
    return figure


def _few_marks(axes: Axes) -> None:
    """Marks at 1, 2 and 5 of each decade on the axis of gaps, in plain figures."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    low, high = axes.get_xlim()
    steps = (1.0, 2.0, 5.0) if high < 300.0 * low else (1.0,)
    axes.xaxis.set_major_locator(LogLocator(subs=steps, numticks=20))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_locator(NullLocator())


def _cloud(axes: Axes, found: Posteriors, k: int, good: np.ndarray, low: float, style: Style) -> None:
    error = np.abs(found.errors[k])
    there = good & ~np.isnan(error)
    method = found.methods[k]
    order = order_of(method)
    colour = _order_colour(order, found) if order else style.colour
    axes.scatter(
        found.gaps[there], np.maximum(error[there], low), s=17.0, c=[colour], marker=style.marker, linewidths=0.0,
        alpha=0.8, label=f"order {order}" if order else label(method, LABEL), zorder=2)


def _order_colour(order: int, found: Posteriors) -> tuple[float, float, float, float]:
    from matplotlib import colormaps

    last = max(orders(found), default=2)
    red, green, blue, alpha = colormaps["viridis"](0.9 * (order - 1) / max(1, last - 1))
    return red, green, blue, alpha


def draw_shares(found: Posteriors, chosen: Mapping[str, Style]) -> Figure:
    """The share (F_q - F) / (F_q - F_p) of the gap that each method recovers: its spread over the points."""
    from matplotlib.figure import Figure

    good = usable(found)
    rows = [k for k, m in enumerate(found.methods) if m != BOUND]
    names = [f"cumulants to order {order_of(m)}" if (m := found.methods[k]) and order_of(m) else label(m, LABEL)
             for k in rows]
    figure = Figure(figsize=(7.6, max(2.4, 0.36 * len(rows) + 1.3)), layout="constrained")
    axes = figure.subplots()
    for at, k in enumerate(rows):
        there = good & ~np.isnan(found.errors[k])
        share = 1.0 - found.errors[k][there] / found.gaps[there]
        order = order_of(found.methods[k])
        colour = _order_colour(order, found) if order else chosen[found.methods[k]].colour
        _spread(axes, at, share, colour)
        missing = int(np.sum(good)) - len(share)
        if missing:
            axes.annotate(f"{missing} without a number", (1.0, at), xycoords=("axes fraction", "data"), xytext=(6, 0),
                          textcoords="offset points", fontsize=8.5, color=FAINT, va="center")
    axes.axvline(1.0, color=INK, linewidth=1.1)
    axes.axvline(0.0, color=FAINT, linewidth=1.1, linestyle="--")
    axes.set_xlim(LOWEST, HIGHEST)
    axes.set_yticks(range(len(rows)), names)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("share of the gap recovered: 0 the bound, 1 exact, above 1 too low")
    return figure


def _spread(axes: Axes, at: int, share: np.ndarray, colour: Any) -> None:
    if not len(share):
        return
    low, first, middle, third, high = np.clip(np.quantile(share, [0.05, 0.25, 0.5, 0.75, 0.95]), LOWEST, HIGHEST)
    axes.plot([low, high], [at, at], color=colour, linewidth=1.3)
    axes.plot([first, third], [at, at], color=colour, linewidth=7.0, solid_capstyle="butt")
    axes.plot([middle], [at], marker="|", color=INK, markersize=11.0, markeredgewidth=1.8)


def draw_divergence(found: Posteriors) -> Figure:
    """By the gap: at what share of the points each order is the best, and where the last fails or is no better.

    An order without a number at a point is infinitely far off there.
    """
    from matplotlib.figure import Figure

    place = orders(found)
    good = usable(found)
    errors = np.nan_to_num(np.abs(found.errors[[place[k] for k in sorted(place)]]), nan=np.inf)
    figure = Figure(figsize=(7.4, 4.2), layout="constrained")
    axes = figure.subplots()
    parts = groups(found.gaps, good)
    if not parts:
        axes.text(0.5, 0.5, f"fewer than {LEAST} points could be judged", transform=axes.transAxes, ha="center")
        axes.set_axis_off()
        return figure
    best = np.argmin(errors, axis=0)
    bottom = np.zeros(len(parts))
    for row, order in enumerate(sorted(place)):
        share = np.array([float(np.mean(best[part] == row)) for part in parts])
        name = "the bound itself" if order == 1 else f"order {order}"
        axes.bar(range(len(parts)), share, bottom=bottom, width=0.86, color=_order_colour(order, found), label=name)
        bottom += share
    worse = [float(np.mean(errors[-1][part] > errors[0][part])) for part in parts]
    axes.plot(range(len(parts)), worse, color=INK, marker="o", markerfacecolor="white", linewidth=1.4,
              label=f"order {max(place)} has no number\nor is worse than the bound")
    axes.set_xticks(range(len(parts)), [_between(found.gaps[part]) for part in parts], fontsize=8.5, rotation=25)
    axes.set_ylim(0.0, 1.0)
    axes.set_ylabel("share of the points")
    axes.set_xlabel(GAP)
    axes.grid(visible=False, axis="x")
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.02), borderaxespad=0.0, title="nearest to $F_p$")
    return figure


def groups(gaps: np.ndarray, good: np.ndarray) -> list[np.ndarray]:
    """Indices of the good points in groups of equal size, by ascending gap."""
    order = np.flatnonzero(good)[np.argsort(gaps[good], kind="stable")]
    count = min(GROUPS, len(order) // LEAST)
    return [np.asarray(part) for part in np.array_split(order, count)] if count else []


def _between(gaps: Sequence[float] | np.ndarray) -> str:
    low, high = float(np.min(gaps)), float(np.max(gaps))
    return f"{low:.2g} to {high:.2g}" if not math.isclose(low, high) else f"{low:.2g}"
