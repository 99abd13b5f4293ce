"""Principal components with Gaussian noise: the linear baseline, and the exact optimum of a linear autoencoder.

With the eigenvalues l_1 >= l_2 ... of the covariance of the data in D dimensions and d components kept, the noise of
largest likelihood is v = (l_{d+1} + ... + l_D) / (D - d), and

    <ln p(x)> = -(D/2) ln 2 pi - (1/2) [sum_{i<=d} ln l_i + (D - d) ln v] - D / 2                                  (1)

over the data themselves (M. E. Tipping and C. M. Bishop, J. R. Stat. Soc. B 61, 611 (1999), eqs 3, 8).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from statfe.datasets.rows import Rows
from statfe.errors import UsageError


@dataclass(frozen=True, eq=False)
class Principal:
    """The components of largest variance.

    Attributes
    ----------
    mean
        shape (units,).
    axes
        Orthonormal columns, shape (units, latent).
    variances
        All eigenvalues of the covariance, largest first, shape (units,).
    """

    mean: np.ndarray
    axes: np.ndarray
    variances: np.ndarray

    @property
    def latent(self) -> int:
        """Components that are kept."""
        return self.axes.shape[1]

    @property
    def noise(self) -> float:
        """v of (1)."""
        left = self.variances[self.latent:]
        return float(np.mean(left)) if len(left) else 0.0

    @property
    def log_likelihood(self) -> float:
        """(1), nats a row."""
        d, units = self.latent, len(self.mean)
        kept = float(np.sum(np.log(self.variances[:d])))
        left = (units - d) * math.log(self.noise) if d < units else 0.0
        return -0.5 * (units * math.log(2.0 * math.pi) + kept + left + units)

    def encode(self, rows: np.ndarray) -> np.ndarray:
        """Coordinates along the axes, shape (count, latent)."""
        return np.asarray((rows - self.mean) @ self.axes)

    def decode(self, latent: np.ndarray) -> np.ndarray:
        """Points of the plane, shape (count, units)."""
        return np.asarray(self.mean + latent @ self.axes.T)


def principal(rows: Rows, latent: int) -> Principal:
    """The `latent` components of largest variance, from one pass over the rows."""
    units = rows.shape[1]
    if not 0 < latent <= units:
        raise UsageError(f"{units} columns have 1 to {units} components, got {latent}")
    seen, mean, square = 0, np.zeros(units), np.zeros((units, units))
    for block in rows.blocks():
        x = block.astype(np.float64)
        here = x.mean(axis=0)
        apart = here - mean
        square += (x - here).T @ (x - here) + np.outer(apart, apart) * (seen * len(x) / (seen + len(x)))
        mean += apart * (len(x) / (seen + len(x)))
        seen += len(x)
    values, vectors = np.linalg.eigh(square / seen)
    return Principal(mean, vectors[:, ::-1][:, :latent].copy(), np.maximum(values[::-1], 0.0))
