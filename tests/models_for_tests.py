"""Small models with nasty features, for tests of every method and kernel."""

from __future__ import annotations

import numpy as np

from statfe.models.ising import IsingModel


def peaked(n: int = 6, seed: int = 3) -> IsingModel:
    """Dense random couplings and fields of unequal size: no symmetry, a few states carry most of the weight."""
    rng = np.random.default_rng(seed)
    i, j = np.triu_indices(n, 1)
    return IsingModel.from_edges(n, i, j, rng.normal(size=len(i)) * 1.3, 0.7 * rng.normal(size=n) + 0.2)


def isolated(n: int = 3) -> IsingModel:
    """Spins in fields, without a bond."""
    return IsingModel.from_edges(n, [], [], [], np.linspace(-0.8, 1.1, n))


def frustrated_triangle() -> IsingModel:
    """ln Z = ln(2 exp(-3 beta) + 6 exp(beta)) at J = -1."""
    return IsingModel.from_edges(3, [0, 1, 0], [1, 2, 2], [-1.0, -1.0, -1.0])


def disconnected() -> IsingModel:
    """Two pieces and a spin alone, one coupling twice."""
    return IsingModel.from_edges(
        6, [0, 0, 2, 3], [1, 1, 3, 4], [0.5, 0.25, -1.5, 0.75], [0.1, 0.0, -0.4, 0.0, 0.3, -0.2])
