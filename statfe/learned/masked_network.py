"""The masked network of an autoregressive distribution: which unit sees which, and the gradient of ln q.

Every hidden unit has a degree d and sees the spins up to position d alone (M. Germain, K. Gregor, I. Murray and
H. Larochelle, ICML 2015). The units of a layer are sorted by degree, which is spread evenly over the positions. The
log-odds of a spin also see the earlier spins directly, and start from the couplings themselves: eq. (1) of
`statfe.kernels.autoregressive`. Without hidden layers that is a logistic regression a site.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from statfe.kernels.autoregressive import score_of_odds, through_tanh
from statfe.learned.flat import FlatLayout

#: Name of the direct weights A, and of the weights and biases of layer l; layer 0 is the output.
DIRECT, WEIGHTS, BIASES = "direct", "weights-{}", "biases-{}"
#: Rows of a masked matrix that are multiplied together, by all columns that one of them needs.
BAND = 64


@dataclass(frozen=True)
class MaskedNetwork:
    """The shape of a network.

    Attributes
    ----------
    n_sites
        Number of spins.
    hidden
        Units of each hidden layer, from the spins up; empty for logistic regressions.
    biased
        Whether units have biases. Without them every log-odds is odd in the spins, so that q(-s) = q(s) to the bit.
    """

    n_sites: int
    hidden: tuple[int, ...]
    biased: bool

    @cached_property
    def widths(self) -> np.ndarray:
        """Units of each layer, the spins first; int64."""
        return np.array([self.n_sites, *self.hidden], dtype=np.int64)

    def degrees(self, layer: int) -> np.ndarray:
        """The last position that each unit of a layer sees (that of a spin is its own), ascending; int64."""
        width = int(self.widths[layer])
        return np.arange(width) * (self.n_sites - 1 if layer else self.n_sites) // max(width, 1)

    @cached_property
    def reach(self) -> np.ndarray:
        """reach[l, i]: units of layer l with degree below i; int64, shape (layers, n_sites + 1)."""
        positions = np.arange(self.n_sites + 1)
        return np.array([np.searchsorted(self.degrees(layer), positions) for layer in range(len(self.widths))])

    @cached_property
    def layout(self) -> FlatLayout:
        """Where the weights and biases lie in the vector of parameters."""
        top = len(self.hidden)
        shapes: dict[str, tuple[int, ...]] = {DIRECT: (self.n_sites, self.n_sites)}
        for layer, (rows, below) in self._joins().items():
            shapes[WEIGHTS.format(layer)] = (rows, int(self.widths[below]) if top else 0)
            shapes[BIASES.format(layer)] = (rows,)
        return FlatLayout(shapes)

    def _joins(self) -> dict[int, tuple[int, int]]:
        """Units of each layer and the layer that they see; 0 stands for the output, which sees the last one."""
        top = len(self.hidden)
        return {0: (self.n_sites, top), **{k: (int(self.widths[k]), k - 1) for k in range(1, top + 1)}}

    @cached_property
    def starts(self) -> np.ndarray:
        """Where the arrays of each layer begin, and in the last row A; int64, shape (layers + 1, 2)."""
        at = self.layout.starts
        rows = [(at[WEIGHTS.format(k)], at[BIASES.format(k)]) for k in range(len(self.widths))]
        return np.array([*rows, (at[DIRECT], 0)], dtype=np.int64)

    @cached_property
    def mask(self) -> np.ndarray:
        """1 for the parameters there are, 0 for the entries that a unit may not see; shape (layout.size,)."""
        mask = np.zeros(self.layout.size)
        arrays = self.layout.views(mask)
        position = np.arange(self.n_sites)
        arrays[DIRECT][:] = position[:, None] > position[None, :]
        for layer, (_, below) in self._joins().items():
            weights = arrays[WEIGHTS.format(layer)]
            if weights.size:
                own, seen = (self.degrees(layer) if layer else position), self.degrees(below)
                weights[:] = own[:, None] > seen[None, :] if layer == 0 else own[:, None] >= seen[None, :]
            arrays[BIASES.format(layer)][:] = float(self.biased)
        return mask

    def initial(self, rng: np.random.Generator) -> np.ndarray:
        """Parameters at which the output is the couplings alone: hidden weights are random, the others 0."""
        parameters = np.zeros(self.layout.size)
        arrays, masks = self.layout.views(parameters), self.layout.views(self.mask)
        for layer in range(1, len(self.widths)):
            seen = masks[WEIGHTS.format(layer)]
            draws = rng.standard_normal(seen.shape)
            arrays[WEIGHTS.format(layer)][:] = seen * draws / np.sqrt(np.maximum(seen.sum(axis=1), 1.0))[:, None]
        return parameters

    def score(
        self, parameters: np.ndarray, spins: np.ndarray, odds: np.ndarray, units: np.ndarray, weights: np.ndarray
    ) -> np.ndarray:
        """sum_b weights_b d ln q(s_b) / d parameters, shape (layout.size,); arrays as `walk` leaves them."""
        out = np.zeros(self.layout.size)
        into, arrays = self.layout.views(out), self.layout.views(parameters)
        slopes = np.empty_like(odds)
        score_of_odds(spins, odds, weights, slopes)
        position = np.arange(self.n_sites)
        _outer_products(slopes, spins, position, into[DIRECT])
        ends = np.cumsum([0, *self.hidden])
        layers = [spins, *(units[a:b] for a, b in itertools.pairwise(ends))]
        for layer in [0, *range(len(self.hidden), 0, -1)]:
            if self.biased:
                into[BIASES.format(layer)][:] = slopes.sum(axis=1)
            if not self.hidden:
                break
            below = layer - 1 if layer else len(self.hidden)
            # rows see the units below of a degree up to their own, outputs of a degree below it
            seen = self.reach[below, self.degrees(layer) + 1] if layer else self.reach[below, position]
            matrix = WEIGHTS.format(layer)
            _outer_products(slopes, layers[below], seen, into[matrix])
            if below:
                slopes = _back(arrays[matrix], slopes, seen)
                through_tanh(layers[below], slopes)
        out *= self.mask
        return out


def _outer_products(left: np.ndarray, right: np.ndarray, seen: np.ndarray, out: np.ndarray) -> None:
    """out = left @ right.T where row r needs its first seen[r] columns alone; `seen` ascends."""
    for first in range(0, len(left), BAND):
        rows = slice(first, first + BAND)
        columns = slice(0, int(seen[rows][-1]))
        out[rows, columns] = left[rows] @ right[columns].T


def _back(matrix: np.ndarray, slopes: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """matrix.T @ slopes, where row r of the matrix is 0 beyond its first seen[r] columns."""
    if len(matrix) <= BAND:
        return matrix.T @ slopes
    out = np.zeros((matrix.shape[1], slopes.shape[1]))
    for first in range(0, len(matrix), BAND):
        rows = slice(first, first + BAND)
        columns = slice(0, int(seen[rows][-1]))
        out[columns] += matrix[rows, columns].T @ slopes[rows]
    return out
