"""Groups of points in the latent space against the attractors they belong to."""

from __future__ import annotations

import numpy as np
from scipy.cluster.vq import kmeans2

from statfe.random import generator

#: Key of the random stream of the first centres (see `statfe.random.generator`).
CENTRES_KEY = 9453
#: Starts of k-means, of which the tightest is kept.
TRIES = 8


def adjusted_rand_index(left: np.ndarray, right: np.ndarray) -> float:
    """Agreement of two labellings of the same points, corrected for chance: 1 the same groups, 0 as by chance.

    With n_ij points in group i of one and j of the other, C(n) = n (n - 1) / 2 (L. Hubert and P. Arabie, J. Classif. 2,
    193 (1985), eq. 5). Where both have a single group, or all points alone, it is 1.
    """
    _, i = np.unique(left, return_inverse=True)
    _, j = np.unique(right, return_inverse=True)
    counts = np.zeros((i.max() + 1, j.max() + 1))
    np.add.at(counts, (i, j), 1.0)
    pairs, rows, columns = (float(np.sum(n * (n - 1.0) / 2.0)) for n in (counts, counts.sum(1), counts.sum(0)))
    chance = rows * columns / (len(left) * (len(left) - 1.0) / 2.0)
    most = 0.5 * (rows + columns)
    return 1.0 if most == chance else (pairs - chance) / (most - chance)


def clusters(points: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Group of each point by k-means of `count` groups, the tightest of `TRIES` (D. Arthur and S. Vassilvitskii's
    first centres, SODA 2007); int, shape (points,)."""
    best, least = np.zeros(len(points), dtype=np.int64), np.inf
    for k in range(TRIES):
        centres, labels = kmeans2(points, count, minit="++", missing="warn", seed=generator(seed, (CENTRES_KEY, k)))
        spread = float(np.sum((points - centres[labels]) ** 2))
        if spread < least:
            best, least = labels.astype(np.int64), spread
    return best
