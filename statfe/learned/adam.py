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
        epsilon: float = EPSILON, dtype: type = np.float64,
    ) -> None:
        self.count = 0
        self._decays = decay_first, decay_second, epsilon
        self._first: np.ndarray = np.zeros(size, dtype)
        self._second: np.ndarray = np.zeros(size, dtype)

    @property
    def moments(self) -> tuple[np.ndarray, np.ndarray]:
        """Running means of the gradient and of its square; with `count` all that a later step depends on."""
        return self._first, self._second

    def restore(self, count: int, first: np.ndarray, second: np.ndarray) -> None:
        """Go on from what `count` and `moments` were."""
        self.count = count
        self._first[:], self._second[:] = first, second

    def step(self, parameters: np.ndarray, gradient: np.ndarray, rate: float) -> None:
        """Move `parameters` (of the type given, shape (size,)) against `gradient`, by at most about `rate` each."""
        self.count += 1
        adam_step(parameters, gradient, self._first, self._second, self.count, rate, *self._decays)
