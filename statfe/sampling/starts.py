"""Where chains start: half of the replicas from random spins, the others from order.

Chains that all come from one side of a first-order transition agree with each other and miss the other side. From
both sides they disagree, and R-hat says so.
"""

from __future__ import annotations

import numpy as np

from statfe.kernels.single_spin import metropolis_sites
from statfe.models.ising import IsingModel
from statfe.random import generator, streams
from statfe.variational.start_points import gauge_signs

START_KEY, QUENCH_KEY = 3, 4
#: Most sweeps of a quench; it ends when the energy no longer falls.
QUENCH_SWEEPS = 100
#: Large enough that no step uphill is ever taken.
FROZEN_BETA = 1e300


def from_order(replica: int) -> bool:
    """Whether a replica starts from order: every second one."""
    return replica % 2 == 1


def start(model: IsingModel, seed: int, replica: int, chains: int) -> np.ndarray:
    """Spins of the chains of one replica; int8, shape (chains, n_sites).

    Ordered replicas start from the signs that satisfy a spanning tree of the couplings and agree with the fields on
    the whole (every fourth from their opposite), after a quench to zero temperature.
    """
    if not from_order(replica):
        rng = generator(seed, (START_KEY, replica))
        spins = rng.integers(0, 2, size=(chains, model.n_sites), dtype=np.int8)
        spins *= 2
        spins -= 1
        return spins
    signs = gauge_signs(model).astype(np.int8)
    one = quenched(model, signs if replica % 4 == 1 else -signs, seed)
    return np.repeat(one[None, :], chains, axis=0)


def quenched(model: IsingModel, spins: np.ndarray, seed: int) -> np.ndarray:
    """`spins` after sweeps at zero temperature until the energy no longer falls; a new array."""
    out, state = spins.copy(), streams(seed, 1, QUENCH_KEY)[0]
    for _ in range(QUENCH_SWEEPS):
        change, _ = metropolis_sites(
            out, 0, model.n_sites, FROZEN_BETA, model.indptr, model.indices, model.weights, model.fields, state)
        if change >= 0.0:
            break
    return out
