"""Overlaps between chains in bit lanes: blocks of 64 sites are transposed, so that a word holds 64 sites of a chain."""

from __future__ import annotations

import numpy as np

from statfe._jit import njit, njit_inline
from statfe.kernels.bit_lanes import V
from statfe.kernels.bit_measure import transpose


@njit_inline
def count_ones(x):
    """Number of bits set in a word."""
    x -= (x >> np.uint64(1)) & np.uint64(0x5555555555555555)
    x = (x & np.uint64(0x3333333333333333)) + ((x >> np.uint64(2)) & np.uint64(0x3333333333333333))
    x = (x + (x >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return (x * np.uint64(0x0101010101010101)) >> np.uint64(56)


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
