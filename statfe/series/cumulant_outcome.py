"""From the terms of an expansion to an outcome: the sum by a rule, its error, and what the terms say of themselves."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from statfe.result import Kind, Outcome, failure
from statfe.series.cumulant_radius import radius
from statfe.series.cumulant_resummation import at_one, continued_by, smallest_term
from statfe.series.cumulant_terms import BLOCKS, Expansion, Statistic, partial_sum

#: What can be made of the terms.
RULES = ("plain", "smallest-term", "pade")
#: Effective number of blocks that must share the variance of a sum; of 64 Gaussian ones about 21 do.
LEAST_SHARING = 8.0
#: How far one sample alone may move a sum, in units of its error.
MOST_INFLUENCE = 0.5


def summed(terms: Expansion, rule: str, kind: Kind, n_sites: int, stats: dict[str, Any]) -> Outcome:
    """The outcome of an expansion under one of `RULES`; `stats` are kept."""
    terms = terms.restricted
    if not np.all(np.isfinite(terms.sums)):
        return failure(
            kind, "diverged", "the cumulants are too large for floating point; lower beta or the order", **stats)
    stats = {**stats, **describe(terms, n_sites)}
    statistic, problem = _statistic(terms, rule)
    if statistic is None:
        return failure(kind, "not_converged", problem, **stats)
    value, error = float(terms.values(statistic)), float(terms.errors(statistic))
    stop = smallest_term(terms.terms, terms.rounding) if rule == "smallest-term" else terms.order
    problem = _mistrust(
        terms.sharing(statistic), terms.outweighed(stop, error), value - float(terms.sums[0]), error)
    if kind != "exact" and "sampling" in terms.evaluations[:stop]:
        problem = _unseen(terms, statistic, n_sites) or problem
    return Outcome(
        beta_f=value, beta_f_error=error, kind=kind, status="not_converged" if problem else "converged",
        message=problem or _remark(terms), stats=stats)


def describe(terms: Expansion, n_sites: int) -> dict[str, Any]:
    """What a result says of its terms: sums by order, where to stop, the Pade value, the radius of convergence."""
    resummed, reach = at_one(terms.terms, terms.rounding), radius(*_trusted(terms), n_sites)
    stop = smallest_term(terms.terms, terms.rounding)
    told: dict[str, Any] = {
        "cumulants": terms.kappas.tolist(), "terms": terms.terms.tolist(), "partial_sums": terms.sums.tolist(),
        "evaluations": list(terms.evaluations), "smallest_term": stop,
        "error_scale": abs(float(terms.terms[stop - 1])) if terms.order > 1 else None,
        "pade": resummed.value, "pade_approximant": resummed.name, "pade_rejected": list(resummed.rejected),
        "radius": reach.value, "radius_error": reach.error, "radius_by": reach.by,
        "vanishing": [k + 1 for k in range(1, terms.order) if abs(terms.terms[k]) <= terms.rounding[k]]}
    if terms.drawn is not None:
        told |= {"states_drawn": len(terms.drawn.v)}
        if math.isfinite(terms.drawn.log_drawn):  # NaN where the trial does not know the chance of a state
            told |= {"drawn": min(1.0, math.exp(terms.drawn.log_drawn))}
    if terms.replicas is not None:
        told |= {"term_errors": terms.term_errors.tolist(), "partial_sum_errors": terms.sum_errors.tolist(),
                 "noisy_orders": terms.noisy}
    return told


def _trusted(terms: Expansion) -> tuple[np.ndarray, np.ndarray]:
    """Terms and their rounding up to the first order that is noise."""
    end = min(terms.noisy, default=terms.order + 1) - 1
    return terms.terms[:end], terms.rounding[:end]


def _statistic(terms: Expansion, rule: str) -> tuple[Statistic | None, str]:
    """What is made of the terms, or None and why not."""
    if rule == "plain":
        return partial_sum(terms.order), ""
    if rule == "smallest-term":
        return partial_sum(smallest_term(terms.terms, terms.rounding)), ""
    found = at_one(terms.terms, terms.rounding)
    if found.found:
        return continued_by(found), ""
    return None, (
        f"no Pade approximant of order {terms.order} is free of poles near [0, 1] ({'; '.join(found.rejected)}); use "
        "sum=plain or smallest-term, or another order")


def _mistrust(sharing: float, influence: float, correction: float, error: float) -> str:
    """Why a sampled sum is worth nothing, or its error is not known; "" where all is well."""
    change = "lower the order or beta, raise samples, or take a better trial"
    if sharing < LEAST_SHARING:
        return (f"rare samples decide: {sharing:.1f} of {BLOCKS} blocks share the variance, so the error is not known; "
                f"{change}")
    if influence > MOST_INFLUENCE:
        return (f"rare samples decide: one alone moves the sum by {influence:.1f} of its error, and rarer ones were "
                f"not seen; {change}")
    if error > abs(correction) > 0.0:
        return f"the terms beyond the first add up to {correction:.2g}, and noise is larger ({error:.2g}); {change}"
    return ""


def _unseen(terms: Expansion, statistic: Statistic, n_sites: int) -> str:
    """Why samples that agree say nothing of states that they do not show; "" where they do not agree."""
    if terms.replicas is None or terms.drawn is None:
        return ""
    change = "lower the order or beta, or raise samples; order=1 is a bound whatever was not drawn"
    few = terms.drawn.few(n_sites)
    if few:
        return f"all samples show {few} state{'s' if few > 1 else ''}, and what rarer ones add is not seen; {change}"
    if math.isinf(terms.sharing(statistic)):
        return f"all samples agree, and what rarer states add is not seen; {change}"
    return ""


def _remark(terms: Expansion) -> str:
    """A word on orders that are noise."""
    noisy = terms.noisy
    if not noisy:
        return ""
    return f"noise is larger than the term at order {', '.join(map(str, noisy))}; lower the order or raise samples"
