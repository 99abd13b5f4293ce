"""Where in beta a cumulant expansion stops converging: from its terms alone, and from its errors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from statfe.result import FreeEnergy

#: Errors below this share of beta F are rounding.
ROUNDING = 1e-12
#: Orders that are taken together, at most.
WIDTH = 3
#: Errors below so many errors of the reference say nothing.
SIGMAS = 3.0


@dataclass(frozen=True)
class Divergence:
    """A measured beta of divergence.

    Attributes
    ----------
    beta, error
        Where, by interpolation in ln beta, and the uncertainty that the measurement itself states; NaN where it lies
        outside the grid.
    bracket
        The neighbouring points of the grid below and above; 0 or infinity at an end of it; None where nothing is known.
    how
        A few words for people.
    """

    beta: float
    error: float
    bracket: tuple[float, float] | None
    how: str

    @property
    def found(self) -> bool:
        """Whether there is a number."""
        return math.isfinite(self.beta)

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"beta": self.beta, "error": self.error,
                "bracket": None if self.bracket is None else list(self.bracket), "how": self.how}


def by_terms(results: Sequence[FreeEnergy], homogeneous: bool) -> Divergence:
    """First beta > 0 where the radius of convergence in lambda falls below 1, from results in ascending order of beta.

    Parameters
    ----------
    homogeneous
        Whether V is proportional to beta but for a constant: the series in lambda is then one in beta, and its
        radius also says where it diverges beyond the grid.
    """
    known = [(r.beta, r.stats["radius"], r.stats["radius_error"]) for r in results
             if r.beta > 0.0 and math.isfinite(r.stats.get("radius") or math.nan)]
    if not known and any(r.stats.get("one_sided") for r in results):
        return Divergence(math.nan, math.nan, None, "the trial keeps to one side: its terms do not see the other")
    if not known:
        return Divergence(math.nan, math.nan, None, "the terms say nothing: raise the order or the number of samples")
    betas, reach, errors = (np.array(column) for column in zip(*known, strict=True))
    if homogeneous:
        # the same number at every beta; the largest one has the least rounding
        beta, error = float(betas[-1] * reach[-1]), float(betas[-1] * errors[-1])
        return Divergence(beta, error, _bracket(betas, beta), "nearest singularity in beta, from the terms")
    how = "the radius of convergence in lambda falls to 1, from the terms"
    crossing = _first_crossing(betas, -np.log(reach))
    if crossing is None:
        return Divergence(math.nan, math.nan, _outside(betas, bool(reach[0] < 1.0)), how)
    k, beta, slope = crossing
    relative = float(np.max(errors[k:k + 2] / reach[k:k + 2]))
    return Divergence(beta, beta * relative / slope, (float(betas[k]), float(betas[k + 1])), how)


def by_reference(results: Sequence[FreeEnergy], reference: Sequence[FreeEnergy], sums: np.ndarray) -> Divergence:
    """First beta > 0 where raising the order no longer reduces the error, from results in ascending order of beta.

    Compared are the largest error of the last few orders whose terms do not vanish, and that of as many before: a
    single error may be small because it changes sign. Near a zero of Z terms fall as rho^-k / k, so that at finite
    order this beta lies somewhat above the radius of convergence.
    """
    how = "errors of the highest orders against the reference stop falling"
    known = [(r.beta, g) for r, ref, row in zip(results, reference, sums, strict=True)
             if r.beta > 0.0 and math.isfinite(g := growth(row, r.stats.get("vanishing", ()), ref))]
    if not known:
        return Divergence(math.nan, math.nan, None, f"{how}: not enough orders or digits")
    betas, rises = (np.array(column) for column in zip(*known, strict=True))
    crossing = _first_crossing(betas, rises)
    if crossing is None:
        return Divergence(math.nan, math.nan, _outside(betas, bool(rises[0] > 0.0)), how)
    k, beta, _ = crossing
    low, high = float(betas[k]), float(betas[k + 1])
    return Divergence(beta, 0.5 * (high - low), (low, high), how)


def growth(sums: np.ndarray, vanishing: Sequence[int], reference: FreeEnergy) -> float:
    """ln of (largest error of the highest orders / of as many before); NaN where errors are not resolved."""
    orders = [k for k in range(1, len(sums) + 1) if k not in vanishing]
    if len(orders) < 4 or not math.isfinite(reference.beta_f) or not np.all(np.isfinite(sums)):
        return math.nan
    errors = np.abs(sums - reference.beta_f)
    floor = max(ROUNDING * max(1.0, abs(reference.beta_f)), SIGMAS * reference.beta_f_error)
    width = min(WIDTH, len(orders) // 2)
    late, early = (
        float(max(errors[k - 1] for k in some)) for some in (orders[-width:], orders[-2 * width:-width]))
    return math.log(late / early) if min(late, early) > floor else math.nan


def _first_crossing(x: np.ndarray, y: np.ndarray) -> tuple[int, float, float] | None:
    """(k, place, slope in ln x) of the first rise of y through 0, between x[k] and x[k + 1]; None without one."""
    for k in np.flatnonzero((y[:-1] <= 0.0) & (y[1:] > 0.0)).tolist():
        slope = (y[k + 1] - y[k]) / (math.log(x[k + 1]) - math.log(x[k]))
        return k, float(x[k] * math.exp(-y[k] / slope)), float(slope)
    return None


def _bracket(betas: np.ndarray, beta: float) -> tuple[float, float]:
    """The neighbours of `beta` in the grid, 0 or infinity beyond its ends."""
    k = int(np.searchsorted(betas, beta))
    return float(betas[k - 1]) if k > 0 else 0.0, float(betas[k]) if k < len(betas) else math.inf


def _outside(betas: np.ndarray, below: bool) -> tuple[float, float]:
    return (0.0, float(betas[0])) if below else (float(betas[-1]), math.inf)
