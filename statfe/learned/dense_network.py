"""A dense network of any depth: BLAS products forward and back, numba kernels between them."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from statfe.kernels.activations import LINEAR, RELU, SOFTPLUS, TANH, activate, through_activation
from statfe.learned.products import dot

#: Activations by name.
ACTIVATIONS = {"tanh": TANH, "softplus": SOFTPLUS, "relu": RELU}


@dataclass(frozen=True)
class DenseNetwork:
    """Layers a -> f(a W + b); the last one is linear. Arrays lie in a flat vector under the names of `shapes`.

    Attributes
    ----------
    name
        Beginning of the names of its arrays.
    widths
        Units of each layer, inputs and outputs among them; at least two.
    activation
        One of `ACTIVATIONS`.
    """

    name: str
    widths: tuple[int, ...]
    activation: str

    @property
    def depth(self) -> int:
        """Layers of weights."""
        return len(self.widths) - 1

    def weights(self, layer: int) -> str:
        """Name of the matrix of a layer, shape (inputs, units)."""
        return f"{self.name}-weights-{layer}"

    def biases(self, layer: int) -> str:
        """Name of the biases of a layer, shape (units,)."""
        return f"{self.name}-biases-{layer}"

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of each array."""
        found: dict[str, tuple[int, ...]] = {}
        for layer, (below, above) in enumerate(itertools.pairwise(self.widths)):
            found[self.weights(layer)] = (below, above)
            found[self.biases(layer)] = (above,)
        return found

    def kind(self, layer: int) -> int:
        """Number of the activation of a layer, as the kernels know it."""
        return LINEAR if layer == self.depth - 1 else ACTIVATIONS[self.activation]

    def initialise(self, arrays: Mapping[str, np.ndarray], rng: np.random.Generator) -> None:
        """Normal weights that keep the variance of a layer: 1 / inputs, and 2 / inputs for relu (He et al. 2015)."""
        for layer, below in enumerate(self.widths[:-1]):
            gain = 2.0 if self.activation == "relu" and layer > 0 else 1.0
            matrix = arrays[self.weights(layer)]
            matrix[:] = rng.standard_normal(matrix.shape) * np.sqrt(gain / below)
            arrays[self.biases(layer)][:] = 0.0

    def forward(self, arrays: Mapping[str, np.ndarray], inputs: np.ndarray) -> list[np.ndarray]:
        """The values of all layers, `inputs` of shape (count, widths[0]) first."""
        layers = [inputs]
        for layer in range(self.depth):
            values = layers[-1] @ arrays[self.weights(layer)]
            activate(self.kind(layer), values, arrays[self.biases(layer)])
            layers.append(values)
        return layers

    def backward(
        self, arrays: Mapping[str, np.ndarray], layers: list[np.ndarray], slopes: np.ndarray,
        into: Mapping[str, np.ndarray] | None, to_inputs: bool,
    ) -> np.ndarray | None:
        """From d / d outputs to d / d parameters, written to `into` where it is given, and d / d inputs where asked."""
        for layer in range(self.depth - 1, -1, -1):
            if layer < self.depth - 1:
                through_activation(self.kind(layer), layers[layer + 1], slopes)
            if into is not None:
                np.dot(layers[layer].T, slopes, out=into[self.weights(layer)])
                np.sum(slopes, axis=0, out=into[self.biases(layer)])
            if layer == 0 and not to_inputs:
                return None
            below = np.empty_like(layers[layer])
            dot(slopes, arrays[self.weights(layer)].T, below)
            slopes = below
        return slopes
