"""Sweeps of the mean-field equations over a graph in compressed sparse rows.

Rows of a complete graph are read without their column indices, a third of the memory they take. Loops over short rows
stand in the kernels themselves: calls would cost as much as they do.
"""

from __future__ import annotations

import math

import numpy as np

from statfe._jit import njit


@njit
def full_sum(row, n, weights, values):
    """sum_j J_ij values[j] of a row of a complete graph, in sums that do not wait for each other."""
    a = b = c = d = 0.0
    for part in range(2):
        low, high, shift = (0, row, row * (n - 1)) if part == 0 else (row + 1, n, row * (n - 1) - 1)
        end = high - (high - low) % 4
        for j in range(low, end, 4):
            a += weights[shift + j] * values[j]
            b += weights[shift + j + 1] * values[j + 1]
            c += weights[shift + j + 2] * values[j + 2]
            d += weights[shift + j + 3] * values[j + 3]
        for j in range(end, high):
            a += weights[shift + j] * values[j]
    return (a + b) + (c + d)


@njit
def local_fields(indptr, indices, weights, means, out):
    """out_i = sum_j J_ij m_j; float64, shape (n,)."""
    n = len(indptr) - 1
    full = len(indices) == n * (n - 1)
    for i in range(n):
        total = 0.0
        if full:
            total = full_sum(i, n, weights, means)
        else:
            for k in range(np.uint64(indptr[i]), np.uint64(indptr[i + 1])):
                total += weights[k] * means[np.uint64(indices[k])]
        out[i] = total


@njit
def mean_field_sweep(indptr, indices, weights, fields, beta, lambdas, means):
    """One site after the other: lambda_i = beta (sum_j J_ij m_j + h_i), m_i = tanh lambda_i; in place.

    Each step minimises the Gibbs-Bogoliubov bound over one coordinate, so a sweep never raises it.
    """
    n = len(indptr) - 1
    full = len(indices) == n * (n - 1)
    for i in range(n):
        total = fields[i]
        if full:
            total += full_sum(i, n, weights, means)
        else:
            for k in range(np.uint64(indptr[i]), np.uint64(indptr[i + 1])):
                total += weights[k] * means[np.uint64(indices[k])]
        lambdas[i] = beta * total
        means[i] = math.tanh(lambdas[i])
