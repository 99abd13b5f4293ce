"""Distances between attractors as sets of points: which of two are one, and which is which after a change."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.spatial import cKDTree

from statfe.attractors.basins.ground import Ground
from statfe.attractors.basins.verify import Finding
from statfe.kernels.cells import TURN

#: Two samples of one attractor are at most this many times as far apart as their own points, plus `CLOSE` extents.
RATIO, CLOSE = 1.6, 1e-3
#: Largest relative difference of two periods of one cycle.
PERIODS = 1e-3


@dataclass(frozen=True, eq=False)
class Scales:
    """Extent of each coordinate, and which are angles; shape (dimension,)."""

    extent: np.ndarray
    circle: np.ndarray

    def columns(self, points: np.ndarray) -> np.ndarray:
        """Points in extents, with two columns for an angle so that its ends meet."""
        found = []
        for j, circle in enumerate(self.circle):
            x = points[:, j]
            found += [np.cos(x) / TURN, np.sin(x) / TURN] if circle else [x / self.extent[j]]
        return np.stack(found, axis=1)


def set_distance(scales: Scales, a: np.ndarray, b: np.ndarray) -> float:
    """Mean distance from a point of one set to the nearest of the other, in extents; the larger of both ways.

    A mean in the place of Hausdorff's maximum: single far points of a chaotic set do not decide.
    """
    first, second = scales.columns(a), scales.columns(b)
    ways = (cKDTree(second).query(first)[0], cKDTree(first).query(second)[0])
    return max(float(np.mean(apart)) for apart in ways)


def spacing(scales: Scales, points: np.ndarray) -> float:
    """Mean distance of a point to the next one of its own set, in extents; 0 for one point."""
    if len(points) < 2:
        return 0.0
    places = scales.columns(points)
    return float(np.mean(np.asarray(cKDTree(places).query(places, k=2)[0])[:, 1]))


def assign(cost: np.ndarray) -> dict[int, int]:
    """Pairs (row, column) of the least total cost, as many as have a finite one."""
    if not cost.size:
        return {}
    finite = np.isfinite(cost)
    far = 1.0 + 2.0 * float(cost[finite].sum()) if finite.any() else 1.0
    rows, columns = linear_sum_assignment(np.where(finite, cost, far))
    return {int(r): int(c) for r, c in zip(rows, columns, strict=True) if finite[r, c]}


def one_attractor(ground: Ground, a: Finding, b: Finding) -> bool:
    """Whether two findings are the same attractor, as far as their points tell."""
    if a.kind != b.kind:
        return False
    if a.kind == "fixed point":
        return bool(ground.distance(a.state, b.state) < 1e-6)
    if a.kind == "limit cycle" and abs(a.period - b.period) > PERIODS * a.period:
        return False
    scales = Scales(ground.extent, ground.circle)
    own = max(spacing(scales, a.points), spacing(scales, b.points))
    return set_distance(scales, a.points, b.points) <= RATIO * own + CLOSE
