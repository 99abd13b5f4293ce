"""Single-spin sweeps of 64 chains at once, with any couplings: a float32 filter, a double-precision verdict.

A tile is 64 chains; bit l of its word at a site is lane l's spin. Every lane has its own beta and rule, and sites are
updated in order. A spin flips with u (1 + a e) < e, e = exp(-beta Delta E): min(1, e) for Metropolis (a = 0),
e / (1 + e) for heat bath (a = 1). `lane_vectors.decide_site` evaluates both sides in float32 with the first 32 bits
of the uniform u. Where the difference is within the bound below, `settle` does it again in double precision with 64
bits of u, the first 32 kept. So every decision is that of double precision; one in 10^4 to 10^5 is settled.

The bound. Energies are in a unit near A = max_i (|h_i| + sum_j |J_ij|), so that no float32 overflows. Let n be the
largest number of neighbours, d = min(n, 64) + n / 64 + 2 the most roundings that a term of a field goes through
(`lane_vectors.CHUNK`), w = 2^-24 the rounding unit. The terms' absolute values sum to at most 3 A: the field's error
is below 3 d A w to first order. y = -2 beta log2(e) s h takes a rounded factor k = 2 beta log2(e) and a product:
error <= k A w (3 d + 2). e = 2^y then has the relative error 2^error - 1 <= error (where error <= 1), and the
polynomial and the three roundings after it less than 4e-6. `doubt` = 2^-16 + k A (d + 2) 2^-20 is at least four times
their sum; beyond 1/4 it is infinite, and every decision is settled. An absolute 2^-29 covers the unknown bits of u
(2^-32) and e below 2^-60. When u (1 + a e) is far above e its own rounding is far below the difference.
"""

from __future__ import annotations

import math

import numpy as np

from statfe._jit import njit
from statfe.kernels.lane_vectors import HEAT, LANES, add_masked, decide_site
from statfe.kernels.rng import advance, next_word
from statfe.kernels.tempering import GIBBS, swap_rungs

#: Streams of a tile: one for two neighbouring lanes, which take the halves of each word.
STREAMS = 32
#: Sites for which `refill` draws at once.
SITES = 8
ONE_BIT = np.uint64(1)


@njit
def refill(states, words):
    """The next `SITES` words of each xoshiro256++ stream; states (4 * STREAMS,), words (SITES * STREAMS,)."""
    for k in range(STREAMS):
        s0 = states[k]
        s1 = states[STREAMS + k]
        s2 = states[2 * STREAMS + k]
        s3 = states[3 * STREAMS + k]
        for d in range(SITES):
            words[d * STREAMS + k], s0, s1, s2, s3 = advance(s0, s1, s2, s3)
        states[k] = s0
        states[STREAMS + k] = s1
        states[2 * STREAMS + k] = s2
        states[3 * STREAMS + k] = s3


