"""Where the tables of an elimination tree go, and in which order they are made."""

from __future__ import annotations

import numpy as np

from statfe._jit import njit


@njit
def depth_first(first_child, next_child, roots, out):
    """Vertices of a forest, each after its children; `first_child` and `next_child` are -1 at an end."""
    stack = np.empty(len(out) + 1, dtype=np.int64)
    todo = first_child.copy()
    count = 0
    for root in roots:
        depth = 0
        stack[0] = root
        while depth >= 0:
            v = stack[depth]
            child = todo[v]
            if child >= 0:
                todo[v] = next_child[child]
                depth += 1
                stack[depth] = child
            else:
                out[count] = v
                count += 1
                depth -= 1


@njit
def place_tables(bits, parents, slots):
    """Give each table room from when it is made until its parent has been; sets `slots`, returns the room needed.

    Rooms of a size are used again. Tables of children are let go after the parent's own was placed.
    """
    n = len(bits)
    free = np.full(64, -1, dtype=np.int64)
    link = np.full(n, -1, dtype=np.int64)
    latest = np.full(n, -1, dtype=np.int64)
    earlier = np.full(n, -1, dtype=np.int64)
    size = 0
    for v in range(n):
        k = bits[v]
        if free[k] >= 0:
            slots[v] = slots[free[k]]
            free[k] = link[free[k]]
        else:
            slots[v] = size
            size += 1 << k
        child = latest[v]
        while child >= 0:
            link[child] = free[bits[child]]
            free[bits[child]] = child
            child = earlier[child]
        if parents[v] >= 0:
            earlier[v] = latest[parents[v]]
            latest[parents[v]] = v
    return size


@njit
def table_spreads(ptr, separators, parents, fields, bond_ptr, bond_to, bond_J):
    """Half the range of the logarithms over each clique at beta = 1, at most; float64, shape (n,).

    A spin next to eliminated ones feels them with at most the sum of its |J| to them.
    """
    n = len(fields)
    felt = np.zeros(len(separators))
    half = np.zeros(n)
    for v in range(n):
        half[v] += abs(fields[v])
        at = ptr[v]
        for b in range(bond_ptr[v], bond_ptr[v + 1]):
            while separators[at] != bond_to[b]:
                at += 1
            felt[at] += abs(bond_J[b])
            half[v] += abs(bond_J[b])
        p = parents[v]
        if p >= 0:
            half[p] += felt[ptr[v]]
            at = ptr[p]
            for i in range(ptr[v] + 1, ptr[v + 1]):
                while separators[at] != separators[i]:
                    at += 1
                felt[at] += felt[i]
                half[p] += felt[i]
    return half
