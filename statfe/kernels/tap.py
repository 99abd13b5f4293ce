"""Sweeps of the TAP equations over a graph in compressed sparse rows.

The state of a site, m_i = tanh lambda_i and v_i = 1 - m_i^2, is kept side by side: a large random graph is read at
random places, and each of them then costs one cache line. Products of v_i keep their digits where m_i is close to 1.
Rows of a complete graph are read without their column indices, a third of the memory they take. Loops over short rows
stand in the kernels themselves: calls would cost as much as they do.
"""

from __future__ import annotations

import math

import numpy as np

from statfe._jit import njit

#: A sweep takes a site this near to its minimum, as a share of the last step: the next sweeps bring the other digits.
SHARE = 0.05
#: Most Newton steps at one site.
STEPS = 100
#: Sites whose sums are made at once in a graph of at least so many sites.
AHEAD, MANY = 64, 65536


@njit
def tap_state(lambdas, state):
    """state[i] = (tanh lambda_i, 1 - tanh^2 lambda_i); float64, shape (n, 2)."""
    for i in range(len(lambdas)):
        e = math.exp(-2.0 * abs(lambdas[i]))
        part = 1.0 / (1.0 + e)
        state[i, 0] = math.copysign((1.0 - e) * part, lambdas[i])
        state[i, 1] = 4.0 * e * part * part


@njit
def balanced_field(pull, reaction, x, mean, variance, share):
    """Newton's steps to the one root of x + reaction * tanh(x) = pull, for pull >= 0 and reaction >= 0.

    `x` is a guess, `mean` and `variance` its tanh and 1 - tanh^2; returns all three at the root. The left side is
    concave above 0, so that steps from below the root rise to it, and one from above ends below; a step that leaves the
    range from 0 to `pull` goes to pull / (1 + reaction), which is below the root. A step leaves an error below
    0.4 * reaction * step^2: the search ends where that is at most 0.4 * `share` * step, or all digits are right.
    """
    left = STEPS
    while left > 0:
        new = x + (pull - x - reaction * mean) / (1.0 + reaction * variance)
        if not 0.0 <= new <= pull:
            new = max(pull - reaction, pull / (1.0 + reaction))
        step = abs(new - x)
        x = new
        e = math.exp(-2.0 * x)
        part = 1.0 / (1.0 + e)
        mean = (1.0 - e) * part
        variance = 4.0 * e * part * part
        left = 0 if step * reaction <= share or step <= 4e-16 * (1.0 + x) else left - 1
    return x, mean, variance


@njit
def full_sums(row, n, weights, state):
    """(sum_j J_ij m_j, sum_j J_ij^2 v_j) of a row of a complete graph, in sums that do not wait for each other."""
    total = square = more = squares = 0.0
    for part in range(2):
        low, high, shift = (0, row, row * (n - 1)) if part == 0 else (row + 1, n, row * (n - 1) - 1)
        end = high - (high - low) % 2
        for j in range(low, end, 2):
            w = weights[shift + j]
            total += w * state[j, 0]
            square += w * w * state[j, 1]
            w = weights[shift + j + 1]
            more += w * state[j + 1, 0]
            squares += w * w * state[j + 1, 1]
        if end < high:
            w = weights[shift + end]
            total += w * state[end, 0]
            square += w * w * state[end, 1]
    return total + more, square + squares


@njit
def row_sums(row, indptr, indices, weights, state):
    """(sum_j J_ij m_j, sum_j J_ij^2 v_j) of one row."""
    total = 0.0
    square = 0.0
    for k in range(np.uint64(indptr[row]), np.uint64(indptr[row + 1])):
        w = weights[k]
        j = np.uint64(indices[k])
        total += w * state[j, 0]
        square += w * w * state[j, 1]
    return total, square


@njit
def tap_sweep(indptr, indices, weights, beta, pulls, lambdas, state):
    """One site after the other: minimise the TAP free energy over m_i = tanh lambda_i; in place.

    lambda_i + beta^2 m_i sum_j J_ij^2 v_j = beta sum_j J_ij m_j + pull_i, where the pulls are beta h_i. The free
    energy is convex in each m_i, so a sweep never raises it.

    In a large graph the sums of `AHEAD` sites are made first, so that the memory's delays overlap; a site with a
    neighbour that has moved since makes them again.
    """
    n = len(indptr) - 1
    full = len(indices) == n * (n - 1)
    ahead = AHEAD if n >= MANY else 1
    totals = np.empty(ahead)
    squares = np.empty(ahead)
    for first in range(0, n, ahead):
        last = min(first + ahead, n)
        for i in range(first, last):
            total = 0.0
            square = 0.0
            moved = False
            if full:
                total, square = full_sums(i, n, weights, state)
            else:
                for k in range(np.uint64(indptr[i]), np.uint64(indptr[i + 1])):
                    w = weights[k]
                    j = np.uint64(indices[k])
                    total += w * state[j, 0]
                    square += w * w * state[j, 1]
                    moved |= first <= indices[k] < i
            totals[i - first] = total
            squares[i - first] = -1.0 if moved else square
        for i in range(first, last):
            total = totals[i - first]
            square = squares[i - first]
            if square < 0.0:
                total, square = row_sums(i, indptr, indices, weights, state)
            pull = beta * total + pulls[i]
            side = 1.0 if pull > 0.0 else -1.0
            x, mean, variance = balanced_field(
                abs(pull), beta * beta * square, side * lambdas[i], side * state[i, 0], state[i, 1], SHARE)
            lambdas[i] = side * x
            state[i, 0] = side * mean
            state[i, 1] = variance


@njit
def tap_energy(indptr, indices, weights, beta, pulls, state):
    """-sum_{i<j} (beta J_ij m_i m_j + (beta^2 / 2) J_ij^2 v_i v_j) - sum_i pull_i m_i: all of TAP but the entropy.

    Rows are summed in blocks of 1024, so that rounding stays small in large models.
    """
    n = len(indptr) - 1
    full = len(indices) == n * (n - 1)
    whole = 0.0
    for first in range(0, n, 1024):
        block = 0.0
        for i in range(first, min(first + 1024, n)):
            if full:
                total, square = full_sums(i, n, weights, state)
            else:
                total, square = row_sums(i, indptr, indices, weights, state)
            block -= state[i, 0] * (0.5 * beta * total + pulls[i]) + 0.25 * beta * beta * state[i, 1] * square
        whole += block
    return whole
