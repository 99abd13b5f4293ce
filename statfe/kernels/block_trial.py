"""Sweeps over blocks of sites, each solved exactly in the fields of the others' means."""

from __future__ import annotations

import math

import numpy as np

from statfe._jit import njit
from statfe.kernels.junction import collect
from statfe.kernels.junction_down import distribute

#: Range of logarithms up to which tables may hold plain weights; doubles hold 1400.
PLAIN = 600.0


@njit
def sweep_blocks(
    update, indptr, indices, strengths, fields, firsts, sites, ptr_firsts, ptr, separators, bond_ptr, bond_to,
    bond_strengths, child_ptr, children, slots, kept_ptr, room, most_kept, lambdas, means
):
    """Means of each block in the fields lambda, block after block; returns sum of ln Z_block.

    Parameters
    ----------
    update
        Whether lambda_i = fields_i + sum_j strengths_ij m_j is set first, for all sites of a block.
    indptr, indices, strengths, fields
        beta J between sites of different blocks, in compressed sparse rows, and beta h.
    firsts, sites
        Sites of block b, in the order in which they are summed out: ``sites[firsts[b]:firsts[b + 1]]``.
    ptr_firsts, ptr, bond_ptr, child_ptr, kept_ptr
        Rows as in `collect`, for block b from ``ptr_firsts[0, b]`` on, with its size plus one entries; what they point
        to begins at ``ptr_firsts[1, b]`` of separators, ``[2, b]`` of the bonds, ``[3, b]`` of the children.
    separators, bond_to, bond_strengths, children, slots
        As in `collect`, sites numbered within the block; strengths are beta J.
    room, most_kept
        Doubles that the tables of any block take, and the tables kept.
    lambdas, means
        Changed in place.
    """
    table = np.empty(room)
    beliefs = np.empty(room)
    kept = np.empty(most_kept)
    logs = np.zeros(2)
    total = 0.0
    for b in range(len(firsts) - 1):
        n = firsts[b + 1] - firsts[b]
        own = sites[firsts[b]:firsts[b + 1]]
        felt = np.empty(n)
        reach = 0.0
        for v in range(n):
            i = own[v]
            if update:
                lambdas[i] = fields[i]
                for k in range(indptr[i], indptr[i + 1]):
                    lambdas[i] += strengths[k] * means[indices[k]]
            felt[v] = lambdas[i]
            reach += abs(felt[v])
        if n == 1:
            total += reach + math.log1p(math.exp(-2.0 * reach))
            means[own[0]] = math.tanh(felt[0])
            continue
        rows = slice(ptr_firsts[0, b], ptr_firsts[0, b] + n + 1)
        bonds = slice(ptr_firsts[2, b], ptr_firsts[2, b + 1])
        for e in range(ptr_firsts[2, b], ptr_firsts[2, b + 1]):
            reach += abs(bond_strengths[e])
        of = separators[ptr_firsts[1, b]:ptr_firsts[1, b + 1]]
        below = children[ptr_firsts[3, b]:ptr_firsts[3, b + 1]]
        places = slots[firsts[b]:firsts[b + 1]]
        scales = np.empty(n)
        found = np.empty(n)
        correlations = np.empty(ptr_firsts[2, b + 1] - ptr_firsts[2, b])
        logs[:] = 0.0
        collect(
            0, n, 1.0, 2.0 * reach <= PLAIN, ptr[rows], of, felt, bond_ptr[rows], bond_to[bonds], bond_strengths[bonds],
            child_ptr[rows], below, places, table, scales, logs, True, kept_ptr[rows], kept)
        distribute(
            ptr[rows], of, bond_ptr[rows], bond_to[bonds], child_ptr[rows], below, places, beliefs, kept_ptr[rows],
            kept, found, correlations)
        total += logs[0]
        for v in range(n):
            means[own[v]] = found[v]
    return total
