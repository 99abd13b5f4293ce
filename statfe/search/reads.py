"""What annealing runs: batches of reads on one kernel."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from statfe.models.ising import IsingModel
from statfe.random import streams
from statfe.search.schedule import Schedule

#: Stream key; see `statfe.random.streams`.
READ_KEY = 8001
#: Energies this close, relative to the sum of all |J| and |h|, are one level: rounding of the sums.
SAME_LEVEL = 1e-11


class Batch(ABC):
    """Consecutive units of reads, from random spins to local minima.

    A unit (a word or tile of 64 reads, or one read) has random streams of its own, so how units are batched changes
    no bit.
    """

    @abstractmethod
    def anneal(self, first: int, last: int) -> None:
        """The sweeps `first` to `last` - 1 of the schedule."""

    @abstractmethod
    def quench(self) -> None:
        """Flip downhill until no single flip lowers the energy."""

    @abstractmethod
    def energies(self) -> np.ndarray:
        """Energy of each read with the model's constant, float64, shape (reads,)."""

    @abstractmethod
    def spins(self, reads: np.ndarray) -> np.ndarray:
        """Spins of some reads of the batch, int8, shape (len(reads), n_sites)."""


class Kernel(ABC):
    """One way to anneal: holds what all batches of a run share.

    Attributes
    ----------
    lanes
        Reads of a unit.
    largest
        Most units of a batch that are worth moving together.
    """

    lanes = 64
    largest = 1

    @abstractmethod
    def __init__(self, model: IsingModel, schedule: Schedule) -> None: ...

    @abstractmethod
    def batch(self, units: range, seed: int) -> Batch:
        """The reads of some units at their start."""

    @staticmethod
    def obstacle(model: IsingModel) -> str:
        """Why the kernel cannot hold `model`, or ""."""
        return ""

    @staticmethod
    @abstractmethod
    def cost(model: IsingModel, reads: int) -> float:
        """Nanoseconds an update of one of so many reads takes, roughly."""


def unit_streams(seed: int, units: range, count: int = 1) -> np.ndarray:
    """`count` random streams for each unit; uint64, shape (units, count, 4)."""
    return np.stack([streams(seed, count, (READ_KEY, unit)) for unit in units])


def energy_scale(model: IsingModel) -> float:
    """Sum of all |J| and |h|: no energy is further from the model's constant."""
    with np.errstate(over="ignore"):
        return float(0.5 * np.abs(model.weights).sum() + np.abs(model.fields).sum())


def levels(model: IsingModel, energies: np.ndarray) -> np.ndarray:
    """Energies above the lowest in units of what rounding can hide: equal for states of one energy."""
    unit = SAME_LEVEL * (energy_scale(model) + abs(model.offset))
    return np.rint((energies - energies.min()) / unit) if unit > 0.0 else np.zeros(len(energies))
