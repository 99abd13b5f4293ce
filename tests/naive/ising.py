"""Brute force over all 2^N states, straight from E(s) = - sum_{i<j} J_ij s_i s_j - sum_i h_i s_i."""

from __future__ import annotations

import itertools

import numpy as np
from scipy.special import logsumexp

from statfe.models.ising import IsingModel


def states(n: int) -> np.ndarray:
    """All 2^n states, shape (2^n, n)."""
    return np.array(list(itertools.product((-1, 1), repeat=n)), dtype=float).reshape(-1, n)


def energies(model: IsingModel) -> np.ndarray:
    """E of every state, with the model's constant."""
    s = states(model.n_sites)
    e = np.full(len(s), model.offset)
    for i, j, J in zip(model.rows, model.cols, model.couplings, strict=True):
        e -= J * s[:, i] * s[:, j]
    for i, h in enumerate(model.fields):
        e -= h * s[:, i]
    return e


def beta_f(model: IsingModel, beta: float) -> float:
    """-ln sum_s exp(-beta E(s))."""
    return -float(logsumexp(-beta * energies(model)))


def probabilities(model: IsingModel, beta: float) -> np.ndarray:
    """Boltzmann weights of all states, in the order of `states`."""
    log_weight = -beta * energies(model)
    return np.exp(log_weight - logsumexp(log_weight))
