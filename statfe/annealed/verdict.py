"""Whether weights of particles mean anything: what is not converged, and what to change."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from statfe.estimators.bound_check import upper_bounds
from statfe.estimators.log_weights import MAX_K_HAT, LogMean
from statfe.estimators.phases import phase_problem
from statfe.models.ising import IsingModel
from statfe.result import Kind, Outcome, failure

#: Fewest effective particles, and largest share of one in the sum of the weights.
MIN_EFFECTIVE, MAX_SHARE = 30.0, 0.2
#: A value further above a rigorous upper bound than this many errors is wrong.
BOUND_SIGMAS = 4.0

OVERFLOWS = "the weights overflow; scale the couplings down or lower beta"


def weight_trouble(found: LogMean) -> str:
    """What is wrong with the weights, or ""."""
    if found.largest_share > MAX_SHARE:
        return f"one particle has {found.largest_share:.0%} of the weight"
    if found.effective < MIN_EFFECTIVE:
        return f"the weights are worth {found.effective:.1f} of {found.units} particles, {MIN_EFFECTIVE:g} are needed"
    if found.k_hat > MAX_K_HAT:
        return f"the tail of the weights has k = {found.k_hat:.2f}, above {MAX_K_HAT:g}: their error is not known"
    return ""


def weight_stats(found: LogMean) -> dict[str, Any]:
    """For `stats`."""
    return {"effective": found.effective, "k_hat": found.k_hat, "largest_share": found.largest_share,
            "skew": found.skew}


def mean_with_error(values: np.ndarray) -> tuple[float, float]:
    """Mean of independent values and its standard error."""
    return float(values.mean()), float(values.std(ddof=1) / math.sqrt(len(values))) if len(values) > 1 else math.inf


@dataclass(frozen=True)
class Limits:
    """What beta F of `model` at `beta` must not lie above: a rigorous bound, and what its phases give."""

    model: IsingModel
    beta: float
    bound: float

    def problem(self, value: float, error: float) -> str:
        """What is wrong with an estimate, or ""."""
        if value - BOUND_SIGMAS * error > self.bound + 1e-9 * max(1.0, abs(self.bound)):
            return f"beta F lies above a rigorous upper bound, {self.bound:.6g}"
        return phase_problem(self.model, self.beta, value, error)


def limits_of(model: IsingModel, betas: np.ndarray) -> dict[float, Limits]:
    """The limits at every beta."""
    targets = np.unique(betas)
    return {float(beta): Limits(model, float(beta), float(bound))
            for beta, bound in zip(targets, upper_bounds(model, targets), strict=True)}


def judged(value: float, error: float, kind: Kind, trouble: str, advice: str, limits: Limits,
           stats: Mapping[str, Any]) -> Outcome:
    """The outcome of a value: `not_converged` where there is `trouble`, or an estimate is beyond `limits`."""
    if not (math.isfinite(value) and (math.isfinite(error) or trouble)):
        return failure(kind, "diverged", OVERFLOWS, **stats)
    if not trouble and kind == "estimate":
        trouble = limits.problem(value, error)
    if trouble:
        return Outcome(
            beta_f=value, beta_f_error=error if math.isfinite(error) else math.nan, kind=kind, status="not_converged",
            message=f"{trouble}; {advice}", stats=stats)
    return Outcome(beta_f=value, beta_f_error=error, kind=kind, stats=stats)
