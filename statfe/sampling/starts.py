"""Where chains start: half of the replicas from random spins, the others from order.

Chains that all come from one side of a first-order transition agree with each other and miss the other side. From
both sides they disagree, and R-hat says so.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

import numpy as np

from statfe.kernels.single_spin import metropolis_sites
from statfe.models.ising import IsingModel
from statfe.random import generator, streams
from statfe.variational.start_points import gauge_signs

if TYPE_CHECKING:
    from statfe.sampling.plan import Plan

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
    return np.repeat(_ordered(model, seed, replica % 4 == 1)[None, :], chains, axis=0)


def start_of(model: IsingModel, plan: Plan, replica: int) -> np.ndarray:
    """Spins that the plan says to start from, else those of `start`."""
    if plan.first is None:
        return start(model, plan.seed, replica, plan.chains)
    return plan.first if plan.first.ndim == 2 else plan.first[replica]


def starts_of(model: IsingModel, plan: Plan) -> np.ndarray:
    """Spins of all replicas, int8, shape (replicas, chains, n_sites)."""
    rows = np.empty((plan.replicas, plan.chains, model.n_sites), dtype=np.int8)
    for r in range(plan.replicas):
        rows[r] = start_of(model, plan, r)
    return rows


#: Ordered starts of a model, by seed and sign: all replicas of a run share two.
_known: weakref.WeakKeyDictionary[IsingModel, dict[tuple[int, bool], np.ndarray]] = weakref.WeakKeyDictionary()


def _ordered(model: IsingModel, seed: int, up: bool) -> np.ndarray:
    known = _known.setdefault(model, {})
    if (seed, up) not in known:
        if any(key[0] != seed for key in known):
            known.clear()
        if model.uniform is not None and (model.uniform[0] > 0 or not model.has_fields):
            known[seed, up] = _uniform_order(model, up)
            return known[seed, up]
        signs = gauge_signs(model).astype(np.int8)
        known[seed, up] = quenched(model, signs if up else -signs, seed)
    return known[seed, up]


def _uniform_order(model: IsingModel, up: bool) -> np.ndarray:
    """A ground state, or near one, of a lattice with one coupling: aligned, or alternating for J < 0."""
    assert model.lattice is not None
    assert model.uniform is not None
    J, h = model.uniform
    spins = np.full(model.lattice.shape, 1 if up == (h >= 0) else -1, dtype=np.int8)
    if J < 0:
        for axis in range(spins.ndim):
            place = [1] * spins.ndim
            place[axis] = -1
            spins *= (1 - 2 * (np.arange(spins.shape[axis]) % 2)).astype(np.int8).reshape(place)
    return spins.ravel()


def quenched(model: IsingModel, spins: np.ndarray, seed: int) -> np.ndarray:
    """`spins` after sweeps at zero temperature until the energy no longer falls; a new array."""
    out, state = spins.copy(), streams(seed, 1, QUENCH_KEY)[0]
    for _ in range(QUENCH_SWEEPS):
        change, _ = metropolis_sites(
            out, 0, model.n_sites, FROZEN_BETA, model.indptr, model.indices, model.weights, model.fields, state)
        if change >= 0.0:
            break
    return out
