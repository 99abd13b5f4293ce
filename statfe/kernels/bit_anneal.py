"""Simulated annealing in bit lanes: 64 independent reads a word, all at one beta, and a quench without random numbers.

Layout of spins, signs and neighbours as in `bit_lanes`; every word has its own random stream.
"""

from __future__ import annotations

import numpy as np

from statfe._jit import njit
from statfe.kernels.bit_lanes import SCRATCH_ROWS, V, classes, partial_sums, total
from statfe.kernels.bit_measure import LEVELS, SHORT_LEVELS, count_bonds, lane_counts
from statfe.kernels.bit_sweep import sweep_slab
from statfe.kernels.rng import advance

#: Every so many sweeps one is heat bath: Metropolis in order takes every flip that costs nothing, and in a ring its
#: domain walls walk along and never meet. More of them find ground states less often.
HEAT_EVERY = 8


@njit
def random_words(n, width, spins, states):
    """Random spins at the first `n` sites of `width` words."""
    for i in range(n):
        for w in range(width):
            x, s0, s1, s2, s3 = advance(states[w], states[V + w], states[2 * V + w], states[3 * V + w])
            spins[i, w] = x
            states[w] = s0
            states[V + w] = s1
            states[2 * V + w] = s2
            states[3 * V + w] = s3


@njit
def _same_planes(width, code, planes):
    """The planes of lanes that all have one code: rows of zeros and of ones."""
    for row in range(64):
        word = ~np.uint64(0) if (code >> np.uint64(row)) & np.uint64(1) != 0 else np.uint64(0)
        for w in range(width):
            planes[row * V + w] = word


@njit
def anneal_words(even, odd, width, first_sweep, steps, codes, thresholds, spins, signs, nbr, first, is_odd, states):
    """One sweep at each of `steps`, Metropolis or, every `HEAT_EVERY`-th, heat bath.

    Parameters
    ----------
    even, odd
        Tuples as long as sites have bonds, see `bit_sweep.sweep_slab`.
    first_sweep
        Sweeps done before; says which ones are heat bath.
    steps
        Index of the beta of each sweep, int64.
    codes, thresholds
        By alternation (own rule, heat bath), step and kind of site: uint64, shapes (2, K, 2) and (2, K, 2, 1, 4).
    spins
        uint64, shape (n + 1, V); row n all ones.
    states
        uint64, shape (4 V,).
    """
    out = np.zeros(SCRATCH_ROWS * V, dtype=np.uint64)
    even_planes = np.zeros(64 * V, dtype=np.uint64)
    odd_planes = np.zeros(64 * V, dtype=np.uint64)
    rungs = np.zeros(64 * V, dtype=np.int64)
    for sweep in range(len(steps)):
        turn = 1 if (first_sweep + sweep) % HEAT_EVERY == HEAT_EVERY - 1 else 0
        k = steps[sweep]
        _same_planes(width, codes[turn, k, 0], even_planes)
        _same_planes(width, codes[turn, k, 1], odd_planes)
        sweep_slab(even, odd, (), width, spins, signs, nbr, first, is_odd, states, even_planes, odd_planes,
                   thresholds[turn, k], rungs, out)


@njit
def _fall(z, width, spins, signs, i, first, nbr, out):
    """Flip site i in the lanes where that lowers the energy; returns a word that is 0 where it did in none."""
    partial_sums(z, (), width, spins, signs, i, first, nbr, out)
    some = np.uint64(0)
    for w in range(width):
        b0, b1, b2, b3 = total(z, out, w)
        _, downhill, _, _, _ = classes(z, b0, b1, b2, b3)
        spins[i, w] ^= downhill
        some |= downhill
    return some


@njit
def quench_words(even, odd, width, spins, signs, nbr, first, is_odd):
    """Flip downhill, sites in order, until no flip lowers the energy of any lane; the number of sweeps."""
    out = np.zeros(SCRATCH_ROWS * V, dtype=np.uint64)
    sweeps = 0
    some = ~np.uint64(0)
    while some != 0:
        some = np.uint64(0)
        for i in range(np.uint64(len(is_odd))):
            if len(odd) > 0 and (len(even) == 0 or is_odd[i]):
                some |= _fall(odd, width, spins, signs, i, first[i], nbr, out)
            if len(even) > 0 and (len(odd) == 0 or not is_odd[i]):
                some |= _fall(even, width, spins, signs, i, first[i], nbr, out)
        sweeps += 1
    return sweeps


@njit
def satisfied_bonds(width, terms, spins, signs, sixes):
    """Satisfied bonds of each lane, int64, shape (64 V,); zeros beyond `width` words."""
    counters = np.zeros(LEVELS * V, dtype=np.uint64)
    short = np.zeros(SHORT_LEVELS * V, dtype=np.uint64)
    carries = np.zeros(V, dtype=np.uint64)
    counts = np.zeros(64 * V, dtype=np.int64)
    count_bonds((), width, spins, signs, sixes, counters, short, carries)
    lane_counts(width, counters, terms, counts)
    return counts
