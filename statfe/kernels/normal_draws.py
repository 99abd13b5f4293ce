"""Normal numbers from the streams of `statfe.kernels.rbm`, two at a time by G. Box and M. Muller (1958)."""

from __future__ import annotations

import math

import numpy as np

from statfe._jit import njit
from statfe.kernels.rbm import LANES
from statfe.kernels.rng import advance

TO_UNIT, TWO_PI = 1.1102230246251565e-16, 6.283185307179586


@njit
def draw_normals(means, states, out):
    """out = means + normal numbers of variance 1; flat, of any one type. `states` is uint64 of shape (4, LANES)."""
    count = len(out)
    words = np.empty(2 * LANES, np.uint64)
    for start in range(0, count, 2 * LANES):
        for half in range(2):
            for k in range(LANES):
                words[half * LANES + k], states[0, k], states[1, k], states[2, k], states[3, k] = advance(
                    states[0, k], states[1, k], states[2, k], states[3, k])
        for k in range(min(LANES, count - start)):
            # in (0, 1], so that its logarithm is finite
            radius = math.sqrt(-2.0 * math.log(((words[k] >> np.uint64(11)) + np.uint64(1)) * TO_UNIT))
            angle = TWO_PI * ((words[LANES + k] >> np.uint64(11)) * TO_UNIT)
            out[start + k] = means[start + k] + radius * math.cos(angle)
            if start + LANES + k < count:
                out[start + LANES + k] = means[start + LANES + k] + radius * math.sin(angle)
