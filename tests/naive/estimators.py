"""Slow twins of the estimators' kernels, from the textbook formulas."""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq
from scipy.special import logsumexp


def memberships(energies: np.ndarray, betas: np.ndarray, log_n_f: np.ndarray) -> np.ndarray:
    """p_k(E) = N_k exp(f_k - beta_k E) / sum_l N_l exp(f_l - beta_l E), shape (..., K)."""
    x = log_n_f - betas * np.asarray(energies)[..., None]
    return np.exp(x - logsumexp(x, axis=-1, keepdims=True))


def bin_scores(energies: np.ndarray, betas: np.ndarray, log_n_f: np.ndarray, per_bin: int, bins: int) -> np.ndarray:
    """Memberships of (T, K) energies, summed over the rungs and over each bin of draws, shape (B, K)."""
    p = memberships(energies, betas, log_n_f).sum(axis=1)
    return np.array([p[b * per_bin:(b + 1) * per_bin].sum(axis=0) for b in range(bins)])


def bar_pair(a: np.ndarray, b: np.ndarray) -> float:
    """df of Bennett (1976): the sum of Fermi functions of the draws of both states, as many each, are equal."""
    def excess(df: float) -> float:
        return float(np.sum(1 / (1 + np.exp(df - b))) - np.sum(1 / (1 + np.exp(a - df))))

    return brentq(excess, -100.0, 100.0, xtol=1e-13)


def tally_of(energy: np.ndarray, levels: np.ndarray, per_stretch: int) -> dict[str, np.ndarray]:
    """`counts`, `pooled`, `centres` and `moments` of (R, T, K) energies, one draw after the other."""
    R, T, K = energy.shape
    B, L = T // per_stretch, len(levels)
    counts, pooled = np.zeros((K, L), dtype=np.int64), np.zeros((R, B, L), dtype=np.int64)
    centres, moments = np.round(energy.mean(axis=(0, 1))), np.zeros((4, R, B, K))
    for r in range(R):
        for t in range(T):
            for k in range(K):
                level = int(np.flatnonzero(levels == energy[r, t, k])[0])
                counts[k, level] += 1
                pooled[r, t // per_stretch, level] += 1
                for n in range(4):
                    moments[n, r, t // per_stretch, k] += (energy[r, t, k] - centres[k]) ** (n + 1) / per_stretch
    return {"counts": counts, "pooled": pooled, "centres": centres, "moments": moments}
