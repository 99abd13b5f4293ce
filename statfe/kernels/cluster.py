"""Cluster moves of a ferromagnet: Swendsen and Wang (1987), and Wolff (1989), on any graph, with fields.

All couplings are positive: a balanced model is passed in the gauge that makes them so. A bond between equal spins is
active with probability p = 1 - exp(-2 beta J) (Fortuin and Kasteleyn 1972), and spins joined by active bonds are a
cluster. A field is a bond of strength |h_i| to a ghost spin that points along the field; the ghost never flips, so
neither does a cluster that holds it. Given the bonds, every other cluster is up or down with equal weight: flipping
any of them, by whatever rule that looks at the bonds alone, leaves the Boltzmann weight invariant.

Probabilities are thresholds t of 64 bits: a bond is active where a random word is below t.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from statfe._jit import njit
from statfe.kernels.rng import advance

#: Most sites that the clusters of a sweep may hold, in units of N; 7 clusters never do.
MOST = 8


class Bonds(NamedTuple):
    """A ferromagnet for these kernels.

    Attributes
    ----------
    lower_ptr, lower, lower_class, lower_weights
        Compressed sparse rows of each bond once: from site i to its neighbours j < i.
    indptr, indices, classes
        Compressed sparse rows of each bond twice.
    fields, field_class
        Fields, shape (N,), and where their thresholds stand.
    gauge
        Signs that turn these spins into the model's, int8, shape (N,).
    has_fields
        Whether any field is not zero.
    uniform
        Whether all bonds are equally strong, class 0.
    degree
        Number of neighbours where all sites have as many, else 0.
    room
        Active bonds collected before they are joined; more than any row of `lower` has.

    Classes say which column of the thresholds belongs to a bond or field: one for each distinct strength.
    """

    lower_ptr: np.ndarray
    lower: np.ndarray
    lower_class: np.ndarray
    lower_weights: np.ndarray
    indptr: np.ndarray
    indices: np.ndarray
    classes: np.ndarray
    fields: np.ndarray
    field_class: np.ndarray
    gauge: np.ndarray
    has_fields: bool
    uniform: bool
    degree: int
    room: int


@njit
def find(parent, i):
    """The root of `i`; every second step on the way now skips one (path halving)."""
    up = parent[i]
    while up != i:
        above = parent[up]
        parent[i] = above
        i = above
        up = parent[i]
    return i


@njit
def join(spins, bonds, thresholds, parent, ends, state):
    """Draw all bonds and join their ends in `parent`, where the ghost is 0 and site i is i + 1.

    A root is the smallest of its cluster, so parents come before their children. No processor could predict which
    bonds are active: runs of neighbours i, i + 1, ... are joined on the way, other active bonds are collected, both
    without a branch, and the latter are joined a few thousand at a time. Two bonds share a word: its halves are
    compared with the upper halves of the thresholds, and where these are equal another word decides.
    """
    s0, s1, s2, s3 = state[0], state[1], state[2], state[3]
    word = extra = np.uint64(0)
    fresh = True
    parent[0] = 0
    found = 0
    t = thresholds[0]
    start = 0
    for i in range(len(spins)):
        first = bonds.lower_ptr[i]
        last = bonds.lower_ptr[i + 1]
        if found + last - first + 1 > len(ends):
            union(ends, found, parent)
            found = 0
        up = spins[i]
        here = start
        start = i + 1
        for k in range(first, last):
            j = bonds.lower[k]
            if not bonds.uniform:
                t = thresholds[bonds.lower_class[k]]
            word >>= np.uint64(32)
            if fresh:
                word, s0, s1, s2, s3 = advance(s0, s1, s2, s3)
            fresh = not fresh
            half = word & np.uint64(0xFFFFFFFF)
            active = half < (t >> np.uint64(32))
            if half == t >> np.uint64(32):
                extra, s0, s1, s2, s3 = advance(s0, s1, s2, s3)
                active = (extra >> np.uint64(32)) < (t & np.uint64(0xFFFFFFFF))
            active &= spins[j] == up
            if j == i - 1:
                start = here if active else start
            else:
                ends[found, 0] = i + 1
                ends[found, 1] = j + 1
                found += active
        parent[i + 1] = start
        if bonds.has_fields:
            extra, s0, s1, s2, s3 = advance(s0, s1, s2, s3)
            ends[found, 0] = i + 1
            ends[found, 1] = 0
            found += (extra < thresholds[bonds.field_class[i]]) & (bonds.fields[i] * up > 0.0)
    union(ends, found, parent)
    state[0], state[1], state[2], state[3] = s0, s1, s2, s3


@njit
def union(ends, count, parent):
    """Join the clusters at the two ends of `count` bonds; the smaller root becomes the root of both."""
    for k in range(count):
        a = find(parent, ends[k, 0])
        b = find(parent, ends[k, 1])
        parent[max(a, b)] = min(a, b)


@njit
def swendsen_wang(spins, bonds, thresholds, parent, turn, ends, state):
    """One sweep: draw all bonds, then flip every cluster without the ghost with probability 1/2.

    Parameters
    ----------
    spins
        int8, shape (N,); changed in place.
    thresholds
        Of each class, uint64.
    parent, turn
        Room for the labels, int32, and for the signs of the clusters, int8, both of shape (N + 1,).
    ends
        Room for active bonds before they are joined, int32, shape (`Bonds.room`, 2).
    state
        Random stream, uint64, shape (4,).
    """
    join(spins, bonds, thresholds, parent, ends, state)
    s0, s1, s2, s3 = state[0], state[1], state[2], state[3]
    coins = np.uint64(0)
    turn[0] = 1
    for i in range(1, len(parent)):
        if i & 63 == 1:
            coins, s0, s1, s2, s3 = advance(s0, s1, s2, s3)
        turn[i] = np.int8(2 * np.int64(coins & np.uint64(1)) - 1)  # counts for roots alone
        coins >>= np.uint64(1)
        sign = turn[parent[i]]
        turn[i] = sign
        spins[i - 1] *= sign
    state[0], state[1], state[2], state[3] = s0, s1, s2, s3


@njit
def wolff(spins, bonds, thresholds, clusters, members, state):
    """Grow clusters from random sites, one after the other, and flip each that does not hold the ghost.

    Parameters
    ----------
    clusters
        How many: this or one more, with equal probability, or at beta = 0 the number of flips would be even or odd
        for ever, and fewer if they hold more than `MOST` N sites. 0: until they hold N sites or more, which depends
        on what they meet and is for burn-in only.
    members
        Room for the sites of a cluster, int32, at least N + 1.

    Returns
    -------
    (sites, clusters) that were visited
    """
    n = len(spins)
    s0, s1, s2, s3 = state[0], state[1], state[2], state[3]
    word, s0, s1, s2, s3 = advance(s0, s1, s2, s3)
    wanted = clusters + np.int64(word >> np.uint64(63))
    unfair = np.uint64((1 << 32) % n)
    visited = grown = 0
    t = thresholds[0]
    while (visited < n) if clusters == 0 else (grown < wanted and visited <= MOST * n):
        # A site without bias (Lemire 2019): the few values of 32 bits that N does not divide are drawn again.
        word, s0, s1, s2, s3 = advance(s0, s1, s2, s3)
        product = (word >> np.uint64(32)) * np.uint64(n)
        if product & np.uint64(0xFFFFFFFF) < unfair:
            continue
        seed = np.int32(product >> np.uint64(32))
        up = spins[seed]
        spins[seed] = -up
        members[0] = seed
        size = 1
        done = 0
        while done < size:
            i = members[done]
            done += 1
            if bonds.has_fields and bonds.fields[i] * up > 0.0:
                word, s0, s1, s2, s3 = advance(s0, s1, s2, s3)
                if word < thresholds[bonds.field_class[i]]:
                    for k in range(size):
                        spins[members[k]] = up
                    break
            first = i * bonds.degree if bonds.degree > 0 else bonds.indptr[i]
            last = first + bonds.degree if bonds.degree > 0 else bonds.indptr[i + 1]
            for k in range(first, last):
                j = bonds.indices[k]
                if not bonds.uniform:
                    t = thresholds[bonds.classes[k]]
                word, s0, s1, s2, s3 = advance(s0, s1, s2, s3)
                joins = (word < t) & (spins[j] == up)
                spins[j] = -up if joins else spins[j]
                members[size] = j
                size += joins
        visited += size
        grown += 1
    state[0], state[1], state[2], state[3] = s0, s1, s2, s3
    return visited, grown
