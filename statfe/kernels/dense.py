"""Single-spin sweeps where nearly every pair is coupled: local fields are kept, and updated when a spin flips.

Couplings and fields are multiples of one power of two so small that every local field is one too and exact in double
precision (`banks/dense.py` rounds them): sums are exact in any order, so the kept fields never drift, and results do
not depend on where a block of sweeps begins. Sites are visited in order, `BLOCK` at a time for each chain; all flips
of a block reach the other sites in one pass, four rows of J at once, while those rows are still in the cache.
"""

from __future__ import annotations

import math

import numpy as np

from statfe._jit import njit
from statfe.kernels.rng import advance
from statfe.kernels.tempering import GIBBS, swap_rungs

#: Sites of one chain updated before their flips reach the rest.
BLOCK = 32


@njit
def flips(heat, x, u):
    """Whether u < min(1, exp(-x)), or with `heat` u < 1 / (1 + exp(x)); most often without an exponential."""
    if heat:
        if x > 0.0 and u * (2.0 + x * (1.0 + 0.5 * x)) > 1.000001:  # 1 + exp(x) is larger than that
            return False
        return u * (1.0 + math.exp(x)) < 1.0
    if x <= 0.0:
        return True
    return u * (1.0 + x * (1.0 + 0.5 * x)) <= 1.000001 and u < math.exp(-x)


@njit
def add_rows(c, count, sites, deltas, J, fields):
    """fields[c] += sum_k deltas[k] J[sites[k]]; `sites` and `deltas` have room for three more."""
    n = len(J)
    for k in range(0, count, 4):
        if count - k == 1:
            i = sites[k]
            a = deltas[k]
            for j in range(n):
                fields[c, j] += a * J[i, j]
            return
        for extra in range(count, k + 4):
            sites[extra] = sites[k]
            deltas[extra] = 0.0
        i0, i1, i2, i3 = sites[k], sites[k + 1], sites[k + 2], sites[k + 3]
        a0, a1, a2, a3 = deltas[k], deltas[k + 1], deltas[k + 2], deltas[k + 3]
        for j in range(n):
            fields[c, j] += (a0 * J[i0, j] + a1 * J[i1, j]) + (a2 * J[i2, j] + a3 * J[i3, j])


@njit
def update_sites(c, first, last, heat, beta, spins, J, fields, states, near, sites, deltas):
    """Update the sites `first` to `last` - 1 of chain c, at most `BLOCK`; how many flipped.

    Their fields are right at every step in `near`; `add_rows` with the flipped `sites` then makes all fields right.
    """
    width = last - first
    for j in range(width):
        near[j] = fields[c, first + j]
    s0, s1, s2, s3 = states[c, 0], states[c, 1], states[c, 2], states[c, 3]
    count = 0
    for k in range(width):
        i = first + k
        word, s0, s1, s2, s3 = advance(s0, s1, s2, s3)
        u = (word >> np.uint64(11)) * 1.1102230246251565e-16
        if flips(heat, 2.0 * beta * spins[c, i] * near[k], u):
            spins[c, i] = -spins[c, i]
            delta = 2.0 * spins[c, i]
            for j in range(width):
                near[j] += delta * J[i, first + j]
            sites[count] = i
            deltas[count] = delta
            count += 1
    states[c, 0], states[c, 1], states[c, 2], states[c, 3] = s0, s1, s2, s3
    return count


@njit
def sweep_chains(heats, betas, spins, J, fields, states, near, sites, deltas):
    """One sweep of all chains, sites in order; heats (bool) and betas by chain."""
    n = len(J)
    for first in range(0, n, BLOCK):
        last = min(first + BLOCK, n)
        for c in range(len(spins)):
            count = update_sites(c, first, last, heats[c], betas[c], spins, J, fields, states, near, sites, deltas)
            add_rows(c, count, sites, deltas, J, fields)


@njit
def all_fields(spins, J, h, fields):
    """fields[c, i] = h_i + sum_j J_ij s_j."""
    n = len(J)
    sites = np.empty(BLOCK + 3, dtype=np.int64)
    deltas = np.empty(BLOCK + 3)
    for c in range(len(spins)):
        for j in range(n):
            fields[c, j] = h[j]
        for first in range(0, n, BLOCK):
            count = min(BLOCK, n - first)
            for k in range(count):
                sites[k] = first + k
                deltas[k] = spins[c, first + k]
            add_rows(c, count, sites, deltas, J, fields)


@njit
def chain_energy(c, spins, fields, h):
    """(energy, magnetisation) of chain c from its fields: -1/2 sum_i s_i (local_i + h_i)."""
    energy = 0.0
    magnetization = 0
    for i in range(len(h)):
        energy -= 0.5 * spins[c, i] * (fields[c, i] + h[i])
        magnetization += spins[c, i]
    return energy, magnetization


@njit
def run_dense(rules, first_sweep, n_sweeps, thin, swap, betas, spins, rung_of, chain_at, J, h, states, swap_state,
              energy_out, magnetization_out, exchanges):
    """Advance one replica by `n_sweeps` sweeps and record every `thin`-th; arguments as `tempering.run_ladder`.

    J is the full matrix with zeros on the diagonal, shape (N, N). Every second sweep is heat bath.
    """
    C, n = spins.shape
    fields = np.empty((C, n))
    all_fields(spins, J, h, fields)
    near = np.empty(BLOCK)
    sites = np.empty(BLOCK + 3, dtype=np.int64)
    deltas = np.empty(BLOCK + 3)
    heats = np.empty(C, dtype=np.bool_)
    chain_betas = np.empty(C)
    energies = np.empty(C)
    magnetizations = np.empty(C, dtype=np.int64)
    for sweep in range(n_sweeps):
        second = (first_sweep + sweep) % 2 == 1
        record = (sweep + 1) % thin == 0
        for c in range(C):
            rung = rung_of[c]
            heats[c] = second or rules[rung] == GIBBS
            chain_betas[c] = betas[rung]
        sweep_chains(heats, chain_betas, spins, J, fields, states, near, sites, deltas)
        if swap or record:
            for c in range(C):
                energies[c], magnetizations[c] = chain_energy(c, spins, fields, h)
        if swap:
            swap_rungs((first_sweep + sweep) % 2, betas, energies, chain_at, rung_of, swap_state, exchanges)
        if record:
            row = (sweep + 1) // thin - 1
            for t in range(C):
                energy_out[row, t] = energies[chain_at[t]]
                magnetization_out[row, t] = magnetizations[chain_at[t]]
