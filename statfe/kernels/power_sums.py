"""Weighted sums of powers about a centre, for cumulants of high order."""

from __future__ import annotations

import numpy as np

from statfe._jit import njit


@njit
def power_sums(values, weights, centre, sums, sizes):
    """sums[k] = sum_s w_s (v_s - centre)^k and sizes[k] = sum_s w_s |v_s - centre|^k, by compensated summation.

    Parameters
    ----------
    values, weights
        v and w >= 0, float64, shape (count,). Values of weight 0 do not count, whatever they are.
    centre
        What is taken off first.
    sums, sizes
        Output, float64, shape (order + 1,).
    """
    sums[:] = 0.0
    sizes[:] = 0.0
    lost = np.zeros(len(sums))
    for s in range(len(values)):
        if weights[s] == 0.0:
            continue
        x = values[s] - centre
        power = weights[s]
        for k in range(len(sums)):
            # Neumaier 1974: what the larger of the two loses of the smaller
            total = sums[k] + power
            if abs(sums[k]) >= abs(power):
                lost[k] += (sums[k] - total) + power
            else:
                lost[k] += (power - total) + sums[k]
            sums[k] = total
            sizes[k] += abs(power)
            power *= x
    for k in range(len(sums)):
        sums[k] += lost[k]
