"""Clusters of dense points.

M. Ester, H.-P. Kriegel, J. Sander and X. Xu, Proc. 2nd Int. Conf. on Knowledge Discovery and Data Mining, 226 (1996).
A point with `least` neighbours or more within the radius, itself among them, is a core; cores that are neighbours are
one cluster; other points belong to the cluster of their nearest core within the radius, or to none.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree


def dbscan(points: np.ndarray, radius: float, least: int = 4) -> np.ndarray:
    """Cluster of each point, numbered by their first points, or -1; distances are largest differences.

    Parameters
    ----------
    points
        shape (count, features).
    """
    if not len(points):
        return np.empty(0, dtype=np.int64)
    # copies of one place are looked up once: thousands of runs may end at one fixed point
    places, where = np.unique(points, axis=0, return_inverse=True)
    sizes = np.bincount(where)
    pairs = cKDTree(places).query_pairs(radius, p=np.inf, output_type="ndarray")
    near = sizes + np.bincount(pairs[:, 0], sizes[pairs[:, 1]], len(places)) + np.bincount(
        pairs[:, 1], sizes[pairs[:, 0]], len(places))
    core = near >= least
    joined = pairs[core[pairs].all(axis=1)]
    graph = csr_array((np.ones(len(joined), dtype=np.int8), (joined[:, 0], joined[:, 1])), shape=(len(places),) * 2)
    component = connected_components(graph, directed=False)[1]
    labels = np.where(core, component, -1)
    if core.any() and not core.all():
        apart, nearest = cKDTree(places[core]).query(places[~core], p=np.inf)
        labels[~core] = np.where(apart <= radius, component[core][nearest], -1)
    return renumbered(labels[where])


def renumbered(labels: np.ndarray) -> np.ndarray:
    """Clusters in the order of their first points; -1 stays."""
    order = dict.fromkeys(int(v) for v in labels if v >= 0)
    number = {v: k for k, v in enumerate(order)}
    return np.array([number.get(int(v), -1) for v in labels], dtype=np.int64)
