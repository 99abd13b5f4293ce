"""A state of low energy to count domain walls against: any state gives the same Z, a good one loses fewer digits."""

from __future__ import annotations

import numpy as np
import scipy.sparse
import scipy.sparse.csgraph

from statfe.planar.surface import Surface


def satisfied_tree(surface: Surface) -> np.ndarray:
    """Spins +-1 that satisfy the strongest bonds: those of a spanning tree of largest sum of |J|; int8."""
    n = surface.n_sites
    one, two = surface.tail[::2], surface.tail[1::2]
    proper = one != two
    low, high = np.minimum(one, two)[proper], np.maximum(one, two)[proper]
    keys, which = np.unique(low * n + high, return_inverse=True)
    total = np.bincount(which, weights=surface.couplings[proper])
    rank = np.empty(len(total))
    rank[np.argsort(-np.abs(total), kind="stable")] = np.arange(1, len(total) + 1)
    graph = scipy.sparse.csr_array((rank, (keys // n, keys % n)), shape=(n, n))
    tree = scipy.sparse.csgraph.minimum_spanning_tree(graph)
    order, parent = scipy.sparse.csgraph.breadth_first_order(tree, 0, directed=False)
    child = order[1:].astype(np.int64)
    above = parent[child].astype(np.int64)
    bond = np.searchsorted(keys, np.minimum(child, above) * n + np.maximum(child, above))
    spins = np.ones(n, dtype=np.int8)
    for site, up, sign in zip(child.tolist(), above.tolist(), np.where(total[bond] < 0, -1, 1).tolist(), strict=True):
        spins[site] = sign * spins[up]
    return spins


def walls(surface: Surface, spins: np.ndarray) -> np.ndarray:
    """k_e = J_e s_i s_j of every bond; float64."""
    return surface.couplings * spins[surface.tail[::2]] * spins[surface.tail[1::2]]
