"""Densities of states by brute force, from the energies of all states."""

from __future__ import annotations

import numpy as np

from statfe.models.ising import IsingModel
from tests.naive.ising import energies


def states_at(model: IsingModel) -> dict[float, int]:
    """{E: number of states}, energies rounded to nine digits."""
    levels, counts = np.unique(np.round(energies(model), 9) + 0.0, return_counts=True)
    return dict(zip(levels.tolist(), counts.tolist(), strict=True))


def bins_of(model: IsingModel, bins: int) -> tuple[np.ndarray, np.ndarray]:
    """Number of states and mean energy of each of `bins` equal bins from the lowest to the highest energy."""
    e = energies(model)
    counts, _ = np.histogram(e, bins, range=(e.min(), e.max()))
    sums, _ = np.histogram(e, bins, range=(e.min(), e.max()), weights=e)
    held = counts > 0
    return counts[held], sums[held] / counts[held]


def polynomial(model: IsingModel, weights: np.ndarray, fields: np.ndarray, x: int, prime: int) -> int:
    """sum over states of x^m mod prime, m the weight of satisfied bonds (`weights` in the order of the pairs) and
    fields, all whole numbers."""
    i, j, _ = model.pairs
    total = 0
    for code in range(1 << model.n_sites):
        s = [1 if (code >> k) & 1 else -1 for k in range(model.n_sites)]
        m = sum(abs(int(w)) for a, b, w in zip(i, j, weights, strict=True) if w * s[a] * s[b] > 0)
        m += sum(abs(int(h)) for k, h in enumerate(fields) if h * s[k] > 0)
        total = (total + pow(x, m, prime)) % prime
    return total
