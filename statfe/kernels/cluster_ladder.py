"""A ladder of chains moved by clusters, exchanging temperatures; see `statfe.kernels.cluster` for the moves."""

from __future__ import annotations

import numpy as np

from statfe._jit import njit
from statfe.kernels.cluster import MOST, swendsen_wang, wolff
from statfe.kernels.tempering import swap_rungs

#: A tally of the sizes of clusters forgets this share at every sweep.
FORGET = 0.1


@njit
def measure(spins, bonds):
    """(energy, magnetisation of the model's own spins), from the definition."""
    energy = 0.0
    magnetization = 0
    for i in range(len(spins)):
        local = bonds.fields[i]
        for k in range(bonds.lower_ptr[i], bonds.lower_ptr[i + 1]):
            local += bonds.lower_weights[k] * spins[bonds.lower[k]]
        energy -= spins[i] * local
        magnetization += bonds.gauge[i] * spins[i]
    return energy, magnetization


@njit
def wolff_sweep(spins, bonds, thresholds, settled, quota, tally, members, state):
    """As many clusters as `quota` says. Before the chain has settled: N sites' worth, to find out how many that is.

    The number is fixed before anything is recorded, but for the guard below, which hardly ever acts: one that depended
    on the clusters themselves would end
    sweeps more often after large ones, and the recorded states would not have the Boltzmann law.

    Where clusters still grow after that (the burn-in was too short for order to spread), a sweep could take thousands
    of times its share. One that passes `MOST` N sites ends, and the number is halved for good: this happens to chains
    out of equilibrium, and a few times at most.

    Parameters
    ----------
    quota, tally
        Of this rung: clusters a sweep, int64, shape (1,), 0 until it is fixed; sites and clusters of the last
        sweeps before that, float64, shape (2,).
    """
    # Without a burn-in to learn from, one more sweep is made for it.
    learning = not settled or (quota[0] == 0 and tally[1] == 0.0)
    while True:
        if not learning and quota[0] == 0:
            quota[0] = max(1, round(len(spins) * tally[1] / tally[0]))
        visited, grown = wolff(spins, bonds, thresholds, 0 if learning else quota[0], members, state)
        if not learning and visited > MOST * len(spins):
            quota[0] = max(1, quota[0] // 2)
        if learning:
            tally[0] += visited - FORGET * tally[0]
            tally[1] += grown - FORGET * tally[1]
        if settled and learning:
            learning = False
        else:
            return


@njit
def run_clusters(single, first_sweep, n_sweeps, thin, swap, settle, betas, spins, rung_of, chain_at, bonds, thresholds,
                 quota, tally, states, swap_state, energy_out, magnetization_out, exchanges):
    """Advance one replica of a ladder by `n_sweeps` sweeps and record every `thin`-th.

    Parameters
    ----------
    single
        True: Wolff's single clusters; False: Swendsen and Wang's.
    settle
        The first sweep that has a fixed number of Wolff's clusters.
    thresholds
        Shape (K, classes).
    quota, tally
        Of each rung (see `wolff_sweep`), shape (K,) and (K, 2).

    The others are those of `statfe.kernels.tempering.run_ladder`.
    """
    K, n = len(betas), spins.shape[1]
    energies, magnetizations = np.zeros(K), np.zeros(K, dtype=np.int64)
    room, turn = np.empty(n + 1, dtype=np.int32), np.empty(n + 1, dtype=np.int8)
    ends = np.empty((bonds.room, 2), dtype=np.int32)
    for sweep in range(n_sweeps):
        now = first_sweep + sweep
        record = (sweep + 1) % thin == 0
        for c in range(K):
            rung = rung_of[c]
            if single:
                wolff_sweep(spins[c], bonds, thresholds[rung], now >= settle, quota[rung:rung + 1], tally[rung], room,
                            states[c])
            else:
                swendsen_wang(spins[c], bonds, thresholds[rung], room, turn, ends, states[c])
            if swap or record:
                energies[c], magnetizations[c] = measure(spins[c], bonds)
        if swap:
            swap_rungs(now % 2, betas, energies, chain_at, rung_of, swap_state, exchanges)
        if record:
            row = (sweep + 1) // thin - 1
            for t in range(K):
                energy_out[row, t] = energies[chain_at[t]]
                magnetization_out[row, t] = magnetizations[chain_at[t]]
