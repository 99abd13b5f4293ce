"""Single-spin sweeps of one chain: Metropolis and heat bath (Gibbs), sites in order.

Each kernel updates the sites `first` to `last` - 1 of `spins` (int8) in place, with one uniform a site, and
returns the change of (energy, magnetisation). A site's update leaves the Boltzmann weight invariant, so a sweep,
their product, does too.
"""

from __future__ import annotations

import math

from statfe._jit import njit
from statfe.kernels.rng import uniform


@njit
def metropolis_sites(spins, first, last, beta, indptr, indices, weights, fields, state):
    """Metropolis et al. (1953): flip with probability min(1, exp(-beta Delta E)), Delta E = 2 s_i h_i."""
    delta_e = 0.0
    delta_m = 0
    for i in range(first, last):
        local = fields[i]
        for k in range(indptr[i], indptr[i + 1]):
            local += weights[k] * spins[indices[k]]
        cost = 2.0 * spins[i] * local
        # The uniform is drawn either way: the stream's position then never depends on the path.
        u = uniform(state)
        if cost <= 0.0 or u < math.exp(-beta * cost):
            spins[i] = -spins[i]
            delta_e += cost
            delta_m += 2 * spins[i]
    return delta_e, delta_m


@njit
def gibbs_sites(spins, first, last, beta, indptr, indices, weights, fields, state):
    """Heat bath: s_i = +1 with probability 1 / (1 + exp(-2 beta h_i)), whatever it was."""
    delta_e = 0.0
    delta_m = 0
    for i in range(first, last):
        local = fields[i]
        for k in range(indptr[i], indptr[i + 1]):
            local += weights[k] * spins[indices[k]]
        u = uniform(state)
        new = 1 if u * (1.0 + math.exp(-2.0 * beta * local)) < 1.0 else -1
        change = new - spins[i]
        delta_e -= change * local
        delta_m += change
        spins[i] = new
    return delta_e, delta_m


@njit
def state_energy(spins, indptr, indices, weights, fields):
    """(energy, magnetisation) of `spins` from the definition, without the model's constant."""
    energy = 0.0
    magnetization = 0
    for i in range(len(spins)):
        local = 0.0
        for k in range(indptr[i], indptr[i + 1]):
            local += weights[k] * spins[indices[k]]
        energy -= spins[i] * (0.5 * local + fields[i])
        magnetization += spins[i]
    return energy, magnetization
