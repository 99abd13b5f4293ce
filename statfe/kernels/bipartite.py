"""All states of one side of a bipartite graph; the other side is summed in closed form."""

from __future__ import annotations

import numpy as np

from statfe._jit import njit
from statfe.kernels.exponential import exp_block, product_block, sum_block


@njit
def _start(code, indptr, targets, weights, small_fields, large_fields, spins, theta):
    """Spins of the small side from the bits of `code`; local fields of the large side; sum of h s."""
    theta[:] = large_fields
    linear = 0.0
    for i in range(len(small_fields)):
        spins[i] = 1.0 if (code >> i) & 1 else -1.0
        linear += small_fields[i] * spins[i]
        for k in range(indptr[i], indptr[i + 1]):
            theta[targets[k]] += weights[k] * spins[i]
    return linear


@njit
def _log_weight(beta, linear, size, theta, work, scale, out):
    """beta sum_i h_i s_i + sum_j ln 2 cosh(beta theta_j), with `size` = sum_j |theta_j|."""
    total = beta * linear + abs(beta) * size
    for start in range(0, len(theta), 512):  # a product of 512 factors between 1 and 2 does not overflow
        count = min(512, len(theta) - start)
        for j in range(count):
            work[j] = -2.0 * abs(beta * theta[start + j])
        exp_block(work, count, scale, out)
        for j in range(count):
            out[j] += 1.0
        total += np.log(product_block(out, count))
    return total


@njit
def bipartite_chunk(
    chunk, chunk_bits, indptr, targets, weights, small_fields, large_fields, betas, log_scale, total
):
    """Sums over the states of the small side whose top bits are those of `chunk`.

    Parameters
    ----------
    chunk, chunk_bits
        Index of the chunk, and log2 of its number of states.
    indptr, targets, weights
        Bonds from each small site, in compressed rows; `targets` counts the large sites from 0.
    small_fields, large_fields
        Fields of the two sides; the large side is not empty.
    betas
        Shape (n_betas,), either sign.
    log_scale, total
        Output, shape (n_betas,): the sum is exp(log_scale) * total.
    """
    room = min(512, len(large_fields))
    work = np.empty(room)
    scale = np.empty(room)
    out = np.empty(room)
    spins = np.empty(len(small_fields))
    theta = np.empty(len(large_fields))
    magnitude = np.empty(len(large_fields))
    lost = np.zeros(len(betas))
    linear = 0.0
    for step in range(1 << chunk_bits):
        if step % 256 == 0:  # afresh, before rounding errors add up
            code = (chunk << chunk_bits) | (step ^ (step >> 1))
            linear = _start(code, indptr, targets, weights, small_fields, large_fields, spins, theta)
        else:
            i = 0
            while not (step >> i) & 1:
                i += 1
            spins[i] = -spins[i]
            linear += 2.0 * small_fields[i] * spins[i]
            for k in range(indptr[i], indptr[i + 1]):
                theta[targets[k]] += 2.0 * weights[k] * spins[i]
        for j in range(len(theta)):
            magnitude[j] = abs(theta[j])
        size = sum_block(magnitude, len(theta))
        for b in range(len(betas)):
            value = _log_weight(betas[b], linear, size, theta, work, scale, out)
            if step == 0:
                log_scale[b] = value
                total[b] = 1.0
                continue
            if value > log_scale[b]:
                ratio = np.exp(log_scale[b] - value)
                total[b] *= ratio
                lost[b] *= ratio
                log_scale[b] = value
            term = np.exp(value - log_scale[b]) - lost[b]
            partial = total[b] + term
            lost[b] = (partial - total[b]) - term
            total[b] = partial
