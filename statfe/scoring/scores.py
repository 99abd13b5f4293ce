"""Methods against the reference, beta by beta; and a second estimate against the first."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from statfe.errors import UsageError
from statfe.result import FreeEnergy
from statfe.scoring.verdict import ROUNDING, Score, judge

#: Two estimates of one run agree when they differ by at most this many standard deviations.
AGREEMENT_SIGMAS = 4.0


def score_methods(reference: Sequence[FreeEnergy], candidates: Sequence[FreeEnergy]) -> list[Score]:
    """Hold every candidate against the reference at its beta.

    Parameters
    ----------
    reference
        One result a beta.
    candidates
        Results of any methods, in any order, each at a beta of the reference.

    Returns
    -------
    One `Score` a candidate, in their order.

    Raises
    ------
    UsageError
        A candidate at a beta without a reference, or of another size.
    """
    place = {r.beta: r for r in reference}
    return [judge(_at(place, c), c) for c in candidates]


def _at(place: dict[float, FreeEnergy], result: FreeEnergy) -> FreeEnergy:
    found = place.get(result.beta)
    if found is None:
        raise UsageError(f"{result.method}: the reference has no beta={result.beta!r}; choose from its grid")
    return found


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """How well a second estimate of the reference agrees with the first.

    Attributes
    ----------
    first, second
        Specs of the two.
    n_betas
        Number of beta where both have converged.
    worst_beta, worst_gap, worst_sigmas
        Where they differ most in units of the error of their difference (the run's own measure of it where both
        come from one run, else the combined error); the gap (second - first) in nats and in that
        unit. NaN when `n_betas` is 0; `worst_sigmas` is infinite for two exact numbers that differ.
    agrees
        Whether `worst_sigmas` is at most 4, or the gap is rounding.
    """

    first: str
    second: str
    n_betas: int
    worst_beta: float
    worst_gap: float
    worst_sigmas: float
    agrees: bool


def agreements(reference: Sequence[FreeEnergy], secondary: Sequence[FreeEnergy]) -> list[Agreement]:
    """Compare each method of `secondary` with the reference over the grid."""
    place = {r.beta: r for r in reference}
    by_method: dict[str, list[FreeEnergy]] = {}
    for result in secondary:
        by_method.setdefault(result.method, []).append(result)
    return [_agreement(place, results) for results in by_method.values()]


def _agreement(place: dict[float, FreeEnergy], results: list[FreeEnergy]) -> Agreement:
    pairs = [(place[r.beta], r) for r in results if r.beta in place]
    pairs = [(a, b) for a, b in pairs if a.status == "converged" and b.status == "converged"]
    first = next(iter(place.values())).method if place else ""
    worst = (math.nan, math.nan, math.nan)
    for a, b in pairs:
        gap = b.beta_f - a.beta_f
        sigmas = _sigmas(a, b, gap)
        if math.isnan(worst[2]) or sigmas > worst[2]:
            worst = (a.beta, gap, sigmas)
    return Agreement(
        first=first, second=results[0].method, n_betas=len(pairs), worst_beta=worst[0], worst_gap=worst[1],
        worst_sigmas=worst[2], agrees=bool(worst[2] <= AGREEMENT_SIGMAS))


def _sigmas(a: FreeEnergy, b: FreeEnergy, gap: float) -> float:
    if abs(gap) <= ROUNDING * max(1.0, abs(a.beta_f)):
        return 0.0
    # Two estimates from one run share their noise: the run itself knows the error of the difference.
    if a.stats.get("second_method") == b.method and a.stats.get("disagreement_sigmas") is not None:
        return abs(float(a.stats["disagreement_sigmas"]))
    sigma = math.hypot(a.beta_f_error, b.beta_f_error)
    return abs(gap) / sigma if sigma else math.inf
