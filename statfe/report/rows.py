"""Scores as CSV and JSON."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from statfe.result import plain
from statfe.scoring.comparison import Comparison
from statfe.scoring.ranking import best_by_beta, rank
from statfe.scoring.trust import Cell, Trust, trust_of
from statfe.store.hdf5 import FORMAT

#: Columns of scores.csv: the keys of a row but `stats`.
COLUMNS = (
    "model", "method", "kind", "status", "message", "beta", "n_sites", "beta_f", "beta_f_error", "seconds",
    "reference", "reference_beta_f", "reference_error", "error", "error_per_site", "sigmas", "verdict",
    "bound_violated", "reference_status", "magnetization_rms", "magnetization_noise", "correlation_rms",
    "correlation_noise")


def csv_bytes(comparisons: Sequence[Comparison]) -> bytes:
    """One row a model, method and beta, in UTF-8; numbers in full precision, empty where there is none."""
    return table_bytes(COLUMNS, [s.to_dict() for c in comparisons for s in c.scores])


def table_bytes(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> bytes:
    """The `columns` of `rows`, plain values, as CSV in UTF-8."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_cell(row[name]) for name in columns])
    return buffer.getvalue().encode("utf-8", "backslashreplace")


def trust_bytes(trust: Trust) -> bytes:
    """trust.csv: one row a group, beta and method, with the law of growth over the sizes of the template.

    A median of failures is ``inf``; a cell is empty where nothing could be judged.
    """
    laws = {(g.template, g.method, g.beta): g for g in trust.growth}
    best = {(b.template, b.group, b.beta): b.methods for b in trust.best}
    names = [f.name for f in fields(Cell)]
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow([*names, "best", "growth", "growth_exponent", "growth_error", "growth_sizes"])
    for c in trust.cells:
        law = laws.get((c.template, c.method, c.beta))
        more = [c.method in best[c.template, c.group, c.beta], *(
            (None,) * 4 if law is None else (law.verdict, law.exponent, law.error, law.sizes))]
        writer.writerow([_cell(v if v == math.inf else plain(v)) for v in [*(getattr(c, n) for n in names), *more]])
    return buffer.getvalue().encode("utf-8", "backslashreplace")


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else value


def json_bytes(comparisons: Sequence[Comparison]) -> bytes:
    """Strict JSON: the score rows of all models in `rows`, and each model's reference and summary."""
    first = comparisons[0]
    content: dict[str, Any] = {
        "statfe_format": FORMAT, "title": first.title, "command": first.command, "seed": first.seed,
        "versions": first.versions, "rows": [s.to_dict() for c in comparisons for s in c.scores],
        "comparisons": [summary_of(c) for c in comparisons],
    }
    trust = trust_of(comparisons)
    if trust is not None:
        content["trust"] = trust.to_dict()
    return (json.dumps(plain(content), allow_nan=False, indent=1) + "\n").encode()


def summary_of(comparison: Comparison) -> dict[str, Any]:
    """A comparison without its rows, for JSON."""
    return {
        "model": comparison.model, "facts": comparison.facts, "betas": comparison.betas,
        "sampler": comparison.sampler or None,
        "reference": [r.to_dict() for r in comparison.reference],
        "secondary": [r.to_dict() for r in comparison.secondary],
        "ranking": [s.to_dict() for s in rank(comparison.scores)],
        "best": [b.to_dict() for b in best_by_beta(comparison.scores)],
        "brackets": [b.to_dict() for b in comparison.brackets], "moments": comparison.moments,
        "skipped": [{"method": spec, "reason": reason} for spec, reason in comparison.skipped],
    }
