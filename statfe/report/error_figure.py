"""The figure of a report that says most: the error a site of each method against beta, on a logarithmic axis.

Below it a strip marks where a method, or the reference, gave no converged number.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from statfe.report.axes import LABEL, LEGEND_PLACE, REFERENCE, label, marker_size, rows, set_x
from statfe.report.styles import Style
from statfe.report.svg import BAND, FAINT, GRID, INK, PAPER
from statfe.scoring.comparison import Comparison
from statfe.scoring.verdict import NO_RESULT, ROUNDING, Score

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Decades of error shown below the largest.
DECADES = 8

#: (beta, status) of the places without a result, by method.
Missing = dict[str, list[tuple[float, str]]]


def draw_error(comparison: Comparison, chosen: dict[str, Style]) -> Figure:
    from matplotlib.figure import Figure

    missing = _missing(comparison, chosen)
    figure = Figure(figsize=(7.4, 4.5 + 0.24 * len(missing)))
    if missing:
        ratios = (4.1, 0.24 * len(missing) + 0.05)
        axes, strip = figure.subplots(
            2, 1, sharex=True, gridspec_kw={"height_ratios": ratios, "hspace": 0.32 / (sum(ratios) / 2)})
    else:
        axes, strip = figure.subplots(), None
    low, high = _limits(comparison, list(chosen))
    _draw_band(axes, comparison, low)
    equal = _equal_for_all(comparison)
    for method, row in rows(comparison, chosen).items():
        _draw_method(axes, [s for s in row if s.result.beta not in equal], chosen[method], low, method)
    if not any(s.judged and s.result.beta not in equal for s in comparison.scores):
        words = "no method differs from the reference" if equal else "nothing could be judged"
        axes.text(0.5, 0.5, words, transform=axes.transAxes, ha="center")
    axes.set_yscale("log")
    axes.set_ylim(low, high)
    axes.set_ylabel("|error of βF| a site (nats)")
    axes.set_title(label(comparison.model))
    set_x(axes, comparison.betas)
    if strip is not None:
        _draw_strip(strip, missing, chosen, comparison.betas)
    (strip or axes).set_xlabel("inverse temperature β")
    _error_legend(axes, comparison, missing)
    return figure


def _equal_for_all(comparison: Comparison) -> set[float]:
    """The betas where every method equals the reference, as all do at beta = 0: there is nothing to draw."""
    differ = {s.result.beta for s in comparison.scores if not _equal(s)}
    return {s.result.beta for s in comparison.scores} - differ


def _equal(score: Score) -> bool:
    """Whether the gap is rounding."""
    return score.judged and abs(score.error) <= ROUNDING * max(1.0, abs(score.reference_beta_f))


def _sizes(scores: Sequence[Score]) -> np.ndarray:
    return np.array([abs(s.error_per_site) if s.judged else math.nan for s in scores])


def _limits(comparison: Comparison, methods: Sequence[str]) -> tuple[float, float]:
    """Limits of the error axis: all errors beyond rounding, and the band, within `DECADES`."""
    scores = [s for s in comparison.scores if s.judged and s.result.method in methods]
    values = [v for v in _sizes([s for s in scores if not _equal(s)]) if v > 0]
    bars = [s.result.beta_f_error / s.result.n_sites for s in scores]
    band = [r.beta_f_error / r.n_sites for r in comparison.reference if r.status == "converged"]
    top = max([*values, *bars, *band, 1e-9])
    low = min([v for v in [*values, *band] if v > 0], default=top / 10)
    low = max(low, top * 10.0**-DECADES)
    return 10.0 ** (math.floor(2 * math.log10(low) - 0.3) / 2), 10.0 ** (math.log10(top) + 0.25)


def _draw_band(axes: Axes, comparison: Comparison, low: float) -> None:
    good = [(r.beta, r.beta_f_error / r.n_sites) for r in comparison.reference if r.status == "converged"]
    if not any(error > 0 for _, error in good):
        return
    betas, errors = np.array(sorted(good)).T
    if len(betas) == 1:
        reach = 0.04 * (abs(betas[0]) or 1.0)
        betas, errors = np.array([betas[0] - reach, betas[0] + reach]), np.repeat(errors, 2)
    axes.fill_between(betas, low, np.maximum(errors, low), color=BAND, linewidth=0, zorder=0.5)


def _draw_method(axes: Axes, scores: list[Score], style: Style, low: float, name: str) -> None:
    betas = np.array([s.result.beta for s in scores])
    size = np.maximum(_sizes(scores), low)  # NaN stays NaN
    off = np.array([math.nan if _equal(s) else v for s, v in zip(scores, size, strict=True)])
    axes.plot(betas, off, color=style.colour, linestyle=style.line, zorder=2)
    bar = np.array([s.result.beta_f_error / s.result.n_sites for s in scores])  # the band shows the reference's
    shown = (bar > 0) & (size > low)
    down, up = np.maximum(size - bar, low)[shown], (size + bar)[shown]
    axes.vlines(betas[shown], down, up, color=style.colour, linewidth=1.1, alpha=0.6, zorder=1.5)
    above = np.array([s.error >= 0 for s in scores], dtype=bool)
    for mask, face in ((above, style.colour), (~above, PAPER)):
        axes.plot(
            betas[mask], size[mask], linestyle="none", marker=style.marker, markerfacecolor=face,
            markersize=marker_size(len(betas)), markeredgecolor=style.colour, markeredgewidth=1.3, zorder=3,
            clip_on=False)
    axes.plot([], [], color=style.colour, linestyle=style.line, marker=style.marker, label=label(name, LABEL))


def _error_legend(axes: Axes, comparison: Comparison, missing: Missing) -> None:
    if any(r.beta_f_error > 0 for r in comparison.reference if r.status == "converged"):
        axes.fill_between([], [], [], color=BAND, linewidth=0, label="reference error (1 sigma)")
    for face, words in ((FAINT, "βF too high"), (PAPER, "βF too low")):
        axes.plot(
            [], [], linestyle="none", marker="o", markerfacecolor=face, markeredgecolor=FAINT,
            markeredgewidth=1.3, label=words)
    seen = {status for places in missing.values() for _, status in places}
    for status, sign in (("not_converged", "x"), ("diverged", "d")):
        if status in seen:
            words = f"no result: {status.replace('_', ' ')}"
            axes.plot([], [], linestyle="none", marker=sign, color=FAINT, markeredgewidth=1.6, label=words)
    axes.legend(**LEGEND_PLACE)


def _missing(comparison: Comparison, chosen: dict[str, Style]) -> Missing:
    """(beta, status) of the places without a result, by method; the reference under "reference"."""
    found: Missing = {}
    bad = [(r.beta, r.status) for r in comparison.reference if r.status != "converged"]
    if bad:
        found[REFERENCE] = [(beta, str(status)) for beta, status in bad]
    for method, row in rows(comparison, chosen).items():
        places = [(s.result.beta, str(s.result.status)) for s in row if s.verdict_class == NO_RESULT]
        if places:
            found[method] = places
    return found


def _draw_strip(
    axes: Axes, missing: Missing, chosen: dict[str, Style], betas: Sequence[float]
) -> None:
    """One row a method, with a cross (not converged) or a diamond (diverged) where it gave no result."""
    size = marker_size(len(betas))
    for row, (method, places) in enumerate(missing.items()):
        colour = chosen[method].colour if method in chosen else INK
        for status, sign in (("not_converged", "x"), ("diverged", "d")):
            there = [beta for beta, found in places if found == status]
            axes.plot(
                there, [row] * len(there), linestyle="none", marker=sign, markersize=size, color=colour,
                markeredgewidth=1.6, clip_on=False)
        what = "no result" if method in chosen else "not converged"
        axes.text(
            1.015, row, label(method, LABEL) + f": {what}", transform=axes.get_yaxis_transform(), va="center",
            fontsize=9.5, color=INK)
    axes.set_ylim(len(missing) - 0.4, -0.6)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.grid(False)
    for row in range(len(missing)):
        axes.axhline(row, color=GRID, linewidth=0.8, zorder=0)
