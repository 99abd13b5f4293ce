"""Partitions of a graph into connected blocks of bounded size that hold much of its weight."""

from __future__ import annotations

import numpy as np

from statfe._jit import njit


@njit
def grow_blocks(indptr, indices, weights, seeds, size, labels):
    """Grow blocks one after the other, each by the neighbour that the most weight ties to it; returns how many.

    Parameters
    ----------
    seeds
        Sites in the order in which they start blocks, all of them; int64.
    size
        Most sites of a block.
    labels
        Output: block of each site; int64.
    """
    n = len(labels)
    labels[:] = -1
    pull = np.full(n, -1.0)
    frontier = np.empty(n, dtype=np.int64)
    block = 0
    for seed in seeds:
        if labels[seed] >= 0:
            continue
        reached = 1
        frontier[0] = seed
        pull[seed] = 0.0
        count = 0
        while count < size:
            best = -1
            for f in range(reached):
                site = frontier[f]
                if labels[site] < 0 and (best < 0 or pull[site] > pull[best]):
                    best = site
            if best < 0:
                break
            labels[best] = block
            count += 1
            for k in range(indptr[best], indptr[best + 1]):
                site = indices[k]
                if labels[site] < 0:
                    if pull[site] < 0.0:
                        pull[site] = 0.0
                        frontier[reached] = site
                        reached += 1
                    pull[site] += weights[k]
        for f in range(reached):
            pull[frontier[f]] = -1.0
        block += 1
    return block


@njit
def merge_blocks(indptr, indices, weights, size, labels, n_blocks):
    """Join each block, small ones first, to the neighbour that the most weight ties it to, where both fit; in place."""
    n = len(labels)
    counts = np.zeros(n_blocks, dtype=np.int64)
    for i in range(n):
        counts[labels[i]] += 1
    first = np.zeros(n_blocks + 1, dtype=np.int64)
    first[1:] = np.cumsum(counts)
    at = first[:-1].copy()
    members = np.empty(n, dtype=np.int64)
    for i in range(n):
        members[at[labels[i]]] = i
        at[labels[i]] += 1
    tied = np.zeros(n_blocks)
    for block in np.argsort(counts, kind="mergesort"):
        # a block that took others in is not whole in its rows any more: it has had its turn
        if counts[block] == 0 or counts[block] != first[block + 1] - first[block]:
            continue
        best = -1
        for m in range(first[block], first[block + 1]):
            for k in range(indptr[members[m]], indptr[members[m] + 1]):
                other = labels[indices[k]]
                if other != block and counts[other] + counts[block] <= size:
                    tied[other] += weights[k]
                    if best < 0 or tied[other] > tied[best]:
                        best = other
        tied[:] = 0.0
        if best >= 0:
            counts[best] += counts[block]
            counts[block] = 0
            for m in range(first[block], first[block + 1]):
                labels[members[m]] = best


@njit
def _whole(block, indptr, indices, labels, members, counts, stack, seen):
    """Whether a block is connected (an empty one is not)."""
    if counts[block] == 0:
        return False
    stack[0] = members[block, 0]
    seen[stack[0]] = True
    reached = 1
    done = 0
    while done < reached:
        i = stack[done]
        done += 1
        for k in range(indptr[i], indptr[i + 1]):
            j = indices[k]
            if labels[j] == block and not seen[j]:
                seen[j] = True
                stack[reached] = j
                reached += 1
    for t in range(reached):
        seen[stack[t]] = False
    return reached == counts[block]


@njit
def _put(site, block, labels, members, counts):
    """Take a site out of its block and into another."""
    old = labels[site]
    for t in range(counts[old]):
        if members[old, t] == site:
            members[old, t] = members[old, counts[old] - 1]
            break
    counts[old] -= 1
    members[block, counts[block]] = site
    counts[block] += 1
    labels[site] = block


@njit
def _tie(site, block, indptr, indices, weights, labels):
    total = 0.0
    for k in range(indptr[site], indptr[site + 1]):
        if labels[indices[k]] == block:
            total += weights[k]
    return total


@njit
def _between(one, other, indptr, indices, weights):
    for k in range(indptr[one], indptr[one + 1]):
        if indices[k] == other:
            return weights[k]
    return 0.0


@njit
def _best_move(v, indptr, indices, weights, size, labels, members, counts, tied, swaps):
    """(block, partner) for site v, which brings the most weight inside; block -1: none does, partner -1: no swap."""
    own = labels[v]
    for k in range(indptr[v], indptr[v + 1]):
        tied[labels[indices[k]]] += weights[k]
    best = 1e-9 * tied[own]
    inside = tied[own]
    target = -1
    partner = -1
    for k in range(indptr[v], indptr[v + 1]):
        block = labels[indices[k]]
        # each neighbouring block once: its tie is cleared when it has been looked at
        if block == own or tied[block] <= 0.0:
            continue
        base = tied[block] - inside
        tied[block] = 0.0
        if counts[block] < size:
            if base > best:
                best = base
                target = block
                partner = -1
        elif swaps:
            for t in range(counts[block]):
                u = members[block, t]
                gain = base - 2.0 * _between(u, v, indptr, indices, weights)
                gain += _tie(u, own, indptr, indices, weights, labels)
                gain -= _tie(u, block, indptr, indices, weights, labels)
                if gain > best:
                    best = gain
                    target = block
                    partner = u
    tied[own] = 0.0
    return target, partner


@njit
def refine_blocks(indptr, indices, weights, size, labels, n_blocks, passes, swaps):
    """Move sites, or swap two where blocks are full (`swaps`), while more weight comes inside (Kernighan, Lin 1970).

    Blocks stay connected; some may end empty. Weights must be positive.
    """
    n = len(labels)
    members = np.empty((n_blocks, size + 1), dtype=np.int64)
    counts = np.zeros(n_blocks, dtype=np.int64)
    for i in range(n):
        members[labels[i], counts[labels[i]]] = i
        counts[labels[i]] += 1
    tied = np.zeros(n_blocks)
    stack = np.empty(n, dtype=np.int64)
    seen = np.zeros(n, dtype=np.bool_)
    for _ in range(passes):
        moved = False
        for v in range(n):
            own = labels[v]
            target, partner = _best_move(
                v, indptr, indices, weights, size, labels, members, counts, tied, swaps)
            if target < 0:
                continue
            _put(v, target, labels, members, counts)
            if partner >= 0:
                _put(partner, own, labels, members, counts)
            if _whole(target, indptr, indices, labels, members, counts, stack, seen) and (
                    counts[own] == 0 or _whole(own, indptr, indices, labels, members, counts, stack, seen)):
                moved = True
            else:
                if partner >= 0:
                    _put(partner, target, labels, members, counts)
                _put(v, own, labels, members, counts)
        if not moved:
            break
