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
def balanced_field(pull, reaction, before):
    """The one root of lambda + reaction * tanh(lambda) = pull, for reaction >= 0; `before` is a guess.

    For pull > 0 the left side is concave, so Newton's steps from below the root rise to it. The root is at least
    max(pull - reaction, pull / (1 + reaction)).
    """
    size = abs(pull)
    low = max(size - reaction, size / (1.0 + reaction))
    x = before if pull > 0.0 else -before
    x = min(max(x, low), size)
    for _ in range(100):
        e = np.exp(-2.0 * x)
        slope = 1.0 + reaction * 4.0 * e / (1.0 + e) ** 2
        step = (size - x - reaction * np.tanh(x)) / slope
        x = min(max(x + step, low), size)
        if abs(step) <= 4e-16 * (1.0 + x):
            break
    return x if pull > 0.0 else -x


@njit
def tap_sweep(indptr, indices, weights, fields, beta, lambdas, means, variances):
    """One site after the other: minimise the TAP free energy over m_i = tanh lambda_i; in place.

    lambda_i + beta^2 m_i sum_j J_ij^2 (1 - m_j^2) = beta (sum_j J_ij m_j + h_i); `variances` are 1 - m_j^2.
    The free energy is convex in each m_i, so a sweep never raises it.
    """
    for i in range(len(indptr) - 1):
        total = fields[i]
        reaction = 0.0
        for k in range(indptr[i], indptr[i + 1]):
            j = indices[k]
            total += weights[k] * means[j]
            reaction += weights[k] * weights[k] * variances[j]
        x = balanced_field(beta * total, beta * beta * reaction, lambdas[i])
        e = np.exp(-2.0 * abs(x))
        lambdas[i] = x
        means[i] = np.tanh(x)
        variances[i] = 4.0 * e / (1.0 + e) ** 2


@njit
def onsager_sum(indptr, indices, weights, variances, out):
    """out_i = (1/2) (1 - m_i^2) sum_j J_ij^2 (1 - m_j^2): each pair half at either end; shape (n,)."""
    for i in range(len(indptr) - 1):
        total = 0.0
        for k in range(indptr[i], indptr[i + 1]):
            total += weights[k] * weights[k] * variances[indices[k]]
        out[i] = 0.5 * variances[i] * total
