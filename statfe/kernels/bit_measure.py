"""Counters of bit lanes: satisfied bonds and up spins of every lane, and the planes of their thresholds."""

from __future__ import annotations

import numpy as np

from statfe._jit import njit, njit_inline
from statfe.kernels.bit_lanes import V, sign

#: Bits of a lane's counter, and of the short counter that feeds it; a short one takes `FEED` sums of at most 6.
LEVELS, SHORT_LEVELS, FEED = 32, 7, 21


@njit_inline
def _ripple(x, y, z, w, short):
    """Add the three-bit numbers (x, y, z), one a lane, to the short counters of word w."""
    c = short[w]
    carry = c & x
    short[w] = c ^ x
    c = short[V + w]
    short[V + w] = c ^ y ^ carry
    carry = (c & y) | ((c ^ y) & carry)
    c = short[2 * V + w]
    short[2 * V + w] = c ^ z ^ carry
    carry = (c & z) | ((c ^ z) & carry)
    c = short[3 * V + w]
    short[3 * V + w] = c ^ carry
    carry &= c
    c = short[4 * V + w]
    short[4 * V + w] = c ^ carry
    carry &= c
    c = short[5 * V + w]
    short[5 * V + w] = c ^ carry
    short[6 * V + w] ^= carry & c


@njit_inline
def _sum_six(a, b, c, d, e, f):
    """The three bits of the sum of six bits."""
    ab, de = a ^ b, d ^ e
    x0, y0 = ab ^ c, de ^ f
    x1, y1 = (a & b) | (ab & c), (d & e) | (de & f)
    carry = x0 & y0
    return x0 ^ y0, x1 ^ y1 ^ carry, (x1 & y1) | ((x1 ^ y1) & carry)


@njit
def _flush(width, short, counters, carries):
    """Add the short counters to the long ones and clear them."""
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
    short[:] = np.uint64(0)


@njit
def count_bonds(own, width, spins, signs, sixes, counters, short, carries):
    """Count the satisfied bonds of every lane.

    `sixes` is a site, six neighbours, and the rows of `signs` of the bonds with them, shape (., 13).
    """
    counters[:] = np.uint64(0)
    short[:] = np.uint64(0)
    for k in range(len(sixes)):
        i, na, nb, nc = sixes[k, 0], sixes[k, 1], sixes[k, 2], sixes[k, 3]
        nd, ne, nf = sixes[k, 4], sixes[k, 5], sixes[k, 6]
        a, b, c, d, e, f = sixes[k, 7], sixes[k, 8], sixes[k, 9], sixes[k, 10], sixes[k, 11], sixes[k, 12]
        ga, gb, gc, gd, ge, gf = signs[a, 0], signs[b, 0], signs[c, 0], signs[d, 0], signs[e, 0], signs[f, 0]
        for w in range(width):
            s = spins[i, w]
            x, y, z = _sum_six(
                s ^ spins[na, w] ^ sign(own, signs, a, w, ga), s ^ spins[nb, w] ^ sign(own, signs, b, w, gb),
                s ^ spins[nc, w] ^ sign(own, signs, c, w, gc), s ^ spins[nd, w] ^ sign(own, signs, d, w, gd),
                s ^ spins[ne, w] ^ sign(own, signs, e, w, ge), s ^ spins[nf, w] ^ sign(own, signs, f, w, gf))
            _ripple(x, y, z, w, short)
        if k % FEED == FEED - 1:
            _flush(width, short, counters, carries)
    _flush(width, short, counters, carries)


@njit
def count_up(width, spins, n, counters, short, carries):
    """Count the up spins of every lane among the first `n` rows; row n + 1 must be zero."""
    counters[:] = np.uint64(0)
    short[:] = np.uint64(0)
    most, none = np.uint64(n), np.uint64(n + 1)
    for k in range((n + 5) // 6):
        i = np.uint64(6 * k)
        a, b, c = i + np.uint64(1), i + np.uint64(2), i + np.uint64(3)
        d, e = i + np.uint64(4), i + np.uint64(5)
        a, b, c = a if a < most else none, b if b < most else none, c if c < most else none
        d, e = d if d < most else none, e if e < most else none
        for w in range(width):
            x, y, z = _sum_six(spins[i, w], spins[a, w], spins[b, w], spins[c, w], spins[d, w], spins[e, w])
            _ripple(x, y, z, w, short)
        if k % FEED == FEED - 1:
            _flush(width, short, counters, carries)
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
