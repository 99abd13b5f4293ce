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
def total_field(indptr, fields, messages, i):
    """H_i = beta h_i + sum of the messages into i."""
    total = fields[i]
    for k in range(indptr[i], indptr[i + 1]):
        total += messages[k]
    return total


@njit
def sweep(indptr, reverse, strengths, decays, fields, messages):
    """For each site, from the last to the first and back: renew all messages it sends; in place.

    fields are beta h_i, strengths beta J per slot, decays exp(-2 |beta J|) per slot.
    """
    n = len(indptr) - 1
    for t in range(2 * n):
        i = n - 1 - t if t < n else t - n
        total = total_field(indptr, fields, messages, i)
        for k in range(indptr[i], indptr[i + 1]):
            messages[reverse[k]] = message(strengths[k], decays[k], total - messages[k])


@njit
def ratio_sweep(indptr, reverse, doubled, fields, ratios):
    """As `sweep`, in w = exp(2 u), where a message is a fraction: nothing but products and one division.

    With c = exp(2 beta J) and M = exp(2 H), M / w is the cavity's, and the message (c M / w + 1) / (c + M / w).
    doubled are the c per slot, fields exp(2 beta h_i). Products of a row must stay in the range of doubles.
    """
    n = len(indptr) - 1
    for t in range(2 * n):
        i = n - 1 - t if t < n else t - n
        total = fields[i]
        for k in range(indptr[i], indptr[i + 1]):
            total *= ratios[k]
        for k in range(indptr[i], indptr[i + 1]):
            w = ratios[k]
            c = doubled[k]
            ratios[reverse[k]] = (c * total + w) / (c * w + total)


@njit
def ratio_flood(indptr, reverse, doubled, fields, ratios, out):
    """All messages at once from the old ones, in w = exp(2 u); see `ratio_sweep`."""
    for i in range(len(indptr) - 1):
        total = fields[i]
        for k in range(indptr[i], indptr[i + 1]):
            total *= ratios[k]
        for k in range(indptr[i], indptr[i + 1]):
            w = ratios[k]
            c = doubled[k]
            out[reverse[k]] = (c * total + w) / (c * w + total)


@njit
def total_fields(indptr, fields, messages, out):
    """H_i of all sites; shape (n,)."""
    for i in range(len(indptr) - 1):
        out[i] = total_field(indptr, fields, messages, i)


@njit
def cavity_fields(indptr, reverse, fields, messages, out):
    """Cavity field behind each slot: out[k] = H_j - (message from i to j), for slot k of i from j."""
    for j in range(len(indptr) - 1):
        total = total_field(indptr, fields, messages, j)
        for k in range(indptr[j], indptr[j + 1]):
            out[reverse[k]] = total - messages[k]


@njit
def new_messages(strengths, decays, cavities, out):
    """out[k] = message over slot k from its cavity field."""
    for k in range(len(strengths)):
        out[k] = message(strengths[k], decays[k], cavities[k])
