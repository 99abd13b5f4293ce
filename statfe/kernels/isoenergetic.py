"""Houdayer's cluster move between two replicas at one temperature (Eur. Phys. J. B 22, 479 (2001)).

The overlap q_i = s_i^a s_i^b splits the sites in two kinds. A connected cluster of one kind is flipped in both
replicas, which leaves every q_i as it is, so the move is its own inverse and as likely as it.
Across the boundary of the cluster q_i q_j = -1: what the one replica gains in bonds the other loses. Within a cluster
of q_i = -1 the fields do the same, since s_i^b = -s_i^a. The sum of the energies stays, and the move is always accepted
(Zhu, Ochoa and Katzgraber, Phys. Rev. Lett. 115, 077201 (2015)). Without fields a cluster of q_i = +1 is as good; the
rarer kind is taken, whose clusters do not span the system.

Each replica alone, and the pair at one time, keep their Boltzmann laws; but energy goes from the one to the other, so
that in time they are correlated.
"""

from __future__ import annotations

import numpy as np

from statfe._jit import njit
from statfe.kernels.rng import next_word
from statfe.kernels.single_spin import state_energy
from statfe.kernels.tempering import GIBBS, swap_rungs, sweep_chain


@njit
def below(count, state):
    """A uniform integer in [0, count), count < 2^32, without bias (Lemire 2019)."""
    unfair = np.uint64((1 << 32) % count)
    while True:
        product = (next_word(state) >> np.uint64(32)) * np.uint64(count)
        if product & np.uint64(0xFFFFFFFF) >= unfair:
            return np.int64(product >> np.uint64(32))


@njit
def seed_site(a, b, either, overlap, state):
    """Fill `overlap` and pick a site of q = -1 (with `either`, of the rarer q) at random; (site, q), or (-1, q)."""
    n = len(a)
    total = 0
    for i in range(n):
        overlap[i] = a[i] * b[i]
        total += overlap[i]
    kind = 1 if either and total < 0 else -1
    count = (n + kind * total) // 2
    if count == 0:
        return -1, kind
    left = below(count, state)
    for i in range(n):
        if overlap[i] == kind:
            if left == 0:
                return i, kind
            left -= 1
    return -1, kind


@njit
def houdayer_move(a, b, either, indptr, indices, weights, fields, overlap, members, state):
    """Flip one cluster in both replicas.

    Parameters
    ----------
    a, b
        Spins, int8, shape (N,); changed in place.
    either
        Whether clusters of both kinds may be flipped: true only without fields.
    overlap, members
        Room: int8 and int32, shape (N,).
    state
        Random stream, uint64, shape (4,).

    Returns
    -------
    Change of the energy of `a` (that of `b` is its opposite), and of both magnetisations.
    """
    site, kind = seed_site(a, b, either, overlap, state)
    if site < 0:
        return 0.0, 0, 0
    members[0] = site
    overlap[site] = 0
    size = 1
    done = 0
    delta_e = 0.0
    delta_a = 0
    while done < size:
        i = members[done]
        done += 1
        boundary = fields[i]
        for k in range(indptr[i], indptr[i + 1]):
            j = indices[k]
            if overlap[j] == -kind:
                boundary += weights[k] * a[j]
            elif overlap[j] == kind:
                overlap[j] = 0
                members[size] = j
                size += 1
        delta_e += 2.0 * a[i] * boundary
        delta_a -= 2 * a[i]
    for k in range(size):
        i = members[k]
        a[i] = -a[i]
        b[i] = -b[i]
    return delta_e, delta_a, kind * delta_a


@njit
def exchange_clusters(first, second, either, chain_at, spins, indptr, indices, weights, fields, energies,
                      magnetizations, overlap, members, state):
    """One cluster move at every rung between two replicas, given by their places in `spins`; rows 0 and 1 elsewhere."""
    for t in range(chain_at.shape[1]):
        c = chain_at[first, t]
        d = chain_at[second, t]
        change, up_c, up_d = houdayer_move(
            spins[first, c], spins[second, d], either, indptr, indices, weights, fields, overlap, members, state)
        energies[0, c] += change
        energies[1, d] -= change
        magnetizations[0, c] += up_c
        magnetizations[1, d] += up_d


@njit
def run_unit(replicas, either, rules, first_sweep, n_sweeps, thin, swap, betas, spins, rung_of, chain_at, indptr,
             indices, weights, fields, states, swap_states, move_state, energy_out, magnetization_out, exchanges):
    """Advance one or two replicas by `n_sweeps` sweeps, each followed by cluster moves between the two.

    Parameters
    ----------
    replicas
        Which replicas, int64, shape (1,) or (2,).
    either
        Whether the model has no fields.
    spins, rung_of, chain_at, states, swap_states, exchanges
        Of all replicas of the run: those of `statfe.kernels.tempering.run_ladder` with one more axis in front.
    move_state
        Random stream of the cluster moves, uint64, shape (4,).
    energy_out, magnetization_out
        Shape (len(replicas), n_sweeps // thin, K).

    The others are those of `run_ladder`.
    """
    M, K, n = len(replicas), len(betas), spins.shape[2]
    energies, magnetizations = np.empty((M, K)), np.empty((M, K), dtype=np.int64)
    overlap, members = np.empty(n, dtype=np.int8), np.empty(n, dtype=np.int32)
    for m in range(M):
        for c in range(K):
            energies[m, c], magnetizations[m, c] = state_energy(spins[replicas[m], c], indptr, indices, weights, fields)
    for sweep in range(n_sweeps):
        second = (first_sweep + sweep) % 2 == 1
        for m in range(M):
            r = replicas[m]
            for c in range(K):
                rung = rung_of[r, c]
                de, dm = sweep_chain(
                    GIBBS if second else rules[rung], spins[r, c], betas[rung], indptr, indices, weights, fields,
                    states[r, c])
                energies[m, c] += de
                magnetizations[m, c] += dm
        if M == 2:
            exchange_clusters(replicas[0], replicas[1], either, chain_at, spins, indptr, indices, weights, fields,
                              energies, magnetizations, overlap, members, move_state)
        for m in range(M):
            r = replicas[m]
            if swap:
                swap_rungs((first_sweep + sweep) % 2, betas, energies[m], chain_at[r], rung_of[r], swap_states[r],
                           exchanges[r])
            if (sweep + 1) % thin == 0:
                row = (sweep + 1) // thin - 1
                for t in range(K):
                    energy_out[m, row, t] = energies[m, chain_at[r, t]]
                    magnetization_out[m, row, t] = magnetizations[m, chain_at[r, t]]
