"""Single-spin sweeps with the weight exp(-beta E + w_E(E) + w_M[M]), and exchanges between chains of other weights.

w_E is linear between the nodes of a table and constant beyond its ends; w_M is a table over the N + 1 values of M, or
empty. Each update leaves this weight invariant, and so do a sweep in any order of sites and the exchanges.
"""

from __future__ import annotations

import math

from statfe._jit import njit
from statfe.kernels.rng import uniform


@njit
def on_table(x, table):
    """Value of `table` at place x, linear between its nodes and constant beyond them."""
    last = len(table) - 1
    if x <= 0.0:
        return table[0]
    if x >= last:
        return table[last]
    k = int(x)
    return table[k] + (x - k) * (table[k + 1] - table[k])


@njit
def bias_of(energy, magnetization, n, low, width, by_energy, by_magnetization):
    """w_E(E) + w_M[M]; an empty table is no bias."""
    bias = on_table((energy - low) / width, by_energy) if len(by_energy) > 0 else 0.0
    if len(by_magnetization) > 0:
        bias += by_magnetization[(magnetization + n) >> 1]
    return bias


@njit
def taken(gain, u, heat_bath):
    """Whether a flip that adds `gain` to the logarithm of the weight is taken, with u uniform on [0, 1)."""
    if heat_bath:
        return u * (1.0 + math.exp(-gain)) < 1.0
    return gain >= 0.0 or u < math.exp(gain)


@njit
def biased_sites(spins, first, last, heat_bath, beta, energy, magnetization, low, width, by_energy, by_magnetization,
                 indptr, indices, weights, fields, state):
    """Update the sites `first` to `last` - 1 in order, with one uniform a site; returns (energy, magnetisation).

    A flip changes the logarithm of the weight by a = -beta Delta E + Delta w. Metropolis: it is taken with probability
    min(1, e^a); heat bath: with 1 / (1 + e^-a).
    """
    n = len(spins)
    bias = bias_of(energy, magnetization, n, low, width, by_energy, by_magnetization)
    for i in range(first, last):
        local = fields[i]
        for k in range(indptr[i], indptr[i + 1]):
            local += weights[k] * spins[indices[k]]
        cost = 2.0 * spins[i] * local
        new = bias_of(energy + cost, magnetization - 2 * spins[i], n, low, width, by_energy, by_magnetization)
        gain = new - bias - beta * cost
        if taken(gain, uniform(state), heat_bath):
            magnetization -= 2 * spins[i]
            energy += cost
            bias = new
            spins[i] = -spins[i]
    return energy, magnetization


@njit
def exchange(held, chain, parity, low, width, n, by_energy, by_magnetization, energy, magnetization, state, tried,
             accepted):
    """Swap the chains of windows (w, w + 1) for w = parity, parity + 2, ... with probability min(1, e^a).

    a = w_w(x') + w_w'(x) - w_w(x) - w_w'(x'): beta is the same in all windows, so that only biases count. `held` is
    the number of windows, `chain` the chain in each.
    """
    for w in range(parity, held - 1, 2):
        a, b = chain[w], chain[w + 1]
        gain = (bias_of(energy[b], magnetization[b], n, low, width, by_energy[w], by_magnetization[w])
                + bias_of(energy[a], magnetization[a], n, low, width, by_energy[w + 1], by_magnetization[w + 1])
                - bias_of(energy[a], magnetization[a], n, low, width, by_energy[w], by_magnetization[w])
                - bias_of(energy[b], magnetization[b], n, low, width, by_energy[w + 1], by_magnetization[w + 1]))
        tried[w] += 1
        if uniform(state) < math.exp(min(gain, 0.0)):
            accepted[w] += 1
            chain[w], chain[w + 1] = b, a


@njit
def run_windows(spins, chain, energy, magnetization, first_sweep, sweeps, thin, beta, low, width, by_energy,
                by_magnetization, indptr, indices, weights, fields, states, swap_state, draws, tried, accepted):
    """Sweep the chains of all windows, exchange neighbours after each sweep, and record every `thin` sweeps.

    Parameters
    ----------
    spins
        int8, shape (W, n), by chain; `energy` and `magnetization` are theirs, float64 and int64, shape (W,).
    chain
        Chain in each window, int64, shape (W,).
    by_energy, by_magnetization
        Tables of each window, shape (W, K) and (W, N + 1); without columns where there is no such bias.
    states, swap_state
        Streams, shape (W, 4) and (4,).
    draws
        Filled with (energy, magnetisation, chain) of each window; shape (sweeps // thin, W, 3).
    """
    held, n = spins.shape
    for sweep in range(sweeps):
        heat_bath = (first_sweep + sweep) % 2 == 1
        for w in range(held):
            c = chain[w]
            energy[c], magnetization[c] = biased_sites(
                spins[c], 0, n, heat_bath, beta, energy[c], magnetization[c], low, width, by_energy[w],
                by_magnetization[w], indptr, indices, weights, fields, states[c])
        exchange(held, chain, (first_sweep + sweep) % 2, low, width, n, by_energy, by_magnetization, energy,
                 magnetization, swap_state, tried, accepted)
        if (sweep + 1) % thin == 0:
            row = (sweep + 1) // thin - 1
            for w in range(held):
                draws[row, w, 0] = energy[chain[w]]
                draws[row, w, 1] = magnetization[chain[w]]
                draws[row, w, 2] = chain[w]
