"""How far an iteration still moves, in one pass over large arrays."""

from __future__ import annotations

import math

from statfe._jit import njit


@njit
def largest_change(x, displacement):
    """max_i |displacement_i| / max(1, |x_i|) of two float64 arrays of shape (n,); 0 if n = 0, NaN where any is."""
    largest = 0.0
    for i in range(len(x)):
        change = abs(displacement[i]) / max(1.0, abs(x[i]))
        if not change <= largest:
            if math.isnan(change):
                return math.nan
            largest = change
    return largest
