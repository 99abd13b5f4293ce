"""Bit lanes: 64 chains a word. One site of all chains is updated at once, with an exact draw in every lane.

Bit j of ``spins[i, w]`` is the spin of site i in chain 64 w + j (1 for up). A bond is satisfied in the lanes of
``s_i ^ s_j ^ sign``, sign all ones for J > 0. With n of z bonds satisfied, m = 2 n - z is the local field that holds
the spin, and Delta E = 2 |J| m. Metropolis flips with probability min(1, exp(-2 beta |J| m)), heat bath with
1 / (1 + exp(2 beta |J| m)), which for m < 0 is one minus its value at |m|: both need one comparison u < p(|m|).

The draw is exact (most significant bit first): every lane compares the bits of a uniform with those of its own
threshold, and is decided at the first that differs. `ROUNDS` words decide all but a share 2^-ROUNDS of the lanes;
the others compare 64 further bits, one lane after the other.

Scratch arrays have rows of `V` words, so that all distances within them are known when the loops are compiled; loops
over words are short straight lines, which become vector code. Sites and bonds are unsigned, so that no index is checked
for being negative, and rows are not cut out of their arrays, since a view costs two counts of references. Numbers that
the compiler must know (`z`, the bonds of a site, and `own`, whether signs differ by word) are lengths of tuples:
numba compiles one version for each, and keeps it on disk, which it would not for closures.
"""

from __future__ import annotations

import numpy as np

from statfe._jit import njit_inline
from statfe.kernels.bit_vectors import V

#: Bits of a threshold that are compared for all lanes at once; four classes and a mask fit into 64.
ROUNDS = 12
#: Row of the planes that says which lanes take the heat bath.
GIBBS_ROW = 63

#: Rows of scratch: partial sums of satisfied bonds, low bit and high bit, and the lanes left undecided.
A0, A1, B0, B1, C0, C1, LEFT = range(7)
SCRATCH_ROWS = 7


@njit_inline
def sign(own, signs, bond, w, one):
    """Sign of a bond in word w: its one word, read before the loop, or its own where signs differ by word."""
    return signs[bond, w] if len(own) > 0 else one


@njit_inline
def _one(own, width, spins, i, signs, nbr, a, out, row0):
    na, ga = nbr[a], signs[a, 0]
    for w in range(width):
        out[row0 * V + w] = spins[i, w] ^ spins[na, w] ^ sign(own, signs, a, w, ga)


@njit_inline
def _two(own, width, spins, i, signs, nbr, a, b, out, row0, row1):
    na, ga = nbr[a], signs[a, 0]
    nb, gb = nbr[b], signs[b, 0]
    for w in range(width):
        s = spins[i, w]
        x = s ^ spins[na, w] ^ sign(own, signs, a, w, ga)
        y = s ^ spins[nb, w] ^ sign(own, signs, b, w, gb)
        out[row0 * V + w] = x ^ y
        out[row1 * V + w] = x & y


@njit_inline
def _three(own, width, spins, i, signs, nbr, a, b, c, out, row0, row1):
    na, ga = nbr[a], signs[a, 0]
    nb, gb = nbr[b], signs[b, 0]
    nc, gc = nbr[c], signs[c, 0]
    for w in range(width):
        s = spins[i, w]
        x = s ^ spins[na, w] ^ sign(own, signs, a, w, ga)
        y = s ^ spins[nb, w] ^ sign(own, signs, b, w, gb)
        z = s ^ spins[nc, w] ^ sign(own, signs, c, w, gc)
        xy = x ^ y
        out[row0 * V + w] = xy ^ z
        out[row1 * V + w] = (x & y) | (xy & z)


@njit_inline
def partial_sums(z, own, width, spins, signs, i, first, nbr, out):
    """Leave the satisfied bonds of site i, of len(z) = 3 to 8, as partial sums in rows A, B and C."""
    _three(own, width, spins, i, signs, nbr, first, first + np.uint64(1), first + np.uint64(2), out, A0, A1)
    a, b, c = first + np.uint64(3), first + np.uint64(4), first + np.uint64(5)
    if len(z) == 4:
        _one(own, width, spins, i, signs, nbr, a, out, B0)
    if len(z) == 5:
        _two(own, width, spins, i, signs, nbr, a, b, out, B0, B1)
    if len(z) >= 6:
        _three(own, width, spins, i, signs, nbr, a, b, c, out, B0, B1)
    a, b = first + np.uint64(6), first + np.uint64(7)
    if len(z) == 7:
        _one(own, width, spins, i, signs, nbr, a, out, C0)
    if len(z) == 8:
        _two(own, width, spins, i, signs, nbr, a, b, out, C0, C1)


@njit_inline
def total(z, out, w):
    """Bits (b0, b1, b2, b3) of the number of satisfied bonds in word w, from the partial sums."""
    zero = np.uint64(0)
    a0 = out[A0 * V + w]
    a1 = out[A1 * V + w]
    if len(z) == 3:
        return a0, a1, zero, zero
    x0 = out[B0 * V + w]
    x1 = out[B1 * V + w] if len(z) >= 5 else zero
    b0 = a0 ^ x0
    carry = a0 & x0
    b1 = a1 ^ x1 ^ carry
    b2 = (a1 & x1) | ((a1 ^ x1) & carry)
    if len(z) <= 6:
        return b0, b1, b2, zero
    y0 = out[C0 * V + w]
    y1 = out[C1 * V + w] if len(z) == 8 else zero
    c0 = b0 ^ y0
    carry = b0 & y0
    c1 = b1 ^ y1 ^ carry
    carry = (b1 & y1) | ((b1 ^ y1) & carry)
    return c0, c1, b2 ^ carry, b2 & carry


@njit_inline
def classes(z, b0, b1, b2, b3):
    """The lanes of m > 0, of m < 0, and of each |m| > 0 but the largest, smallest first."""
    none = np.uint64(0)
    if len(z) == 3:
        return b1, ~b1, b0 ^ b1, none, none
    if len(z) == 4:
        pos = b2 | (b1 & b0)
        return pos, ~(pos | b1), b0, none, none
    if len(z) == 5:
        pos = b2 | (b1 & b0)
        return pos, ~pos, b1, b2 ^ b0, none
    if len(z) == 6:
        return b2, ~(b2 | (b1 & b0)), (b2 ^ b1) & ~b0, b0, none
    u1 = b1 ^ b2
    u0 = b0 ^ b2
    if len(z) == 7:
        return b2, ~b2, u1 & u0, u1, u0
    pos = b3 | (b2 & (b1 | b0))
    return pos, ~(pos | b2), u1 & b0, b1 & ~b0, b0
