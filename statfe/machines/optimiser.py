"""A step up a gradient: momentum, or Adam, over one flat vector of parameters."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from statfe.executors import ALONE, Crew
from statfe.kernels.adam import adam_step
from statfe.kernels.rbm import momentum_step
from statfe.learned.adam import DECAY_FIRST, DECAY_SECOND, EPSILON, vector_blocks
from statfe.learned.flat import lined_up
from statfe.machines.gibbs import Real


class Optimiser(Protocol):
    """Moves parameters in place."""

    def climb(self, parameters: np.ndarray, gradient: np.ndarray, rate: float) -> None:
        """One step up `gradient`."""
        ...

    def state(self) -> dict[str, np.ndarray]:
        """The arrays that change."""
        ...


class Momentum:
    """velocity = momentum velocity + rate gradient."""

    def __init__(self, size: int, dtype: Real, momentum: float, crew: Crew = ALONE) -> None:
        self.velocity, self._momentum = lined_up(size, dtype, 2), np.array([momentum], dtype)
        self._crew, self._blocks = crew, vector_blocks(size)

    def climb(self, parameters: np.ndarray, gradient: np.ndarray, rate: float) -> None:
        """One step up `gradient`."""
        step = np.array([rate], parameters.dtype)
        self._crew.run(lambda k: momentum_step(
            *(x[self._blocks[k]] for x in (parameters, gradient, self.velocity)), step, self._momentum),
            len(self._blocks))

    def state(self) -> dict[str, np.ndarray]:
        """The velocity."""
        return {"velocity": self.velocity}


class AdamClimb:
    """Adam (Kingma and Ba, ICLR 2015), uphill."""

    def __init__(self, size: int, dtype: Real, crew: Crew = ALONE) -> None:
        self.first, self.second, self.count = lined_up(size, dtype, 2), lined_up(size, dtype, 3), np.zeros(1, np.int64)
        self._crew, self._blocks = crew, vector_blocks(size)

    def climb(self, parameters: np.ndarray, gradient: np.ndarray, rate: float) -> None:
        """One step up `gradient`."""
        self.count += 1
        self._crew.run(lambda k: adam_step(
            *(x[self._blocks[k]] for x in (parameters, gradient, self.first, self.second)), int(self.count[0]), -rate,
            DECAY_FIRST, DECAY_SECOND, EPSILON), len(self._blocks))

    def state(self) -> dict[str, np.ndarray]:
        """The running moments, and the number of steps."""
        return {"first": self.first, "second": self.second, "count": self.count}
