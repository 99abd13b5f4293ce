"""Figures of a study: the map of who can be trusted where, and the error a site against size."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from statfe.report.axes import LABEL, LEGEND_PLACE, label
from statfe.report.styles import Style
from statfe.report.svg import FAINT, GRID, INK
from statfe.scoring.trust import Cell, Trust

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Colours of |error| over the tolerance, with the upper edge of each: blue is within it, orange is not.
CLASSES = ((0.01, "#08519c"), (0.1, "#4f94cd"), (1.0, "#b7d7ee"), (10.0, "#fdd0a2"), (100.0, "#f0883e"),
           (math.inf, "#a63603"))
FAILED = "#c9cbcf"
#: Most panels of a map, panels side by side, betas with a name, and panels of the error against size.
MOST_PANELS, ACROSS, NAMED, GROWTH_PANELS = 12, 3, 5, 3


def draw_map(trust: Trust, template: str) -> Figure:
    """Method by beta, one panel a group; a dot marks the best method."""
    from matplotlib.figure import Figure

    groups = list(dict.fromkeys(c.group for c in trust.cells if c.template == template))[:MOST_PANELS]
    methods = [t.method for t in trust.summary if t.template == template]
    across = min(ACROSS, len(groups))
    down = -(-len(groups) // across)
    figure = Figure(figsize=(1.2 + 2.3 * across, (0.2 * len(methods) + 0.75) * down + 0.5))
    panels = figure.subplots(down, across, squeeze=False, sharey=True)
    for axes in panels.ravel()[len(groups):]:
        axes.set_visible(False)
    for axes, group in zip(panels.ravel(), groups, strict=False):
        _panel(axes, trust, group, methods)
    figure.subplots_adjust(wspace=0.06, hspace=0.75 / (0.2 * len(methods) + 0.75) + 0.12)
    _legend(figure, panels[0, across - 1], trust.tolerance)
    return figure


def _panel(axes: Axes, trust: Trust, group: str, methods: Sequence[str]) -> None:
    from matplotlib.patches import Rectangle

    cells = [c for c in trust.cells if c.group == group]
    betas = sorted({c.beta for c in cells})
    for c in cells:
        x, y = betas.index(c.beta), methods.index(c.method)
        colour = _colour(c, trust.tolerance)
        if colour:
            axes.add_patch(Rectangle((x - 0.47, y - 0.44), 0.94, 0.88, facecolor=colour, linewidth=0))
        if c.failed and math.isinf(c.median_error):
            axes.plot([x], [y], linestyle="none", marker="x", color=FAINT, markersize=4.0, markeredgewidth=1.1)
    for b in trust.best:
        if b.group == group and len(b.methods) < len(methods):
            x = betas.index(b.beta)
            axes.plot([x] * len(b.methods), [methods.index(m) for m in b.methods], linestyle="none", marker="o",
                      markersize=4.0, markerfacecolor=INK, markeredgecolor="#ffffff", markeredgewidth=0.8)
    axes.set_xlim(-0.6, len(betas) - 0.4)
    axes.set_ylim(len(methods) - 0.4, -0.6)
    shown = range(0, len(betas), -(-len(betas) // NAMED))
    axes.set_xticks(shown, [f"{betas[k]:.3g}" for k in shown], fontsize=8.0)
    axes.set_yticks(range(len(methods)), [label(m, LABEL) for m in methods], fontsize=8.5)
    axes.tick_params(length=0)
    axes.grid(False)
    for side in axes.spines.values():
        side.set_visible(False)
    axes.set_title(label(group, 34) + f"\nN = {cells[0].n_sites}", fontsize=9.0)
    axes.set_xlabel("β", fontsize=9.0, labelpad=1.0)


def _colour(cell: Cell, tolerance: float) -> str:
    """Colour of the cell; "" where nothing could be judged."""
    if math.isnan(cell.median_error):
        return ""
    if math.isinf(cell.median_error):
        return FAILED
    return next(colour for edge, colour in CLASSES if cell.median_error <= edge * tolerance)


def _legend(figure: Figure, axes: Axes, tolerance: float) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    edges = [edge * tolerance for edge, _ in CLASSES]
    handles: list[Line2D | Patch] = []
    for k, (_, colour) in enumerate(CLASSES):
        words = f"> {edges[k - 1]:.1g}" if math.isinf(edges[k]) else f"≤ {edges[k]:.1g}"
        if CLASSES[k][0] == 1.0:
            words += " (tolerance)"
        handles.append(Patch(facecolor=colour, label=words))
    handles.append(Line2D([], [], linestyle="none", marker="x", color=FAINT, label="no number in most"))
    handles.append(Line2D([], [], linestyle="none", marker="o", color=INK, markersize=4.5, label="best"))
    axes.legend(handles=handles, title="median |error of βF|\na site (nats)", fontsize=8.5, title_fontsize=8.5,
                loc="upper left", bbox_to_anchor=(1.03, 1.02), borderaxespad=0.0, alignment="left")


def has_growth(trust: Trust, template: str) -> bool:
    """Whether a template comes in several sizes."""
    return bool(template) and len({c.n_sites for c in trust.cells if c.template == template}) > 1


def draw_growth(trust: Trust, template: str, chosen: Mapping[str, Style]) -> Figure:
    """|error| a site against N for the methods of `chosen` at up to three betas: level where the error is extensive."""
    from matplotlib.figure import Figure

    cells = [c for c in trust.cells if c.template == template and c.method in chosen]
    betas = sorted({c.beta for c in cells if c.size > 0.0})
    betas = [betas[k] for k in np.unique(np.linspace(0, len(betas) - 1, GROWTH_PANELS).round().astype(int))
             ] if betas else []
    figure = Figure(figsize=(1.2 + 2.3 * max(len(betas), 1), 3.9))
    panels = figure.subplots(1, max(len(betas), 1), squeeze=False, sharey=True)[0]
    for axes, beta in zip(panels, betas, strict=False):
        for method, style in chosen.items():
            here = sorted((c.n_sites, c.size, c.size_error) for c in cells if (c.method, c.beta) == (method, beta)
                          and c.size > 0.0)
            if here:
                n, size, error = np.array(here).T
                axes.errorbar(n, size, np.minimum(error, 0.9 * size), color=style.colour, linestyle=style.line,
                              marker=style.marker, markersize=5.0, elinewidth=1.0, label=label(method, LABEL))
        _size_axis(axes, sorted({c.n_sites for c in cells}))
        axes.set_title(f"β = {beta:.4g}", fontsize=10.0)
    if not betas:
        panels[0].text(0.5, 0.5, "no method differs from the reference", transform=panels[0].transAxes, ha="center")
    panels[0].set_ylabel("mean |error of βF| a site (nats)")
    entries: dict[str, object] = {}
    for axes in panels:
        for handle, name in zip(*axes.get_legend_handles_labels(), strict=True):
            entries.setdefault(name, handle)
    order = [n for n in (label(m, LABEL) for m in chosen) if n in entries]
    if order:
        panels[-1].legend([entries[n] for n in order], order, **LEGEND_PLACE)
    figure.suptitle(label(template), x=0.125, ha="left", fontsize=11.0, y=1.0)
    figure.subplots_adjust(wspace=0.08, top=0.86)
    return figure


def _size_axis(axes: Axes, sizes: Sequence[int]) -> None:
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xticks(sizes, [str(n) for n in sizes], fontsize=9.0)
    axes.minorticks_off()
    axes.set_xlim(min(sizes) / 1.25, max(sizes) * 1.25)
    axes.set_xlabel("spins N")
    axes.grid(True, color=GRID)
