"""A step up a gradient: momentum, or Adam, over one flat vector of parameters."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from statfe.kernels.adam import adam_step
from statfe.kernels.rbm import momentum_step
from statfe.learned.adam import DECAY_FIRST, DECAY_SECOND, EPSILON
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

    def __init__(self, size: int, dtype: Real, momentum: float) -> None:
        self.velocity, self._momentum = np.zeros(size, dtype), np.array([momentum], dtype)

    def climb(self, parameters: np.ndarray, gradient: np.ndarray, rate: float) -> None:
        """One step up `gradient`."""
        momentum_step(parameters, gradient, self.velocity, np.array([rate], parameters.dtype), self._momentum)

    def state(self) -> dict[str, np.ndarray]:
        """The velocity."""
        return {"velocity": self.velocity}


class AdamClimb:
    """Adam (Kingma and Ba, ICLR 2015), uphill."""

    def __init__(self, size: int, dtype: Real) -> None:
        self.first, self.second, self.count = np.zeros(size, dtype), np.zeros(size, dtype), np.zeros(1, np.int64)

    def climb(self, parameters: np.ndarray, gradient: np.ndarray, rate: float) -> None:
        """One step up `gradient`."""
        self.count += 1
        adam_step(parameters, gradient, self.first, self.second, int(self.count[0]), -rate, DECAY_FIRST, DECAY_SECOND,
                  EPSILON)

    def state(self) -> dict[str, np.ndarray]:
        """The running moments, and the number of steps."""
        return {"first": self.first, "second": self.second, "count": self.count}
