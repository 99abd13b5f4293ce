"""All states of a small layer in two halves: exponentials are those of the halves, states need products alone.

With x_i = p_i(u) + q_i(v) for the halves u and v of the small layer,

    sum_i ln 2 cosh x_i = sum_i x_i + sum_i ln(1 + exp(-2 p_i) exp(-2 q_i)).                                      (1)
"""

from __future__ import annotations

import numpy as np

from statfe._jit import njit


@njit
def list_tile(left, right, left_linear, right_linear, group, out):
    """ln f of all pairs of a state u and a state v of this tile, by (1).

    Parameters
    ----------
    left, right
        exp(-2 p_i), shape (states u, L), and exp(-2 q_i), shape (L, tile).
    left_linear, right_linear
        sum_i p_i plus the fields' part of u, shape (states u,), and the same of v, shape (tile,).
    group
        Factors that are multiplied before a logarithm is taken; their product must not overflow.
    out
        Shape (states u, tile).
    """
    tile = right.shape[1]
    product = np.empty(tile)
    for u in range(len(left)):
        row = out[u]
        for b in range(tile):
            row[b] = left_linear[u] + right_linear[b]
        for first in range(0, right.shape[0], group):
            product[:] = 1.0
            for i in range(first, min(first + group, right.shape[0])):
                factor, other = left[u, i], right[i]
                for b in range(tile):
                    product[b] *= 1.0 + factor * other[b]
            for b in range(tile):
                row[b] += np.log(product[b])
