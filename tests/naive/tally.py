"""Slow twin of the counts of energies."""

from __future__ import annotations

import numpy as np


def count_looks(energy: np.ndarray, levels: np.ndarray, per_stretch: int, centres: np.ndarray,
                scale: float = 1.0):
    """Counts by rung and level, by stretch and level, and mean powers about the centres, of looks (R, T, K)."""
    R, T, K = energy.shape
    B = T // per_stretch
    counts = np.zeros((K, len(levels)), dtype=int)
    pooled = np.zeros((R, B, len(levels)), dtype=int)
    moments = np.zeros((4, R, B, K))
    for r in range(R):
        for t in range(T):
            for k in range(K):
                level = int(np.argmin(np.abs(levels - energy[r, t, k])))
                counts[k, level] += 1
                if t // per_stretch < B:
                    pooled[r, t // per_stretch, level] += 1
                    for n in range(4):
                        apart = (energy[r, t, k] - centres[k]) / scale
                        moments[n, r, t // per_stretch, k] += apart ** (n + 1) / per_stretch
    return counts, pooled, moments
