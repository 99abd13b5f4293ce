"""The page of a report: what stands in report.html.j2, made from comparisons and their figures.

The page is one file: style and figures are inside, nothing is fetched, no script runs. A number in a table stands
in a ``data`` element whose value has all its digits.
"""

from __future__ import annotations

import functools
import importlib.resources
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from statfe.report.figures import Drawing
from statfe.report.study_sections import bracket_rows, trust_section
from statfe.report.styles import styles
from statfe.report.svg import inline
from statfe.report.words import (
    FACT_NAMES,
    KIND_MEANING,
    VERDICT_CLASS,
    VERDICT_MEANING,
    duration,
    fact,
    number,
    rms,
    shown,
    with_error,
)
from statfe.result import FreeEnergy
from statfe.scoring.comparison import Comparison
from statfe.scoring.machines.inputs import PARTS
from statfe.scoring.ranking import best_by_beta, rank
from statfe.scoring.scores import agreements

if TYPE_CHECKING:
    from jinja2 import Template

#: Tables with more rows than this are folded away at first.
OPEN_ROWS = 24


def html_page(
    comparisons: Sequence[Comparison], drawings: Sequence[Sequence[Drawing]], study: Sequence[Drawing] = (),
    machine: Mapping[str, Any] | None = None,
) -> bytes:
    """The report of `comparisons` (one a model) as an HTML page, in UTF-8.

    Parameters
    ----------
    drawings
        The figures of each comparison, in the same order.
    study
        Those of all of them together.
    machine
        What machine.html.j2 says of a trained machine; ``first`` in it stands for a comparison where there is none.
    """
    first = comparisons[0] if comparisons else (machine or {})["first"]
    # Without figures of their own, hundreds of models keep to their rankings.
    brief = bool(study) and not any(drawings)
    sections = [
        _section(f"model-{k}", c, d) for k, (c, d) in enumerate(zip(comparisons, drawings, strict=True), start=1)]
    text = _template().render(
        title=first.title or _default_title(comparisons), first=first, sections=sections, kinds=KIND_MEANING,
        verdicts=VERDICT_MEANING, open_rows=OPEN_ROWS, style=resource("report.css"), brief=brief,
        trust=trust_section(comparisons), machine=machine, study=figures_of("study", study))
    return text.encode("utf-8")


def figures_of(anchor: str, drawings: Sequence[Drawing]) -> list[dict[str, str]]:
    """Identifier, caption and element of figures that belong to no comparison."""
    return [{"id": (own := f"{anchor}-figure-{k}"), "caption": d.caption, "svg": inline(d.svg, own, shown(d.subject))}
            for k, d in enumerate(drawings, start=1)]


def _default_title(comparisons: Sequence[Comparison]) -> str:
    if len(comparisons) == 1:
        return f"Free energies of {comparisons[0].model}"
    return f"Free energies of {len(comparisons)} models"


def _template() -> Template:
    return template("report.html.j2")


@functools.cache
def template(name: str) -> Template:
    """A template of ours, with our filters."""
    from jinja2 import Environment, FunctionLoader, StrictUndefined
    from markupsafe import Markup

    def printable(value: Any) -> Any:
        return shown(value) if isinstance(value, str) and not isinstance(value, Markup) else value

    room = Environment(
        autoescape=True, undefined=StrictUndefined, finalize=printable, trim_blocks=True, lstrip_blocks=True,
        keep_trailing_newline=True, loader=FunctionLoader(resource))
    room.filters |= {
        "number": number, "with_error": with_error, "duration": duration, "fact": fact,
        "verdict_class": VERDICT_CLASS.__getitem__, "rms": rms, "part_words": PARTS.__getitem__}
    return room.get_template(name)


def resource(name: str) -> str:
    """The text of a file that comes with the reports."""
    return importlib.resources.files("statfe.report").joinpath(name).read_text("utf-8")


def _section(anchor: str, comparison: Comparison, drawings: Sequence[Drawing]) -> dict[str, Any]:
    """What the template says of one model."""
    ranked = rank(comparison.scores)
    return {
        "id": anchor,
        "model": comparison.model,
        "n_sites": comparison.n_sites,
        "betas": sorted(comparison.betas),
        "sampler": comparison.sampler,
        "facts": {FACT_NAMES.get(name, name.replace("_", " ")): v for name, v in comparison.facts.items()},
        "reference": _reference(comparison),
        "estimates": _estimates(comparison),
        "agreements": agreements(comparison.reference, comparison.secondary),
        "ranked": ranked,
        "moments": comparison.moments,
        "correlations": any(not math.isnan(m.correlation_rms) for m in ranked),
        "magnetizations": any(not math.isnan(m.magnetization_rms) for m in ranked),
        "brackets": bracket_rows(comparison),
        "colours": {method: style.colour for method, style in styles(comparison.methods).items()},
        "best": sorted(best_by_beta(comparison.scores), key=lambda b: b.beta),
        "leader": ranked[0] if ranked and math.isfinite(ranked[0].median_with_failures) else None,
        "scores": [[s for s in row if s is not None] for row in comparison.score_table()],
        "n_scores": len(comparison.scores),
        "skipped": comparison.skipped,
        "figures": [
            {"id": f"{anchor}-figure-{k}", "caption": d.caption, "svg": _figure(anchor, k, comparison, d)}
            for k, d in enumerate(drawings, start=1)],
    }


def _figure(anchor: str, k: int, comparison: Comparison, drawing: Drawing) -> str:
    return inline(drawing.svg, f"{anchor}-figure-{k}", shown(f"{drawing.subject}, {comparison.model}"))


def _reference(comparison: Comparison) -> dict[str, Any]:
    """The reference in short: who made it, its kinds, its largest error, and where it failed."""
    results = comparison.reference
    good = [r for r in results if r.status == "converged"]
    weakest = max(good, key=lambda r: r.beta_f_error, default=None)
    return {
        "method": results[0].method if results else "",
        "kinds": list(dict.fromkeys(r.kind for r in results)),
        "failed": [r for r in results if r.status != "converged"],
        "n_betas": len(results),
        "weakest": weakest,
        "seconds": math.fsum(r.seconds for r in results),
    }


def _estimates(comparison: Comparison) -> list[tuple[FreeEnergy, list[FreeEnergy]]]:
    """Each result of the reference with the other estimates at its beta, by ascending beta."""
    return [
        (r, [s for s in comparison.secondary if s.beta == r.beta])
        for r in sorted(comparison.reference, key=lambda r: r.beta)]
