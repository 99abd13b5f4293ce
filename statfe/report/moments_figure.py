"""The figure of how well correlations are met: root mean square error over coupled pairs against beta."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from statfe.report.axes import LABEL, LEGEND_PLACE, label, marker_size, rows, set_x
from statfe.report.styles import Style
from statfe.report.svg import BAND, FAINT, PAPER
from statfe.scoring.comparison import Comparison
from statfe.scoring.verdict import Score

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Decades shown below the largest error.
DECADES = 8


def has_moments(comparison: Comparison) -> bool:
    """Whether there is anything to draw."""
    return any(not math.isnan(s.correlation_rms) for s in comparison.scores)


def scored_methods(comparison: Comparison) -> list[str]:
    """Methods whose correlations were scored somewhere."""
    return list(dict.fromkeys(s.result.method for s in comparison.scores if not math.isnan(s.correlation_rms)))


def draw_moments(comparison: Comparison, chosen: dict[str, Style]) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.4, 4.5))
    axes = figure.subplots()
    scored = [s for s in comparison.scores if not math.isnan(s.correlation_rms)]
    low, high = _limits(scored)
    # That of a method comes on top of it.
    noise = [(b, min(s.correlation_noise for s in scored if s.result.beta == b))
             for b in sorted({s.result.beta for s in scored})]
    if any(n > 0.0 for _, n in noise):
        betas, height = np.array(noise).T
        axes.fill_between(betas, low, np.maximum(height, low), color=BAND, linewidth=0, zorder=0.5,
                          label="noise of the true values")
    for method, row in rows(comparison, chosen).items():
        style, here = chosen[method], [s for s in row if not math.isnan(s.correlation_rms)]
        if not here:
            continue
        betas = np.array([s.result.beta for s in here])
        size = np.maximum([max(s.correlation_rms, s.correlation_noise) for s in here], low)
        seen = np.array([s.correlation_rms > s.correlation_noise for s in here])
        axes.plot(betas, size, color=style.colour, linestyle=style.line, zorder=2)
        for mask, face in ((seen, style.colour), (~seen, PAPER)):
            axes.plot(betas[mask], size[mask], linestyle="none", marker=style.marker, markerfacecolor=face,
                      markersize=marker_size(len(betas)), markeredgecolor=style.colour, markeredgewidth=1.3, zorder=3,
                      clip_on=False)
        axes.plot([], [], color=style.colour, linestyle=style.line, marker=style.marker, label=label(method, LABEL))
    if any(s.correlation_rms <= s.correlation_noise for s in scored):
        axes.plot([], [], linestyle="none", marker="o", markerfacecolor=PAPER, markeredgecolor=FAINT,
                  markeredgewidth=1.3, label="at most the noise, drawn there")
    axes.set_yscale("log")
    axes.set_ylim(low, high)
    set_x(axes, comparison.betas)
    axes.set_xlabel("inverse temperature β")
    axes.set_ylabel("rms error of ⟨sᵢsⱼ⟩ over pairs")
    axes.set_title(label(comparison.model))
    axes.legend(**LEGEND_PLACE)
    return figure


def _limits(scores: list[Score]) -> tuple[float, float]:
    values = [v for s in scores if (v := max(s.correlation_rms, s.correlation_noise)) > 0.0]
    top = max(values, default=1.0)
    low = max(min(values, default=1e-2), top * 10.0**-DECADES, 1e-15)
    return 10.0 ** (math.floor(2.0 * math.log10(low) - 0.3) / 2.0), 10.0 ** (math.log10(top) + 0.25)
