"""Fixed points: polished by Newton's method, and told stable from unstable by their eigenvalues."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from statfe.attractors.basins.ground import Ground, Window
from statfe.attractors.superstable import flattened_along

STEPS, TOLERANCE = 30, 1e-10
#: Growth in a characteristic time below which an eigenvalue has no sign.
NEUTRAL = 1e-6
#: A window in less than this many cells along each coordinate looks like a point.
POINT_CELLS = 0.5


@dataclass(frozen=True, eq=False)
class FixedPoint:
    """A zero of the law (of a map: f(x) = x); clocks that nothing depends on may run.

    Attributes
    ----------
    growth
        Largest real part of the eigenvalues; of a map, ln of the largest modulus per unit of time.
    unstable
        Number of directions that grow.
    """

    state: np.ndarray
    growth: float
    unstable: int

    def neutral(self, ground: Ground) -> bool:
        """Whether linear terms alone do not decide."""
        return abs(self.growth) * ground.system.period < NEUTRAL


def point_like(ground: Ground, window: Window) -> bool:
    """Whether a window shows hardly any motion."""
    return bool((window.high - window.low < POINT_CELLS * ground.width).all())


def polish(ground: Ground, x: np.ndarray) -> FixedPoint | None:
    """The fixed point near `x`, or None where Newton's method finds none within two cells."""
    system, y = ground.system, ground.rest(np.array(x, dtype=np.float64))
    eye = np.eye(len(y)) if system.kind == "map" else 0.0
    for _ in range(STEPS):
        value, slopes = _linear(ground, y)
        slopes = slopes - eye
        if not np.isfinite(value).all() or not np.isfinite(slopes).all():
            return None
        step = np.linalg.lstsq(slopes, -value, rcond=None)[0]
        y = y + step
        if not (np.abs(ground.apart(y, x)) <= 2.0 * ground.width).all():
            return None
        if np.max(np.abs(step) / ground.extent) < TOLERANCE:
            break
    else:
        return None
    # least squares stop where the residual cannot fall: that is no zero yet
    speed = np.max(np.abs(_linear(ground, y)[0]) / ground.extent)
    if speed > 1e-7 / (1.0 if system.kind == "map" else system.period):
        return None
    return judge(ground, ground.rest(y))


def judge(ground: Ground, state: np.ndarray) -> FixedPoint:
    """Growth about a fixed point."""
    moving = np.flatnonzero(~ground.idle)
    values = np.linalg.eigvals(ground.linear(state[None])[1][0][np.ix_(moving, moving)])
    if ground.system.kind == "map" and flattened_along(ground.system, state[None]) == len(state):
        values = 0.0 * values
    with np.errstate(divide="ignore"):
        rates = np.log(np.abs(values)) / ground.system.dt if ground.system.kind == "map" else values.real
    return FixedPoint(state, float(np.max(rates)), int(np.sum(rates > 0.0)))


def _linear(ground: Ground, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What must vanish at `y`, and the Jacobian of the law."""
    values, slopes = ground.linear(y[None])
    if ground.system.kind == "map":
        return ground.apart(values[0], y), slopes[0]
    return np.where(ground.idle, 0.0, values[0]), np.where(ground.idle[:, None], 0.0, slopes[0])
