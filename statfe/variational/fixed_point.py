"""The one damped fixed-point driver of mean field, TAP, belief propagation and their kin.

Plain steps x <- (1 - a) g(x) + a x, with two helpers. The damping a grows when the residual stalls, which turns a
limit cycle into a spiral. Now and then a step is extrapolated from the last few (Anderson mixing, Walker and Ni
2011, taken periodically as in Banerjee, Suryanarayana and Pask 2016), which removes the few slow modes near a
critical point; an extrapolation that does not pay is taken back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from statfe.kernels.residual import largest_change

#: Steps in which the best residual must halve before the damping is raised.
PATIENCE = 200
#: Largest damping; a residual that still does not halve ends the run.
MAX_DAMPING = 0.98

Map = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class FixedPoint:
    """Where an iteration ended: the point, its residual, and whether that is below tolerance.

    The residual is max |g(x) - x| / max(1, |x|), entry by entry.
    """

    x: np.ndarray
    residual: float
    iterations: int
    converged: bool

    @property
    def message(self) -> str:
        """What to change, for a run that did not converge."""
        if self.converged:
            return ""
        return (
            f"no fixed point after {self.iterations} iterations (residual {self.residual:.1e}); "
            "raise iterations or damping, or lower beta")


class _Pace(NamedTuple):
    """The damping, and since when the residual has been above half of `mark`."""

    damping: float
    mark: float
    since: int


class _Step(NamedTuple):
    """A point with its displacement g(x) - x."""

    x: np.ndarray
    displacement: np.ndarray


def scaled_residual(x: np.ndarray, displacement: np.ndarray) -> float:
    """max |displacement| / max(1, |x|); 0 for an empty array, NaN where any is."""
    return float(largest_change(np.ravel(x), np.ravel(displacement)))


def solve_fixed_point(
    update: Map,
    start: np.ndarray,
    *,
    damping: float = 0.0,
    tolerance: float = 1e-12,
    iterations: int = 5000,
    memory: int = 0,
    merit: Callable[[np.ndarray], float] | None = None,
) -> FixedPoint:
    """Find x = g(x) from `start`.

    Parameters
    ----------
    update
        The map g; takes and returns an array of one shape, never changes its argument.
    damping
        Share a of the old point kept, in [0, 1). It goes half the way to 1 (at most 0.98) each time the best
        residual has not halved within 200 iterations; a run that stalls at 0.98 ends.
    tolerance
        Converged when the scaled residual is at most this.
    iterations
        Largest number of evaluations of g.
    memory
        Steps an extrapolation looks back on; 0 for none. Extrapolation can reach fixed points that repel the
        plain iteration.
    merit
        A function that plain steps never raise (a variational bound); an extrapolation that raises it is dropped.
        Without it, an extrapolation is taken back when it raises the residual.

    Returns
    -------
    FixedPoint
        The point with the smallest residual met. Never raises for lack of convergence.
    """
    x, fallback = start, None
    best = FixedPoint(start, np.inf, 0, False)
    pace = _Pace(damping, np.inf, 0)
    history: list[_Step] = []
    last = np.inf
    for k in range(1, iterations + 1):
        displacement = update(x) - x
        residual = scaled_residual(x, displacement)
        if fallback is not None and not residual <= last:
            x, fallback, history = fallback, None, []
            continue
        if not np.isfinite(residual):
            return replace(best, iterations=k)
        if residual < best.residual:
            best = FixedPoint(x, residual, k, residual <= tolerance)
        if best.converged:
            return best
        pace = _repaced(pace, residual, k)
        if pace.damping > MAX_DAMPING:
            return replace(best, iterations=k)
        history = [*history, _Step(x, displacement)][-(memory + 1):]
        x, fallback = _advance(history, pace.damping, memory > 0 and k % (memory + 2) == 0, merit)
        last = np.inf if merit is not None else residual
    return replace(best, iterations=iterations)


def _repaced(pace: _Pace, residual: float, k: int) -> _Pace:
    """The damping for the next step; above `MAX_DAMPING` means that more would not help."""
    if residual < 0.5 * pace.mark:
        return pace._replace(mark=residual, since=k)
    if k - pace.since < PATIENCE:
        return pace
    if pace.damping >= MAX_DAMPING:
        return pace._replace(damping=1.0)
    return _Pace(min(MAX_DAMPING, 0.5 * (1.0 + pace.damping)), residual, k)


def _advance(
    history: list[_Step], damping: float, extrapolate: bool, merit: Callable[[np.ndarray], float] | None
) -> tuple[np.ndarray, np.ndarray | None]:
    """The next point, and the plain step to fall back on if the next point is an extrapolation."""
    x, displacement = history[-1]
    plain = x + (1.0 - damping) * displacement
    if not extrapolate or len(history) < 2:
        return plain, None
    trial = extrapolated(history, damping)
    if not np.all(np.isfinite(trial)) or (merit is not None and not merit(trial) <= merit(plain)):
        return plain, None
    return trial, plain


def extrapolated(history: list[_Step], damping: float = 0.0) -> np.ndarray:
    """Anderson's step: the affine mix of past points with the smallest linearised displacement.

    With f_k = g(x_k) - x_k and differences to the newest point, gamma minimises |f - sum_a gamma_a df_a| and the
    new point is x + b f - sum_a gamma_a (dx_a + b df_a), b = 1 - damping (Walker and Ni 2011, eq. 1.2).
    """
    x, f = history[-1]
    differences = [f - past.displacement for past in history[:-1]]
    # not by BLAS: its threads change the bits, and wait for each other on a busy machine
    gram = np.array([[np.sum(a * b) for b in differences] for a in differences])
    right = np.array([np.sum(a * f) for a in differences])
    if not np.all(np.isfinite(gram)):
        return x + (1.0 - damping) * f
    gamma = np.linalg.lstsq(gram, right, rcond=1e-13)[0]
    new = x + (1.0 - damping) * f
    for weight, past, difference in zip(gamma, history[:-1], differences, strict=True):
        new -= weight * ((x - past.x) + (1.0 - damping) * difference)
    return new
