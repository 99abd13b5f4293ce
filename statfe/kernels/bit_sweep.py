"""Sweeps of bit lanes: draws, flips, and the few lanes that need more than `ROUNDS` bits."""

from __future__ import annotations

import numpy as np

from statfe._jit import njit, njit_inline
from statfe.kernels.bit_lanes import GIBBS_ROW, LEFT, ROUNDS, V, classes, partial_sums, total
from statfe.kernels.rng import advance


@njit_inline
def _threshold(z, planes, at, c0, c1, c2):
    """Bit b of every lane's threshold in word w, for at = b V + w; in lanes with m = 0 it means nothing.

    A bare b would be a type of its own, and this function compiled for each.
    """
    last = planes[(len(z) - 1) // 2 * ROUNDS * V + at]
    if len(z) > 6:
        last = (c2 & planes[2 * ROUNDS * V + at]) | (~c2 & last)
    if len(z) > 4:
        last = (c1 & planes[ROUNDS * V + at]) | (~c1 & last)
    return (c0 & planes[at]) | (~c0 & last)


@njit_inline
def _compare(z, planes, at, c0, c1, c2, less, left, s0, s1, s2, s3):
    """One bit of the comparison u < p, from the last to the first: the first that differs has the last word."""
    x, s0, s1, s2, s3 = advance(s0, s1, s2, s3)
    bits = _threshold(z, planes, at, c0, c1, c2)
    differ = x ^ bits
    return x, (differ & bits) | (~differ & less), left & ~differ, s0, s1, s2, s3


@njit_inline
def decide(z, width, spins, i, out, states, planes):
    """Flip site i, with len(z) bonds, in all lanes; returns a word that is 0 where no lane is left undecided."""
    some = np.uint64(0)
    for w in range(width):
        s0 = states[w]
        s1 = states[V + w]
        s2 = states[2 * V + w]
        s3 = states[3 * V + w]
        b0, b1, b2, b3 = total(z, out, w)
        pos, neg, c0, c1, c2 = classes(z, b0, b1, b2, b3)
        gibbs = planes[GIBBS_ROW * V + w]
        less = np.uint64(0)
        left = pos | (gibbs & neg)
        x, less, left, s0, s1, s2, s3 = _compare(z, planes, 11 * V + w, c0, c1, c2, less, left, s0, s1, s2, s3)
        # Where m = 0 nothing is compared: the heat bath tosses a coin with this word, Metropolis flips.
        coin = ~(pos | neg) & ~(gibbs & x)
        x, less, left, s0, s1, s2, s3 = _compare(z, planes, 10 * V + w, c0, c1, c2, less, left, s0, s1, s2, s3)
        x, less, left, s0, s1, s2, s3 = _compare(z, planes, 9 * V + w, c0, c1, c2, less, left, s0, s1, s2, s3)
        x, less, left, s0, s1, s2, s3 = _compare(z, planes, 8 * V + w, c0, c1, c2, less, left, s0, s1, s2, s3)
        x, less, left, s0, s1, s2, s3 = _compare(z, planes, 7 * V + w, c0, c1, c2, less, left, s0, s1, s2, s3)
        x, less, left, s0, s1, s2, s3 = _compare(z, planes, 6 * V + w, c0, c1, c2, less, left, s0, s1, s2, s3)
        x, less, left, s0, s1, s2, s3 = _compare(z, planes, 5 * V + w, c0, c1, c2, less, left, s0, s1, s2, s3)
        x, less, left, s0, s1, s2, s3 = _compare(z, planes, 4 * V + w, c0, c1, c2, less, left, s0, s1, s2, s3)
        x, less, left, s0, s1, s2, s3 = _compare(z, planes, 3 * V + w, c0, c1, c2, less, left, s0, s1, s2, s3)
        x, less, left, s0, s1, s2, s3 = _compare(z, planes, 2 * V + w, c0, c1, c2, less, left, s0, s1, s2, s3)
        x, less, left, s0, s1, s2, s3 = _compare(z, planes, V + w, c0, c1, c2, less, left, s0, s1, s2, s3)
        x, less, left, s0, s1, s2, s3 = _compare(z, planes, w, c0, c1, c2, less, left, s0, s1, s2, s3)
        spins[i, w] ^= coin | (pos & less) | (neg & ~(gibbs & less))
        out[LEFT * V + w] = left
        some |= left
        states[w] = s0
        states[V + w] = s1
        states[2 * V + w] = s2
        states[3 * V + w] = s3
    return some


@njit
def lowest(x):
    """Index of the lowest bit set in `x`, which is not 0."""
    n = 0
    if x & np.uint64(0xFFFFFFFF) == 0:
        n += 32
        x >>= np.uint64(32)
    if x & np.uint64(0xFFFF) == 0:
        n += 16
        x >>= np.uint64(16)
    if x & np.uint64(0xFF) == 0:
        n += 8
        x >>= np.uint64(8)
    if x & np.uint64(0xF) == 0:
        n += 4
        x >>= np.uint64(4)
    if x & np.uint64(0x3) == 0:
        n += 2
        x >>= np.uint64(2)
    return n if x & np.uint64(0x1) != 0 else n + 1


@njit
def finish(z, width, spins, i, out, states, thresholds, rung_of):
    """Decide the lanes that are left: 64 more bits each, against the rest of their thresholds.

    Until here they count as u >= p; a lane that turns out to have u < p is flipped once more.
    """
    for w in range(width):
        left = out[LEFT * V + w]
        while left != 0:
            lane = lowest(left)
            bit = np.uint64(1) << np.uint64(lane)
            left ^= bit
            b0, b1, b2, b3 = total(z, out, w)
            n = 0
            n += 1 if b0 & bit != 0 else 0
            n += 2 if b1 & bit != 0 else 0
            n += 4 if b2 & bit != 0 else 0
            n += 8 if b3 & bit != 0 else 0
            x, s0, s1, s2, s3 = advance(states[w], states[V + w], states[2 * V + w], states[3 * V + w])
            states[w] = s0
            states[V + w] = s1
            states[2 * V + w] = s2
            states[3 * V + w] = s3
            if x < thresholds[rung_of[64 * w + lane], (abs(2 * n - len(z)) - 1) // 2] << np.uint64(ROUNDS):
                spins[i, w] ^= bit


@njit
def sweep_slab(even, odd, own, width, spins, signs, nbr, first, is_odd, states, planes_even, planes_odd, thresholds,
               rung_of, out):
    """Sweep one slab, sites in order; sites have len(even) or len(odd) bonds (0 where there are none such)."""
    for i in range(np.uint64(len(is_odd))):
        if len(odd) > 0 and (len(even) == 0 or is_odd[i]):
            partial_sums(odd, own, width, spins, signs, i, first[i], nbr, out)
            if decide(odd, width, spins, i, out, states, planes_odd) != 0:
                finish(odd, width, spins, i, out, states, thresholds[1], rung_of)
        if len(even) > 0 and (len(odd) == 0 or not is_odd[i]):
            partial_sums(even, own, width, spins, signs, i, first[i], nbr, out)
            if decide(even, width, spins, i, out, states, planes_even) != 0:
                finish(even, width, spins, i, out, states, thresholds[0], rung_of)
