"""Breadth-first search that tries to turn every coupling ferromagnetic by flipping spins."""

from __future__ import annotations

import numpy as np

from statfe._jit import njit


@njit
def signed_search(indptr, indices, weights):
    """Visit every component breadth first and colour it by the signs of its couplings.

    Parameters
    ----------
    indptr, indices, weights
        Symmetric adjacency in compressed sparse rows.

    Returns
    -------
    gauge : int8, shape (n,)
        +1 at the first site of each component; along the edges of the search tree g_i g_j = sign J_ij.
    order : int32, shape (n,)
        Sites in the order they were met: a parent always comes before its children.
    frustrated : int64
        Coupled pairs with g_i g_j J_ij < 0; zero if and only if the model is balanced (Harary 1953).
    """
    n = len(indptr) - 1
    gauge = np.zeros(n, np.int8)
    order = np.empty(n, np.int32)
    met = 0
    head = 0
    frustrated = 0
    for root in range(n):
        if gauge[root] != 0:
            continue
        gauge[root] = 1
        order[met] = root
        met += 1
        while head < met:
            i = order[head]
            head += 1
            for k in range(indptr[i], indptr[i + 1]):
                j = indices[k]
                wanted = gauge[i] if weights[k] > 0.0 else -gauge[i]
                if gauge[j] == 0:
                    gauge[j] = wanted
                    order[met] = j
                    met += 1
                elif gauge[j] != wanted:
                    frustrated += 1
    return gauge, order, frustrated // 2
