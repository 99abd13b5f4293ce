"""Wang-Landau learning of a table of log weights, by walkers that know nothing of each other.

ln f is halved whenever every node seen so far was visited, until it falls below 1/t, t being trials a node; from then
on it is 1/t (Belardinelli and Pereyra, J. Chem. Phys. 127, 184105 (2007)): the error of the table then falls as t^-1/2,
where it saturates if ln f is halved for ever. The table is only a weight: no estimate rests on it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from statfe.executors import map_tasks
from statfe.flat.grid import EnergyGrid
from statfe.kernels.biased_learning import ABSOLUTE, ENERGY, MAGNETIZATION, learn_sweeps
from statfe.kernels.single_spin import state_energy
from statfe.models.ising import IsingModel
from statfe.random import streams
from statfe.registry import Context
from statfe.sampling.starts import start

LEARN_KEY = 2011
#: Share of the sweeps after which ln f is halved though some node was not visited again.
PATIENCE = 1 / 30
#: Blocks of one ln f, at least, and trials a node in one, at most.
BLOCKS, TRIALS_A_BLOCK = 200, 20.0
#: Visits that count as one.
VISITED = 0.5


@dataclass(frozen=True)
class Walk:
    """What a table lies along: the energy (at beta 0), or the magnetisation at some beta.

    `nodes` are `width` apart from `low`, in units of ``grid.scale`` for the energy.
    """

    along: int
    beta: float
    low: float
    width: float
    nodes: int

    @classmethod
    def in_energy(cls, grid: EnergyGrid) -> Walk:
        """Along the energy, at infinite temperature: the flat weight is 1 / g(E)."""
        return cls(ENERGY, 0.0, grid.low, grid.width, grid.nodes)

    @classmethod
    def in_magnetization(cls, n_sites: int, beta: float, absolute: bool) -> Walk:
        """Along M, or its absolute value where both signs weigh the same."""
        low = n_sites % 2 if absolute else -n_sites
        return cls(ABSOLUTE if absolute else MAGNETIZATION, beta, low, 2.0, (n_sites - low) // 2 + 1)


@dataclass(frozen=True)
class Learned:
    """A table of log weights, and by walker: which nodes it saw, ln f at the end, its spins.

    Attributes
    ----------
    table
        Shape (nodes,); nodes that nobody saw lie on the line between their neighbours.
    seen
        Which nodes were the nearest to a place that was visited, or are known to exist; bool, shape (walkers, nodes).
    spins
        int8, shape (walkers, n_sites).
    """

    table: np.ndarray
    seen: np.ndarray
    log_f: np.ndarray
    spins: np.ndarray


def learn(model: IsingModel, grid: EnergyGrid, walk: Walk, walkers: int, sweeps: int, context: Context,
          round_number: int = 0) -> Learned:
    """Let `walkers` walkers learn a table each in `sweeps` sweeps, and take the median."""
    states = streams(context.seed, walkers, (LEARN_KEY, walk.along, round_number))
    first = [start(model, context.seed, r, 1)[0] for r in range(walkers)]
    # Kernels take beta in the unit of the grid.
    scaled = Walk(walk.along, walk.beta * grid.scale, walk.low, walk.width, walk.nodes)

    def one(r: int) -> tuple[np.ndarray, np.ndarray, float]:
        return _learn_one(model, grid, scaled, first[r], states[r], sweeps)

    found = map_tasks(one, range(walkers), context.workers)
    seen = np.array([f[1] for f in found])
    return Learned(combined(np.array([f[0] for f in found]), seen), seen, np.array([f[2] for f in found]),
                   np.array(first))


def _learn_one(
    model: IsingModel, grid: EnergyGrid, walk: Walk, spins: np.ndarray, state: np.ndarray, sweeps: int
) -> tuple[np.ndarray, np.ndarray, float]:
    """(table, seen, last ln f) of one walker; `spins` move on."""
    n, arrays = model.n_sites, (model.indptr, model.indices, grid.weights, grid.fields)
    table, visits = np.zeros(walk.nodes), np.zeros(walk.nodes)
    # All values of M exist: ln f stays large until the walk was driven to each. Of the energy nobody knows.
    seen = np.full(walk.nodes, walk.along != ENERGY)
    log_f, since, done, inverse_time = 1.0, 0, 0, False
    while done < sweeps:
        held = max(1, int(seen.sum()))
        block = max(1, min(sweeps // BLOCKS, int(TRIALS_A_BLOCK * held / n), sweeps - done))
        energy, magnetization = state_energy(spins, *arrays)
        learn_sweeps(spins, done, block, log_f, walk.along, walk.beta, energy, magnetization, walk.low, walk.width,
                     table, seen, visits, *arrays, state)
        done += block
        since += block
        held = int(seen.sum())
        if not inverse_time and (visits[seen].min() >= VISITED or since > PATIENCE * sweeps):
            log_f, since = 0.5 * log_f, 0
            visits[:] = 0.0
        by_time = held / (float(done) * n)
        if inverse_time or log_f <= by_time:
            log_f, inverse_time = by_time, True
    return table, seen, log_f


def combined(tables: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Median of tables (R, K), each known up to a constant where `seen`; unseen nodes are put between the others."""
    best = int(seen.sum(axis=1).argmax())
    shifted = np.where(seen, tables, np.nan)
    for r in range(len(tables)):
        both = seen[r] & seen[best]
        shifted[r] -= np.mean(tables[r, both] - tables[best, both]) if both.any() else 0.0
    known = np.flatnonzero(seen.any(axis=0))
    values = np.nanmedian(shifted[:, known], axis=0)
    return np.interp(np.arange(tables.shape[1]), known, values - values.max())
