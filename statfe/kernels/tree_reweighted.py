"""Tree-reweighted belief propagation: messages, the bound that any messages give, mutual informations.

Slots are those of `statfe.kernels.belief_propagation`; shares are the probabilities rho with which a pair is in a
spanning forest, strengths the beta J / rho. A site has the belief exp(H s), a pair exp(a s t + g s + f t), with
H_i = beta h_i + sum_k rho_k u_k and the cavity fields g = H_i - u of its ends.
"""

from __future__ import annotations

import math

from statfe._jit import njit
from statfe.kernels.belief_propagation import message
from statfe.kernels.beliefs import log_2cosh, log_pair


@njit
def reweighted_fields(indptr, fields, shares, messages, out):
    """H_i of all sites; shape (n,)."""
    for i in range(len(indptr) - 1):
        total = fields[i]
        for k in range(indptr[i], indptr[i + 1]):
            total += shares[k] * messages[k]
        out[i] = total


@njit
def reweighted_sweep(indptr, reverse, strengths, decays, fields, shares, messages):
    """For each site, from the last to the first and back: renew all messages it sends; in place."""
    n = len(indptr) - 1
    for t in range(2 * n):
        i = n - 1 - t if t < n else t - n
        total = fields[i]
        for k in range(indptr[i], indptr[i + 1]):
            total += shares[k] * messages[k]
        for k in range(indptr[i], indptr[i + 1]):
            messages[reverse[k]] = message(strengths[k], decays[k], total - messages[k])


@njit
def reweighted_bound(indptr, indices, reverse, strengths, decays, shares, messages, totals, values, slacks):
    """Per site, its part of an upper bound of ln Z that holds for any messages, and of what it lacks in consistency.

    values_i = (1 - sum_k rho_k) ln 2cosh H_i + (1/2) sum_k rho_k ln Z_k, and slacks_i = (1/2) sum_k rho_k e_k with e_k
    the largest ln of the ratio of the pair's marginal to the site's belief, over both ends and both spins. The bound is
    their sum; see `statfe.methods.approximate.trw`.
    """
    for i in range(len(indptr) - 1):
        value, slack, rest = 0.0, 0.0, 1.0
        for k in range(indptr[i], indptr[i + 1]):
            j, r = indices[k], reverse[k]
            g, f = totals[i] - messages[k], totals[j] - messages[r]
            here = message(strengths[k], decays[k], f) - messages[k]
            there = message(strengths[k], decays[k], g) - messages[r]
            excess = max(
                abs(here) + log_2cosh(totals[i]) - log_2cosh(totals[i] + here),
                abs(there) + log_2cosh(totals[j]) - log_2cosh(totals[j] + there))
            value += 0.5 * shares[k] * log_pair(strengths[k], g, f)
            slack += 0.5 * shares[k] * max(excess, 0.0)
            rest -= shares[k]
        values[i] = value + rest * log_2cosh(totals[i])
        slacks[i] = slack


@njit
def mutual_informations(rows, cols, slots, reverse, strengths, messages, totals, out):
    """I of each pair's belief, from the slot of its row; at least 0."""
    for e in range(len(slots)):
        k = slots[e]
        a = strengths[k]
        H, K = totals[rows[e]], totals[cols[e]]
        g, f = H - messages[k], K - messages[reverse[k]]
        z = log_pair(a, g, f)
        like, unlike = a - z, -a - z
        information = 0.0
        for s in (-1.0, 1.0):
            for t in (-1.0, 1.0):
                log_p = (like if s == t else unlike) + g * s + f * t
                information += math.exp(log_p) * (log_p - H * s - K * t)
        out[e] = max(0.0, information + log_2cosh(H) + log_2cosh(K))
