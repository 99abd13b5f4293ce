"""Pfaffians from their definition, and Z of a model as a sum over its states."""

from __future__ import annotations

import numpy as np


def pfaffian(matrix: np.ndarray) -> float:
    """Expansion along the first row: sum_j (-1)^j a_0j Pf(without 0 and j)."""
    n = len(matrix)
    if n == 0:
        return 1.0
    total = 0.0
    for j in range(1, n):
        rest = [k for k in range(1, n) if k != j]
        total += (-1.0) ** (j - 1) * matrix[0, j] * pfaffian(matrix[np.ix_(rest, rest)])
    return total


def random_skew(n: int, seed: int) -> np.ndarray:
    """A dense skew-symmetric matrix of normal numbers."""
    upper = np.triu(np.random.default_rng(seed).normal(size=(n, n)), 1)
    return upper - upper.T
