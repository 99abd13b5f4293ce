"""The figures of a report as SVG: error against beta, and beta F against beta.

matplotlib is imported here, when a figure is drawn, through its object interface: no global state is touched.
The same comparison gives the same bytes.
"""

from __future__ import annotations

import contextlib
import io
import math
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from statfe.errors import UsageError
from statfe.report.styles import BETA_F_CAPTION, ERROR_CAPTION, SETTINGS, Style, pages, styles
from statfe.report.svg import BAND, FAINT, GRID, INK, PAPER, stripped
from statfe.scoring.comparison import Comparison
from statfe.scoring.verdict import NO_RESULT, ROUNDING, Score

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MISSING = "reports need matplotlib and jinja2; install statfe[report]"

#: Decades of error shown below the largest.
DECADES = 8

#: Label of the reference.
REFERENCE = "reference"

LEGEND_PLACE: dict[str, Any] = {
    "loc": "upper left", "bbox_to_anchor": (1.01, 1.02), "borderaxespad": 0.0, "handlelength": 2.9}

@dataclass(frozen=True)
class Drawing:
    """A figure: the name of its file without ending, what it shows, and the SVG document."""

    name: str
    caption: str
    svg: str


def draw_all(comparison: Comparison, suffix: str = "") -> list[Drawing]:
    """All figures of a comparison; `suffix` is put after their names.

    Raises
    ------
    UsageError
        matplotlib is not installed.
    """
    with _drawing_room():
        chosen = styles(comparison.methods)
        parts = pages(comparison.methods) or [[]]
        drawings = []
        for stem, draw, caption in (
            ("error-per-site", _draw_error, ERROR_CAPTION),
            ("beta-f-per-site", _draw_beta_f, BETA_F_CAPTION),
        ):
            for number, methods in enumerate(parts, start=1):
                page = f"-page{number}" if len(parts) > 1 else ""
                figure = draw(comparison, {m: chosen[m] for m in methods})
                drawings.append(Drawing(f"{stem}{suffix}{page}", caption, _svg(figure)))
        return drawings


