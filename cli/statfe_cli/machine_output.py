"""Tables of scored machines, for people."""

from __future__ import annotations

import math
from typing import Any

from statfe_cli.output import table, with_error


def machine_tables(found: Any) -> str:
    """Log-likelihoods by method, or what each method is worth over the posteriors."""
    return _likelihoods(found.likelihoods) if found.likelihoods is not None else _posteriors(found.posteriors)


def _source(data: dict[str, Any]) -> str:
    """The data, and a warning where they have no test part."""
    from statfe.scoring.machines.inputs import PARTS

    return f"{data['name']} ({PARTS['training']})" if data["part"] == "training" else str(data["name"])


def _likelihoods(found: Any) -> str:
    c, reference = found.comparison, found.reference
    rows = [[r.method, r.kind, with_error(r.mean, r.error, 7), _number(r.gap, "+.2e"), _number(r.sigmas, "+.1f"),
             r.verdict_class] for r in found.table]
    parts = [
        f"{c.model}: {len(found.clamped)} points of {_source(found.data)}; seed {c.seed}",
        f"<ln p> by {reference.method} ({reference.kind}): {with_error(reference.mean, reference.error, 7)}"
        f"{_spread(found.spread)}; log pseudo-likelihood {_number(found.pseudo_mean, '.6g')}",
        table(["method", "kind", "<ln p>", "off by", "sigmas", "verdict"], rows, left=(0, 1, 5))]
    parts += [f"{reference.method}: {reference.message}"] if reference.message else []
    parts += ["\n".join(lines)] if (lines := [f"not run: {spec}: {why}" for spec, why in c.skipped]) else []
    parts += ["\n".join(lines)] if (lines := [f"{r.method}: {r.message}" for r in found.table if r.message]) else []
    return "\n\n".join(parts) + "\n"


def _posteriors(found: Any) -> str:
    from statfe.scoring.machines.posterior_summary import ranked, reference_summary

    r, methods = reference_summary(found), ranked(found)
    rows = [
        [m.method, " or ".join(m.kinds), _number(m.mean, ".6g"), with_error(m.error, m.error_spread, 4),
         _percent(m.recovered), _percent(m.median_share), _percent(m.nearer), _percent(m.covered),
         str(m.failed) if m.failed else "-", f"{m.seconds:.2g}"] for m in methods]
    head = ["method", "kind", "mean F", "F - F_p", "recovered", "median", "nearer", "in 2 sigma", "failed", "s a point"]
    bracket = f"; bracket {r.lower:.6g} to {r.upper:.6g}" if math.isfinite(r.lower) else ""
    parts = [
        f"{found.model}: {r.points} points of {_source(found.data)}; seed {found.seed}",
        f"mean F_p = -ln p(x) by {r.method}: {_mean(r)}{_spread(r.spread)}{bracket}",
        *[f"the reference failed at {r.failed} of {r.points} points: {_reasons(r)}" for _ in [0] if r.failed],
        "nats, nearest to F_p first, a failure counted as the bound; recovered: 1 - sum |F - F_p| / "
        "sum of the bound's gaps,\n"
        "median: of the shares; nearer: share of the points where F is nearer to F_p than the bound",
        table(head, rows, left=(0, 1))]
    failed = [f"{m.method}, {m.failed} points: {_reasons(m)}" for m in methods if m.failed]
    return "\n\n".join([*parts, *(["\n".join(failed)] if failed else [])]) + "\n"


def _mean(reference: Any) -> str:
    """Errors of quadrature are rounding, which nobody reads."""
    tiny = not reference.error > 1e-8 * abs(reference.mean)
    return with_error(reference.mean, 0.0 if tiny else reference.error, 8)


def _reasons(summary: Any) -> str:
    return "; ".join(f"{count} x {words}" for words, count in summary.reasons.items())


def _spread(value: float) -> str:
    return f" (+- {value:.2g} as a sample of their source)" if math.isfinite(value) else ""


def _number(value: float, form: str) -> str:
    return f"{value:{form}}" if math.isfinite(value) else "-"


def _percent(value: float) -> str:
    return f"{100.0 * value:.1f} %" if math.isfinite(value) else "-"
