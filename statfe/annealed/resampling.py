"""Particles that are resampled by their weights: parents, and a pilot that finds the mean of every spin."""

from __future__ import annotations

import numpy as np

from statfe.annealed.walkers import Walkers
from statfe.random import generator


def systematic(log_weights: np.ndarray, u: float) -> tuple[np.ndarray, float]:
    """Parents of as many particles, in proportion to their weights, and ln of the mean weight.

    One uniform number `u` for all: each particle has its share of offspring rounded up or down, and on average exactly.
    """
    n, top = len(log_weights), float(log_weights.max())
    sums = np.cumsum(np.exp(log_weights - top))
    places = (u + np.arange(n)) * (sums[-1] / n)
    return np.minimum(np.searchsorted(sums, places, side="right"), n - 1), top + float(np.log(sums[-1] / n))


def lead(walkers: Walkers, moves: int, seed: int, key: int) -> None:
    """Lead the particles along their path and resample them at each law: they end as a sample of the last one."""
    rng, groups = generator(seed, key), range(len(walkers.groups))
    for there in range(1, len(walkers.laws)):
        logs = np.concatenate([walkers.log_ratio(group, there - 1, there) for group in groups])
        walkers.resample(systematic(logs, rng.random())[0])
        for group in groups:
            walkers.move(group, there, moves)
