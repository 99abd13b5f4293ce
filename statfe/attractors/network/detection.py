"""Whether a score tells points off an attractor from points on it: the area under the ROC curve."""

from __future__ import annotations

import numpy as np
from scipy.stats import rankdata

from statfe.random import generator

#: Key of the random stream of points off the attractor (see `statfe.random.generator`).
OFF_KEY = 9452
#: How far points are shifted, in the scale of the data.
SHIFTS = (0.01, 0.03, 0.1)


def area_under_curve(on: np.ndarray, off: np.ndarray) -> float:
    """Chance that a point off the attractor scores higher than one on it, ties counted by half.

    0.5 says nothing, 1 tells them apart: U / (n m) of H. B. Mann and D. R. Whitney, Ann. Math. Stat. 18, 50 (1947).
    """
    n, m = len(on), len(off)
    ranks = rankdata(np.concatenate([on, off]))
    return float((np.sum(ranks[n:]) - 0.5 * m * (m + 1)) / (n * m))


def shifted(rows: np.ndarray, distance: float, seed: int) -> np.ndarray:
    """Each row moved by `distance` a column, root mean square, in a random direction of its own."""
    u = generator(seed, OFF_KEY).standard_normal(rows.shape)
    u *= distance * np.sqrt(rows.shape[1]) / np.linalg.norm(u, axis=1, keepdims=True)
    return np.asarray(rows + u, dtype=rows.dtype)


def shuffled(rows: np.ndarray, seed: int) -> np.ndarray:
    """Every column permuted by itself: the same densities along the axes, and nothing that holds them together."""
    return np.asarray(generator(seed, (OFF_KEY, 1)).permuted(rows, axis=0))
