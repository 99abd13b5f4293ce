"""The series of ln Z in t = tanh(beta |J|), from the sum over all spins."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.polynomial import polynomial

from statfe.models.ising import IsingModel


def series(model: IsingModel, order: int) -> np.ndarray:
    """Coefficients of ln [2^-N sum_s prod_e (1 + sign_e t s_i s_j)] in t, shape (order + 1,)."""
    i, j, J = model.pairs
    total = np.zeros(len(i) + 1)
    for rest in itertools.product((1, -1), repeat=model.n_sites - 1):
        s = np.array((1, *rest))
        up = int(np.sum(s[i] * s[j] * np.sign(J) > 0))
        total += polynomial.polymul(polynomial.polypow([1, 1], up), polynomial.polypow([1, -1], len(i) - up))
    total = np.pad(total / 2 ** (model.n_sites - 1), (0, order + 1))[:order + 1]
    log = np.zeros(order + 1)
    for k in range(1, order + 1):
        log[k] = total[k] - sum(q * log[q] * total[k - q] for q in range(1, k)) / k
    return log
