"""Simulated annealing of any model: one chain with its local fields kept, or 64 chains in float lanes; and a quench."""

from __future__ import annotations

import math

import numpy as np

from statfe._jit import njit
from statfe.kernels.bit_anneal import HEAT_EVERY
from statfe.kernels.float_lane import SITES, STREAMS, sweep_sites
from statfe.kernels.lane_vectors import HEAT, LANES
from statfe.kernels.rng import next_word, uniform

#: exp(-x) of more than this is taken for 0: it is below the smallest uniform but 0.
NEVER = 37.0


@njit
def random_spins(spins, state):
    """Fill `spins` (int8) with +-1."""
    for i in range(len(spins)):
        spins[i] = 1 if next_word(state) >> np.uint64(63) != np.uint64(0) else -1


@njit
def local_fields(spins, indptr, indices, weights, fields, local):
    """local[i] = h_i + sum_j J_ij s_j."""
    for i in range(len(spins)):
        field = fields[i]
        for k in range(indptr[i], indptr[i + 1]):
            field += weights[k] * spins[indices[k]]
        local[i] = field


@njit
def _flip(i, spins, indptr, indices, weights, local):
    spins[i] = -spins[i]
    twice = 2.0 * spins[i]
    for k in range(indptr[i], indptr[i + 1]):
        local[indices[k]] += twice * weights[k]


@njit
def anneal_chain(first_sweep, betas, spins, indptr, indices, weights, fields, state):
    """One sweep at each of `betas`, sites in order, Metropolis or, every `HEAT_EVERY`-th, heat bath."""
    n = len(spins)
    local = np.empty(n)
    for sweep in range(len(betas)):
        if sweep % 64 == 0:  # afresh, before rounding errors add up
            local_fields(spins, indptr, indices, weights, fields, local)
        beta, heat = betas[sweep], (first_sweep + sweep) % HEAT_EVERY == HEAT_EVERY - 1
        for i in range(n):
            x = 2.0 * beta * spins[i] * local[i]
            if x >= NEVER:
                continue
            if heat:
                accept = x <= -NEVER or uniform(state) * (1.0 + math.exp(x)) < 1.0
            else:
                accept = x <= 0.0 or uniform(state) < math.exp(-x)
            if accept:
                _flip(i, spins, indptr, indices, weights, local)


@njit
def quench_chain(least, spins, indptr, indices, weights, fields):
    """Flip what lowers the energy by more than `least[i]`, sites in order, until there is none; the sweeps.

    Local fields are summed anew at every site, so that the last sweep, without a flip, proves the end. `least` lies
    above the rounding of these sums: the energy then falls at every flip and the loop ends.
    """
    sweeps = 0
    flipped = True
    while flipped:
        flipped = False
        sweeps += 1
        for i in range(len(spins)):
            field = fields[i]
            for k in range(indptr[i], indptr[i + 1]):
                field += weights[k] * spins[indices[k]]
            if 2.0 * spins[i] * field < -least[i]:
                spins[i] = -spins[i]
                flipped = True
    return sweeps


@njit
def random_tile(spins, states):
    """Random spins of a tile of 64 chains: a word a site from the first of its streams."""
    own = states[::STREAMS]
    for i in range(len(spins)):
        spins[i] = next_word(own)


@njit
def anneal_tile(first_sweep, betas, scales, doubts, spins, states, indptr, indices, weights, fields, bases, doubled):
    """One sweep of 64 chains at each of `betas`: Metropolis or, every `HEAT_EVERY`-th, heat bath.

    Parameters
    ----------
    betas, scales, doubts
        By sweep: beta, -2 beta log2(e) and the bound of the float32 filter (see `float_lane`).
    spins, states, bases, doubled
        See `float_lane.sweep_sites`.
    """
    words = np.empty(SITES * STREAMS, dtype=np.uint64)
    bits = words.view(np.uint32)
    lanes = np.empty(3 * LANES, dtype=np.float32)
    lane_betas = np.empty(LANES)
    for sweep in range(len(betas)):
        heat = (first_sweep + sweep) % HEAT_EVERY == HEAT_EVERY - 1
        for lane in range(LANES):
            lane_betas[lane] = betas[sweep]
            lanes[lane] = scales[sweep]
            lanes[LANES + lane] = np.float32(HEAT) if heat else np.float32(0.0)
            lanes[2 * LANES + lane] = doubts[sweep]
        sweep_sites(0, 0, len(spins), spins, states, words, bits, lanes, lane_betas, bases, doubled, indptr, indices,
                    weights, fields)


@njit
def unpack_tile(spins, lanes, out):
    """The first `lanes` chains of a tile as int8 rows of `out`."""
    for i in range(len(spins)):
        word = spins[i]
        for lane in range(lanes):
            out[lane, i] = 1 if (word >> np.uint64(lane)) & np.uint64(1) != np.uint64(0) else -1
