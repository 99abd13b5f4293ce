"""A ladder of chains at several beta, swept in turn and exchanging temperatures (parallel tempering).

One call advances one replica of the whole ladder by a block of sweeps. Chains keep their spins and their random
stream; what moves is the temperature: `rung_of[c]` is the rung of chain c and `chain_at[t]` its inverse.
"""

from __future__ import annotations

import math

from statfe._jit import njit
from statfe.kernels.rng import uniform
from statfe.kernels.single_spin import gibbs_sites, metropolis_sites, state_energy

#: Values of `rule`.
METROPOLIS = 0
GIBBS = 1

#: Rows of what is counted of the exchanges of one replica, int64, shape (COUNTERS, K): those tried and accepted between
#: rungs (t, t + 1); of each chain, 1 + the coldest rung since it was last at rung 0 (0 before it ever was); and by that
#: coldest rung, how many chains came back to rung 0.
TRIED, ACCEPTED, COLDEST, RETURNED = 0, 1, 2, 3
COUNTERS = 4


@njit
def sweep_chain(rule, spins, beta, indptr, indices, weights, fields, state):
    """One sweep of one chain, sites in order."""
    n = len(spins)
    if rule == METROPOLIS:
        return metropolis_sites(spins, 0, n, beta, indptr, indices, weights, fields, state)
    return gibbs_sites(spins, 0, n, beta, indptr, indices, weights, fields, state)


@njit
def swap_rungs(parity, betas, energies, chain_at, rung_of, state, exchanges):
    """Try to exchange the temperatures of rungs (t, t+1), t = parity, parity + 2, ...

    Accepted with probability min(1, exp((beta_a - beta_b) (E_a - E_b))) (Hukushima and Nemoto 1996, eq. 9). Even and
    odd pairs in turn carry chains along the ladder instead of letting them diffuse (Syed et al. 2022, section 3).
    """
    for t in range(parity, len(betas) - 1, 2):
        a = chain_at[t]
        b = chain_at[t + 1]
        log_ratio = (betas[t] - betas[t + 1]) * (energies[a] - energies[b])
        u = uniform(state)
        exchanges[TRIED, t] += 1
        # 1 + x <= exp(x) <= 1 / (1 - x) for x < 0 decides most exchanges without an exponential.
        if log_ratio >= 0.0 or u < 1.0 + log_ratio or (
                u * (1.0 - log_ratio) < 1.0 and u < math.exp(log_ratio)):
            chain_at[t] = b
            chain_at[t + 1] = a
            rung_of[a] = t + 1
            rung_of[b] = t
            exchanges[ACCEPTED, t] += 1
            if 0 < exchanges[COLDEST, a] < t + 2:
                exchanges[COLDEST, a] = t + 2
    hot = chain_at[0]
    if exchanges[COLDEST, hot] != 1:
        if exchanges[COLDEST, hot] > 1:
            exchanges[RETURNED, exchanges[COLDEST, hot] - 1] += 1
        exchanges[COLDEST, hot] = 1


@njit
def run_ladder(rules, first_sweep, n_sweeps, thin, swap, betas, spins, rung_of, chain_at, indptr, indices, weights,
               fields, states, swap_state, energy_out, magnetization_out, exchanges):
    """Advance one replica by `n_sweeps` sweeps and record every `thin`-th.

    Every second sweep is heat bath, whatever the rule: Metropolis in order takes all flips that cost nothing, carries
    domain walls along and hardly ever lets them meet, and in a ring its energy takes thousands of sweeps to forget.

    Parameters
    ----------
    rules
        Update rule of each rung, `METROPOLIS` or `GIBBS`, shape (K,).
    first_sweep
        Number of sweeps done before; sets the parity of swaps and of the rule.
    swap
        Whether to exchange temperatures after each sweep.
    betas
        Rungs, ascending, shape (K,).
    spins
        int8, shape (K, N), one row a chain; changed in place.
    states, swap_state
        Random streams of the chains, uint64, shape (K, 4), and of the swaps, shape (4,).
    energy_out, magnetization_out
        Filled by rung, shape (n_sweeps // thin, K).
    exchanges
        Of the exchanges, int64, shape (COUNTERS, K); added to.
    """
    K = len(betas)
    energies = [0.0] * K
    magnetizations = [0] * K
    for c in range(K):
        energies[c], magnetizations[c] = state_energy(spins[c], indptr, indices, weights, fields)
    for sweep in range(n_sweeps):
        second = (first_sweep + sweep) % 2 == 1
        for c in range(K):
            rung = rung_of[c]
            de, dm = sweep_chain(
                GIBBS if second else rules[rung], spins[c], betas[rung], indptr, indices, weights, fields, states[c])
            energies[c] += de
            magnetizations[c] += dm
        if swap:
            swap_rungs((first_sweep + sweep) % 2, betas, energies, chain_at, rung_of, swap_state, exchanges)
        if (sweep + 1) % thin == 0:
            row = (sweep + 1) // thin - 1
            for t in range(K):
                energy_out[row, t] = energies[chain_at[t]]
                magnetization_out[row, t] = magnetizations[chain_at[t]]
