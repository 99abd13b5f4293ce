"""The one damped fixed-point driver of mean field, TAP, belief propagation and their kin."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class FixedPoint:
    """Where an iteration ended: the point, its residual max|g(x) - x|, and whether that is below tolerance."""

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


def solve_fixed_point(
    update: Callable[[np.ndarray], np.ndarray],
    start: np.ndarray,
    *,
    damping: float = 0.0,
    tolerance: float = 1e-12,
    iterations: int = 5000,
) -> FixedPoint:
    """Iterate x <- (1 - a) g(x) + a x from `start`, with damping a that grows when the residual does not fall.

    Parameters
    ----------
    update
        The map g; takes and returns an array of one shape, never changes its argument.
    damping
        Share of the old point kept, in [0, 1). It is raised by half the way to 1 (at most 0.98) each time the
        best residual has not halved within 200 iterations: a limit cycle then becomes a spiral.
    tolerance
        Converged when max|g(x) - x| <= tolerance.
    iterations
        Largest number of evaluations of g.

    Returns
    -------
    FixedPoint
        The point with the smallest residual met. Never raises for lack of convergence.
    """
    x, best = start, FixedPoint(start, np.inf, 0, False)
    mark, since, damp = np.inf, 0, damping
    for k in range(1, iterations + 1):
        g = update(x)
        residual = float(np.max(np.abs(g - x))) if x.size else 0.0
        if not np.isfinite(residual):
            return FixedPoint(best.x, best.residual, k, False)
        if residual < best.residual:
            best = FixedPoint(g if damp == 0.0 else x, residual, k, residual <= tolerance)
        if best.converged:
            return best
        if residual < 0.5 * mark:
            mark, since = residual, k
        elif k - since >= 200:
            damp, mark, since = min(0.98, 0.5 * (1.0 + damp)), residual, k
        x = g if damp == 0.0 else (1.0 - damp) * g + damp * x
    return FixedPoint(best.x, best.residual, iterations, False)
