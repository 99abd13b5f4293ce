"""Belief propagation on a graph in compressed sparse rows, in the logarithms of the messages.

Slot k of row i holds what site i hears from its neighbour indices[k]: the field u with
mu(s_i) ~ exp(u s_i). The opposite direction of the same pair is slot reverse[k].
"""

from __future__ import annotations

import math

import numpy as np

from statfe._jit import njit


@njit
def reverse_slots(indptr, indices):
    """reverse[k] = slot of the opposite direction; needs the sorted, symmetric rows of the model; int64.

    Read in order, the slots that point to j come from rows in rising order, as the entries of row j do.
    """
    n = len(indptr) - 1
    reverse = np.empty(len(indices), np.int64)
    cursor = indptr[:n].copy()
    for i in range(n):
        for k in range(indptr[i], indptr[i + 1]):
            j = indices[k]
            reverse[k] = cursor[j]
            cursor[j] += 1
    return reverse


@njit
def message(a, decay, g):
    """u = atanh(tanh a tanh g) for a = beta J, decay = exp(-2 |a|) and cavity field g, at any size.

    With c = exp(-2|a|) and e = exp(-2|g|), |u| = (1/2) ln[(1 + c e) / (c + e)]; 1 + c e - c - e = (1 - c)(1 - e).
    """
    x = abs(a)
    y = abs(g)
    low = min(x, y)
    if low < 300.0:
        e = math.exp(-2.0 * y)
        size = 0.5 * math.log1p((1.0 - decay) * (1.0 - e) / (decay + e))
    else:
        size = low - 0.5 * math.log1p(math.exp(-2.0 * abs(x - y)))
    return size if (a > 0.0) == (g > 0.0) else -size


@njit
def sweep(indptr, reverse, strengths, decays, fields, order, messages):
    """For each site of `order` (sites may repeat): renew all messages it sends; in place.

    fields are beta h_i, strengths beta J per slot, decays exp(-2 |beta J|) per slot.
    """
    for i in order:
        total = fields[i]
        for k in range(indptr[i], indptr[i + 1]):
            total += messages[k]
        for k in range(indptr[i], indptr[i + 1]):
            messages[reverse[k]] = message(strengths[k], decays[k], total - messages[k])


@njit
def total_fields(indptr, fields, messages, out):
    """H_i = beta h_i + sum of the messages into i; shape (n,)."""
    for i in range(len(indptr) - 1):
        total = fields[i]
        for k in range(indptr[i], indptr[i + 1]):
            total += messages[k]
        out[i] = total


@njit
def cavity_fields(indptr, reverse, fields, messages, out):
    """Cavity field behind each slot: out[k] = H_j - (message from i to j), for slot k of i from j."""
    for j in range(len(indptr) - 1):
        total = fields[j]
        for k in range(indptr[j], indptr[j + 1]):
            total += messages[k]
        for k in range(indptr[j], indptr[j + 1]):
            out[reverse[k]] = total - messages[k]


@njit
def log_2cosh(x):
    """ln(2 cosh x) without overflow."""
    y = abs(x)
    return y + math.log1p(math.exp(-2.0 * y))


@njit
def site_terms(totals, out):
    """out_i = ln(2 cosh H_i)."""
    for i in range(len(totals)):
        out[i] = log_2cosh(totals[i])


@njit
def edge_terms(indptr, reverse, strengths, cavities, out):
    """Per site, half of its pairs' terms of the Bethe free energy (see `statfe.methods.approximate.bethe`).

    out_i = (1/2) sum_k [ln C_k + ln C_reverse(k) - ln Z_k], with
    ln C(g) = (1/2) [ln 2cosh(a + g) + ln 2cosh(a - g)] and
    Z = 2 e^a cosh(g + g') + 2 e^-a cosh(g - g') for the two cavity fields g, g' of a pair.
    """
    for i in range(len(indptr) - 1):
        total = 0.0
        for k in range(indptr[i], indptr[i + 1]):
            a = strengths[k]
            g = cavities[k]
            f = cavities[reverse[k]]
            constants = log_2cosh(a + g) + log_2cosh(a - g) + log_2cosh(a + f) + log_2cosh(a - f)
            like = a + log_2cosh(g + f)
            unlike = -a + log_2cosh(g - f)
            top = max(like, unlike)
            pair = top + math.log1p(math.exp(min(like, unlike) - top))
            total += 0.5 * constants - pair
        out[i] = 0.5 * total


@njit
def new_messages(strengths, decays, cavities, out):
    """out[k] = message over slot k from its cavity field."""
    for k in range(len(strengths)):
        out[k] = message(strengths[k], decays[k], cavities[k])
