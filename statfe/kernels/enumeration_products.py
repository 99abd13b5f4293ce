"""All states of a model as a matrix product: one multiplication and one addition a state.

The sites come in four groups. The first p and q of them, A and B, meet only through the matrix
M[a, b] = exp(sum K_ij s_i s_j) over i in A and j in B. For given spins of the others the sum over A and B is

    sum_a U[a] sum_b M[a, b] V[b],   U[a] = e^{log weight within A} prod_i e^{x_i s_i},   V likewise,       (1)

with x_i the field of the others on site i. The next `lane_bits` sites are the lanes of a batch, so that M V is a
product of matrices; the last ones, outside, are flipped one at a time in Gray-code order. Couplings and fields come
times beta.
"""

from __future__ import annotations

import math

import numpy as np

from statfe._jit import njit
from statfe.kernels.exponential import exp_block
from statfe.kernels.product_vectors import LANES, ROWS, multiply_tile


@njit
def _start(code, first, K, theta, spins, local):
    """Spins from site `first` on by the bits of `code`, fields of these on all sites; ln of their own weight."""
    n = len(theta)
    for i in range(first, n):
        spins[i] = 1.0 if (code >> (i - first)) & 1 else -1.0
    log_weight = 0.0
    for i in range(n):
        bonds = 0.0
        for j in range(first, n):
            bonds += K[i, j] * spins[j]
        local[i] = theta[i] + bonds
        if i >= first:
            log_weight += spins[i] * (theta[i] + 0.5 * bonds)
    return log_weight


@njit
def _flip(i, K, spins, local):
    """Flip an outer site; the change of ln weight."""
    change = -2.0 * spins[i] * local[i]
    spins[i] = -spins[i]
    step = 2.0 * spins[i]
    for j in range(len(local)):
        local[j] += step * K[i, j]
    return change


@njit
def _lane_factors(low, lane_bits, log_weight, local, lane_spins, lane_theta, lane_logs, log_w, gap, scale, up, down):
    """Factors e^{(x s - |x|)} of the first `low` sites for s = +1 and -1, by lane; the sum of |x| goes to log_w."""
    for t in range(LANES):
        log_w[t] = log_weight + lane_logs[t]
    for k in range(lane_bits):
        for t in range(LANES):
            log_w[t] += local[low + k] * lane_spins[k * LANES + t]
    for i in range(low):
        for t in range(LANES):
            x = abs(local[i] + lane_theta[i * LANES + t])
            log_w[t] += x
            gap[i * LANES + t] = -2.0 * x
    exp_block(gap, low * LANES, scale, up)
    for i in range(low):
        for t in range(LANES):
            x = local[i] + lane_theta[i * LANES + t]
            less = up[i * LANES + t]
            up[i * LANES + t] = 1.0 if x >= 0.0 else less
            down[i * LANES + t] = less if x >= 0.0 else 1.0


@njit
def _weights(first, count, up, down, table, out):
    """U or V of eq. (1) for all lanes: table[state] times the factors of the sites first .. first + count - 1."""
    for t in range(LANES):
        out[t] = 1.0
    for i in range(count):
        half = LANES << i
        row = (first + i) * LANES
        for start in range(0, half, LANES):
            for t in range(LANES):
                value = out[start + t]
                out[half + start + t] = value * up[row + t]
                out[start + t] = value * down[row + t]
    for state in range(1 << count):
        for t in range(LANES):
            out[state * LANES + t] *= table[state]


@njit
def _sums(U, V, packed, rows, columns, tile, s):
    """s[t] = sum_a U[a, t] sum_b M[a, b] V[b, t]."""
    for t in range(LANES):
        s[t] = 0.0
    for a in range(0, rows, ROWS):
        multiply_tile(a * columns, columns, packed, V, tile)
        for r in range(ROWS):
            for t in range(LANES):
                s[t] += U[(a + r) * LANES + t] * tile[r * LANES + t]


@njit
def product_chunk(
    chunk, chunk_bits, p, q, lane_bits, K, theta, lane_spins, lane_theta, lane_logs, table_a, table_b, packed, U, V,
    result
):
    """Sum of Boltzmann weights over one chunk: the top bits of the outer sites are those of `chunk`.

    Parameters
    ----------
    chunk, chunk_bits
        Index of the chunk; it takes the 2^chunk_bits states of so many outer sites.
    p, q, lane_bits
        Sites of A, of B, and of the lanes (at most 4).
    K, theta
        Beta times the couplings (symmetric, no diagonal) and fields; shape (n, n) and (n,).
    lane_spins, lane_theta, lane_logs
        Spins of the lane sites, shape (lane_bits * 16,); their fields on the first p + q sites,
        shape ((p + q) * 16,); ln of the weight of the bonds among them, shape (16,).
    table_a, table_b
        Weights of the bonds within A and B, bit i set is s_i = +1; shape (2^p,) and (2^q,).
    packed
        M in blocks of 4 rows, column by column, rows filled up with zeros to a multiple of 4.
    U, V
        Room, shape (rows * 16,) and (2^q * 16,); U holds zeros beyond 2^p.
    result
        Output: the sum is exp(result[0]) * result[1].
    """
    n = len(theta)
    low, outer, lanes = p + q, p + q + lane_bits, 1 << lane_bits
    spins, local = np.zeros(n), np.empty(n)
    up, down = np.empty(low * LANES + 1), np.empty(low * LANES + 1)
    gap, scale = np.empty(low * LANES + LANES), np.empty(low * LANES + LANES)
    log_w, s, tile = np.empty(LANES), np.empty(LANES), np.empty(ROWS * LANES)
    weight = np.empty(LANES)
    top, total, lost, log_weight = -np.inf, 0.0, 0.0, 0.0
    for step in range(1 << chunk_bits):
        if step % 64 == 0:  # afresh, before rounding errors add up
            code = (chunk << chunk_bits) | (step ^ (step >> 1))
            log_weight = _start(code, outer, K, theta, spins, local)
        else:
            i = outer
            while not (step >> (i - outer)) & 1:
                i += 1
            log_weight += _flip(i, K, spins, local)
        _lane_factors(
            low, lane_bits, log_weight, local, lane_spins, lane_theta, lane_logs, log_w, gap, scale, up, down)
        _weights(0, p, up, down, table_a, U)
        _weights(p, q, up, down, table_b, V)
        _sums(U, V, packed, len(U) // LANES, 1 << q, tile, s)
        best = log_w[:lanes].max()
        if best > top:
            ratio = math.exp(top - best)
            total *= ratio
            lost *= ratio
            top = best
        for t in range(LANES):
            gap[t] = log_w[t] - top
        exp_block(gap, LANES, scale, weight)
        term = -lost  # what compensated summation still has to add
        for t in range(lanes):
            term += weight[t] * s[t]
        partial = total + term
        lost = (partial - total) - term
        total = partial
    result[0] = top
    result[1] = total