@njit
def settle(site, lane, first_bits, beta, heat, spins, indptr, indices, weights, fields, states):
    """Whether the spin of one lane flips, in double precision, with 64 bits of the uniform."""
    shift = np.uint64(lane)
    local = fields[site]
    for k in range(indptr[site], indptr[site + 1]):
        up = (spins[indices[k]] >> shift) & ONE_BIT
        local += weights[k] if up else -weights[k]
    cost = 2.0 * local if (spins[site] >> shift) & ONE_BIT else -2.0 * local
    own = states[lane // 2::STREAMS]
    word = (np.uint64(first_bits) << np.uint64(32)) | (next_word(own) >> np.uint64(32))
    u = (word >> np.uint64(11)) * 1.1102230246251565e-16
    if heat:
        return u * (1.0 + math.exp(beta * cost)) < 1.0
    return cost <= 0.0 or u < math.exp(-beta * cost)


@njit
def filter_sites(start, first, last, spins, states, words, bits, lanes, bases, doubled, indptr, indices):
    """Update the sites `start` ... in float32 up to the first with doubtful lanes, which are left as they are.

    Returns
    -------
    site, doubtful
        That site (`last` where all is done) and the bits of its doubtful lanes.
    """
    for i in range(start, last):
        place = (i - first) % SITES
        if place == 0:
            refill(states, words)
        flip, doubtful = decide_site(
            i, bases[i], indptr[i], indptr[i + 1], place * LANES, spins, indices, doubled, lanes, bits)
        spins[i] ^= flip
        if doubtful != np.uint64(0):
            return i, doubtful
    return last, np.uint64(0)


@njit
def sweep_sites(start, first, last, spins, states, words, bits, lanes, betas, bases, doubled, indptr, indices, weights,
                fields):
    """Update the sites `start` to `last` - 1 of one tile, `first` where the draws began; how many were settled.

    Parameters
    ----------
    spins
        uint64, a word a site.
    states
        uint64, shape (4 * STREAMS,).
    words, bits
        Room for random words, and the same memory as uint32; filled anew for every `SITES` sites.
    lanes, betas
        See `lane_vectors.decide_site`; inverse temperatures, float64, shape (64,).
    bases, doubled
        h_i - sum_j J_ij and 2 J, float32.
    """
    settled = 0
    while start < last:
        site, doubtful = filter_sites(
            start, first, last, spins, states, words, bits, lanes, bases, doubled, indptr, indices)
        if doubtful != np.uint64(0):
            place = (site - first) % SITES * LANES
            for lane in range(LANES):
                if (doubtful >> np.uint64(lane)) & ONE_BIT:
                    settled += 1
                    if settle(site, lane, bits[place + lane], betas[lane], lanes[LANES + lane] > 0.0, spins, indptr,
                              indices, weights, fields, states):
                        spins[site] ^= ONE_BIT << np.uint64(lane)
        start = site + 1
    return settled


@njit
def tile_energies(spins, rows, cols, twice, twice_fields, lowest, room, out):
    """Energy of each lane of a tile, float64, from the definition: `lowest` has all bonds satisfied, all spins down."""
    for lane in range(LANES):
        out[lane] = lowest
    for start in range(0, len(twice), len(room)):
        count = min(len(room), len(twice) - start)
        for k in range(count):
            room[k] = spins[rows[start + k]] ^ spins[cols[start + k]]
        add_masked(count, start, room, twice, out)
    add_masked(len(twice_fields), 0, spins, twice_fields, out)


@njit
def set_lanes(tile, second, rungs, rules, betas, scales, doubts, lanes, lane_betas):
    """Beta and rule of each lane of a tile from its rung; chains beyond the last one idle at beta = 0."""
    for lane in range(LANES):
        c = tile * LANES + lane
        rung = rungs[c] if c < len(rungs) else -1
        lane_betas[lane] = betas[rung] if rung >= 0 else 0.0
        lanes[lane] = scales[rung] if rung >= 0 else np.float32(0.0)
        heat = rung < 0 or second or rules[rung] == GIBBS
        lanes[LANES + lane] = np.float32(HEAT) if heat else np.float32(0.0)
        lanes[2 * LANES + lane] = doubts[rung] if rung >= 0 else np.float32(0.0)


@njit
def run_tiles(first_sweep, n_sweeps, thin, swap, n_rungs, betas, rules, scales, doubts, rung_of, chain_at, spins,
              states, graph, pairs, swap_states, energy_out, magnetization_out, exchanges):
    """Advance a group of G replicas of C chains by `n_sweeps` sweeps, with exchanges, and record every `thin`-th.

    Every second sweep is heat bath, as in `tempering.run_ladder`.

    Parameters
    ----------
    n_rungs
        K, the number of rungs of each replica's part of the four arrays that follow.
    betas, rules, scales, doubts
        By replica and rung, shape (G * K,); `scales` is -2 beta log2(e) and `doubts` the relative bound, float32.
    rung_of, chain_at
        int64, shape (G, C).
    spins
        uint64, shape (tiles, N).
    states
        uint64, shape (tiles, 4 * STREAMS).
    graph
        (indptr, indices, weights, fields, bases, doubled).
    pairs
        (rows, cols, 2 J, -2 h (none where all are 0), sum of h - sum of J, 2 a site): each bond once.
    energy_out, magnetization_out
        Shape (G, n_sweeps // thin, C), by rung.

    Returns
    -------
    int
        Decisions that were settled in double precision.
    """
    G, C = rung_of.shape
    tiles = len(spins)
    n = spins.shape[1]
    indptr, indices, weights, fields, bases, doubled = graph
    rows, cols, twice, twice_fields, lowest, twos = pairs
    words = np.empty(SITES * STREAMS, dtype=np.uint64)
    bits = words.view(np.uint32)
    lanes = np.empty(3 * LANES, dtype=np.float32)
    lane_betas = np.empty(LANES)
    energies = np.empty(tiles * LANES)
    magnetizations = np.empty(tiles * LANES)
    rungs = np.empty(G * C, dtype=np.int64)
    settled = 0
    for sweep in range(n_sweeps):
        second = (first_sweep + sweep) % 2 == 1
        record = (sweep + 1) % thin == 0
        for r in range(G):
            for c in range(C):
                rungs[r * C + c] = r * n_rungs + rung_of[r, c]
        for t in range(tiles):
            set_lanes(t, second, rungs, rules, betas, scales, doubts, lanes, lane_betas)
            settled += sweep_sites(
                0, 0, n, spins[t], states[t], words, bits, lanes, lane_betas, bases, doubled, indptr, indices, weights,
                fields)
            if swap or record:
                tile_energies(spins[t], rows, cols, twice, twice_fields, lowest, words,
                              energies[t * LANES:(t + 1) * LANES])
            if record:
                magnetizations[t * LANES:(t + 1) * LANES] = -n
                add_masked(n, 0, spins[t], twos, magnetizations[t * LANES:(t + 1) * LANES])
        for r in range(G):
            if swap:
                swap_rungs(
                    (first_sweep + sweep) % 2, betas[r * n_rungs:(r + 1) * n_rungs], energies[r * C:(r + 1) * C],
                    chain_at[r], rung_of[r], swap_states[r], exchanges[r])
            if record:
                row = (sweep + 1) // thin - 1
                for k in range(C):
                    c = r * C + chain_at[r, k]
                    energy_out[r, row, k] = energies[c]
                    magnetization_out[r, row, k] = np.int64(magnetizations[c])
    return settled
