"""Message passing between overlapping clusters of spins, in logarithms.

Tables belong to regions: outer ones (the clusters) and inner ones (what clusters share). Entry s of a table belongs to
the spins at the bits of s, the region's first site at the lowest bit, +1 where the bit is set. Incidence k joins an
inner region to an outer one that contains it: ``maps[map_at[k] + s]`` is where entry s of the outer table lies in the
inner one.
"""

from __future__ import annotations

import math

import numpy as np

from statfe._jit import njit

#: Logarithm of the least belief, for a region of one entry; larger ones share it. What lies below adds nothing to the
#: free energy, and its logarithm would drift for ever.
LEAST = -100.0


@njit
def log_sum(table):
    """ln sum_s exp(table[s])."""
    top = table[0]
    for s in range(1, len(table)):
        top = max(top, table[s])
    total = 0.0
    for s in range(len(table)):
        total += math.exp(table[s] - top)
    return top + math.log(total)


@njit
def log_marginal(table, where, out):
    """out[t] = ln of the sum of exp(table[s]) over the s with where[s] = t."""
    top = np.full(len(out), -np.inf)
    for s in range(len(table)):
        top[where[s]] = max(top[where[s]], table[s])
    out[:] = 0.0
    for s in range(len(table)):
        out[where[s]] += math.exp(table[s] - top[where[s]])
    for t in range(len(out)):
        out[t] = top[t] + math.log(out[t])


@njit
def add_multipliers(outer_at, inner_ptr, incident, map_at, maps, lambda_at, lambdas, tables):
    """tables += the multipliers of all inner regions; in place."""
    for k in range(len(incident)):
        a = incident[k]
        for s in range(outer_at[a + 1] - outer_at[a]):
            tables[outer_at[a] + s] += lambdas[lambda_at[k] + maps[map_at[k] + s]]


@njit
def region_sweep(
    order, outer_at, tables, inner_ptr, incident, map_at, maps, lambda_at, lambdas, belief_at, beliefs, counts, pulls,
    old
):
    """Make each inner region of `order` consistent with all clusters that contain it; in place.

    With the messages nu_a(t) = marginal of cluster a / exp(lambda_a(t)), the new belief is
    b ~ [old^pull prod_a nu_a]^(1 / (n + count + pull)) over its n clusters, and lambda_a = ln b - ln nu_a.

    Returns
    -------
    float
        Largest change of a multiplier (they are kept at mean zero), relative to its size where that exceeds 1.
    """
    largest = 0.0
    for b in order:
        first = inner_ptr[b]
        n = inner_ptr[b + 1] - first
        size = belief_at[b + 1] - belief_at[b]
        new = beliefs[belief_at[b]:belief_at[b + 1]]
        messages = np.empty((n, size))
        for t in range(size):
            new[t] = pulls[b] * old[belief_at[b] + t]
        for k in range(first, first + n):
            a = incident[k]
            states = outer_at[a + 1] - outer_at[a]
            message = messages[k - first]
            log_marginal(tables[outer_at[a]:outer_at[a + 1]], maps[map_at[k]:map_at[k] + states], message)
            for t in range(size):
                message[t] -= lambdas[lambda_at[k] + t]
                new[t] += message[t]
        new /= n + counts[b] + pulls[b]
        new -= log_sum(new)
        for t in range(size):
            new[t] = max(new[t], LEAST - math.log(size))
        for k in range(first, first + n):
            a = incident[k]
            message = messages[k - first]
            change = new - message
            change -= np.mean(change)
            for t in range(size):
                value = change[t]
                change[t] = value - lambdas[lambda_at[k] + t]
                lambdas[lambda_at[k] + t] = value
                largest = max(largest, abs(change[t]) / max(1.0, abs(value)))
            for s in range(outer_at[a + 1] - outer_at[a]):
                tables[outer_at[a] + s] += change[maps[map_at[k] + s]]
    return largest


@njit
def settle(
    order, outer_at, tables, inner_ptr, incident, map_at, maps, lambda_at, lambdas, belief_at, beliefs, counts, pulls,
    old, sweeps, tolerance
):
    """`region_sweep` there and back until nothing changes by more than `tolerance`, at most `sweeps` times."""
    for done in range(sweeps):
        ends = order if done % 2 == 0 else order[::-1]
        change = region_sweep(
            ends, outer_at, tables, inner_ptr, incident, map_at, maps, lambda_at, lambdas, belief_at, beliefs, counts,
            pulls, old)
        if change <= tolerance:
            return done + 1
    return sweeps


@njit
def region_free_energy(
    outer_at, tables, inner_ptr, lambda_at, lambdas, belief_at, beliefs, counts, terms
):
    """Terms of the free energy: - ln Z of each cluster, then sum_t b(t) [count ln b(t) + sum_a lambda_a(t)]."""
    outer = len(outer_at) - 1
    for a in range(outer):
        terms[a] = -log_sum(tables[outer_at[a]:outer_at[a + 1]])
    for b in range(len(inner_ptr) - 1):
        total = 0.0
        for t in range(belief_at[b + 1] - belief_at[b]):
            log_b = beliefs[belief_at[b] + t]
            value = counts[b] * log_b
            for k in range(inner_ptr[b], inner_ptr[b + 1]):
                value += lambdas[lambda_at[k] + t]
            total += math.exp(log_b) * value
        terms[outer + b] = total


@njit
def spin_products(outer_at, tables, cluster, mask, out):
    """out[q] = mean of the product of the spins at the bits of mask[q] in the cluster cluster[q]."""
    for q in range(len(cluster)):
        first = outer_at[cluster[q]]
        last = outer_at[cluster[q] + 1]
        shift = log_sum(tables[first:last])
        total = 0.0
        for s in range(last - first):
            down = mask[q] & ~s
            sign = 1.0
            while down:
                sign = -sign
                down &= down - 1
            total += sign * math.exp(tables[first + s] - shift)
        out[q] = total
