"""What a run with flat or biased weights must show before its estimate counts as converged."""

from __future__ import annotations

import math

import numpy as np

from statfe.estimators.wham import Wham, log_weight
from statfe.models.ising import IsingModel
from statfe.result import Outcome, failure
from statfe.stats import mean_error, split_rhat

#: Limits of the checks.
MAX_RHAT, MIN_EFFECTIVE, MAX_SIGMAS = 1.1, 100.0, 4.0
#: Round trips between the hot and the cold end, over all walkers.
MIN_TRIPS = 12
#: Fewest draws, over all replicas, that say anything about an error.
MIN_DRAWS = 64
#: Largest mean energy of all states that leaving out the rarest may cause, in standard deviations of the energy.
MEAN_LEFT_OUT = 1e-3


def round_trips(high: np.ndarray, low: np.ndarray) -> int:
    """Returns to `high` after a visit of `low`; bool series of shape (R, T), summed over the replicas."""
    trips = 0
    for up, down in zip(high, low, strict=True):
        ends = np.flatnonzero(up | down)
        # A draw that is at both ends counts as one trip: nothing separates them.
        both = up[ends] & down[ends]
        side = down[ends]
        turns = np.flatnonzero(np.diff(side.astype(np.int8)) != 0)
        trips += max(int(both.sum()), len(turns) // 2)
    return trips


def series_problems(influence: np.ndarray, more: dict[str, np.ndarray] | None = None) -> list[str]:
    """Replicas that disagree, or too few independent draws, in the estimate's series (R, B) or in others."""
    found = []
    for name, series in {"the estimate": influence, **(more or {})}.items():
        r_hat = float(np.max(split_rhat(series)))
        if r_hat > MAX_RHAT:
            found.append(f"replicas disagree in {name} (R-hat {r_hat:.2f}); raise sweeps")
    effective = float(mean_error(influence).effective)
    if effective < MIN_EFFECTIVE:
        found.append(f"only {effective:.0f} independent draws; raise sweeps")
    return found


def anchor_problems(model: IsingModel, solved: Wham) -> list[str]:
    """Whether the states seen can be all 2^N: the mean energy of all is 0, exactly."""
    scale = 2.0 * model.reach
    if scale == 0.0:
        return []
    shifted, own = log_weight(solved, np.log1p(solved.values / scale))
    total, all_states = log_weight(solved, np.zeros(len(solved.values)))
    mean = scale * math.expm1(shifted - total)
    spread = math.sqrt(model.energy_variance)
    allowed = MAX_SIGMAS * scale * float(mean_error(own - all_states).error) + MEAN_LEFT_OUT * spread
    if abs(mean) <= allowed:
        return []
    return [f"the energies of all states seen average to {mean / spread:.3g} standard deviations at beta = 0, where "
            "they must average to 0: states are missing; raise sweeps"]


def as_outcome(value: float, influence: np.ndarray, problems: list[str], **stats: object) -> Outcome:
    """The outcome of an estimate whose error is the mean of `influence` (R, B)."""
    own = mean_error(influence)
    error = float(own.error)
    if not (math.isfinite(value) and math.isfinite(error)) or influence.size < MIN_DRAWS:
        return failure("estimate", "diverged", "; ".join(problems) or "too few draws to know the error; raise sweeps")
    return Outcome(
        beta_f=value, beta_f_error=error, kind="estimate", status="not_converged" if problems else "converged",
        message="; ".join(problems),
        stats={"effective_draws": float(own.effective), "max_r_hat": float(np.max(split_rhat(influence))), **stats})
