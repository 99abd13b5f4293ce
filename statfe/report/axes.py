"""What the figures of a report share: names on them, the order of their lines, sizes and limits."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from statfe.report.words import shown
from statfe.scoring.comparison import Comparison
from statfe.scoring.verdict import Score

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Longest name of a method in a legend.
LABEL = 40

#: Label of the reference.
REFERENCE = "reference"

LEGEND_PLACE: dict[str, Any] = {
    "loc": "upper left", "bbox_to_anchor": (1.01, 1.02), "borderaxespad": 0.0, "handlelength": 2.9}


def label(words: str, longest: int = 80) -> str:
    """`words` on one line and as they are: a dollar sign in a path starts no formula."""
    words = shown(" ".join(words.split()))
    if len(words) > longest:
        words = f"{words[:longest * 2 // 3]} … {words[3 - longest // 3:]}"
    return words.replace("$", r"\$")


def rows(comparison: Comparison, chosen: Iterable[str]) -> dict[str, list[Score]]:
    """Scores by method in the order of `chosen`, each in ascending order of beta."""
    table = dict(zip(comparison.methods, comparison.score_table(), strict=True))
    return {m: sorted((s for s in table[m] if s is not None), key=lambda s: s.result.beta) for m in chosen}


def marker_size(count: int) -> float:
    """Size of the markers of a line with `count` of them, in points."""
    return 6.0 if count <= 30 else max(2.5, 6.0 * math.sqrt(30 / count))


def set_x(axes: Axes, betas: Sequence[float]) -> None:
    """Let the axis of beta reach a little beyond the grid."""
    if betas:
        reach = 0.03 * ((max(betas) - min(betas)) or abs(betas[0]) or 1.0)
        axes.set_xlim(min(betas) - reach, max(betas) + reach)
