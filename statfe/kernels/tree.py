"""Leaf elimination on forests, in logarithms."""

from __future__ import annotations

import numpy as np

from statfe._jit import njit


@njit
def forest_order(indptr, indices, order, bond):
    """Breadth-first order of a forest, and the way from each site to its parent.

    Parameters
    ----------
    indptr, indices
        The adjacency; must have no cycle.
    order
        Output: sites, each after its parent; int64, shape (n_sites,).
    bond
        Output: for each site the index k into `indices` of its parent (``indices[k]``), or -1 for a root; int64.
    """
    n = len(order)
    seen = np.zeros(n, dtype=np.bool_)
    head = 0
    tail = 0
    for root in range(n):
        if seen[root]:
            continue
        seen[root] = True
        bond[root] = -1
        order[tail] = root
        tail += 1
        while head < tail:
            i = order[head]
            head += 1
            for k in range(indptr[i], indptr[i + 1]):
                j = indices[k]
                if not seen[j]:
                    seen[j] = True
                    order[tail] = j
                    tail += 1
                    # the bond back from j to i
                    for back in range(indptr[j], indptr[j + 1]):
                        if indices[back] == i:
                            bond[j] = back


@njit
def forest_log_z(order, bond, indices, weights, fields, beta):
    """ln Z of a forest: sum out the sites from the leaves to the roots.

    A leaf i with field theta and bond K to its parent p leaves, for s_p = +-1,
    2 cosh(theta + K s_p) = exp(A + u s_p), with A and u half the sum and half the difference of the two logarithms.
    """
    theta = beta * fields
    total = 0.0
    lost = 0.0
    for position in range(len(order) - 1, -1, -1):
        i = order[position]
        t = theta[i]
        if bond[i] < 0:
            term = abs(t) + np.log1p(np.exp(-2.0 * abs(t)))
        else:
            K = beta * weights[bond[i]]
            plus = np.log1p(np.exp(-2.0 * abs(t + K)))
            minus = np.log1p(np.exp(-2.0 * abs(t - K)))
            small = min(abs(t), abs(K))
            term = max(abs(t), abs(K)) + 0.5 * (plus + minus)
            theta[indices[bond[i]]] += (small if (t > 0.0) == (K > 0.0) else -small) + 0.5 * (plus - minus)
        term -= lost
        partial = total + term
        lost = (partial - total) - term
        total = partial
    return total
