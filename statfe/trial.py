"""Trial distributions q(s): what Gibbs-Bogoliubov bounds, cumulants and importance sampling work on.

A trial can be sampled and knows its own log-probability, so V = beta E + ln q can be evaluated under it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np


def log_2cosh(x: np.ndarray) -> np.ndarray:
    """ln(2 cosh x) without overflow."""
    a = np.abs(x)
    return a + np.log1p(np.exp(-2.0 * a))


class Trial(Protocol):
    """What a trial distribution over n spins offers."""

    @property
    def n_sites(self) -> int:
        """Number of spins."""
        ...

    def sample(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """Independent spins, int8, shape (count, n_sites)."""
        ...

    def log_prob(self, spins: np.ndarray) -> np.ndarray:
        """ln q(s) of spins of shape (count, n_sites); float64, shape (count,)."""
        ...


@dataclass(frozen=True)
class ProductTrial:
    """Independent spins, q(s) = prod_i exp(lambda_i s_i) / (2 cosh lambda_i).

    Attributes
    ----------
    lambdas
        The dimensionless fields lambda_i, shape (n_sites,).
    """

    lambdas: np.ndarray

    @property
    def n_sites(self) -> int:
        """Number of spins."""
        return len(self.lambdas)

    @cached_property
    def means(self) -> np.ndarray:
        """m_i = tanh lambda_i, shape (n_sites,)."""
        return np.tanh(self.lambdas)

    @cached_property
    def variances(self) -> np.ndarray:
        """1 - m_i^2 = 4 e / (1 + e)^2 with e = exp(-2 |lambda_i|); keeps its digits where m_i is close to 1."""
        e = np.exp(-2.0 * np.abs(self.lambdas))
        return 4.0 * e / (1.0 + e) ** 2

    @cached_property
    def entropy(self) -> float:
        """-<ln q>: sum_i [ln 2 cosh lambda_i - lambda_i m_i], written without the difference of large terms."""
        size = np.abs(self.lambdas)
        e = np.exp(-2.0 * size)
        return float(np.sum(np.log1p(e) + 2.0 * size * e / (1.0 + e)))

    def sample(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """Independent spins, int8, shape (count, n_sites)."""
        up = rng.random((count, self.n_sites)) < 0.5 * (1.0 + self.means)
        return np.where(up, 1, -1).astype(np.int8)

    def log_prob(self, spins: np.ndarray) -> np.ndarray:
        """ln q(s), shape (count,)."""
        return np.asarray(spins, dtype=np.float64) @ self.lambdas - float(np.sum(log_2cosh(self.lambdas)))
