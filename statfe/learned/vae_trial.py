"""A variational autoencoder over the spins of a model: q(s) = integral p(s|z) p(z) dz, and an encoder r(z|s).

    z ~ N(0, 1),    p(s|z) = prod_i exp(a_i s_i) / (2 cosh a_i),    a(z) = beta h + c + z A + tanh(z B + d) U,     (1)
    r(z|s) = N(e + s M, diag sigma^2),                                                                            (2)
    V(s, z) = beta E(s) + ln p(s|z) + ln p(z) - ln r(z|s).                                                        (3)

<V> over (1) bounds beta F from above, by the divergence of p(s|z) p(z) from r(z|s) exp(-beta E) / Z; <exp(-V)> is Z
itself (F. V. Agakov and D. Barber, ICONIP 2004; G. T. Cantwell, arXiv:2209.10423). No data are needed.

V is of second order in each mean-free spin once z is given, so <V>_(s|z) is a closed form in the means m = tanh a:

    -beta (m J m / 2 + h m) + sum_i [m_i a_i - ln 2 cosh a_i] - z^2 / 2 + sum_c ln sigma_c
        + sum_c [(z - e - m M)_c^2 + sum_i M_ic^2 (1 - m_i^2)] / (2 sigma_c^2).                                   (4)

So only z is sampled for a gradient, which needs no score function. Spins coupled to Gaussian fields, as after a
Hubbard-Stratonovich transformation, have an r(z|s) that is Gaussian with a mean linear in s: (2) is right where
fields are weak. What (2) misses is made good by K copies of z,

    V_K = beta E(s) + ln (1/K) sum_k p(s|z_k) p(z_k) / r(z_k|s),    (s, z_1) from q, z_2 ... z_K from r(z|s),     (5)

which tends to beta E + ln q(s): <V_K> falls with K and is a bound for each, and <exp(-V_K)> = Z (A. Sobolev and
D. Vetrov, NeurIPS 2019).

Without fields there are no c, d, e: (s, z) and (-s, -z) have one V, and q is symmetric by construction. An average over
images of s, under which every image has the same encoder, would have the same bound.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from statfe.kernels.activations import TANH, activate
from statfe.kernels.spin_fields import draw_rows, field_rows
from statfe.learned.autoregressive_trial import Training
from statfe.learned.flat import FlatLayout
from statfe.models.ising import IsingModel
from statfe.random import generator
from statfe.result import Moments

#: Key of the random stream of the first weights (see `statfe.random.generator`).
WEIGHTS_KEY = 9401
#: Key of the random stream of the moments, and samples of z that are taken at a time.
MOMENTS_KEY, CHUNK = 9404, 2048
#: Latent and hidden units where none are said.
LATENT, HIDDEN = 64, 64
#: Least strength of a first direction, as a share of the strongest.
FLOOR = 0.05
#: Variance of the fields along the strongest direction at the start, in units of sites.
START = 1.0


@dataclass(frozen=True, eq=False)
class VaeTrial:
    """An autoencoder with a linear Gaussian encoder as a trial, at one beta.

    Attributes
    ----------
    model, beta
        The target.
    latent, hidden
        Units of z, and of the decoder's hidden layer; 0 hidden units leave a linear decoder.
    parameters
        Flat, as `layout` says; float64.
    copies
        K of (5), in `drawn` and `valued`; the training sees (3).
    training
        How it came about; None for one that was not trained.
    """

    model: IsingModel
    beta: float
    latent: int
    hidden: int
    parameters: np.ndarray = field(repr=False)
    copies: int = 1
    training: Training | None = field(default=None, repr=False)

    @property
    def n_sites(self) -> int:
        """Number of spins."""
        return self.model.n_sites

    @cached_property
    def layout(self) -> FlatLayout:
        """Where the arrays of (1) and (2) lie; ``log-width`` is ln sigma."""
        return vae_layout(self.model, self.latent, self.hidden)

    @cached_property
    def arrays(self) -> dict[str, np.ndarray]:
        """The parameters by name: views."""
        return self.layout.views(self.parameters)

    @cached_property
    def couplings(self) -> np.ndarray:
        """J, shape (n_sites, n_sites), symmetric."""
        return np.ascontiguousarray(self.model.adjacency.toarray())

    def fields(self, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """a(z) of (1), shape (count, n_sites), and the hidden units, shape (count, hidden)."""
        p = self.arrays
        units = z @ p["B"]
        activate(TANH, units, p["d"] if "d" in p else np.zeros(self.hidden))
        found = z @ p["A"]
        if self.hidden:
            found += units @ p["U"]
        if "c" in p:
            found += self.beta * self.model.fields + p["c"]
        return found, units

    def encoded(self, spins: np.ndarray) -> np.ndarray:
        """Mean of z given spins, or their means, of shape (count, n_sites); shape (count, latent)."""
        p = self.arrays
        means = spins @ p["M"]
        return means + p["e"] if "e" in p else means

    def draw(self, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Independent (s, z), float64, shapes (count, n_sites) and (count, latent)."""
        z = rng.standard_normal((count, self.latent))
        fields, _ = self.fields(z)
        spins = np.empty_like(fields)
        draw_rows(fields, rng.random(fields.shape), spins)
        return spins, z

    def drawn(self, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Independent spins, shape (count, n_sites), and V of (5) of each, without the model's offset."""
        spins, z = self.draw(count, rng)
        return spins, self.exponents(spins, rng, z)

    def valued(self, spins: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """V of (5) of given spins, all copies of z drawn from the encoder."""
        return self.exponents(np.asarray(spins, dtype=np.float64), rng, None)

    def exponents(self, spins: np.ndarray, rng: np.random.Generator, first: np.ndarray | None) -> np.ndarray:
        """V of (5), shape (count,): `first` are the z that gave the spins, the others are drawn from the encoder."""
        energy = -np.einsum("bi,bi->b", spins, 0.5 * (spins @ self.couplings) + self.model.fields)
        centre, width = self.encoded(spins), np.exp(self.arrays["log-width"])
        total = np.full(len(spins), -np.inf) if first is None else self.log_ratios(spins, centre, first)
        for _ in range(self.copies - (first is not None)):
            z = centre + width * rng.standard_normal(centre.shape)
            total = np.logaddexp(total, self.log_ratios(spins, centre, z))
        return np.asarray(self.beta * energy + total - math.log(self.copies))

    def log_ratios(self, spins: np.ndarray, centre: np.ndarray, z: np.ndarray) -> np.ndarray:
        """ln p(s|z) + ln p(z) - ln r(z|s), shape (count,); `centre` is the encoder's mean."""
        fields, _ = self.fields(z)
        log_norms, log_width = np.empty(len(z)), self.arrays["log-width"]
        field_rows(fields, np.empty_like(fields), np.empty_like(fields), log_norms)
        apart = (z - centre) * np.exp(-log_width)
        return np.asarray(
            np.einsum("bi,bi->b", spins, fields) - log_norms + float(log_width.sum())
            + 0.5 * np.sum(apart * apart - z * z, axis=1))

    def moments(self, samples: int, seed: int) -> Moments:
        """Means and correlations of coupled pairs under q over fresh z, the spins summed out, with their errors."""
        i, j, _ = self.model.pairs
        rng, n = generator(seed, MOMENTS_KEY), self.n_sites
        sums = np.zeros((2, n)), np.zeros((2, len(i)))
        for first in range(0, samples, CHUNK):
            fields, _ = self.fields(rng.standard_normal((min(CHUNK, samples - first), self.latent)))
            m = np.tanh(fields)
            for into, values in zip(sums, (m, m[:, i] * m[:, j]), strict=True):
                into += values.sum(axis=0), np.sum(values**2, axis=0)
        (means, errors), (pairs, pair_errors) = (_mean_and_error(total, samples) for total in sums)
        if "c" not in self.arrays:
            means, errors = np.zeros(n), np.zeros(n)
        return Moments(
            magnetizations=means, correlations=pairs, magnetization_errors=errors, correlation_errors=pair_errors)

    def bound_and_gradient(self, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(4) at each z of shape (count, latent), and the gradient of its mean by the parameters."""
        p, h, J = self.arrays, self.model.fields, self.couplings
        fields, units = self.fields(z)
        means, spread, log_norms = np.empty_like(fields), np.empty_like(fields), np.empty(len(z))
        field_rows(fields, means, spread, log_norms)
        M, precision = p["M"], np.exp(-2.0 * p["log-width"])
        apart, pull = z - self.encoded(means), means @ J
        squares = M * M
        errors = apart * apart + spread @ squares
        bound = (
            np.einsum("bi,bi->b", means, fields - self.beta * (0.5 * pull + h)) - log_norms
            - 0.5 * np.einsum("bc,bc->b", z, z) + float(p["log-width"].sum()) + 0.5 * (errors @ precision))
        # d (4) / d m, times d m / d a
        slopes = fields - self.beta * (pull + h) - (apart * precision) @ M.T - means * (squares @ precision)
        slopes *= spread / len(z)
        gradient = np.zeros_like(self.parameters)
        into = self.layout.views(gradient)
        self._decoder_slopes(z, units, slopes, into)
        into["M"][:] = (M * spread.sum(axis=0)[:, None] - means.T @ apart) * (precision / len(z))
        into["log-width"][:] = 1.0 - errors.mean(axis=0) * precision
        if "e" in into:
            into["e"][:] = -apart.mean(axis=0) * precision
        return bound, gradient

    def elbo_and_gradient(self, spins: np.ndarray, noise: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """-ln p(s|z) + KL(r || prior) at z = mean + sigma noise, and the gradient of its mean: a bound on -ln q(s).

        `spins` are data of shape (count, n_sites), `noise` has shape (count, latent).
        """
        p, count = self.arrays, len(spins)
        centre, width = self.encoded(spins), np.exp(p["log-width"])
        z = centre + width * noise
        fields, units = self.fields(z)
        means, spread, log_norms = np.empty_like(fields), np.empty_like(fields), np.empty(count)
        field_rows(fields, means, spread, log_norms)
        divergence = 0.5 * np.sum(centre**2 + width**2 - 2.0 * p["log-width"] - 1.0, axis=1)
        loss = log_norms - np.einsum("bi,bi->b", spins, fields) + divergence
        gradient = np.zeros_like(self.parameters)
        into = self.layout.views(gradient)
        slopes = (means - spins) / count
        to_latent = self._decoder_slopes(z, units, slopes, into)
        to_centre = to_latent + centre / count
        into["M"][:] = spins.T @ to_centre
        into["log-width"][:] = np.sum(to_latent * noise, axis=0) * width + width**2 - 1.0
        if "e" in into:
            into["e"][:] = to_centre.sum(axis=0)
        return loss, gradient

    def _decoder_slopes(
        self, z: np.ndarray, units: np.ndarray, slopes: np.ndarray, into: dict[str, np.ndarray]
    ) -> np.ndarray:
        """From d / d a, shape (count, n_sites), to the decoder's parameters; gives d / d z."""
        p = self.arrays
        into["A"][:] = z.T @ slopes
        into["U"][:] = units.T @ slopes
        inner = (slopes @ p["U"].T) * (1.0 - units * units)
        into["B"][:] = z.T @ inner
        if "c" in into:
            into["c"][:], into["d"][:] = slopes.sum(axis=0), inner.sum(axis=0)
        return np.asarray(slopes @ p["A"].T + inner @ p["B"].T)


def _mean_and_error(sums: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """From sums of values and of their squares, shape (2, ...)."""
    mean = sums[0] / count
    return mean, np.sqrt(np.maximum(sums[1] / count - mean**2, 0.0) / max(count - 1, 1))


def vae_layout(model: IsingModel, latent: int, hidden: int) -> FlatLayout:
    """The arrays of a `VaeTrial`; biases where the model has fields alone."""
    n = model.n_sites
    shapes: dict[str, tuple[int, ...]] = {
        "A": (latent, n), "B": (latent, hidden), "U": (hidden, n), "M": (n, latent), "log-width": (latent,)}
    if model.has_fields:
        shapes |= {"c": (n,), "d": (hidden,), "e": (latent,)}
    return FlatLayout(shapes)


def fresh_vae_trial(
    model: IsingModel, beta: float, *, seed: int = 0, latent: int | None = None, hidden: int | None = None
) -> VaeTrial:
    """A trial before training: latent units along the strongest directions of J, and the encoder that fits weak fields.

    Parameters
    ----------
    latent, hidden
        Units; when None one a coupled site, at most `LATENT`, and two a site, at most `HIDDEN`.
    """
    coupled = model.degrees > 0
    units = min(LATENT, max(1, int(coupled.sum()))) if latent is None else min(latent, model.n_sites)
    layer = min(HIDDEN, 2 * model.n_sites) if hidden is None else hidden
    layout = vae_layout(model, units, layer)
    parameters = np.zeros(layout.size)
    p, rng = layout.views(parameters), generator(seed, WEIGHTS_KEY)
    largest = float(np.max(np.abs(model.couplings), initial=0.0))
    values, vectors = np.linalg.eigh(model.adjacency.toarray() / (largest or 1.0))
    first = np.argsort(-values, kind="stable")[:units]
    # eigenvectors of one value are any basis of their space: their signs and turns are the library's
    strength = np.maximum(values[first] / max(float(np.max(np.abs(values))), 1e-300), FLOOR)
    A = p["A"]
    A[:] = (np.sqrt(START * strength) * vectors[:, first]).T * coupled
    # the posterior mean of z where tanh a = a: (1 + A A')^-1 A s
    p["M"][:] = np.linalg.solve(np.eye(units) + A @ A.T, A).T
    p["B"][:] = rng.standard_normal((units, layer)) / np.sqrt(units)
    return VaeTrial(model, beta, units, layer, parameters)
