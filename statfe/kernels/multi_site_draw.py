"""Exact Bernoulli draws for 64 lanes a word, each lane with a threshold of its own class.

A lane compares a uniform U = 0.b_1 b_2 ... with its threshold T bit by bit. The first `ROUNDS` bits of all lanes are
compared in a loop that vectorises; a lane that still ties (one in 2^ROUNDS) takes its other 64 - ROUNDS bits from a
stream of its own. So P(U < T) = floor(p 2^64) / 2^64 in every lane, and no two lanes share a random bit.
"""

from __future__ import annotations

import numpy as np

from statfe._jit import njit
from statfe.kernels.rng import advance, next_word

#: Words of a batch at most, each with a random stream of its own; bits of the uniforms that the vector loop compares.
SLOTS = 64
ROUNDS = 10
#: Planes of a batch, one word a place: flips decided, lanes to be drawn, then four bits of the class.
PLANES = 6
#: Words of the random state of a chain: the slots' states, first words first, then the state of the ties.
STATE_SIZE = 4 * SLOTS + 4

ONES = np.uint64(0xFFFFFFFFFFFFFFFF)
LOW_BITS = np.uint64((1 << (64 - ROUNDS)) - 1)


@njit
def _round(s0, s1, s2, s3, below, tied, t):
    """One bit of the comparison: `t` are the threshold's bits, xoshiro256++ gives the uniform's."""
    r, s0, s1, s2, s3 = advance(s0, s1, s2, s3)
    differ = t ^ r
    # The more significant bit, which comes later, overrules.
    return s0, s1, s2, s3, (t & differ) | (below & ~differ), tied & ~differ


@njit
def _pick3(m, k, q0, q1, q2, q3):
    low = m[k] ^ (q0 & m[k + 1])
    return (low & ~q1) | (m[k + 2] & q1)


@njit
def _pick4(m, k, q0, q1, q2, q3):
    low = m[k] ^ (q0 & m[k + 1])
    high = m[k + 2] ^ (q0 & m[k + 3])
    return (low & ~q1) | (high & q1)


@njit
def _pick5(m, k, q0, q1, q2, q3):
    return (_pick4(m, k, q0, q1, q2, q3) & ~q2) | (m[k + 4] & q2)


@njit
def _pick8(m, k, q0, q1, q2, q3):
    return (_pick4(m, k, q0, q1, q2, q3) & ~q2) | (_pick4(m, k + 4, q0, q1, q2, q3) & q2)


@njit
def _pick9(m, k, q0, q1, q2, q3):
    return (_pick8(m, k, q0, q1, q2, q3) & ~q3) | (m[k + 8] & q3)


def class_room(classes: int) -> int:
    """Threshold words a round that `draw` reads for so many classes."""
    return next(room for room in (3, 4, 5, 8, 9) if room >= classes)


def threshold_masks(thresholds: np.ndarray) -> np.ndarray:
    """Masks of the first `ROUNDS` bits of thresholds of shape (..., room), as `draw` reads them.

    Returns
    -------
    ndarray of uint64, shape (..., ROUNDS * room)
        Least significant round first; the odd one of a pair of classes is kept as its difference from the even one.
    """
    places = np.arange(64 - ROUNDS, 64, dtype=np.uint64)
    bits = (thresholds[..., None, :] >> places[:, None]) & np.uint64(1)
    room = thresholds.shape[-1]
    odd = slice(1, room - room % 2, 2)
    bits[..., odd] ^= bits[..., 0:odd.stop - 1:2].copy()
    return np.ascontiguousarray((bits * ONES).reshape(*thresholds.shape[:-1], ROUNDS * room))


@njit
def pick(room, m, k, q0, q1, q2, q3):
    """Bits of the thresholds of a round, whose masks begin at place `k`."""
    if len(room) == 3:
        return _pick3(m, k, q0, q1, q2, q3)
    if len(room) == 4:
        return _pick4(m, k, q0, q1, q2, q3)
    if len(room) == 5:
        return _pick5(m, k, q0, q1, q2, q3)
    if len(room) == 8:
        return _pick8(m, k, q0, q1, q2, q3)
    return _pick9(m, k, q0, q1, q2, q3)


@njit
def draw(work, count, states, masks, room):
    """Decide the first `count` words of a batch; `work` holds the planes named at `PLANES`, one after the other.

    The plane of decisions comes in with the lanes that flip if the draw fails; it leaves with the flips.
    The plane of lanes to be drawn leaves with those that still tie. `room` is a tuple of as many entries as
    there are threshold words a round (see `class_room`): its length is known when this is compiled.
    """
    for i in range(count):
        s0 = states[i]
        s1 = states[SLOTS + i]
        s2 = states[2 * SLOTS + i]
        s3 = states[3 * SLOTS + i]
        q0 = work[2 * SLOTS + i]
        q1 = work[3 * SLOTS + i]
        q2 = work[4 * SLOTS + i] if len(room) > 4 else np.uint64(0)
        q3 = work[5 * SLOTS + i] if len(room) > 8 else np.uint64(0)
        b = np.uint64(0)
        u = ONES
        k = 0
        s0, s1, s2, s3, b, u = _round(s0, s1, s2, s3, b, u, pick(room, masks, k, q0, q1, q2, q3))
        k += len(room)
        s0, s1, s2, s3, b, u = _round(s0, s1, s2, s3, b, u, pick(room, masks, k, q0, q1, q2, q3))
        k += len(room)
        s0, s1, s2, s3, b, u = _round(s0, s1, s2, s3, b, u, pick(room, masks, k, q0, q1, q2, q3))
        k += len(room)
        s0, s1, s2, s3, b, u = _round(s0, s1, s2, s3, b, u, pick(room, masks, k, q0, q1, q2, q3))
        k += len(room)
        s0, s1, s2, s3, b, u = _round(s0, s1, s2, s3, b, u, pick(room, masks, k, q0, q1, q2, q3))
        k += len(room)
        s0, s1, s2, s3, b, u = _round(s0, s1, s2, s3, b, u, pick(room, masks, k, q0, q1, q2, q3))
        k += len(room)
        s0, s1, s2, s3, b, u = _round(s0, s1, s2, s3, b, u, pick(room, masks, k, q0, q1, q2, q3))
        k += len(room)
        s0, s1, s2, s3, b, u = _round(s0, s1, s2, s3, b, u, pick(room, masks, k, q0, q1, q2, q3))
        k += len(room)
        s0, s1, s2, s3, b, u = _round(s0, s1, s2, s3, b, u, pick(room, masks, k, q0, q1, q2, q3))
        k += len(room)
        s0, s1, s2, s3, b, u = _round(s0, s1, s2, s3, b, u, pick(room, masks, k, q0, q1, q2, q3))
        drawn = work[SLOTS + i]
        work[i] ^= b & drawn
        work[SLOTS + i] = u & drawn
        states[i] = s0
        states[SLOTS + i] = s1
        states[2 * SLOTS + i] = s2
        states[3 * SLOTS + i] = s3


@njit
def settle(work, count, tie_state, thresholds):
    """Lanes that still tie compare their other bits with a word of `tie_state`'s stream each."""
    for i in range(count):
        tied = work[SLOTS + i]
        while tied != np.uint64(0):
            lane = tied & (~tied + np.uint64(1))
            tied ^= lane
            q = 0
            for plane in range(PLANES - 2):
                if work[(plane + 2) * SLOTS + i] & lane:
                    q += 1 << plane
            if (next_word(tie_state) >> np.uint64(ROUNDS)) < (thresholds[q] & LOW_BITS):
                work[i] ^= lane
