"""A masked network of spins, walked along the order of its sites: each conditional is made when its site's turn comes.

Units of a hidden layer are sorted by their degree, the last site that they may see, so that all that a unit depends on
is the beginning of the layer below. Once site i is known every unit of degree i is computed, once; the log-odds of site
i + 1 is then

    z_i = 2 beta g_i + c_i + sum_{j<i} A_ij s_j + sum_k W_ik a_k,    g_i = h_i + sum_{j<i} J_ij s_j,              (1)

over the units a_k of the last layer with degree below i. A walk costs O(sites x units) a sample, and gives the energy
beside ln q, as E = - sum_i g_i s_i. Samples go in blocks of lanes.
"""

from __future__ import annotations

import math

import numpy as np

from statfe._jit import njit, njit_inline
from statfe.kernels.exponential import exp_block

#: Samples that walk together, and rows that are multiplied before their sum is added.
LANES, UNROLL = 64, 8
#: Factors between 1 and 2 that are multiplied before a logarithm is taken.
FACTORS = 512


@njit_inline
def _add_products(weights, start, count, values, first, out):
    """out += sum over k < count of weights[start + k] values[first + k], for all lanes; `values` is flat, by rows."""
    done = count - count % UNROLL
    for k in range(0, done, UNROLL):
        w0, w1, w2, w3 = weights[start + k], weights[start + k + 1], weights[start + k + 2], weights[start + k + 3]
        w4, w5, w6, w7 = weights[start + k + 4], weights[start + k + 5], weights[start + k + 6], weights[start + k + 7]
        x = values[(first + k) * LANES:(first + k + UNROLL) * LANES]
        for b in range(LANES):
            low = (w0 * x[b] + w1 * x[LANES + b]) + (w2 * x[2 * LANES + b] + w3 * x[3 * LANES + b])
            high = (w4 * x[4 * LANES + b] + w5 * x[5 * LANES + b]) + (w6 * x[6 * LANES + b] + w7 * x[7 * LANES + b])
            out[b] += low + high
    for k in range(done, count):
        w, x = weights[start + k], values[(first + k) * LANES:(first + k + 1) * LANES]
        for b in range(LANES):
            out[b] += w * x[b]


@njit_inline
def _tanh(values, work, powers, scale):
    """values = tanh(values), for all lanes."""
    for b in range(LANES):
        work[b] = -2.0 * abs(values[b])
    exp_block(work, LANES, scale, powers)
    for b in range(LANES):
        size = (1.0 - powers[b]) / (1.0 + powers[b])
        values[b] = size if values[b] >= 0.0 else -size


@njit_inline
def _settle(drawn, odds, chance, powers, spins, log_prob, factors):
    """Draw the spins of one site, or take them from `chance`, and add ln q of them: powers = exp(-|z|).

    ln q_i = -max(0, -s z) - ln(1 + exp(-|z|)); the second logarithms are gathered in `factors`.
    """
    for b in range(LANES):
        z, e = odds[b], powers[b]
        if drawn:
            spins[b] = 1.0 if chance[b] * (1.0 + e) < (1.0 if z >= 0.0 else e) else -1.0
        else:
            spins[b] = chance[b]
        log_prob[b] += min(0.0, spins[b] * z)
        factors[b] *= 1.0 + e


@njit
def _close(log_prob, factors):
    """Take the logarithms of `factors` off ln q."""
    for b in range(LANES):
        log_prob[b] -= math.log(factors[b])
        factors[b] = 1.0


@njit_inline
def _grow(site, widths, reach, starts, parameters, values, work, powers, scale):
    """Compute the units whose degree is `site`, layer by layer; `values` holds all layers, the spins first."""
    below, row = 0, widths[0]
    for layer in range(1, len(widths)):
        columns = widths[layer - 1]
        for k in range(reach[layer, site], reach[layer, site + 1]):
            unit, bias = values[(row + k) * LANES:(row + k + 1) * LANES], parameters[starts[layer, 1] + k]
            for b in range(LANES):
                unit[b] = bias
            _add_products(
                parameters, starts[layer, 0] + k * columns, reach[layer - 1, site + 1], values, below, unit)
            _tanh(unit, work, powers, scale)
        below, row = row, row + widths[layer]


