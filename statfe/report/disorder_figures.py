"""Figures of averages over disorder: the distribution of beta F over realisations, and its spread against size."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from statfe.disorder.average import Average
from statfe.disorder.result import DisorderRun
from statfe.disorder.self_averaging import PowerLaw, SelfAveraging
from statfe.report.axes import label
from statfe.report.figures import drawing_room, svg_text
from statfe.report.styles import COLOURS, MARKERS
from statfe.report.svg import FAINT, INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Most betas that one figure shows, each in a panel of its own.
MOST_PANELS = 6
#: Points of the normal curve.
CURVE = 200


def draw_distribution(run: DisorderRun) -> str:
    """The histogram of (beta F - [beta F]) / sqrt(N) at some betas, beside a normal law of the same spread, as SVG."""
    with drawing_room():
        from matplotlib.figure import Figure

        shown = _spread_out([a for a in run.averages if a.raw_deviation > 0.0])
        figure = Figure(figsize=(7.4, 1.2 + 1.75 * max(1, len(shown))))
        panels = figure.subplots(max(1, len(shown)), 1, squeeze=False, sharex=False)[:, 0]
        for axes, a in zip(panels, shown, strict=False):
            _panel(axes, a, run.n_sites)
        if not shown:
            panels[0].text(0.5, 0.5, "beta F is the same for all realisations", ha="center")
        panels[0].set_title(label(f"{run.model}, {run.realisations} realisations"))
        panels[-1].set_xlabel("(βF − [βF]) / √N")
        figure.subplots_adjust(hspace=0.55)
        return svg_text(figure)


def _spread_out(averages: Sequence[Average]) -> list[Average]:
    """At most `MOST_PANELS` of them, the first and the last included."""
    if len(averages) <= MOST_PANELS:
        return list(averages)
    return [averages[k] for k in np.unique(np.linspace(0, len(averages) - 1, MOST_PANELS).round().astype(int))]


def _panel(axes: Axes, a: Average, n_sites: int) -> None:
    root = math.sqrt(n_sites)
    edges = (a.edges - a.beta_f) / root
    width = np.diff(edges)
    axes.stairs(a.counts / (a.counts.sum() * width), edges, fill=True, color=COLOURS[0], alpha=0.35)
    sigma = a.raw_deviation / root
    x = np.linspace(edges[0] - sigma, edges[-1] + sigma, CURVE)
    axes.plot(x, np.exp(-0.5 * (x / sigma) ** 2) / (sigma * math.sqrt(2 * math.pi)), color=INK, linewidth=1.1)
    words = f"β = {a.beta:.4g}\nσ/√N = {a.deviation / root:.3g} ± {a.deviation_error / root:.1g}"
    if math.isfinite(a.skewness):
        words += f"\nskewness {a.skewness:.2f} ± {a.skewness_error:.2f}"
    words += f"\n{a.failed} failed" if a.failed else ""
    axes.text(1.01, 0.95, words, transform=axes.transAxes, va="top", fontsize=9.0, color=INK)
    axes.set_yticks([])


def draw_self_averaging(found: SelfAveraging) -> str:
    """R against N at each beta, both logarithmic, with the fitted lines, as SVG."""
    with drawing_room():
        from matplotlib.figure import Figure

        figure: Figure = Figure(figsize=(7.4, 4.6))
        axes = figure.subplots()
        for k, (beta, law) in enumerate(found.relative_variance.items()):
            colour = COLOURS[k % len(COLOURS)]
            here = [r for r in found.rows if r.beta == beta and r.relative_variance > 0]
            if not here:
                continue
            x, y = np.array([r.n_sites for r in here], float), np.array([r.relative_variance for r in here])
            axes.errorbar(x, y, [r.relative_variance_error for r in here], color=colour, linestyle="none",
                          marker=MARKERS[k % len(MARKERS)], markersize=5.5, linewidth=1.2, label=_name(beta, law))
            if law is not None:
                weight = 1.0 / np.array([r.relative_variance_error / r.relative_variance for r in here]) ** 2
                level = np.sum(weight * (np.log(y) - law.exponent * np.log(x))) / weight.sum()
                axes.plot(x, np.exp(level) * x**law.exponent, color=colour, linewidth=1.2)
        axes.set_xscale("log")
        axes.set_yscale("log")
        sizes = sorted({r.n_sites for r in found.rows})
        axes.set_xticks(sizes, [str(n) for n in sizes])
        axes.minorticks_off()
        axes.set_xlabel("spins N")
        axes.set_ylabel("R = Var(βF) / [βF]²")
        axes.set_title("Sample-to-sample spread of βF against size")
        axes.text(1.0, -0.16, "self-averaging with short range: R ~ 1/N", transform=axes.transAxes, ha="right",
                  fontsize=8.5, color=FAINT)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.02))
        return svg_text(figure)


def _name(beta: float, law: PowerLaw | None) -> str:
    return f"β = {beta:.4g}" if law is None else f"β = {beta:.4g}: {law.exponent:.2f} ± {law.error:.2f}"
