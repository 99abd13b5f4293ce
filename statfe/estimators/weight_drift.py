"""Whether weighted samples stay what they are under a move that leaves their target as it is.

Weights cannot tell of states that no sample came near. Samples that are picked by their weight follow the target; a
Markov chain that leaves it as it is must not change the mean of ln w, unless it leads to states that were missed.
"""

from __future__ import annotations

import math

import numpy as np


def picked_by_weight(logs: np.ndarray, most: int, rng: np.random.Generator) -> np.ndarray:
    """Places of samples picked by their weights exp(logs): half the effective number, at most `most`; ascending."""
    weights = np.exp(logs - logs.max())
    count = int(min(most, 0.5 * weights.sum() ** 2 / np.sum(weights**2)))
    totals = np.cumsum(weights)
    # systematic: as few repeats as the weights allow
    return np.minimum(np.searchsorted(totals, (rng.random() + np.arange(count)) / count * totals[-1]), len(logs) - 1)


def drift(logs: np.ndarray, walked: np.ndarray) -> float:
    """(mean of ln w after the walk - weighted mean before) in standard deviations of the two."""
    shares = np.exp(logs - logs.max())
    shares /= shares.sum()
    mean = float(np.dot(shares, logs))
    # A few walkers may by chance see none of the rare states: the larger of the two variances is theirs.
    spread = max(float(np.var(walked)), float(np.dot(shares, (logs - mean) ** 2)))
    variance = float(np.sum((shares * (logs - mean)) ** 2)) + spread / len(walked)
    return (float(np.mean(walked)) - mean) / math.hypot(math.sqrt(variance), 1e-9 * (1.0 + abs(mean)))
