"""Whether two searches with different starts give the same basin fractions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import chi2

from statfe.attractors.basins.matching import Scales, assign, set_distance
from statfe.attractors.found import AttractorSet

#: Attractors further apart than this, in extents of all of them, are not the same.
FAR = 0.1
#: Least scale of a coordinate, as a share of the box of the starts and of the largest scale.
LEAST_SCALE = 1e-2
#: Expected starts below which answers are put together for the test.
LEAST_EXPECTED = 5.0


@dataclass(frozen=True)
class Agreement:
    """A chi-square test that two sets of starts have the same shares.

    Attributes
    ----------
    pairs
        (attractor of the first set, attractor of the second).
    alone
        Attractors found by one of the two only.
    """

    chi_square: float
    degrees: int
    p_value: float
    pairs: tuple[tuple[int, int], ...]
    alone: int


def compare_fractions(first: AttractorSet, second: AttractorSet, angles: tuple[int, ...] = ()) -> Agreement:
    """Match the attractors of two sets and test their shares; the three answers that are no attractor count too."""
    pairs = match(first, second, angles)
    alone_first = [k for k in range(first.count) if k not in pairs]
    alone_second = [k for k in range(second.count) if k not in pairs.values()]
    columns = [(np.sum(first.labels == a), np.sum(second.labels == b)) for a, b in pairs.items()]
    columns += [(np.sum(first.labels == a), 0) for a in alone_first]
    columns += [(0, np.sum(second.labels == b)) for b in alone_second]
    columns += [(np.sum(first.labels == v), np.sum(second.labels == v)) for v in (-1, -2, -3)]
    counts = _pooled(np.array(columns, dtype=np.float64))
    expected = counts.sum(axis=1, keepdims=True) * counts.sum(axis=0) / counts.sum()
    value = float(((counts - expected) ** 2 / expected).sum())
    degrees = len(counts) - 1
    p_value = float(chi2.sf(value, degrees)) if degrees else 1.0
    return Agreement(value, degrees, p_value, tuple(pairs.items()), len(alone_first) + len(alone_second))


def _pooled(counts: np.ndarray) -> np.ndarray:
    """Rows (answer, search) without empty ones; rare ones together."""
    counts = counts[counts.sum(axis=1) > 0]
    shares = counts.sum(axis=0) / counts.sum()
    rare = (counts.sum(axis=1, keepdims=True) * shares).min(axis=1) < LEAST_EXPECTED
    pooled = counts[rare].sum(axis=0, keepdims=True)
    return np.concatenate([counts[~rare], pooled]) if rare.any() else counts


def match(first: AttractorSet, second: AttractorSet, angles: tuple[int, ...] = ()) -> dict[int, int]:
    """Attractor of `first` to the same one of `second`, by their points, or their states where they have none."""
    clouds = [[_cloud(found, k) for k in range(found.count)] for found in (first, second)]
    if not (clouds[0] and clouds[1]):
        return {}
    every = np.concatenate([*clouds[0], *clouds[1]])
    circle = np.isin(np.arange(every.shape[1]), angles)
    # coordinates in which all are at rest, such as velocities, differ by rounding alone
    box = np.ptp(np.concatenate([first.starts, second.starts]), axis=0)
    side = np.maximum(np.ptp(every, axis=0), LEAST_SCALE * box)
    side = np.maximum(side, LEAST_SCALE * side.max())
    scales = Scales(np.where(side > 0.0, side, 1.0), circle)
    cost = np.array([[set_distance(scales, a, b) if first.kinds[i] == second.kinds[j] else np.inf
                      for j, b in enumerate(clouds[1])] for i, a in enumerate(clouds[0])])
    return assign(np.where(cost <= FAR, cost, np.inf))


def _cloud(found: AttractorSet, k: int) -> np.ndarray:
    return found.states[k:k + 1] if found.points is None else found.points.states[found.points.labels == k]
