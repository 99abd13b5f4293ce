"""Distances between attractors as sets of points: which of two are one, and which is which after a change."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from statfe.attractors.basins.ground import Ground
from statfe.attractors.basins.verify import Finding
from statfe.kernels.cells import TURN

#: Two samples of one attractor are at most this many times as far apart as their own points, plus `CLOSE` extents.
RATIO, CLOSE = 1.6, 1e-3
#: Largest relative difference of two periods of one cycle.
PERIODS = 1e-3


def scaled(ground: Ground, points: np.ndarray) -> np.ndarray:
    """Points in extents, with two columns for an angle so that its ends meet."""
    columns = []
    for j, circle in enumerate(ground.circle):
        x = points[:, j]
        columns += [np.cos(x) / TURN, np.sin(x) / TURN] if circle else [x / ground.extent[j]]
    return np.stack(columns, axis=1)


def set_distance(ground: Ground, a: np.ndarray, b: np.ndarray) -> float:
    """Mean distance from a point of one set to the nearest of the other, in extents; the larger of both ways.

    A mean in the place of Hausdorff's maximum: single far points of a chaotic set do not decide.
    """
    first, second = scaled(ground, a), scaled(ground, b)
    return max(float(cKDTree(second).query(first)[0].mean()), float(cKDTree(first).query(second)[0].mean()))


def spacing(ground: Ground, points: np.ndarray) -> float:
    """Mean distance of a point to the next one of its own set, in extents; 0 for one point."""
    if len(points) < 2:
        return 0.0
    places = scaled(ground, points)
    return float(cKDTree(places).query(places, k=2)[0][:, 1].mean())


def one_attractor(ground: Ground, a: Finding, b: Finding) -> bool:
    """Whether two findings are the same attractor, as far as their points tell."""
    if a.kind != b.kind:
        return False
    if a.kind == "fixed point":
        return bool(ground.distance(a.state, b.state) < 1e-6)
    if a.kind == "limit cycle" and abs(a.period - b.period) > PERIODS * a.period:
        return False
    own = max(spacing(ground, a.points), spacing(ground, b.points))
    return set_distance(ground, a.points, b.points) <= RATIO * own + CLOSE
