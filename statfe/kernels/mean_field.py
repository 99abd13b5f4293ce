"""Sweeps of the mean-field and TAP equations over a graph in compressed sparse rows."""

from __future__ import annotations

import numpy as np

from statfe._jit import njit


@njit
def local_fields(indptr, indices, weights, means, out):
    """out_i = sum_j J_ij m_j; float64, shape (n,)."""
    for i in range(len(indptr) - 1):
        total = 0.0
        for k in range(indptr[i], indptr[i + 1]):
            total += weights[k] * means[indices[k]]
        out[i] = total


@njit
def mean_field_sweep(indptr, indices, weights, fields, beta, lambdas, means):
    """One site after the other: lambda_i = beta (sum_j J_ij m_j + h_i), m_i = tanh lambda_i; in place.

    Each step minimises the Gibbs-Bogoliubov bound over one coordinate, so a sweep never raises it.
    """
    for i in range(len(indptr) - 1):
        total = fields[i]
        for k in range(indptr[i], indptr[i + 1]):
            total += weights[k] * means[indices[k]]
        lambdas[i] = beta * total
        means[i] = np.tanh(lambdas[i])


@njit
def tap_fields(indptr, indices, weights, fields, beta, means, earlier, out):
    """Right-hand side of the TAP equations with the reaction term at the earlier time (Bolthausen 2014).

    out_i = beta h_i + beta sum_j J_ij m_j - beta^2 m'_i sum_j J_ij^2 (1 - m_j^2), with m' = `earlier`.
    """
    for i in range(len(indptr) - 1):
        total = fields[i]
        reaction = 0.0
        for k in range(indptr[i], indptr[i + 1]):
            m = means[indices[k]]
            total += weights[k] * m
            reaction += weights[k] * weights[k] * (1.0 - m * m)
        out[i] = beta * total - beta * beta * earlier[i] * reaction