@njit
def walk(
    drawn, spins, uniforms, parameters, starts, widths, reach, indptr, indices, couplings, fields, beta, first, last,
    odds, units, log_prob, energy,
):
    """Draw samples first <= b < last, or take the probability of given ones.

    Parameters
    ----------
    drawn
        Whether `spins` are to be drawn, or are given.
    spins
        +-1 in the order of the walk, float64, shape (n_sites, count).
    uniforms
        In [0, 1), shape (n_sites, count); not read where `drawn` is false.
    parameters, starts
        Flat; the weights of layer l begin at starts[l, 0], a row a unit, and its biases at starts[l, 1]. Layer 0 is the
        output (W, c), and starts[len(widths), 0] is the beginning of A.
    widths
        Units of each layer, the spins first; int64, shape (layers,).
    reach
        reach[l, i]: units of layer l with degree below i; int64, shape (layers, n_sites + 1).
    indptr, indices, couplings
        Couplings of each site to the earlier ones, compressed sparse rows.
    odds, units
        z of (1), shape (n_sites, count), and the hidden units, shape (sum(widths[1:]), count); written.
    log_prob, energy
        ln q and E, shape (count,); written.
    """
    n, top, total = widths[0], len(widths) - 1, np.sum(widths)
    values = np.zeros(total * LANES)
    field, z, chance = np.empty(LANES), np.empty(LANES), np.zeros(LANES)
    work, powers, scale = np.empty(LANES), np.empty(LANES), np.empty(LANES)
    log_q, factors, cost = np.empty(LANES), np.empty(LANES), np.empty(LANES)
    for start in range(first, last, LANES):
        width = min(LANES, last - start)
        log_q[:], factors[:], cost[:] = 0.0, 1.0, 0.0
        for i in range(n):
            for b in range(LANES):
                field[b] = fields[i]
            for k in range(indptr[i], indptr[i + 1]):
                J, other = couplings[k], values[indices[k] * LANES:(indices[k] + 1) * LANES]
                for b in range(LANES):
                    field[b] += J * other[b]
            bias = parameters[starts[0, 1] + i]
            for b in range(LANES):
                z[b] = bias + 2.0 * beta * field[b]
            _add_products(parameters, starts[top + 1, 0] + i * n, i, values, 0, z)
            if top > 0:
                _add_products(
                    parameters, starts[0, 0] + i * widths[top], reach[top, i], values, total - widths[top], z)
            for b in range(LANES):
                work[b] = -abs(z[b])
            exp_block(work, LANES, scale, powers)
            here = values[i * LANES:(i + 1) * LANES]
            given = uniforms[i, start:start + width] if drawn else spins[i, start:start + width]
            for b in range(width):
                chance[b] = given[b]
            _settle(drawn, z, chance, powers, here, log_q, factors)
            if i % FACTORS == FACTORS - 1:
                _close(log_q, factors)
            for b in range(LANES):
                cost[b] -= field[b] * here[b]
            into, taken = odds[i, start:start + width], spins[i, start:start + width]
            for b in range(width):
                into[b] = z[b]
                taken[b] = here[b]
            _grow(i, widths, reach, starts, parameters, values, work, powers, scale)
        _close(log_q, factors)
        for k in range(n, total):
            into, unit = units[k - n, start:start + width], values[k * LANES:(k + 1) * LANES]
            for b in range(width):
                into[b] = unit[b]
        for b in range(width):
            log_prob[start + b] = log_q[b]
            energy[start + b] = cost[b]


@njit
def score_of_odds(spins, odds, weights, out):
    """out_ib = weights_b d ln q / d z_i = weights_b s / (1 + exp(s z)); arrays of shape (n_sites, count)."""
    count = spins.shape[1]
    work, powers, scale = np.empty(count), np.empty(count), np.empty(count)
    for i in range(spins.shape[0]):
        for b in range(count):
            work[b] = -abs(odds[i, b])
        exp_block(work, count, scale, powers)
        for b in range(count):
            e = powers[b]
            share = e / (1.0 + e) if spins[i, b] * odds[i, b] >= 0.0 else 1.0 / (1.0 + e)
            out[i, b] = weights[b] * spins[i, b] * share


@njit
def through_tanh(units, slopes):
    """slopes *= 1 - a^2: from d / d a to d / d (argument of tanh); both of shape (units, count)."""
    for k in range(units.shape[0]):
        for b in range(units.shape[1]):
            slopes[k, b] *= 1.0 - units[k, b] * units[k, b]
