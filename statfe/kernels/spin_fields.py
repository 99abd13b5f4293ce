"""Rows of independent spins in fields: their means, variances and normalisation.

With e = exp(-2 |a|): tanh |a| = (1 - e) / (1 + e), 1 - tanh^2 a = 4 e / (1 + e)^2, ln 2 cosh a = |a| + ln(1 + e).
"""

from __future__ import annotations

import math

import numpy as np

from statfe._jit import njit
from statfe.kernels.exponential import exp_block

#: Factors between 1 and 2 that are multiplied before a logarithm is taken.
FACTORS = 512


@njit
def field_rows(fields, means, variances, log_norms):
    """Means and variances of the spins, and sum_i ln 2 cosh a_i of each row.

    Parameters
    ----------
    fields
        a, float64, shape (count, units).
    means, variances
        tanh a and 1 - tanh^2 a, of the same shape; written.
    log_norms
        float64, shape (count,); written.
    """
    width = fields.shape[1]
    work, powers, scale = np.empty(width), np.empty(width), np.empty(width)
    for r in range(fields.shape[0]):
        row, mean, variance = fields[r], means[r], variances[r]
        total, factors = 0.0, 1.0
        for i in range(width):
            work[i] = -2.0 * abs(row[i])
        exp_block(work, width, scale, powers)
        for i in range(width):
            e = powers[i]
            share = 1.0 / (1.0 + e)
            size = (1.0 - e) * share
            mean[i] = size if row[i] >= 0.0 else -size
            variance[i] = 4.0 * e * share * share
        for i in range(width):
            total += abs(row[i])
            factors *= 1.0 + powers[i]
            if i % FACTORS == FACTORS - 1:
                total += math.log(factors)
                factors = 1.0
        log_norms[r] = total + math.log(factors)


@njit
def draw_rows(fields, uniforms, spins):
    """spins = 1 where u (1 + exp(-2 a)) < 1, else -1: independent spins in their fields; arrays of one shape."""
    width = fields.shape[1]
    work, powers, scale = np.empty(width), np.empty(width), np.empty(width)
    for r in range(fields.shape[0]):
        row, chance, out = fields[r], uniforms[r], spins[r]
        for i in range(width):
            work[i] = -2.0 * abs(row[i])
        exp_block(work, width, scale, powers)
        for i in range(width):
            e = powers[i]
            out[i] = 1.0 if chance[i] * (1.0 + e) < (1.0 if row[i] >= 0.0 else e) else -1.0
