"""xoshiro256++ (Blackman and Vigna 2021), one state of four words a stream."""

from __future__ import annotations

import numpy as np

from statfe._jit import njit, njit_inline


@njit_inline
def advance(s0, s1, s2, s3):
    """64 random bits and the next state, on values: the same step in scalar and in vector code."""
    total = s0 + s3
    result = ((total << np.uint64(23)) | (total >> np.uint64(41))) + s0
    t = s1 << np.uint64(17)
    s2 ^= s0
    s3 ^= s1
    s1 ^= s2
    s0 ^= s3
    s2 ^= t
    s3 = (s3 << np.uint64(45)) | (s3 >> np.uint64(19))
    return result, s0, s1, s2, s3


@njit
def next_word(state):
    """Advance `state` (uint64, shape (4,)) and return 64 random bits."""
    result, s0, s1, s2, s3 = advance(state[0], state[1], state[2], state[3])
    state[0] = s0
    state[1] = s1
    state[2] = s2
    state[3] = s3
    return result


@njit
def uniform(state):
    """A uniform double in [0, 1) with 53 random bits."""
    return (next_word(state) >> np.uint64(11)) * 1.1102230246251565e-16
