"""A variational autoencoder: p(z) = N(0, 1), a decoder p(x|z), and an encoder q(z|x) = N(mu(x), diag sigma^2(x)).

The encoder's outputs are mu and ln sigma^2 side by side. The decoder's outputs are the log-odds of Bernoulli units,
the fields of spins, p(s|z) = exp(a s) / (2 cosh a), or the means of Gaussian units, whose variances

    v_i = noise_floor + exp(noise_i)                                                                              (1)

are parameters (D. P. Kingma and M. Welling, ICLR 2014; D. J. Rezende, S. Mohamed and D. Wierstra, ICML 2014).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from statfe.datasets.rows import MemoryRows, Survey, survey
from statfe.errors import UsageError
from statfe.kernels.vae import bernoulli_rows, gaussian_rows
from statfe.learned.dense_network import ACTIVATIONS, DenseNetwork
from statfe.learned.flat import FlatLayout
from statfe.random import generator

#: What a visible unit can be.
LIKELIHOODS = ("bernoulli", "gaussian", "spin")
#: Usual least variance of a Gaussian unit: without it a constant column has an infinite likelihood.
NOISE_FLOOR = 1e-4
#: Name of the parameters of (1).
NOISE = "noise"
#: Key of the random stream of the first weights (see `statfe.random.generator`).
WEIGHTS_KEY = 9201
#: Types of parameters.
PRECISIONS = {"float32": np.float32, "float64": np.float64}


@dataclass(frozen=True)
class VaeShape:
    """What a variational autoencoder is but for its parameters.

    Attributes
    ----------
    visible, latent
        Units of x and of z.
    encoder, decoder
        Units of the hidden layers, from the inputs of each; any number of layers.
    likelihood
        One of `LIKELIHOODS`.
    activation
        Of hidden layers: ``tanh``, ``softplus`` or ``relu``.
    noise_floor
        Least variance of a Gaussian unit, (1): below what can be resolved of the data.
    """

    visible: int
    latent: int
    encoder: tuple[int, ...]
    decoder: tuple[int, ...]
    likelihood: str = "bernoulli"
    activation: str = "tanh"
    noise_floor: float = NOISE_FLOOR

    def __post_init__(self) -> None:
        if self.likelihood not in LIKELIHOODS:
            raise UsageError(f"likelihood {self.likelihood!r} is none of {', '.join(LIKELIHOODS)}")
        if self.activation not in ACTIVATIONS:
            raise UsageError(f"activation {self.activation!r} is none of {', '.join(ACTIVATIONS)}")
        if not 0.0 < self.noise_floor < math.inf:
            raise UsageError(f"noise_floor must be a finite number above 0, got {self.noise_floor!r}")
        for width in (self.visible, self.latent, *self.encoder, *self.decoder):
            if isinstance(width, bool) or not isinstance(width, (int, np.integer)) or width < 1:
                raise UsageError(f"a layer needs a whole number of units, 1 or more, got {width!r}")

    @cached_property
    def encoder_network(self) -> DenseNetwork:
        """x to mu and ln sigma^2."""
        return DenseNetwork("encoder", (self.visible, *self.encoder, 2 * self.latent), self.activation)

    @cached_property
    def decoder_network(self) -> DenseNetwork:
        """z to the log-odds, fields or means of x."""
        return DenseNetwork("decoder", (self.latent, *self.decoder, self.visible), self.activation)

    @cached_property
    def layout(self) -> FlatLayout:
        """Where the arrays lie in the vector of parameters."""
        shapes = {**self.encoder_network.shapes, **self.decoder_network.shapes}
        if self.likelihood == "gaussian":
            shapes[NOISE] = (self.visible,)
        return FlatLayout(shapes)

    def check(self, data: np.ndarray) -> np.ndarray:
        """`data` as floats of shape (count, visible), if they are values that the likelihood has.

        Raises
        ------
        UsageError
            For another shape, for NaN or infinity, and for values outside [0, 1] or +-1; says where.
        """
        given = np.asarray(data)
        if given.dtype.kind not in "biuf":
            raise UsageError(f"data must be numbers, got {given.dtype}")
        if given.ndim != 2 or given.shape[1] != self.visible:
            raise UsageError(
                f"data have shape {given.shape}, the model takes (samples, {self.visible}); give one row a sample")
        wrong = ~np.isfinite(given)
        if self.likelihood == "bernoulli":
            wrong |= ~((given >= 0) & (given <= 1))
        elif self.likelihood == "spin":
            wrong |= np.abs(given) != 1
        if np.any(wrong):
            row, unit = np.argwhere(wrong)[0]
            range_ = {"bernoulli": "in [0, 1]", "spin": "-1 or +1", "gaussian": "finite"}[self.likelihood]
            raise UsageError(
                f"{int(wrong.sum())} values are not {range_}, the first in row {row}, unit {unit}: {given[row, unit]}; "
                f"mend the data, or take another likelihood than {self.likelihood}")
        return given if given.dtype in (np.float32, np.float64) else given.astype(np.float64)


@dataclass(frozen=True, eq=False)
class Vae:
    """A variational autoencoder.

    Attributes
    ----------
    parameters
        Flat, as ``shape.layout`` says; float32 or float64, which is the precision of all that is computed.
    """

    shape: VaeShape
    parameters: np.ndarray = field(repr=False)

    def __post_init__(self) -> None:
        if self.parameters.shape != (self.shape.layout.size,):
            raise UsageError(
                f"{self.parameters.shape} parameters, but the model has {self.shape.layout.size}; take those that "
                "belong to it")

    @cached_property
    def arrays(self) -> dict[str, np.ndarray]:
        """The parameters by name: views."""
        return self.shape.layout.views(self.parameters)

    @cached_property
    def variances(self) -> np.ndarray:
        """v of (1), shape (visible,); ones where units are not Gaussian."""
        return unit_variances(self.shape, self.arrays)

    def as_type(self, precision: str) -> Vae:
        """The same in ``float32`` or ``float64``."""
        return Vae(self.shape, self.parameters.astype(PRECISIONS[precision]))

    def encode(self, data: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """mu and sigma of q(z|x), each of shape (count, latent), of checked data of shape (count, visible)."""
        heads = self.shape.encoder_network.forward(self.arrays, self._typed(data))[-1]
        latent = self.shape.latent
        return heads[:, :latent], np.exp(0.5 * heads[:, latent:])

    def decode(self, latent: np.ndarray) -> np.ndarray:
        """Mean of x given z, shape (count, visible): chances, magnetisations or means."""
        outputs = self.shape.decoder_network.forward(self.arrays, self._typed(latent))[-1]
        if self.shape.likelihood == "gaussian":
            return outputs
        if self.shape.likelihood == "spin":
            return np.asarray(np.tanh(outputs))
        return np.asarray(0.5 * (1.0 + np.tanh(0.5 * outputs)))

    def generate(self, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """`count` draws (z, x) from p(z) p(x|z)."""
        z = rng.standard_normal((count, self.shape.latent))
        means = np.asarray(self.decode(z), dtype=np.float64)
        if self.shape.likelihood == "gaussian":
            return z, means + np.sqrt(self.variances) * rng.standard_normal(means.shape)
        if self.shape.likelihood == "spin":
            return z, np.where(2.0 * rng.random(means.shape) < 1.0 + means, 1.0, -1.0)
        return z, (rng.random(means.shape) < means).astype(np.float64)

    def _typed(self, values: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(values, dtype=self.parameters.dtype)


def fresh_vae(
    shape: VaeShape, seed: int = 0, data: np.ndarray | None = None, precision: str = "float32",
    facts: Survey | None = None,
) -> Vae:
    """A model before training; with `data`, or a survey of them, its outputs start from their means (and variances)."""
    parameters = np.zeros(shape.layout.size)
    arrays, rng = shape.layout.views(parameters), generator(seed, WEIGHTS_KEY)
    shape.encoder_network.initialise(arrays, rng)
    shape.decoder_network.initialise(arrays, rng)
    # q starts near the prior, whatever the data
    arrays[shape.encoder_network.weights(shape.encoder_network.depth - 1)][:] *= 0.1
    if data is not None:
        facts = survey(MemoryRows(shape.check(data)))
    if facts is not None:
        _start_from(shape, arrays, facts)
    return Vae(shape, parameters.astype(PRECISIONS[precision]))


def _start_from(shape: VaeShape, arrays: dict[str, np.ndarray], facts: Survey) -> None:
    biases = arrays[shape.decoder_network.biases(shape.decoder_network.depth - 1)]
    if shape.likelihood == "gaussian":
        biases[:] = facts.means
        arrays[NOISE][:] = np.log(np.maximum(facts.variances, shape.noise_floor))
        return
    share = facts.means if shape.likelihood == "bernoulli" else 0.5 * (1.0 + facts.means)
    # as if one more value of each had been seen: constant columns stay finite
    share = (share * facts.count + 1.0) / (facts.count + 2.0)
    biases[:] = np.log(share / (1.0 - share)) * (1.0 if shape.likelihood == "bernoulli" else 0.5)


def unit_variances(shape: VaeShape, arrays: dict[str, np.ndarray]) -> np.ndarray:
    """v of (1) of the parameters `arrays`; ones where units are not Gaussian."""
    if shape.likelihood == "gaussian":
        return shape.noise_floor + np.exp(arrays[NOISE])
    return np.ones(shape.visible)


def likelihood_rows(
    shape: VaeShape, variances: np.ndarray, data: np.ndarray, copies: int, outputs: np.ndarray,
    out: np.ndarray | None = None,
) -> np.ndarray:
    """ln p(x|z), float64, shape (points * copies,); `outputs` of the decoder become d ln p / d outputs.

    `data` are of the type of `outputs`, shape (points, visible); row r of `outputs` belongs to point r // copies.
    """
    found = np.empty(len(outputs)) if out is None else out
    if shape.likelihood == "gaussian":
        gaussian_rows(data, copies, outputs, variances.astype(outputs.dtype), found)
    elif shape.likelihood == "spin":
        half = data.dtype.type(0.5)
        bernoulli_rows(half * data + half, copies, outputs, 2.0, found)
    else:
        bernoulli_rows(data, copies, outputs, 1.0, found)
    return found


def log_prior_constant(latent: int) -> float:
    """ln p(z = 0)."""
    return -0.5 * latent * math.log(2.0 * math.pi)
