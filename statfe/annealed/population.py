"""Populations that are resampled on their way: partition functions, families, and what they say of equilibrium."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from statfe.annealed.resampling import systematic
from statfe.annealed.route import Route
from statfe.annealed.walkers import Walkers
from statfe.executors import map_tasks
from statfe.random import generator

#: Stream key of the resampling.
RESAMPLE_KEY = 221


@dataclass(frozen=True)
class Populations:
    """What M independent populations found at each of J requested betas.

    Attributes
    ----------
    log_ratio
        ln of each population's estimate of Z / Z_0, which is unbiased for Z / Z_0 itself; shape (J, M).
    families
        Ancestors at the start that have offspring left, int64, shape (J, M).
    family_size
        rho_t, the mean square family size: R sum of squares of the families' shares, shape (J, M).
    culled
        Mean share of the particles that a resampling removes.
    """

    log_ratio: np.ndarray
    families: np.ndarray
    family_size: np.ndarray
    culled: float


def anneal(walkers: Walkers, route: Route, populations: int, seed: int, workers: int = 1,
           tell: Callable[[float], None] | None = None) -> Populations:
    """Lead the populations, consecutive particles of equal number, along the route."""
    size, laws = walkers.particles // populations, len(route.laws)
    rngs = [generator(seed, (RESAMPLE_KEY, m)) for m in range(populations)]
    offset = np.repeat(np.arange(populations) * size, size)
    family = np.tile(np.arange(size), populations)
    groups, total = range(len(walkers.groups)), np.zeros(populations)
    log_ratio = np.empty((len(route.marks), populations))
    families, family_size = np.empty(log_ratio.shape, dtype=np.int64), np.empty(log_ratio.shape)
    culled = 0.0
    for k in range(1, laws):
        logs = np.concatenate(
            map_tasks(lambda group, k=k: walkers.log_ratio(group, k - 1, k), groups, workers))  # type: ignore[misc]
        chosen = [systematic(own, rng.random()) for own, rng in zip(logs.reshape(populations, size), rngs, strict=True)]
        total += [mean for _, mean in chosen]
        parents = np.concatenate([own for own, _ in chosen]) + offset
        culled += 1.0 - len(np.unique(parents)) / len(parents)
        family = family[parents]
        for j in np.flatnonzero(route.marks == k):
            log_ratio[j] = total
            families[j], family_size[j] = _families(family.reshape(populations, size))
        walkers.resample(parents)
        map_tasks(lambda group, k=k: walkers.move(group, k, route.moves), groups, workers)  # type: ignore[misc]
        if tell is not None:
            tell(k / (laws - 1))
    return Populations(log_ratio, families, family_size, culled / max(1, laws - 1))


def _families(family: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Number of families left, and mean square size, of each population; `family` has shape (M, R)."""
    size = family.shape[1]
    counts = np.stack([np.bincount(own, minlength=size) for own in family])
    return np.count_nonzero(counts, axis=1), np.sum(counts.astype(np.float64) ** 2, axis=1) / size
