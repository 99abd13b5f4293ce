"""Overlaps between chains in bit lanes: blocks of 64 sites are transposed, so that a word holds 64 sites of a chain."""

from __future__ import annotations

import numpy as np

from statfe._jit import njit
from statfe.kernels.bit_lanes import V
from statfe.kernels.bit_measure import transpose
from statfe.kernels.ones import count_ones


@njit
def add_differences(words, n, first_lanes, second_lanes, differences):
    """Count the sites where two chains differ.

    Parameters
    ----------
    words
        uint64, shape (slabs, n or more, V).
    first_lanes, second_lanes
        Lanes of the chains to compare, int64, shape (P,); lane 64 V s + 64 w + j is bit j of word w of slab s.
    differences
        int64, shape (P,); filled.
    """
    slabs = len(words)
    rows = np.zeros((slabs, 64 * V), dtype=np.uint64)
    differences[:] = 0
    for block in range((n + 63) // 64):
        rest = min(64, n - 64 * block)
        for s in range(slabs):
            for j in range(rest):
                for w in range(V):
                    rows[s, j * V + w] = words[s, 64 * block + j, w]
            rows[s, rest * V :] = np.uint64(0)
            transpose(V, rows[s])
        for p in range(len(differences)):
            a, b = first_lanes[p], second_lanes[p]
            x = rows[a // (64 * V), (a % 64) * V + a % (64 * V) // 64]
            y = rows[b // (64 * V), (b % 64) * V + b % (64 * V) // 64]
            differences[p] += np.int64(count_ones(x ^ y))
