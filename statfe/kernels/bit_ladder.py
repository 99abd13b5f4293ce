"""A group of ladders in bit lanes: sweeps, exchanges of temperatures and draws, block by block."""

from __future__ import annotations

import numpy as np

from statfe._jit import njit
from statfe.kernels.bit_lanes import SCRATCH_ROWS, V
from statfe.kernels.bit_measure import LEVELS, SHORT_LEVELS, count_bonds, count_up, lane_counts, set_planes
from statfe.kernels.bit_sweep import sweep_slab
from statfe.kernels.bit_vectors import WORDS
from statfe.kernels.tempering import swap_rungs

#: Beyond so many words a partly empty vector beats words one by one.
FEW = 2


@njit
def slab_width(lanes):
    """Words to update for the first `lanes` lanes of a slab; more than they need where that is faster."""
    words = min(V, (lanes + 63) // 64)
    return words if words <= FEW else (words + WORDS - 1) // WORDS * WORDS


@njit
def _exchange(parity, betas, energies, chain_at, rung_of, swap_states, exchanges, lane_rung):
    """Exchange temperatures within every replica, and tell the lanes."""
    R, C = rung_of.shape
    for r in range(R):
        swap_rungs(parity, betas, energies[r * C : (r + 1) * C], chain_at[r], rung_of[r], swap_states[r],
                   exchanges[r])
        for c in range(C):
            lane_rung[r * C + c] = rung_of[r, c]


@njit
def _record(row, n, energies, counts, chain_at, energy_out, magnetization_out):
    """Write energies and magnetisations by rung, from those of the lanes and their up spins."""
    R, C = chain_at.shape
    for r in range(R):
        for t in range(C):
            k = r * C + chain_at[r, t]
            energy_out[row, r, t] = energies[k]
            magnetization_out[row, r, t] = 2 * counts[k] - n


@njit
def run_lanes(even, odd, own, first_sweep, n_sweeps, thin, swap, J, terms, betas, n, spins, signs, nbr, first, is_odd,
              sixes, states, codes, thresholds, lane_rung, rung_of, chain_at, swap_states, energy_out,
              magnetization_out, exchanges):
    """Advance all lanes by `n_sweeps` sweeps and record every `thin`-th.

    Parameters
    ----------
    even, odd
        Tuples as long as sites with an even and an odd number have bonds, after padding; empty for none.
    own
        Empty tuple where all lanes have the same couplings, (0,) where signs differ by word.
    J, terms
        |J|, and the number of bonds (and units of field): E = -J (2 satisfied - terms).
    betas
        Temperatures of the rungs that exchange, shape (K,).
    spins
        uint64, shape (slabs, n + 1, V); row n all ones.
    signs
        uint64, shape (slabs or 1, bonds, 1 or V).
    nbr, first, is_odd
        Neighbours of site i are nbr[first[i]:...], padded to `even` or `odd` of them.
    sixes
        See `count_bonds`.
    states
        Random streams, one a word, shape (slabs, 4 V).
    codes, thresholds
        By alternation (own rule, heat bath), kind (even, odd) and rung: uint64, shapes (2, 2, K) and (2, 2, K, 4).
    lane_rung
        Rung of every lane, int64, shape (64 V slabs,); follows `rung_of` when `swap`.
    rung_of, chain_at
        Shape (R, C); lane r C + c is chain c of replica r.
    energy_out, magnetization_out
        By draw, replica and rung (chain where nothing is exchanged), shape (n_sweeps // thin, R or more, C).
    """
    slabs = len(spins)
    R, C = rung_of.shape
    lanes = R * C
    out = np.zeros(SCRATCH_ROWS * V, dtype=np.uint64)
    even_planes = np.zeros(64 * V, dtype=np.uint64)
    odd_planes = np.zeros(64 * V, dtype=np.uint64)
    counters = np.zeros(LEVELS * V, dtype=np.uint64)
    short = np.zeros(SHORT_LEVELS * V, dtype=np.uint64)
    carries = np.zeros(V, dtype=np.uint64)
    counts = np.zeros(64 * V * slabs, dtype=np.int64)
    energies = np.zeros(64 * V * slabs)
    for sweep in range(n_sweeps):
        parity = (first_sweep + sweep) % 2
        record = (sweep + 1) % thin == 0
        for slab in range(slabs):
            lane = 64 * V * slab
            width = slab_width(lanes - lane)
            rungs = lane_rung[lane:]
            if len(even) > 0:
                set_planes(width, codes[parity, 0], rungs, even_planes)
            if len(odd) > 0:
                set_planes(width, codes[parity, 1], rungs, odd_planes)
            own_signs = signs[slab if len(own) > 0 else 0]
            sweep_slab(even, odd, own, width, spins[slab], own_signs, nbr, first, is_odd, states[slab],
                       even_planes, odd_planes, thresholds[parity], rungs, out)
            if swap or record:
                count_bonds(own, width, spins[slab], own_signs, sixes, counters, short, carries)
                lane_counts(width, counters, terms, counts[lane:])
        if swap or record:
            for k in range(lanes):
                energies[k] = -J * (2 * counts[k] - terms)
        if swap:
            _exchange(parity, betas, energies, chain_at, rung_of, swap_states, exchanges, lane_rung)
        if record:
            for slab in range(slabs):
                width = slab_width(lanes - 64 * V * slab)
                count_up(width, spins[slab], n, counters, short, carries)
                lane_counts(width, counters, n, counts[64 * V * slab :])
            _record((sweep + 1) // thin - 1, n, energies, counts, chain_at, energy_out, magnetization_out)
