"""The files of a machine's report: report.html, the tables, and the figures."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from statfe.report.figures import Drawing
from statfe.report.html import figures_of, html_page
from statfe.report.machines.drawings import likelihood_drawings, portrait_drawings, posterior_drawings
from statfe.report.rows import COLUMNS, summary_of, table_bytes
from statfe.report.styles import styles
from statfe.result import plain
from statfe.scoring.machines.likelihoods import Likelihoods
from statfe.scoring.machines.portrait import Portrait
from statfe.scoring.machines.posterior_summary import order_of, ranked, reference_summary
from statfe.scoring.machines.posteriors import Posteriors
from statfe.scoring.machines.scores_file import MachineScores, machine_image, machine_scores_in
from statfe.store.hdf5 import FORMAT
from statfe.store.provenance import created, source_commit, versions

#: Columns of scores.csv beside those of any comparison.
LIKELIHOOD_COLUMNS = ("log_likelihood", "log_likelihood_error", "log_likelihood_spread", "points")
POSTERIOR_COLUMNS = ("point", "label", "gap")


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """Who made a page that holds no scores."""

    title: str
    command: str
    seed: int | None
    versions: Mapping[str, str] = field(default_factory=versions)
    source_commit: str = field(default_factory=source_commit)
    created: str = field(default_factory=created)


def report_contents(found: MachineScores) -> dict[str, bytes]:
    """The bytes of every file by name, all made from those of scores.h5."""
    image = machine_image(found)
    found = machine_scores_in(image)
    portrait = portrait_drawings(found.portrait)
    names: tuple[str, ...]
    if found.likelihoods is not None:
        figures, page = _of_likelihoods(found.likelihoods, portrait)
        rows, names = found.likelihoods.score_rows(), (*COLUMNS, *LIKELIHOOD_COLUMNS)
        text = _likelihood_json(found.likelihoods)
    else:
        assert found.posteriors is not None
        figures, page = _of_posteriors(found.posteriors, portrait)
        rows, names = found.posteriors.score_rows(), (*COLUMNS, *POSTERIOR_COLUMNS)
        text = _posterior_json(found.posteriors)
    return {
        "report.html": page, "scores.csv": table_bytes(names, rows), "scores.json": text,
        "scores.h5": image, **{f"{d.name}.svg": d.svg.encode() for d in [*figures, *portrait]}}


def portrait_contents(found: Portrait, sheet: Sheet) -> dict[str, bytes]:
    """report.html and figures of a machine that was not scored."""
    figures = portrait_drawings(found)
    machine = {"first": sheet, "tables": False, "likelihoods": None, "posteriors": None,
               "portrait": figures_of("machine", figures)}
    return {"report.html": html_page([], [], machine=machine), **{f"{d.name}.svg": d.svg.encode() for d in figures}}


def _of_likelihoods(found: Likelihoods, portrait: Sequence[Drawing]) -> tuple[list[Drawing], bytes]:
    figures = likelihood_drawings(found)
    machine = {
        "first": found.comparison, "tables": True, "posteriors": None, "portrait": figures_of("machine", portrait),
        "likelihoods": {
            "data": found.data, "count": len(found.clamped), "spread": found.spread, "pseudo": found.pseudo_mean,
            "pseudo_spread": found.pseudo_spread, "reference": found.reference, "rows": found.table,
            "clamped": float(found.clamped.mean()), "colours": _colours(found.comparison.methods),
            "figures": figures_of("likelihood", figures[:1])}}
    return figures, html_page([found.comparison], [figures[1:]], machine=machine)


def _of_posteriors(found: Posteriors, portrait: Sequence[Drawing]) -> tuple[list[Drawing], bytes]:
    figures = posterior_drawings(found)
    summaries = ranked(found)
    machine = {
        "first": found, "tables": True, "likelihoods": None, "portrait": figures_of("machine", portrait),
        "posteriors": {
            "data": found.data, "model": found.model, "reference": reference_summary(found), "rows": summaries,
            "colours": _colours(found.methods), "figures": figures_of("posterior", figures),
            "orders": {m.method: order_of(m.method) for m in summaries}}}
    return figures, html_page([], [], machine=machine)


def _colours(methods: Sequence[str]) -> dict[str, str]:
    return {method: style.colour for method, style in styles(methods).items()}


def _likelihood_json(found: Likelihoods) -> bytes:
    c = found.comparison
    return _json({
        "statfe_format": FORMAT, "title": c.title, "command": c.command, "seed": c.seed, "versions": c.versions,
        "rows": found.score_rows(), "comparisons": [summary_of(c)], "likelihoods": likelihood_summary(found)})


def likelihood_summary(found: Likelihoods) -> dict[str, Any]:
    """What a report says of the data, for JSON."""
    return {
        "data": found.data, "points": len(found.clamped), "spread": found.spread,
        "pseudo_likelihood": found.pseudo_mean, "pseudo_likelihood_spread": found.pseudo_spread,
        "reference": found.reference.to_dict() if found.reference else None,
        "methods": [r.to_dict() for r in found.table]}


def _posterior_json(found: Posteriors) -> bytes:
    return _json({
        "statfe_format": FORMAT, "title": found.title, "command": found.command, "seed": found.seed,
        "versions": found.versions, "data": found.data, "rows": found.score_rows(),
        "reference": reference_summary(found).to_dict(),
        "reference_rows": [r.to_dict() for r in found.reference], "methods": [m.to_dict() for m in ranked(found)]})


def _json(content: dict[str, Any]) -> bytes:
    return (json.dumps(plain(content), allow_nan=False, indent=1) + "\n").encode()
