"""Counters of bit lanes: satisfied bonds and up spins of every lane, and the planes of their thresholds."""

from __future__ import annotations

import numpy as np

from statfe._jit import njit
from statfe.kernels.bit_lanes import V
from statfe.kernels.bit_vectors import SHORT_LEVELS, WORDS, sum_bonds, sum_rows

#: Bits of a lane's counter; rows of spins and of `sixes` whose sums the short counters can hold.
LEVELS = 32
ROWS, SIXES = 2**SHORT_LEVELS - 1, (2**SHORT_LEVELS - 1) // 6


@njit
def _flush(width, short, counters, carries):
    """Add the short counters to the long ones."""
    carries[:V] = np.uint64(0)
    for level in range(SHORT_LEVELS):
        for w in range(width):
            a = counters[level * V + w]
            b = short[level * V + w]
            carry = carries[w]
            counters[level * V + w] = a ^ b ^ carry
            carries[w] = (a & b) | ((a ^ b) & carry)
    for level in range(SHORT_LEVELS, LEVELS):
        some = np.uint64(0)
        for w in range(width):
            a = counters[level * V + w]
            carry = carries[w]
            counters[level * V + w] = a ^ carry
            carries[w] = a & carry
            some |= a & carry
        if some == 0:
            break


@njit
def count_bonds(own, width, spins, signs, sixes, counters, short, carries):
    """Count the satisfied bonds of every lane.

    `sixes` is a site, six neighbours, and the rows of `signs` of the bonds with them, shape (., 13).
    """
    counters[:] = np.uint64(0)
    for first in range(0, len(sixes), SIXES):
        for column in range(0, width, WORDS):
            sum_bonds(own, spins, signs, sixes, first, min(first + SIXES, len(sixes)), column, short)
        _flush(width, short, counters, carries)


@njit
def count_up(width, spins, n, counters, short, carries):
    """Count the up spins of every lane among the first `n` rows."""
    counters[:] = np.uint64(0)
    for first in range(0, n, ROWS):
        for column in range(0, width, WORDS):
            sum_rows(spins, first, min(first + ROWS, n), column, short)
        _flush(width, short, counters, carries)


@njit
def lane_counts(width, counters, most, out):
    """out[64 w + j] = counter of lane j of word w, none of them above `most`."""
    out[: 64 * width] = 0
    level = 0
    while most >> level > 0:
        for w in range(width):
            word = counters[level * V + w]
            part = out[64 * w : 64 * w + 64]
            for j in range(64):
                part[j] += np.int64((word >> np.uint64(j)) & np.uint64(1)) << level
        level += 1


@njit
def _exchange_bits(width, rows, j, mask):
    """One stage of a transposition: rows i and i + j exchange bits for every i without bit j."""
    shift = np.uint64(j)
    for i in range(64):
        if i & j == 0:
            for w in range(width):
                low = rows[i * V + w]
                high = rows[(i + j) * V + w]
                swap = ((low >> shift) ^ high) & mask
                rows[(i + j) * V + w] = high ^ swap
                rows[i * V + w] = low ^ (swap << shift)


@njit
def transpose(width, rows):
    """Transpose 64 x 64 bits in every word: bit j of row i changes places with bit i of row j."""
    _exchange_bits(width, rows, 32, np.uint64(0x00000000FFFFFFFF))
    _exchange_bits(width, rows, 16, np.uint64(0x0000FFFF0000FFFF))
    _exchange_bits(width, rows, 8, np.uint64(0x00FF00FF00FF00FF))
    _exchange_bits(width, rows, 4, np.uint64(0x0F0F0F0F0F0F0F0F))
    _exchange_bits(width, rows, 2, np.uint64(0x3333333333333333))
    _exchange_bits(width, rows, 1, np.uint64(0x5555555555555555))


@njit
def set_planes(width, codes, rung_of, planes):
    """Bit j of planes[b, w] = bit b of codes[rung_of[64 w + j]]."""
    for w in range(width):
        for j in range(64):
            planes[j * V + w] = codes[rung_of[64 * w + j]]
    transpose(width, planes)


@njit
def pack(spins, lane, words):
    """Put the chains `spins` (int8, shape (C, n)) into lanes `lane`, `lane` + 1, ... of `words` (n or more rows)."""
    C, n = spins.shape
    for i in range(n):
        for c in range(C):
            w, bit = (lane + c) >> 6, np.uint64(1) << np.uint64((lane + c) & 63)
            if spins[c, i] > 0:
                words[i, w] |= bit
            else:
                words[i, w] &= ~bit


@njit
def unpack(words, lane, spins):
    """The inverse of `pack`: fills `spins` (int8, shape (C, n))."""
    C, n = spins.shape
    for i in range(n):
        for c in range(C):
            up = (words[i, (lane + c) >> 6] >> np.uint64((lane + c) & 63)) & np.uint64(1)
            spins[c, i] = 1 if up != 0 else -1
