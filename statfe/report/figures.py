"""The figures of a report as SVG: errors and beta F against beta, correlations, cost beside accuracy.

matplotlib is imported when a figure is drawn, and used through its objects, without pyplot. The same comparison gives
the same bytes. matplotlib's settings are ours while it draws and the user's after, so draw in one thread at a time.
"""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from os import PathLike
from typing import TYPE_CHECKING, Any, cast

from statfe.errors import UsageError
from statfe.report.beta_f_figure import draw_beta_f
from statfe.report.error_figure import draw_error
from statfe.report.moments_figure import draw_moments, has_moments, scored_methods
from statfe.report.pareto_figure import draw_pareto
from statfe.report.styles import (
    BETA_F_CAPTION,
    ERROR_CAPTION,
    MOMENTS_CAPTION,
    PARETO_CAPTION,
    SETTINGS,
    Style,
    pages,
    styles,
)
from statfe.report.svg import stripped
from statfe.scoring.comparison import Comparison
from statfe.scoring.ranking import rank
from statfe.store.atomic import atomic_write

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Draw = Callable[[Comparison, dict[str, Style]], "Figure"]

MISSING = "reports need matplotlib and jinja2; install statfe[report]"


@dataclass(frozen=True)
class Drawing:
    """A figure: the name of its file without ending, what it shows in a few words and in full, the SVG document."""

    name: str
    subject: str
    caption: str
    svg: str


def draw_all(comparison: Comparison, suffix: str = "") -> list[Drawing]:
    """All figures of a comparison; `suffix` is put after their names.

    Raises
    ------
    UsageError
        matplotlib is not installed.
    """
    with drawing_room():
        chosen = styles(comparison.methods)
        drawings = []
        kinds: list[tuple[str, Draw, list[str], str, str]] = [
            ("error-per-site", draw_error, comparison.methods, "Error of βF a site against β", ERROR_CAPTION),
            ("beta-f-per-site", draw_beta_f, comparison.methods, "βF a site against β", BETA_F_CAPTION)]
        if has_moments(comparison):
            kinds.append((
                "correlations", draw_moments, scored_methods(comparison), "Error of the correlations against β",
                MOMENTS_CAPTION))
        for stem, draw, names, subject, caption in kinds:
            parts = pages(names) or [[]]
            for number, methods in enumerate(parts, start=1):
                page = f"-page{number}" if len(parts) > 1 else ""
                figure = draw(comparison, {m: chosen[m] for m in methods})
                drawings.append(Drawing(f"{stem}{suffix}{page}", subject, caption, svg_text(figure)))
        if comparison.scores:
            figure = draw_pareto(rank(comparison.scores), chosen, comparison.model)
            drawings.append(Drawing(f"pareto{suffix}", "Error against seconds", PARETO_CAPTION, svg_text(figure)))
        return drawings


@contextlib.contextmanager
def drawing_room() -> Iterator[None]:
    """Our settings of matplotlib while the block draws; `UsageError` where it is not installed."""
    try:
        import matplotlib
    except ImportError:
        raise UsageError(MISSING) from None
    with matplotlib.rc_context(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a letter that the font does not have
        matplotlib.rcdefaults()  # a user's own settings must not change our figures
        cast(Any, matplotlib.rcParams).update(SETTINGS)
        yield


def write_svg(path: str | PathLike[str], draw: Callable[[], Figure]) -> None:
    """Write what `draw` draws to an SVG file.

    Raises
    ------
    UsageError
        matplotlib is not installed.
    StoreError
        The file cannot be written.
    """
    with drawing_room():
        text = svg_text(draw())
    atomic_write(path, text.encode())


def svg_text(figure: Figure) -> str:
    """The figure as an SVG document, the same bytes for the same figure."""
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    buffer = io.StringIO()
    FigureCanvasSVG(figure)  # becomes the figure's canvas
    figure.savefig(buffer, format="svg", metadata={"Date": None}, bbox_inches="tight", pad_inches=0.08)
    return stripped(buffer.getvalue())
