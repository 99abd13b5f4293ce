"""Zero-temperature dynamics of a Hopfield network, spin by spin from the definition."""

from __future__ import annotations


def couplings_of(patterns):
    """J_ij = (1/n) sum_mu xi_i xi_j, as lists, in units of 1/n."""
    n = len(patterns[0])
    return [[0 if i == j else sum(int(x[i]) * int(x[j]) for x in patterns) for j in range(n)] for i in range(n)]


def settle(spins, couplings, field=0.0):
    """Spins turned to their fields, sites in order, until none turns."""
    spins, turned = [int(s) for s in spins], True
    while turned:
        turned = False
        for i in range(len(spins)):
            pull = sum(couplings[i][j] * spins[j] for j in range(len(spins))) + field
            if spins[i] * pull < 0:
                spins[i], turned = -spins[i], True
    return spins
