"""Adam over one flat vector of parameters (D. P. Kingma and J. Ba, ICLR 2015, arXiv:1412.6980)."""

from __future__ import annotations

import numpy as np

from statfe.executors import ALONE, Crew, even_blocks
from statfe.kernels.adam import adam_step
from statfe.learned.flat import LINE, lined_up

#: Decay of the running mean of the gradient and of its square, and what keeps the quotient finite.
DECAY_FIRST, DECAY_SECOND, EPSILON = 0.9, 0.999, 1e-8
#: Parameters of a block for a thread, and the multiplications that one of them is worth.
BLOCK, WORTH = 2**16, 32


def vector_blocks(size: int) -> list[slice]:
    """The entries of a flat vector in blocks for threads; blocks begin on lines of the cache where the vector does."""
    grain = LINE // 4
    return [slice(grain * lines.start, min(size, grain * lines.stop))
            for lines in even_blocks(-(-size // grain), WORTH * size, BLOCK // grain)]


class Adam:
    """The running moments of a gradient; `step` moves a vector of parameters in place, by blocks that `crew` shares."""

    def __init__(
        self, size: int, *, decay_first: float = DECAY_FIRST, decay_second: float = DECAY_SECOND,
        epsilon: float = EPSILON, dtype: type = np.float64, crew: Crew = ALONE,
    ) -> None:
        self.count, self._crew = 0, crew
        self._blocks = vector_blocks(size)
        self.decays = decay_first, decay_second, epsilon
        # the parameters and the gradient take the places before
        self._first, self._second = lined_up(size, dtype, 2), lined_up(size, dtype, 3)

    @property
    def moments(self) -> tuple[np.ndarray, np.ndarray]:
        """Running means of the gradient and of its square; with `count` all that a later step depends on."""
        return self._first, self._second

    def restore(self, count: int, first: np.ndarray, second: np.ndarray) -> None:
        """Go on from what `count` and `moments` were."""
        self.count = count
        self._first[:], self._second[:] = first, second

    def step(self, parameters: np.ndarray, gradient: np.ndarray, rate: float) -> float:
        """Move `parameters` (of the type given, shape (size,)) against `gradient`, by at most about `rate` each.

        Returns the square of the gradient's norm.
        """
        self.count += 1
        squares = [0.0] * len(self._blocks)

        def move(k: int) -> None:
            block = self._blocks[k]
            squares[k] = float(np.dot(gradient[block], gradient[block]))
            adam_step(parameters[block], gradient[block], self._first[block], self._second[block], self.count, rate,
                      *self.decays)

        self._crew.run(move, len(self._blocks))
        return sum(squares)
