"""The transfer matrix with whole numbers: a polynomial in x at 16 points at a time, modulo a prime below 2^31.

A state with total weight m of satisfied bonds counts as x^m. Entry (j, t) of the table is the sum over all spins summed
out so far of these powers at the t-th point; bit k of j says whether the spin at bit k of the frontier is +1. Numbers
are in Montgomery's form (P. L. Montgomery, Math. Comp. 44, 519 (1985)): a stands for a 2^-32 mod prime.
"""

from __future__ import annotations

import numpy as np

from statfe._jit import njit, njit_inline
from statfe.kernels.frontier import drop_bit, find_leaver, leaves

#: Points that go together.
POINTS = 16

_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)


@njit_inline
def _times(a, b, prime, inverse):
    """a b 2^-32 mod prime; `inverse` is -1/prime mod 2^32."""
    product = np.uint64(a) * np.uint64(b)
    lift = (product * inverse) & _LOW
    value = (product + lift * prime) >> _HALF
    return np.uint32(value - prime if value >= prime else value)


@njit_inline
def _plus(a, b, prime):
    value = np.uint64(a) + np.uint64(b)
    return np.uint32(value - prime if value >= prime else value)


@njit
def _grow(table, bits, exponents, powers, prime, inverse):
    """Take in a site as the new top bit; exponents[:, j] are those of its two states where the frontier is j."""
    size = 1 << bits
    for j in range(size):
        down, up = exponents[0, j], exponents[1, j]
        for t in range(POINTS):
            value = table[j, t]
            table[size + j, t] = _times(value, powers[up, t], prime, inverse)
            table[j, t] = _times(value, powers[down, t], prime, inverse)


@njit
def _replace(table, bits, k, exponents, powers, K, prime, inverse):
    """Sum out the spin at bit k and put the new site there; K is the bond between the two, as a whole number."""
    satisfied, broken = max(K, 0), max(-K, 0)
    for j in range(1 << (bits - 1)):
        i = ((j >> k) << (k + 1)) | (j & ((1 << k) - 1))
        other = i + (1 << k)
        down, up = exponents[0, j], exponents[1, j]
        for t in range(POINTS):
            a, b = table[i, t], table[other, t]
            table[i, t] = _plus(
                _times(a, powers[down + satisfied, t], prime, inverse),
                _times(b, powers[down + broken, t], prime, inverse), prime)
            table[other, t] = _plus(
                _times(a, powers[up + broken, t], prime, inverse),
                _times(b, powers[up + satisfied, t], prime, inverse), prime)


@njit
def _shrink(table, bits, k, prime):
    """Sum out the spin at bit k; the bits above move down."""
    run = 1 << k
    for piece in range(1 << (bits - 1 - k)):
        for j in range(run):
            target, source = (piece << k) + j, (piece << (k + 1)) + j
            for t in range(POINTS):
                table[target, t] = _plus(table[source, t], table[source + run, t], prime)


@njit
def _exponents(weights, count, field, out):
    """out[b, j]: satisfied weight of the new site in state b (0 is -1) with its field and the frontier spins j."""
    out[0, 0], out[1, 0] = max(-field, 0), max(field, 0)
    for i in range(count):
        out[0, 0] += max(weights[i], 0)
        out[1, 0] += max(-weights[i], 0)
    for i in range(count):
        half = 1 << i
        for j in range(half):  # a frontier spin goes up: its bond turns from satisfied to broken, or back
            out[0, half + j] = out[0, j] - weights[i]
            out[1, half + j] = out[1, j] + weights[i]


@njit
def _sum_out_rest(t, bits, gone_ptr, gone, table, held, prime):
    """Sum out all spins that leave after position t and are still in the table; the bits left."""
    k = 0
    while k < bits:
        if leaves(held[k], t, gone_ptr, gone):
            _shrink(table, bits, k, prime)
            bits = drop_bit(k, bits, held)
        else:
            k += 1
    return bits


@njit
def advance_points(
    start, stop, prime, inverse, powers, back_ptr, back, back_K, fields, gone_ptr, gone, table, exponents, held,
    counters
):
    """Take in the sites start .. stop-1 of an elimination order, at 16 points.

    Parameters
    ----------
    start, stop
        Positions in the order.
    prime, inverse
        A prime below 2^31, and -1/prime mod 2^32; uint64.
    powers
        powers[m, t] = x_t^m in Montgomery's form; uint32, shape (most satisfied weight of a site + 1, 16).
    back_ptr, back, back_K
        For each position, the earlier positions it is coupled to, in compressed rows, and the couplings, int64.
    fields
        Field at each position, int64.
    gone_ptr, gone
        For each position, the positions (itself included) that are summed out once it is in.
    table
        Changed in place; row 0 starts as any number. uint32, shape (2^width, 16).
    exponents
        Room; int32, shape (2, 2^width).
    held
        Position held at each bit of the table; int64, shape (width + 1,). Changed in place.
    counters
        [bits now in the table]; int64. Changed in place.
    """
    weights = np.zeros(len(held), np.int64)
    for t in range(start, stop):
        bits = counters[0]
        leaver = find_leaver(t, bits, gone_ptr, gone, held)
        count, K = 0, np.int64(0)
        for k in range(bits):
            J = np.int64(0)
            for b in range(back_ptr[t], back_ptr[t + 1]):
                if back[b] == held[k]:
                    J = back_K[b]
            if k == leaver:
                K = J
            else:
                weights[count] = J
                count += 1
        _exponents(weights, count, fields[t], exponents)
        if leaver < 0:
            leaver = bits
            _grow(table, bits, exponents, powers, prime, inverse)
            bits += 1
        else:
            _replace(table, bits, leaver, exponents, powers, K, prime, inverse)
        held[leaver] = t
        counters[0] = _sum_out_rest(t, bits, gone_ptr, gone, table, held, prime)
