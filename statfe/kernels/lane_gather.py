"""Copying chains from bit lane to bit lane."""

from __future__ import annotations

import numpy as np

from statfe._jit import njit

ONE = np.uint64(1)


@njit
def gather_lanes(words, n, place, word, bit, parents, out):
    """Lane of chain r in `out` = lane of chain parents[r] in `words`, for the first `n` rows.

    Parameters
    ----------
    words, out
        uint64, shape (slabs, rows, words); `out` starts with those rows at 0.
    place, word, bit
        Slab, word and bit of each chain, int64, shape (chains,).
    parents
        int64, shape (chains,).
    """
    for r in range(len(parents)):
        p = parents[r]
        a, v, down = place[p], word[p], np.uint64(bit[p])
        b, w, up = place[r], word[r], np.uint64(bit[r])
        for i in range(n):
            out[b, i, w] |= ((words[a, i, v] >> down) & ONE) << up
