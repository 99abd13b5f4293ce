"""Adam over one flat vector of parameters (D. P. Kingma and J. Ba, ICLR 2015, arXiv:1412.6980)."""

from __future__ import annotations

import numpy as np

from statfe.kernels.adam import adam_step

#: Decay of the running mean of the gradient and of its square, and what keeps the quotient finite.
DECAY_FIRST, DECAY_SECOND, EPSILON = 0.9, 0.999, 1e-8


class Adam:
    """The running moments of a gradient; `step` moves a vector of parameters in place."""

    def __init__(
        self, size: int, *, decay_first: float = DECAY_FIRST, decay_second: float = DECAY_SECOND,
        epsilon: float = EPSILON,
    ) -> None:
        self.count = 0
        self._decays = decay_first, decay_second, epsilon
        self._first, self._second = np.zeros(size), np.zeros(size)

    def step(self, parameters: np.ndarray, gradient: np.ndarray, rate: float) -> None:
        """Move `parameters` (float64, shape (size,)) against `gradient`, by at most about `rate` each."""
        self.count += 1
        adam_step(parameters, gradient, self._first, self._second, self.count, rate, *self._decays)
