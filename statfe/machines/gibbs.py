"""Rows of units drawn given the other layer: BLAS products, then a kernel for probabilities and draws.

Draws are made from the streams of the training: on one thread from all of them, or block by block of the rows, each
from its share of them. Blocks are those of the shape, so threads change no bit.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from statfe.executors import ALONE, LEAST_ROWS, Crew, even_blocks
from statfe.kernels.rbm import LANES, draw_double, draw_single, probabilities_double, probabilities_single
from statfe.learned.flat import FlatLayout, lined_up
from statfe.learned.products import dot, product
from statfe.random import streams

#: Key of the streams of a training (see `statfe.random.streams`).
CHAINS_KEY = 9201
#: The type of a training's numbers.
Real = type[np.floating[Any]]
PRECISIONS: dict[str, Real] = {"single": np.float32, "double": np.float64}


class Parameters:
    """a, b and W as views into one flat vector of one type; the same shape holds gradients, in another `place`."""

    def __init__(self, n_visible: int, n_hidden: int, dtype: Real, place: int = 0) -> None:
        self.layout = FlatLayout({"a": (n_visible,), "b": (n_hidden,), "W": (n_visible, n_hidden)})
        self.vector = lined_up(self.layout.size, dtype, place)
        views = self.layout.views(self.vector)
        self.a, self.b, self.W = views["a"], views["b"], views["W"]


class Units:
    """The random streams of a training, how units are drawn with them, and the `crew` that shares their products."""

    def __init__(self, dtype: Real, seed: int, crew: Crew = ALONE) -> None:
        self.dtype, self.crew = dtype, crew
        self.streams = np.ascontiguousarray(streams(seed, LANES, CHAINS_KEY).T)
        single = dtype == np.float32
        self._probabilities, self._draw = (
            (probabilities_single, draw_single) if single else (probabilities_double, draw_double))

    def probabilities(self, inputs: np.ndarray, bias: np.ndarray, scales: np.ndarray | None = None) -> np.ndarray:
        """1 / (1 + exp(-scales inputs - bias)), shape (rows, units); `scales` is a number a row, 1 when None."""
        out = np.empty_like(inputs)
        self._probabilities(inputs, bias, np.ones(len(inputs), self.dtype) if scales is None else scales, out)
        return out

    def draw(self, probabilities: np.ndarray) -> np.ndarray:
        """Units 0 or 1 with the given probabilities, in the same shape."""
        out = np.empty_like(probabilities)
        self._draw(probabilities.reshape(-1), self.streams, out.reshape(-1))
        return out

    def draw_visible(self, p: Parameters, hidden: np.ndarray) -> np.ndarray:
        """Visible units drawn from p(v | h)."""
        return self.draw(self.visible(p, hidden))

    def draw_inputs(self, inputs: np.ndarray, bias: np.ndarray, scales: np.ndarray) -> np.ndarray:
        """Visible units drawn from their inputs; arguments as in `probabilities`."""
        return self.draw(self.probabilities(inputs, bias, scales))

    def hidden(self, p: Parameters, visible: np.ndarray, scales: np.ndarray | None = None) -> np.ndarray:
        """p(h = 1 | v), where a row with a scale t has its weights times t."""
        return self._of_layer(visible, p.W, p.b, scales)

    def visible(self, p: Parameters, hidden: np.ndarray, scales: np.ndarray | None = None) -> np.ndarray:
        """p(v = 1 | h), as `hidden`."""
        return self._of_layer(hidden, p.W.T, p.a, scales)

    def gibbs(self, p: Parameters, hidden: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """A Gibbs step from rows of p(h = 1): visible units drawn, and p(h = 1) given them.

        What `draw`, `draw_visible` and `hidden` do one after the other, where threads meet but once.
        """
        rows = len(hidden)
        shown, after = np.empty((rows, len(p.a)), self.dtype), np.empty((rows, len(p.b)), self.dtype)
        ones = np.ones(rows, self.dtype)
        blocks = even_blocks(rows, rows * p.W.size, max(LEAST_ROWS, rows // LANES))  # 16 blocks at most

        def fill(k: int) -> None:
            block, lanes = blocks[k], slice(k * LANES // len(blocks), (k + 1) * LANES // len(blocks))
            units, chances = np.empty_like(hidden[block]), np.empty_like(shown[block])
            seen, found = shown[block], after[block]
            streams = self.streams[:, lanes].copy()
            self._draw(hidden[block].reshape(-1), streams, units.reshape(-1))
            dot(units, p.W.T, chances)
            self._probabilities(chances, p.a, ones[block], chances)
            self._draw(chances.reshape(-1), streams, seen.reshape(-1))
            self.streams[:, lanes] = streams
            dot(seen, p.W, found)
            self._probabilities(found, p.b, ones[block], found)

        self.crew.run(fill, len(blocks))
        return shown, after

    def product(self, rows: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """`rows` @ `weights`, shared by the crew."""
        return product(self.crew, rows, weights)

    def _of_layer(
        self, rows: np.ndarray, weights: np.ndarray, bias: np.ndarray, scales: np.ndarray | None
    ) -> np.ndarray:
        """Products and probabilities, by blocks of rows."""
        out: np.ndarray = np.empty((len(rows), weights.shape[1]), self.dtype)
        factors = np.ones(len(rows), self.dtype) if scales is None else scales

        def fill(block: slice) -> None:
            dot(rows[block], weights, out[block])
            self._probabilities(out[block], bias, factors[block], out[block])

        blocks = even_blocks(len(rows), rows.size * weights.shape[1])
        self.crew.run(lambda k: fill(blocks[k]), len(blocks))
        return out