@contextlib.contextmanager
def _drawing_room() -> Iterator[None]:
    try:
        import matplotlib
    except ImportError:
        raise UsageError(MISSING) from None
    with matplotlib.rc_context(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a letter that the font does not have
        matplotlib.rcdefaults()  # a user's own settings must not change our figures
        cast(Any, matplotlib.rcParams).update(SETTINGS)
        yield


def _svg(figure: Figure) -> str:
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    buffer = io.StringIO()
    FigureCanvasSVG(figure)  # becomes the figure's canvas
    figure.savefig(buffer, format="svg", metadata={"Date": None}, bbox_inches="tight", pad_inches=0.08)
    return stripped(buffer.getvalue())


def _draw_error(comparison: Comparison, chosen: dict[str, Style]) -> Figure:
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
    for method, row in _rows(comparison, chosen).items():
        _draw_method(axes, [s for s in row if s.result.beta not in equal], chosen[method], low, method)
    if all(s.result.beta in equal for s in comparison.scores):
        axes.text(0.5, 0.5, "no method differs from the reference", transform=axes.transAxes, ha="center")
    axes.set_yscale("log")
    axes.set_ylim(low, high)
    axes.set_ylabel("|error of βF| a site (nats)")
    axes.set_title(_text(comparison.model))
    _set_x(axes, comparison.betas)
    if strip is not None:
        _draw_strip(strip, missing, chosen, comparison.betas)
    (strip or axes).set_xlabel("inverse temperature β")
    _error_legend(axes, comparison, missing)
    return figure


def _text(words: str) -> str:
    """`words` as they are: a dollar sign in a path starts no formula."""
    short = words if len(words) <= 90 else words[:60] + " … " + words[-25:]
    return short.replace("$", r"\$")


def _rows(comparison: Comparison, chosen: dict[str, Style]) -> dict[str, list[Score]]:
    """Scores by method in the order of `chosen`, each in ascending order of beta."""
    table = dict(zip(comparison.methods, comparison.score_table(), strict=True))
    return {m: sorted((s for s in table[m] if s is not None), key=lambda s: s.result.beta) for m in chosen}


def _equal_for_all(comparison: Comparison) -> set[float]:
    """The betas where every method equals the reference, as all do at beta = 0: there is nothing to draw."""
    differ = {s.result.beta for s in comparison.scores if not _equal(s)}
    return set(comparison.betas) - differ


def _equal(score: Score) -> bool:
    """Whether the gap is rounding."""
    return score.judged and abs(score.error) <= ROUNDING * max(1.0, abs(score.reference_beta_f))


def _sizes(scores: Sequence[Score]) -> np.ndarray:
    return np.array([abs(s.error_per_site) if s.judged else math.nan for s in scores])


def _limits(comparison: Comparison, methods: Sequence[str]) -> tuple[float, float]:
    """Limits of the error axis: all errors beyond rounding, and the band, within `DECADES`."""
    scores = [s for s in comparison.scores if s.judged and s.result.method in methods]
    values = [v for v in _sizes([s for s in scores if not _equal(s)]) if v > 0]
    bars = [s.combined_error / s.result.n_sites for s in scores]
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


def _draw_method(axes: Axes, scores: list[Score], style: Style, low: float, label: str) -> None:
    betas = np.array([s.result.beta for s in scores])
    size = np.maximum(_sizes(scores), low)  # NaN stays NaN
    off = np.array([math.nan if _equal(s) else v for s, v in zip(scores, size, strict=True)])
    axes.plot(betas, off, color=style.colour, linestyle=style.line, zorder=2)
    bar = np.array([s.combined_error / s.result.n_sites for s in scores])
    shown = (bar > 0) & (size > low)
    down, up = np.maximum(size - bar, low)[shown], (size + bar)[shown]
    axes.vlines(betas[shown], down, up, color=style.colour, linewidth=1.1, zorder=2.5)
    above = np.array([s.error >= 0 for s in scores], dtype=bool)
    for mask, face in ((above, style.colour), (~above, PAPER)):
        axes.plot(
            betas[mask], size[mask], linestyle="none", marker=style.marker, markerfacecolor=face,
            markersize=_marker_size(len(betas)), markeredgecolor=style.colour, markeredgewidth=1.3, zorder=3,
            clip_on=False)
    axes.plot([], [], color=style.colour, linestyle=style.line, marker=style.marker, label=_text(label))


def _marker_size(count: int) -> float:
    return 6.0 if count <= 30 else max(2.5, 6.0 * math.sqrt(30 / count))


def _set_x(axes: Axes, betas: Sequence[float]) -> None:
    if betas:
        reach = 0.03 * ((max(betas) - min(betas)) or abs(betas[0]) or 1.0)
        axes.set_xlim(min(betas) - reach, max(betas) + reach)


def _error_legend(axes: Axes, comparison: Comparison, missing: dict[str, list[tuple[float, str]]]) -> None:
    if any(r.beta_f_error > 0 for r in comparison.reference if r.status == "converged"):
        axes.fill_between([], [], [], color=BAND, linewidth=0, label="reference error (1 sigma)")
    for face, label in ((FAINT, "βF too high"), (PAPER, "βF too low")):
        axes.plot(
            [], [], linestyle="none", marker="o", markerfacecolor=face, markeredgecolor=FAINT,
            markeredgewidth=1.3, label=label)
    seen = {status for places in missing.values() for _, status in places}
    for status, sign in (("not_converged", "x"), ("diverged", "d")):
        if status in seen:
            label = f"no result: {status.replace('_', ' ')}"
            axes.plot([], [], linestyle="none", marker=sign, color=FAINT, markeredgewidth=1.6, label=label)
    axes.legend(**LEGEND_PLACE)


def _missing(comparison: Comparison, chosen: dict[str, Style]) -> dict[str, list[tuple[float, str]]]:
    """(beta, status) of the places without a result, by method; the reference under "reference"."""
    found: dict[str, list[tuple[float, str]]] = {}
    bad = [(r.beta, r.status) for r in comparison.reference if r.status != "converged"]
    if bad:
        found["reference"] = [(beta, str(status)) for beta, status in bad]
    for method, row in _rows(comparison, chosen).items():
        places = [(s.result.beta, str(s.result.status)) for s in row if s.verdict_class == NO_RESULT]
        if places:
            found[method] = places
    return found


def _draw_strip(
    axes: Axes, missing: dict[str, list[tuple[float, str]]], chosen: dict[str, Style], betas: Sequence[float]
) -> None:
    """One row a method, with a cross (not converged) or a diamond (diverged) where it gave no result."""
    size = _marker_size(len(betas))
    for row, (method, places) in enumerate(missing.items()):
        colour = chosen[method].colour if method in chosen else INK
        for status, sign in (("not_converged", "x"), ("diverged", "d")):
            there = [beta for beta, found in places if found == status]
            axes.plot(
                there, [row] * len(there), linestyle="none", marker=sign, markersize=size, color=colour,
                markeredgewidth=1.6, clip_on=False)
        what = "no result" if method in chosen else "not converged"
        axes.text(
            1.015, row, _text(f"{method}: {what}"), transform=axes.get_yaxis_transform(), va="center",
            fontsize=9.5, color=INK)
    axes.set_ylim(len(missing) - 0.4, -0.6)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.grid(False)
    for row in range(len(missing)):
        axes.axhline(row, color=GRID, linewidth=0.8, zorder=0)


def _draw_beta_f(comparison: Comparison, chosen: dict[str, Style]) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.4, 4.5))
    axes = figure.subplots()
    _draw_reference(axes, comparison)
    for method, row in _rows(comparison, chosen).items():
        style = chosen[method]
        values = [s.result.per_site if s.result.status == "converged" else math.nan for s in row]
        axes.plot(
            [s.result.beta for s in row], values, color=style.colour, linestyle=style.line,
            marker=style.marker, markersize=0.8 * _marker_size(len(row)), label=_text(method), zorder=2)
    _set_x(axes, comparison.betas)
    _set_beta_f_limits(axes, comparison)
    axes.set_xlabel("inverse temperature β")
    axes.set_ylabel("βF a site (nats)")
    axes.set_title(_text(comparison.model))
    entries = sorted(zip(*axes.get_legend_handles_labels(), strict=True), key=lambda e: e[1] != REFERENCE)
    axes.legend([handle for handle, _ in entries], [label for _, label in entries], **LEGEND_PLACE)
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
