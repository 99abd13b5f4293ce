"""The number of ones in a word."""

from __future__ import annotations

import numpy as np

from statfe._jit import njit_inline


@njit_inline
def count_ones(x):
    """Hamming weight of a uint64; compilers know this form."""
    x -= (x >> np.uint64(1)) & np.uint64(0x5555555555555555)
    x = (x & np.uint64(0x3333333333333333)) + ((x >> np.uint64(2)) & np.uint64(0x3333333333333333))
    x = (x + (x >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return (x * np.uint64(0x0101010101010101)) >> np.uint64(56)
