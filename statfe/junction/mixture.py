"""Mixtures of trials that differ in their fields alone: what one leaves out another may hold."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from scipy.special import logsumexp

from statfe.junction.distribution import ExactDistribution
from statfe.kernels.junction_down import pair_sums
from statfe.models.ising import IsingModel
from statfe.trial import ProductTrial, Trial, log_2cosh


class Part(NamedTuple):
    """A trial q(s) = exp[bonds(s) + sum_i lambda_i s_i] / exp(norm); the bonds are those of the whole mixture."""

    trial: Trial
    lambdas: np.ndarray
    norm: float


def product_part(lambdas: np.ndarray) -> Part:
    """Independent spins."""
    return Part(ProductTrial(lambdas), lambdas, float(np.sum(log_2cosh(lambdas))))


def exact_part(distribution: ExactDistribution) -> Part:
    """The exact distribution of the mixture's bonds in fields."""
    return Part(distribution, distribution.beta * distribution.model.fields, distribution.log_z)


def interactions(model: IsingModel, spins: np.ndarray) -> np.ndarray:
    """-E(s) without the model's offset; many times faster for many samples than a sparse product."""
    i, j, J = model.pairs
    found: np.ndarray = pair_sums(i, j, J, np.ascontiguousarray(spins.T)) + spins @ model.fields
    return found


@dataclass(frozen=True, eq=False)
class Blend:
    """q(s) = mean of q_k(s) over any trials."""

    trials: list[Trial]

    @property
    def n_sites(self) -> int:
        """Number of spins."""
        return self.trials[0].n_sites

    def sample(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """Independent spins, int8, shape (count, n_sites)."""
        counts = rng.multinomial(count, np.full(len(self.trials), 1.0 / len(self.trials)))
        spins = np.concatenate([trial.sample(int(k), rng) for trial, k in zip(self.trials, counts, strict=True)])
        return spins[rng.permutation(count)]

    def log_prob(self, spins: np.ndarray) -> np.ndarray:
        """ln q(s), shape (count,)."""
        each = np.stack([trial.log_prob(spins) for trial in self.trials])
        return np.asarray(logsumexp(each, axis=0) - np.log(len(self.trials)))


@dataclass(frozen=True, eq=False)
class MixtureTrial:
    """q(s) = u 2^-N + (1 - u) sum_k a_k q_k(s), the q_k over their global flip too where `symmetric`.

    Attributes
    ----------
    parts
        The q_k.
    shares
        The a_k, positive, adding up to 1.
    bonds, beta
        The bonds that all parts have, as a model without fields, and beta; None for independent spins.
    uniform
        The share u of the uniform distribution.
    symmetric
        Whether to flip all spins with probability 1/2: for models without fields.
    """

    parts: list[Part]
    shares: np.ndarray
    bonds: IsingModel | None
    beta: float
    uniform: float = 0.0
    symmetric: bool = False

    @property
    def n_sites(self) -> int:
        """Number of spins."""
        return self.parts[0].trial.n_sites

    @cached_property
    def _lambdas(self) -> np.ndarray:
        return np.array([part.lambdas for part in self.parts]).T

    def sample(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """Independent spins, int8, shape (count, n_sites)."""
        chances = np.append((1.0 - self.uniform) * self.shares, self.uniform)
        counts = rng.multinomial(count, chances / chances.sum())
        trials = [part.trial for part in self.parts] + [ProductTrial(np.zeros(self.n_sites))]
        spins = np.concatenate([trial.sample(int(k), rng) for trial, k in zip(trials, counts, strict=True)])
        if self.symmetric:
            spins *= np.where(rng.random(count) < 0.5, 1, -1).astype(np.int8)[:, None]
        return spins[rng.permutation(count)]

    def log_prob(self, spins: np.ndarray) -> np.ndarray:
        """ln q(s), shape (count,)."""
        s = np.asarray(spins, dtype=np.float64)
        along = s @ self._lambdas
        offsets = np.log(self.shares) - np.array([part.norm for part in self.parts])
        found = logsumexp(along + offsets, axis=1)
        if self.symmetric:
            found = np.logaddexp(found, logsumexp(offsets - along, axis=1)) - np.log(2.0)
        if self.bonds is not None:
            found = found + self.beta * interactions(self.bonds, spins)
        if self.uniform == 0.0:
            return np.asarray(found)
        flat = np.log(self.uniform) - self.n_sites * np.log(2.0)
        return np.asarray(np.logaddexp(found + np.log1p(-self.uniform), flat))
