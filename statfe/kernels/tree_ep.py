"""Expectation propagation on a spanning tree, one bond off the tree after the other, in logarithms.

The tree holds couplings K (by the child of each edge) and fields H. Bond k off the tree closes a ring with the path
between its ends: sites path[node_ptr[k]:node_ptr[k + 1]] in turn, edges[edge_ptr[k]:edge_ptr[k + 1]] between them. Its
approximation is a coupling on each of these edges and a field on each of these sites.
"""

from __future__ import annotations

import math

import numpy as np

from statfe._jit import njit
from statfe.kernels.belief_propagation import message
from statfe.kernels.beliefs import log_2cosh

#: Stands for the logarithm of zero where sums of such must stay numbers.
NOTHING = -1e300


@njit
def log_add(x, y):
    """ln(e^x + e^y)."""
    top = max(x, y)
    return top + math.log1p(math.exp(min(x, y) - top))


@njit
def tree_messages(order, parent, K, H, up, down, total):
    """Messages along all edges and total fields of sites; returns ln Z of the tree.

    up[i] runs from i to its parent and down[i] back; `order` has each site after its parent, whose parent[i] is -1.
    """
    log_z = 0.0
    total[:] = H
    for position in range(len(order) - 1, -1, -1):
        i = order[position]
        if parent[i] < 0:
            log_z += log_2cosh(total[i])
            continue
        log_z += 0.5 * (log_2cosh(total[i] + K[i]) + log_2cosh(total[i] - K[i]))
        up[i] = message(K[i], math.exp(-2.0 * abs(K[i])), total[i])
        total[parent[i]] += up[i]
    for i in order:
        if parent[i] >= 0:
            down[i] = message(K[i], math.exp(-2.0 * abs(K[i])), total[parent[i]] - up[i])
            total[i] += down[i]
    return log_z


@njit
def path_fields(sites, edges, up, down, total, fields):
    """fields[l] = what the l-th site of a path feels apart from its neighbours on the path."""
    for here in range(len(sites)):
        fields[here] = total[sites[here]]
    for here in range(len(edges)):
        child = edges[here]
        first_is_child = sites[here] == child
        fields[here] -= down[child] if first_is_child else up[child]
        fields[here + 1] -= up[child] if first_is_child else down[child]


@njit
def chain_log_z(couplings, fields):
    """ln Z of an open chain."""
    plus = fields[0]
    minus = -fields[0]
    for step in range(len(couplings)):
        a = couplings[step]
        g = fields[step + 1]
        ahead = log_add(plus + a, minus - a) + g
        minus = log_add(plus - a, minus + a) - g
        plus = ahead
    return log_add(plus, minus)


@njit
def ring_pairs(couplings, fields, closing, pairs, ends):
    """Pair tables of a chain whose ends are joined by one more coupling; returns ln Z.

    Parameters
    ----------
    pairs
        Output: ln of the joint weights of neighbours, shape (edges, 2, 2), spin +1 first.
    ends
        Output: the same of the two ends, shape (2, 2).
    """
    steps = len(couplings)
    after = np.empty((steps + 1, 2, 2))
    for s in range(2):
        for first in range(2):
            after[steps, s, first] = closing if s == first else -closing
    for here in range(steps - 1, -1, -1):
        a = couplings[here]
        g = fields[here + 1]
        for first in range(2):
            plus = g + after[here + 1, 0, first]
            minus = -g + after[here + 1, 1, first]
            after[here, 0, first] = log_add(a + plus, -a + minus)
            after[here, 1, first] = log_add(-a + plus, a + minus)
    before = np.full((2, 2), NOTHING)
    before[0, 0] = fields[0]
    before[1, 1] = -fields[0]
    for here in range(steps):
        a = couplings[here]
        g = fields[here + 1]
        for s in range(2):
            for t in range(2):
                weight = (a if s == t else -a) + (g if t == 0 else -g)
                pairs[here, s, t] = weight + log_add(
                    before[0, s] + after[here + 1, t, 0], before[1, s] + after[here + 1, t, 1])
        for first in range(2):
            plus = log_add(before[first, 0] + a, before[first, 1] - a) + g
            before[first, 1] = log_add(before[first, 0] - a, before[first, 1] + a) - g
            before[first, 0] = plus
    for s in range(2):
        for t in range(2):
            ends[s, t] = before[s, t] + (closing if s == t else -closing)
    return log_add(log_add(ends[0, 0], ends[0, 1]), log_add(ends[1, 0], ends[1, 1]))


