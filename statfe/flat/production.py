"""Runs with fixed weights: one chain a window, exchanges between windows, independent replicas of all of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from statfe.executors import map_tasks
from statfe.flat.grid import EnergyGrid
from statfe.kernels.biased import run_windows
from statfe.kernels.single_spin import state_energy
from statfe.models.ising import IsingModel
from statfe.random import streams
from statfe.registry import Context

RUN_KEY, SWAP_KEY = 2012, 2013
#: Sweeps after which energies are computed anew from the spins.
BLOCK = 256
#: Most draws of a window and replica, and of all.
MOST_DRAWS, MOST_IN_ALL = 16384, 2**18


@dataclass(frozen=True)
class Weights:
    """The weight exp(-beta E + w) of each of W windows.

    Attributes
    ----------
    by_energy
        Tables on the nodes of the grid, shape (W, nodes) or (W, 0).
    by_magnetization
        Tables over M = -N, -N + 2, ..., N, shape (W, N + 1) or (W, 0).
    """

    beta: float
    by_energy: np.ndarray
    by_magnetization: np.ndarray

    @property
    def windows(self) -> int:
        """Number of windows W."""
        return len(self.by_energy)


@dataclass(frozen=True)
class Draws:
    """Draws of R replicas of W windows.

    Attributes
    ----------
    energy, magnetization
        Shape (R, T, W), energies without the model's constant; int64 magnetisations.
    chain
        Which chain of the replica was in the window; int64, shape (R, T, W).
    swaps
        Share of exchanges taken between windows (w, w + 1), shape (W - 1,).
    spins
        Of all chains at the end, int8, shape (R, W, n_sites), by window.
    """

    energy: np.ndarray
    magnetization: np.ndarray
    chain: np.ndarray
    swaps: np.ndarray
    spins: np.ndarray


def produce(model: IsingModel, grid: EnergyGrid, weights: Weights, spins: np.ndarray, sweeps: int, burn_in: int,
            context: Context, round_number: int = 0) -> Draws:
    """Sample every window from `spins` (R, W, n_sites), which are left as they are; the burn-in is thrown away."""
    replicas, windows, _ = spins.shape
    states = streams(context.seed, replicas * windows, (RUN_KEY, round_number)).reshape(replicas, windows, 4)
    swap_states = streams(context.seed, replicas, (SWAP_KEY, round_number))
    thin = -(-sweeps // min(MOST_DRAWS, max(1, MOST_IN_ALL // (replicas * windows))))

    def one(r: int) -> tuple[np.ndarray, ...]:
        return _one(model, grid, weights, spins[r].copy(), (sweeps, burn_in, thin), states[r], swap_states[r])

    found = map_tasks(one, range(replicas), context.workers)
    draws = np.array([f[0] for f in found])
    tried, accepted = sum(f[1] for f in found), sum(f[2] for f in found)
    return Draws(draws[..., 0] * grid.scale, np.rint(draws[..., 1]).astype(np.int64),
                 np.rint(draws[..., 2]).astype(np.int64), accepted / np.maximum(tried, 1),
                 np.array([f[3] for f in found]))


def _one(model: IsingModel, grid: EnergyGrid, weights: Weights, spins: np.ndarray, length: tuple[int, int, int],
         states: np.ndarray, swap_state: np.ndarray) -> tuple[np.ndarray, ...]:
    """(draws, swaps tried and accepted, spins) of one replica."""
    sweeps, burn_in, thin = length
    windows, total = len(spins), sweeps // thin
    arrays = (model.indptr, model.indices, grid.weights, grid.fields)
    chain = np.arange(windows)
    draws = np.empty((total, windows, 3))
    tried, accepted = np.zeros(max(windows - 1, 0), np.int64), np.zeros(max(windows - 1, 0), np.int64)
    per_block = max(1, BLOCK // thin) * thin
    waste = np.empty((0, windows, 3))
    energy, magnetization = np.empty(windows), np.empty(windows, dtype=np.int64)
    # Blocks of the burn-in, then of the draws: (first sweep, sweeps, place of their draws).
    blocks: list[tuple[int, int, slice | None]] = [
        (s, min(per_block, burn_in - s), None) for s in range(0, burn_in, per_block)]
    blocks += [(burn_in + s, min(per_block, total * thin - s), slice(s // thin, (s + per_block) // thin))
               for s in range(0, total * thin, per_block)]
    for first, count, place in blocks:
        for w in range(windows):
            energy[w], magnetization[w] = state_energy(spins[w], *arrays)
        run_windows(
            spins, chain, energy, magnetization, first, count, thin if place is not None else count + 1,
            weights.beta * grid.scale, grid.low, grid.width, weights.by_energy, weights.by_magnetization, *arrays,
            states, swap_state, waste if place is None else draws[place], tried, accepted)
    return draws, tried, accepted, spins[chain]
