"""Umbrella windows: their number, their biases, and the run that samples them with exchanges.

Windows lie evenly along a coordinate whose weight was made flat by learning, each with a harmonic bias as wide as their
distance. Equal windows on flat ground overlap equally, so that exchanges are as likely everywhere.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from statfe.errors import UsageError
from statfe.estimators.wham import Wham, wham
from statfe.flat.grid import EnergyGrid
from statfe.flat.learning import Learned, Walk, learn
from statfe.flat.production import Draws, Weights, produce
from statfe.flat.wang_landau import check_length, refined, shaped
from statfe.kernels.biased_learning import ABSOLUTE, ENERGY
from statfe.models.ising import IsingModel
from statfe.registry import Context

#: Nodes a window, and the fewest and most windows by default.
NODES_A_WINDOW, FEWEST, MOST = 8, 2, 12
DEFAULT_REPLICAS = 4
#: Operations of a default run, and the range of its sweeps.
DEFAULT_WORK, FEWEST_SWEEPS, MOST_SWEEPS = 4e8, 2000, 100_000
#: Shares of the sweeps of a window: burn-in, and a first run that corrects the biases.
BURNING, CORRECTING = 0.2, 0.25
#: Learning has one chain, which must walk over all windows.
LEARNING_A_WINDOW = 0.5


@dataclass(frozen=True)
class WindowRun:
    """Draws of the windows, the coordinate of each, and the solved equations.

    Attributes
    ----------
    values
        Energy, magnetisation or its absolute value of every draw, shape (R, T, W).
    """

    walk: Walk
    draws: Draws
    values: np.ndarray
    solved: Wham
    sweeps: int


def default_windows(nodes: int) -> int:
    """One a few nodes, so that chains need not walk far."""
    return int(np.clip(round(nodes / NODES_A_WINDOW) + 1, FEWEST, MOST))


def default_sweeps(model: IsingModel, chains: int, work: float = DEFAULT_WORK) -> int:
    """Sweeps a window that make about `work` operations."""
    each = chains * (2.0 * model.n_sites + model.n_pairs) * 2.0
    return int(np.clip(work / each, FEWEST_SWEEPS, MOST_SWEEPS))


def window_biases(table: np.ndarray, windows: int) -> np.ndarray:
    """Log biases on the nodes, shape (windows, nodes): `table`, which is flat, and a parabola about each centre."""
    if windows < 1:
        raise UsageError(f"windows must be at least 1, got {windows}")
    places = np.arange(len(table))
    if windows == 1:
        return table[None, :]
    centres = np.linspace(0.0, len(table) - 1.0, windows)
    distance = max(centres[1] - centres[0], 1.0)
    return table - 0.5 * ((places - centres[:, None]) / distance) ** 2


def as_weights(model: IsingModel, walk: Walk, biases: np.ndarray) -> Weights:
    """Biases on the nodes of `walk` as the kernel takes them."""
    none = np.empty((len(biases), 0))
    if walk.along == ENERGY:
        return Weights(walk.beta, biases, none)
    if walk.along == ABSOLUTE:
        m = np.arange(-model.n_sites, model.n_sites + 1, 2)
        biases = biases[:, (np.abs(m) - int(walk.low)) // 2]
    return Weights(walk.beta, none, np.ascontiguousarray(biases))


def coordinate(walk: Walk, draws: Draws) -> np.ndarray:
    """What the biases of `walk` depend on, at every draw."""
    if walk.along == ENERGY:
        return draws.energy
    return np.abs(draws.magnetization) if walk.along == ABSOLUTE else draws.magnetization


def run_all_windows(
    model: IsingModel, grid: EnergyGrid, walk: Walk, context: Context, *, windows: int | None, replicas: int,
    sweeps: int | None, number: int, learned: Learned | None = None, beta_max: float = math.inf,
) -> WindowRun:
    """Learn a flat weight along `walk` unless it is given, place windows, correct their biases once, and sample."""
    held = default_windows(walk.nodes) if windows is None else windows
    length = default_sweeps(model, held * replicas) if sweeps is None else sweeps
    check_length(model, held * replicas, length)
    if learned is None:
        steps = max(1, int(LEARNING_A_WINDOW * held * length))
        learned = learn(model, grid, walk, replicas, steps, context, 10 + number)
    table = _shaped(learned.table, grid, walk, beta_max)
    scale = grid.scale if walk.along == ENERGY else 1.0
    spins = np.repeat(learned.spins[:, None, :], held, axis=1)
    first = produce(model, grid, as_weights(model, walk, window_biases(table, held)), spins,
                    max(1, int(CORRECTING * length)), int(BURNING * length), context, 2 * number)
    table = _shaped(_corrected(table, walk, coordinate(walk, first) / scale, held), grid, walk, beta_max)
    biases = window_biases(table, held)
    draws = produce(model, grid, as_weights(model, walk, biases), first.spins, length, int(BURNING * length), context,
                    2 * number + 1)
    values = coordinate(walk, draws)
    distinct = np.unique(values)
    places = (distinct / scale - walk.low) / walk.width
    at_values = np.array([np.interp(places, np.arange(walk.nodes), row) for row in biases])
    return WindowRun(walk, draws, values, wham(values, at_values, distinct), length)


def _shaped(table: np.ndarray, grid: EnergyGrid, walk: Walk, beta_max: float) -> np.ndarray:
    return shaped(table, grid, beta_max) if walk.along == ENERGY else table


def _corrected(table: np.ndarray, walk: Walk, values: np.ndarray, windows: int) -> np.ndarray:
    """`table` less the logarithm of the visits: those of evenly placed windows together are even, but for the ends."""
    expected = np.exp(window_biases(np.zeros_like(table), windows))
    expected /= expected.sum(axis=1, keepdims=True)
    return refined(table, (values - walk.low) / walk.width) + np.log(expected.mean(axis=0) * len(table))
