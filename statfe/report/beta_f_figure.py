"""The figure of beta F a site against beta, by every method and by the reference."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from statfe.report.axes import LABEL, LEGEND_PLACE, REFERENCE, label, marker_size, rows, set_x
from statfe.report.styles import Style
from statfe.report.svg import FAINT
from statfe.scoring.comparison import Comparison

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def draw_beta_f(comparison: Comparison, chosen: dict[str, Style]) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.4, 4.5))
    axes = figure.subplots()
    _draw_reference(axes, comparison)
    for method, row in rows(comparison, chosen).items():
        style = chosen[method]
        values = [s.result.per_site if s.result.status == "converged" else math.nan for s in row]
        axes.plot(
            [s.result.beta for s in row], values, color=style.colour, linestyle=style.line,
            marker=style.marker, markersize=0.8 * marker_size(len(row)), label=label(method, LABEL), zorder=2)
    set_x(axes, comparison.betas)
    _set_beta_f_limits(axes, comparison)
    axes.set_xlabel("inverse temperature β")
    axes.set_ylabel("βF a site (nats)")
    axes.set_title(label(comparison.model))
    entries = sorted(zip(*axes.get_legend_handles_labels(), strict=True), key=lambda e: e[1] != REFERENCE)
    axes.legend([handle for handle, _ in entries], [text for _, text in entries], **LEGEND_PLACE)
    return figure


def _draw_reference(axes: Axes, comparison: Comparison) -> None:
    good = sorted((r for r in comparison.reference if r.status == "converged"), key=lambda r: r.beta)
    if good:
        axes.errorbar(
            [r.beta for r in good], [r.per_site for r in good], [r.beta_f_error / r.n_sites for r in good],
            color=FAINT, linewidth=5.0, alpha=0.45, elinewidth=1.5, capsize=4, zorder=1, label=REFERENCE,
            marker="s" if len(good) == 1 else "none", markersize=13)


def _set_beta_f_limits(axes: Axes, comparison: Comparison) -> None:
    """Frame the reference, so that a method far off does not flatten everything else."""
    good = [r.per_site for r in comparison.reference if r.status == "converged"]
    if good:
        reach = max(0.35 * (max(good) - min(good)), 0.05)
        axes.set_ylim(min(good) - reach, max(good) + reach)
