"""Scores as CSV and JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from typing import Any

from statfe.result import plain
from statfe.scoring.comparison import Comparison
from statfe.scoring.ranking import best_by_beta, rank
from statfe.store.hdf5 import FORMAT

#: Columns of scores.csv: the keys of a row but `stats`.
COLUMNS = (
    "model", "method", "kind", "status", "message", "beta", "n_sites", "beta_f", "beta_f_error", "seconds",
    "reference", "reference_beta_f", "reference_error", "error", "error_per_site", "sigmas", "verdict",
    "bound_violated", "reference_status")


def csv_bytes(comparisons: Sequence[Comparison]) -> bytes:
    """One row a model, method and beta, in UTF-8; numbers in full precision, empty where there is none."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(COLUMNS)
    for comparison in comparisons:
        for score in comparison.scores:
            row = score.to_dict()
            writer.writerow([_cell(row[name]) for name in COLUMNS])
    return buffer.getvalue().encode("utf-8", "backslashreplace")


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else value


def json_bytes(comparisons: Sequence[Comparison]) -> bytes:
    """Strict JSON: the score rows of all models in `rows`, and each model's reference and summary."""
    first = comparisons[0]
    content = {
        "statfe_format": FORMAT, "title": first.title, "command": first.command, "seed": first.seed,
        "versions": first.versions, "rows": [s.to_dict() for c in comparisons for s in c.scores],
        "comparisons": [_summary(c) for c in comparisons],
    }
    return (json.dumps(plain(content), allow_nan=False, indent=1) + "\n").encode()


def _summary(comparison: Comparison) -> dict[str, Any]:
    return {
        "model": comparison.model, "facts": comparison.facts, "betas": comparison.betas,
        "sampler": comparison.sampler or None,
        "reference": [r.to_dict() for r in comparison.reference],
        "secondary": [r.to_dict() for r in comparison.secondary],
        "ranking": [s.to_dict() for s in rank(comparison.scores)],
        "best": [b.to_dict() for b in best_by_beta(comparison.scores)],
        "skipped": [{"method": spec, "reason": reason} for spec, reason in comparison.skipped],
    }