@njit
def chain_of_pairs(pairs, couplings, fields):
    """Couplings and fields of the chain with these pair tables: prod of pairs / prod of inner sites."""
    steps = len(pairs)
    fields[:] = 0.0
    for here in range(steps):
        b = pairs[here]
        couplings[here] = 0.25 * ((b[0, 0] - b[0, 1]) + (b[1, 1] - b[1, 0]))
        fields[here] += 0.25 * ((b[0, 0] - b[1, 0]) + (b[0, 1] - b[1, 1]))
        fields[here + 1] += 0.25 * ((b[0, 0] - b[0, 1]) + (b[1, 0] - b[1, 1]))
        if here > 0:
            fields[here] -= 0.5 * (log_add(b[0, 0], b[0, 1]) - log_add(b[1, 0], b[1, 1]))


@njit
def tree_ep_sweep(
    order, parent, node_ptr, path, edge_ptr, edges, strengths, K, H, edge_terms, site_terms, up, down, total
):
    """Renew the approximation of every bond off the tree in turn; K, H and the terms change in place.

    strengths are beta J of these bonds; edge_terms and site_terms their couplings and fields along the paths.
    """
    for k in range(len(strengths)):
        tree_messages(order, parent, K, H, up, down, total)
        sites = path[node_ptr[k]:node_ptr[k + 1]]
        links = edges[edge_ptr[k]:edge_ptr[k + 1]]
        couplings = np.empty(len(links))
        fields = np.empty(len(sites))
        path_fields(sites, links, up, down, total, fields)
        fields -= site_terms[node_ptr[k]:node_ptr[k + 1]]
        for here in range(len(links)):
            couplings[here] = K[links[here]] - edge_terms[edge_ptr[k] + here]
        pairs = np.empty((len(links), 2, 2))
        ends = np.empty((2, 2))
        ring_pairs(couplings, fields, strengths[k], pairs, ends)
        new_couplings = np.empty(len(links))
        new_fields = np.empty(len(sites))
        chain_of_pairs(pairs, new_couplings, new_fields)
        for here in range(len(links)):
            term = new_couplings[here] - couplings[here]
            K[links[here]] += term - edge_terms[edge_ptr[k] + here]
            edge_terms[edge_ptr[k] + here] = term
        for here in range(len(sites)):
            term = new_fields[here] - fields[here]
            H[sites[here]] += term - site_terms[node_ptr[k] + here]
            site_terms[node_ptr[k] + here] = term


@njit
def tree_ep_terms(
    order, parent, node_ptr, path, edge_ptr, edges, strengths, K, H, edge_terms, site_terms, up, down, total, terms,
    correlations
):
    """terms[k] = ln(Z of ring k / Z of its path in the tree), the last one ln Z of the tree; <s s'> of the bonds."""
    log_z = tree_messages(order, parent, K, H, up, down, total)
    for k in range(len(strengths)):
        sites = path[node_ptr[k]:node_ptr[k + 1]]
        links = edges[edge_ptr[k]:edge_ptr[k + 1]]
        fields = np.empty(len(sites))
        path_fields(sites, links, up, down, total, fields)
        couplings = K[links]
        chain = chain_log_z(couplings, fields)
        fields -= site_terms[node_ptr[k]:node_ptr[k + 1]]
        couplings -= edge_terms[edge_ptr[k]:edge_ptr[k + 1]]
        pairs = np.empty((len(links), 2, 2))
        ends = np.empty((2, 2))
        ring = ring_pairs(couplings, fields, strengths[k], pairs, ends)
        terms[k] = ring - chain
        like = log_add(ends[0, 0], ends[1, 1])
        unlike = log_add(ends[0, 1], ends[1, 0])
        correlations[k] = math.tanh(0.5 * (like - unlike))
    terms[len(strengths)] = log_z
