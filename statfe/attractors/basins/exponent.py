"""The largest Lyapunov exponent of an attractor, from two neighbours, with an error over blocks."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from statfe._jit import instance
from statfe.attractors.basins.ground import Ground
from statfe.kernels import cells as kernels

#: Blocks that are kept, those dropped before, and characteristic times in one; maps, which are cheap, take more.
BLOCKS, DROPPED, PERIODS, MORE = 256, 32, 2.0, 8
#: Batches of blocks for the error; distance of the neighbours.
BATCHES, NEAR = 16, 1e-7
#: A rate is above zero when it is so by this many errors and this many e-folds over the whole run.
SIGMAS, FOLDS = 4.0, 12.0


@dataclass(frozen=True)
class Exponent:
    """Largest exponent per unit of time, its error, and the time it was followed for."""

    value: float
    error: float
    time: float

    @property
    def positive(self) -> bool:
        """Whether neighbours part exponentially, beyond doubt."""
        return self.value > SIGMAS * self.error and self.value * self.time > FOLDS

    @property
    def zero(self) -> bool:
        """Whether neighbours neither part nor meet, as far as the run can tell."""
        return abs(self.value) * self.time <= FOLDS or abs(self.value) <= SIGMAS * self.error


def largest_exponent(ground: Ground, x: np.ndarray, seed: int = 0, longer: float = 1.0) -> Exponent:
    """Follow `x` and a neighbour for ``longer * BLOCKS`` blocks."""
    system = ground.system
    blocks = DROPPED + round(BLOCKS * longer) * (MORE if system.kind == "map" else 1)
    steps = max(1, round(PERIODS * system.period / system.dt)) if system.kind == "flow" else round(PERIODS)
    x = ground.rest(np.array(x, dtype=np.float64))
    direction = ground.nudge(np.zeros(len(x)), seed, 0, size=1.0) / ground.extent
    y = x + NEAR * ground.extent * direction / np.linalg.norm(direction)
    logs = np.empty(blocks)
    loop = instance(kernels.part, step=ground.step)
    done = loop(x, y, system.dt, system.p, steps, NEAR, ground.circle, ground.extent, logs, ground.work.copy())
    if done < blocks:
        return Exponent(math.nan, math.nan, 0.0)
    rates = logs[DROPPED:] / (steps * system.dt)
    # blocks of the motion are correlated: means of longer batches give the error
    batches = rates[:len(rates) // BATCHES * BATCHES].reshape(BATCHES, -1).mean(axis=1)
    error = float(batches.std(ddof=1) / math.sqrt(BATCHES))
    return Exponent(float(rates.mean()), error, len(rates) * steps * system.dt)
