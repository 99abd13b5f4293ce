"""Vector arithmetic and nothing else: how much more two threads can do than one on this machine."""

from __future__ import annotations

import numpy as np

from statfe._jit import njit
from statfe.kernels.rng import advance


@njit
def draw_words(rounds, states):
    """Draw `rounds` words from each of the streams in `states` (uint64, shape (4, streams)); returns their parity."""
    parity = np.uint64(0)
    for _ in range(rounds):
        for w in range(states.shape[1]):
            x, s0, s1, s2, s3 = advance(states[0, w], states[1, w], states[2, w], states[3, w])
            states[0, w] = s0
            states[1, w] = s1
            states[2, w] = s2
            states[3, w] = s3
            parity ^= x
    return parity
