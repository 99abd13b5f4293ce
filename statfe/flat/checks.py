"""What a run with flat or biased weights must show before its estimate counts as converged."""

from __future__ import annotations

import math

import numpy as np

from statfe.result import Outcome, failure
from statfe.stats import mean_error, split_rhat

#: Limits of the checks.
MAX_RHAT, MIN_EFFECTIVE, MAX_SIGMAS = 1.1, 100.0, 4.0
#: Round trips between the hot and the cold end, over all walkers.
MIN_TRIPS = 12
#: Fewest draws, over all replicas, that say anything about an error.
MIN_DRAWS = 64


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
