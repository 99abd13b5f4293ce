"""Slow twins of the samplers and of MBAR, from the textbook formulas."""

from __future__ import annotations

import numpy as np
from scipy.special import logsumexp

from statfe.models.ising import IsingModel
from tests.naive.ising import energies, states

MASK = (1 << 64) - 1


def xoshiro_words(state: list[int], count: int) -> list[int]:
    """xoshiro256++ with Python's integers (Blackman and Vigna 2021, reference code)."""
    s, out = [int(x) for x in state], []

    def rotl(x: int, k: int) -> int:
        return ((x << k) | (x >> (64 - k))) & MASK

    for _ in range(count):
        out.append((rotl((s[0] + s[3]) & MASK, 23) + s[0]) & MASK)
        t = (s[1] << 17) & MASK
        s[2] ^= s[0]
        s[3] ^= s[1]
        s[1] ^= s[2]
        s[0] ^= s[3]
        s[2] ^= t
        s[3] = rotl(s[3], 45)
    return out


def flip_matrix(model: IsingModel, beta: float, rule: str) -> np.ndarray:
    """Transition matrix of one sweep, sites in order, over all 2^N states (row: from, column: to)."""
    e, s = energies(model), states(model.n_sites)
    index = {tuple(row): k for k, row in enumerate(s)}
    total = np.eye(len(s))
    for i in range(model.n_sites):
        step = np.zeros((len(s), len(s)))
        for k, row in enumerate(s):
            other = row.copy()
            other[i] *= -1
            j = index[tuple(other)]
            if rule == "metropolis":
                p = min(1.0, np.exp(-beta * (e[j] - e[k])))
            else:
                p = 1.0 / (1.0 + np.exp(beta * (e[j] - e[k])))
            step[k, j], step[k, k] = p, 1.0 - p
        total = total @ step
    return total


def mbar_beta_f(energy: np.ndarray, betas: np.ndarray, iterations: int = 20_000) -> np.ndarray:
    """Self-consistent MBAR (Shirts and Chodera 2008, eq. 11) by plain iteration; energy has shape (K, n)."""
    K, n = energy.shape
    u = betas[:, None] * energy.ravel()[None, :]
    f = np.zeros(K)
    for _ in range(iterations):
        log_d = logsumexp(f[:, None] - u, b=n, axis=0)
        new = -logsumexp(-u - log_d, axis=1)
        new -= new[0]
        if np.max(np.abs(new - f)) < 1e-13:
            break
        f = new
    return f
