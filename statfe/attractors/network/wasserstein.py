"""Sliced Wasserstein distance: how far apart two clouds of points lie as invariant densities.

    SW_2^2 = < W_2^2(projections on u) >_u,    W_2^2 in one dimension = integral_0^1 [F^-1(t) - G^-1(t)]^2 dt      (1)

over directions u, uniform on the sphere (N. Bonneel, J. Rabin, G. Peyre and H. Pfister, J. Math. Imaging Vis. 51, 22
(2015)). The integral is exact for the step functions of any two sizes. A distance is read against that between two
halves of the same cloud, which is not zero either.
"""

from __future__ import annotations

import numpy as np

from statfe.random import generator

#: Key of the random stream of the directions (see `statfe.random.generator`).
DIRECTIONS_KEY = 9451
#: Directions.
DIRECTIONS = 128


def squared_distance(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """W_2^2 of (1) of each column of two arrays of shapes (n, columns) and (m, columns), shape (columns,)."""
    left, right = np.sort(left, axis=0), np.sort(right, axis=0)
    n, m = len(left), len(right)
    if n == m:
        return np.asarray(np.mean((left - right) ** 2, axis=0))
    # both quantile functions are constant between neighbouring edges
    edges = np.union1d(np.arange(1, n + 1) * m, np.arange(1, m + 1) * n)
    widths = np.diff(edges, prepend=0) / (n * m)
    apart = left[(edges - 1) // m] - right[(edges - 1) // n]
    return np.asarray(widths @ apart**2)


def sliced_distance(left: np.ndarray, right: np.ndarray, seed: int, directions: int = DIRECTIONS) -> float:
    """SW_2 of (1) of points of shapes (n, dimension) and (m, dimension), in their units; same seed, same directions."""
    u = generator(seed, DIRECTIONS_KEY).standard_normal((left.shape[1], directions))
    u /= np.linalg.norm(u, axis=0)
    return float(np.sqrt(np.mean(squared_distance(left @ u, right @ u))))
