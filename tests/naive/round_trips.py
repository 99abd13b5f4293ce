"""Round trips counted from the whole path of every chain."""

from __future__ import annotations

import itertools

import numpy as np


def naive_trips(path: np.ndarray, begin: int = 0) -> np.ndarray:
    """How often chains came back to rung 0 at row `begin` or later, after they had been at rung k or colder.

    Parameters
    ----------
    path
        Rung of every chain after every sweep, shape (sweeps, K).

    Returns
    -------
    ndarray of int64, shape (K,)
    """
    K = path.shape[1]
    trips = np.zeros(K, dtype=np.int64)
    for chain in range(K):
        at_hot = [row for row in range(len(path)) if path[row, chain] == 0]
        for left, back in itertools.pairwise(at_hot):
            coldest = max(path[left:back + 1, chain])
            if coldest > 0 and back >= begin:
                trips[:coldest + 1] += 1
    return trips
