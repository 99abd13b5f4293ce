"""Trials that are exact inside blocks of sites and independent between them.

    q(s) = prod_blocks exp[beta sum over the pairs inside J_ij s_i s_j + sum_i x_i s_i] / Z_block(x)             (1)

The one with the lowest Gibbs-Bogoliubov bound is searched for in `statfe.trials.block_trial`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from statfe.junction.distribution import ExactDistribution
from statfe.models.ising import IsingModel
from statfe.result import Moments


@dataclass(frozen=True, eq=False)
class BlockTrial:
    """The distribution (1): a `Trial` with known moments.

    Attributes
    ----------
    model, beta
        What it is a trial for.
    labels
        Block of each site; int64, shape (n_sites,).
    lambdas
        x_i, float64, shape (n_sites,).
    """

    model: IsingModel
    beta: float
    labels: np.ndarray
    lambdas: np.ndarray

    @property
    def n_sites(self) -> int:
        """Number of spins."""
        return len(self.lambdas)

    @cached_property
    def inside(self) -> np.ndarray:
        """Whether each of `IsingModel.pairs` lies within a block; bool, shape (n_pairs,)."""
        i, j, _ = self.model.pairs
        return np.asarray(self.labels[i] == self.labels[j])

    @property
    def bonds(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(i, j, beta J) of each pair within a block."""
        i, j, J = self.model.pairs
        return i[self.inside], j[self.inside], self.beta * J[self.inside]

    @cached_property
    def distribution(self) -> ExactDistribution:
        """q as the exact distribution, at beta = 1, of the bonds within blocks in the fields x."""
        return ExactDistribution(IsingModel.from_edges(self.n_sites, *self.bonds, self.lambdas), 1.0)

    @property
    def log_norm(self) -> float:
        """sum of ln Z_block(x)."""
        return float(self.distribution.log_z)

    @property
    def entropy(self) -> float:
        """-<ln q>."""
        return self.distribution.entropy

    @cached_property
    def means(self) -> np.ndarray:
        """<s_i>, shape (n_sites,)."""
        return self.distribution.magnetizations

    @cached_property
    def correlations(self) -> np.ndarray:
        """<s_i s_j> of each coupled pair, in the order of `IsingModel.pairs`."""
        i, j, _ = self.model.pairs
        out = self.means[i] * self.means[j]
        # a bond whose beta J underflows is no pair of `distribution`
        there = np.flatnonzero(self.inside)[self.bonds[2] != 0.0]
        out[there] = self.distribution.pair_correlations
        return np.asarray(out)

    def moments(self) -> Moments:
        """Means, and correlations of the coupled pairs."""
        return Moments(magnetizations=self.means, correlations=self.correlations)

    def sample(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """Independent spins, int8, shape (count, n_sites)."""
        return self.distribution.sample(count, rng)

    def log_prob(self, spins: np.ndarray) -> np.ndarray:
        """ln q(s), shape (count,)."""
        return self.distribution.log_prob(spins)
