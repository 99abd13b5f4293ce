"""A table over the spins of a moving frontier: take in a site, sum out a site.

Entry j of the table is the weight of all spins summed out so far, given the frontier: bit k of j says whether the
spin at bit k is +1. Two forms: the weights themselves (`scaled`, fast, with an exact power of 2 kept apart), where the
couplings cannot spread them over the range of doubles; else their logarithms.
"""

from __future__ import annotations

import math

import numpy as np

from statfe._jit import njit
from statfe.kernels.frontier import drop_bit, find_leaver, leaves

# Both tables of factors below are indexed by the bits of the table without the one that is replaced: `inner` by the
# lowest 10 of them, `outer` by the rest.


@njit
def _log_sum(x, y):
    """ln(e^x + e^y)."""
    gap = abs(x - y)
    return max(x, y) + (math.log1p(math.exp(-gap)) if gap < 40.0 else 0.0)


@njit
def _spread(values, first, count, start, table):
    """table[j] = start + sum_i (+-values[first + i]), + where bit i of j is set."""
    table[0] = start
    for i in range(count):
        table[0] -= values[first + i]
    for i in range(count):
        half = 1 << i
        for j in range(half):
            table[half + j] = table[j] + 2.0 * values[first + i]


@njit
def _grow_scaled(table, bits, inner, outer):
    """Take in a site as the new top bit; e^{theta s} with theta the field it feels."""
    size = 1 << bits
    run = min(size, 1024)
    for block in range(size // run):
        up = outer[0, block]
        down = outer[1, block]
        base = block * run
        for t in range(run):
            value = table[base + t]
            table[size + base + t] = value * (up * inner[0, t])
            table[base + t] = value * (down * inner[1, t])


@njit
def _grow_logs(table, bits, inner, outer, shift):
    size = 1 << bits
    run = min(size, 1024)
    for block in range(size // run):
        base = block * run
        for t in range(run):
            theta = outer[0, block] + inner[0, t]
            value = table[base + t] - shift
            table[size + base + t] = value + theta
            table[base + t] = value - theta


@njit
def _replace_scaled(table, bits, k, inner, outer, K):
    """Sum out the spin at bit k and put the new site there; K is the bond between the two."""
    like = math.exp(K)
    unlike = math.exp(-K)
    width = min(k, 10)
    run = 1 << width
    for piece in range(1 << (bits - 1 - width)):
        j = piece << width
        low = j & 1023
        i = ((j >> k) << (k + 1)) | (j & ((1 << k) - 1))
        other = i + (1 << k)
        up = outer[0, j >> 10]
        down = outer[1, j >> 10]
        for t in range(run):
            a = table[i + t]
            b = table[other + t]
            table[i + t] = (a * like + b * unlike) * (down * inner[1, low + t])
            table[other + t] = (a * unlike + b * like) * (up * inner[0, low + t])


@njit
def _replace_logs(table, bits, k, inner, outer, K, shift):
    width = min(k, 10)
    run = 1 << width
    for piece in range(1 << (bits - 1 - width)):
        j = piece << width
        low = j & 1023
        i = ((j >> k) << (k + 1)) | (j & ((1 << k) - 1))
        other = i + (1 << k)
        for t in range(run):
            theta = outer[0, j >> 10] + inner[0, low + t]
            a = table[i + t] - shift
            b = table[other + t] - shift
            table[i + t] = _log_sum(a + K, b - K) - theta
            table[other + t] = _log_sum(a - K, b + K) + theta


@njit
def _shrink(table, bits, k, scaled):
    """Sum out the spin at bit k; the bits above move down."""
    run = 1 << k
    for piece in range(1 << (bits - 1 - k)):
        j = piece << k
        i = piece << (k + 1)
        if scaled:
            for t in range(run):
                table[j + t] = table[i + t] + table[i + run + t]
        else:
            for t in range(run):
                table[j + t] = _log_sum(table[i + t], table[i + run + t])


@njit
def _rescale(table, bits):
    """Divide by the power of 2 that brings the largest entry below 1; its exponent."""
    largest = 0.0
    for j in range(1 << bits):
        largest = max(largest, table[j])
    exponent = math.frexp(largest)[1]
    factor = math.ldexp(1.0, -exponent)
    for j in range(1 << bits):
        table[j] *= factor
    return exponent


@njit
def _factors(scaled, felt, count, field, inner, outer):
    """Fill the factor tables of a site that feels `field` and felt[i] times the spin at the i-th bit left."""
    low = min(count, 10)
    _spread(felt, 0, low, field, inner[0])
    _spread(felt, low, count - low, 0.0, outer[0])
    if scaled:
        for t in range(1 << low):
            inner[1, t] = math.exp(-inner[0, t])
            inner[0, t] = math.exp(inner[0, t])
        for t in range(1 << (count - low)):
            outer[1, t] = math.exp(-outer[0, t])
            outer[0, t] = math.exp(outer[0, t])


@njit
def _bonds_to_table(t, bits, leaver, beta, back_ptr, back, back_J, held, felt):
    """Fill felt[i] = beta J to the i-th bit but the leaver's; beta J to the leaver, and the sum of |J|."""
    K = 0.0
    strength = 0.0
    count = 0
    for k in range(bits):
        J = 0.0
        for b in range(back_ptr[t], back_ptr[t + 1]):
            if back[b] == held[k]:
                J = back_J[b]
        strength += abs(J)
        if k == leaver:
            K = beta * J
        else:
            felt[count] = beta * J
            count += 1
    return K, strength


@njit
def _sum_out_rest(t, bits, scaled, gone_ptr, gone, table, held):
    """Sum out all spins that leave after position t and are still in the table; the bits left."""
    k = 0
    while k < bits:
        if leaves(held[k], t, gone_ptr, gone):
            _shrink(table, bits, k, scaled)
            bits = drop_bit(k, bits, held)
        else:
            k += 1
    return bits


@njit
def advance(
    start, stop, beta, scaled, back_ptr, back, back_J, fields, gone_ptr, gone, table, inner, outer, held, counters,
    logs
):
    """Take in the sites start .. stop-1 of an elimination order.

    Parameters
    ----------
    start, stop
        Positions in the order.
    beta
        Inverse temperature.
    scaled
        Whether the table holds weights (else logarithms).
    back_ptr, back, back_J
        For each position, the earlier positions it is coupled to, in compressed rows, and the couplings.
    fields
        Field at each position.
    gone_ptr, gone
        For each position, the positions (itself included) that are summed out once it is in.
    table
        Changed in place; entry 0 starts as 1 (scaled) or 0. Float64, 2^width.
    inner, outer
        Room for factors, shape (2, 1024) and (2, 2^max(0, width - 10)).
    held
        Position held at each bit of the table; int64, shape (width + 1,). Changed in place.
    counters
        [bits now in the table, exponent of 2]; int64. Changed in place.
    logs
        [log scale, what compensated summation still has to add, bound on the growth since the last rescaling].
    """
    felt = np.zeros(len(held))
    for t in range(start, stop):
        bits = counters[0]
        leaver = find_leaver(t, bits, gone_ptr, gone, held)
        K, strength = _bonds_to_table(t, bits, leaver, beta, back_ptr, back, back_J, held, felt)
        _factors(scaled, felt, bits if leaver < 0 else bits - 1, beta * fields[t], inner, outer)
        shift = 0.0
        if scaled:
            bound = abs(beta) * (abs(fields[t]) + strength) + 0.7 * (1 + gone_ptr[t + 1] - gone_ptr[t])
            if logs[2] + bound > 100.0:
                counters[1] += _rescale(table, bits)
                logs[2] = 0.0
            logs[2] += bound
        else:
            shift = table[0]
            term = shift - logs[1]
            partial = logs[0] + term
            logs[1] = (partial - logs[0]) - term
            logs[0] = partial
        if leaver < 0:
            leaver = bits
            if scaled:
                _grow_scaled(table, bits, inner, outer)
            else:
                _grow_logs(table, bits, inner, outer, shift)
            bits += 1
        elif scaled:
            _replace_scaled(table, bits, leaver, inner, outer, K)
        else:
            _replace_logs(table, bits, leaver, inner, outer, K, shift)
        held[leaver] = t
        counters[0] = _sum_out_rest(t, bits, scaled, gone_ptr, gone, table, held)
