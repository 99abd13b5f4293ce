"""All figures of a study beside those of its models."""

from __future__ import annotations

from collections.abc import Sequence

from statfe.report.figures import Drawing, drawing_room, svg_text
from statfe.report.pareto_figure import draw_pareto
from statfe.report.styles import GROWTH_CAPTION, MAP_CAPTION, PARETO_CAPTION, pages, styles
from statfe.report.trust_figures import draw_growth, draw_map, has_growth
from statfe.scoring.comparison import Comparison
from statfe.scoring.ranking import rank
from statfe.scoring.trust import Trust


def draw_study(comparisons: Sequence[Comparison], trust: Trust) -> list[Drawing]:
    """The map and the error against size of each template, and cost beside accuracy over all models."""
    scores = [s for c in comparisons for s in c.scores]
    methods = list(dict.fromkeys(s.result.method for s in scores))
    chosen, drawings = styles(methods), []
    with drawing_room():
        for k, template in enumerate(trust.templates):
            suffix = f"-{k}" if len(trust.templates) > 1 else ""
            drawings.append(Drawing(
                f"trust-map{suffix}", "Error of each method by β and size", MAP_CAPTION,
                svg_text(draw_map(trust, template))))
            if not has_growth(trust, template):
                continue
            parts = pages([m for m in methods if any(
                (c.template, c.method) == (template, m) and c.size > 0.0 for c in trust.cells)]) or [[]]
            for number, part in enumerate(parts, start=1):
                page = f"-page{number}" if len(parts) > 1 else ""
                drawings.append(Drawing(
                    f"error-against-size{suffix}{page}", "Error of βF a site against size", GROWTH_CAPTION,
                    svg_text(draw_growth(trust, template, {m: chosen[m] for m in part}))))
        drawings.append(Drawing(
            "pareto", "Error against seconds", PARETO_CAPTION,
            svg_text(draw_pareto(rank(scores), chosen, f"all {len(comparisons)} models"))))
    return drawings
