"""How fast the law contracts volumes: where it keeps them, there is no attractor.

The rate is the mean divergence along the trajectory (flows), or the mean of ln |det J| per unit of time (maps); it is
the sum of the Lyapunov exponents, which is negative on an attractor of a law that can be undone. A map of the line
folds: its rate is its exponent, zero in the mean at every bifurcation, and lengths are kept only where each one is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from statfe.attractors.basins.ground import Ground

#: Rates below this share of the entries of the Jacobian are rounding.
ROUNDING = 1e-9
#: Errors of the mean that a rate must exceed.
SIGMAS = 4.0


#: States looked at along each run, in blocks for the error.
LOOKS, BLOCKS = 64, 8


@dataclass(frozen=True)
class Contraction:
    """Mean rate of volumes per unit of time, with its error over blocks of the runs; nan where there were none.

    `folds`: the law is a map of the line.
    """

    rate: float
    error: float
    folds: bool = False

    @property
    def kept(self) -> bool:
        """Whether volumes are kept, as far as the states tell."""
        return self.rate == 0.0 if self.folds else abs(self.rate) <= SIGMAS * self.error

    @property
    def lost(self) -> bool:
        """Whether volumes shrink beyond doubt."""
        return self.rate < -SIGMAS * self.error


def contraction(ground: Ground, states: np.ndarray) -> Contraction:
    """Rate along the runs that begin at `states`, shape (runs, dimension); runs that escape do not count."""
    blocks = [rates.reshape(BLOCKS, -1).mean(axis=1) for x in states if (rates := _along(ground, x)) is not None]
    if not blocks:
        return Contraction(math.nan, math.nan)
    means = np.concatenate(blocks)
    folds = ground.system.kind == "map" and ground.system.dimension == 1
    return Contraction(float(means.mean()), float(means.std(ddof=1) / math.sqrt(len(means))), folds)


def _along(ground: Ground, x: np.ndarray) -> np.ndarray | None:
    """Rates at states along one run, shape (LOOKS,); exactly 0 where they are rounding."""
    stride = 1.0 if ground.system.kind == "map" else max(1.0, ground.stride * ground.samples_a_period / 3.0)
    found = np.empty((LOOKS, len(x)))
    for k in range(LOOKS):
        window = ground.window(x, 1, cells=False, stride=stride)
        if not window.complete:
            return None
        found[k] = x = window.state
    _, slopes = ground.linear(found)
    if ground.system.kind == "map":
        with np.errstate(divide="ignore"):
            rates = np.maximum(np.linalg.slogdet(slopes)[1] / ground.system.dt, -1e3)
        size = 1.0 / ground.system.dt
    else:
        diagonal = np.diagonal(slopes, axis1=1, axis2=2)
        rates, size = diagonal.sum(axis=1), float(np.abs(slopes).sum(axis=(1, 2)).mean())
    return np.where(np.abs(rates) <= ROUNDING * size, 0.0, rates)
