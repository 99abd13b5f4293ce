"""The energies and magnetisations that a run keeps, one look in so many."""

from __future__ import annotations

import numpy as np

from statfe.sampling.plan import Plan


class Draws:
    """Every `every`-th look of a run, by replica, draw and rung.

    Parameters
    ----------
    capacity
        Draws of a rung and replica that there is room for.
    every
        Looks a draw; doubled, and every second draw dropped, where more looks come than there is room for.
    """

    def __init__(self, plan: Plan, capacity: int, every: int) -> None:
        shape = (plan.replicas, capacity, plan.n_rungs)
        self.energy, self.magnetization = np.empty(shape), np.empty(shape, dtype=np.int32)
        # Looks that were thrown away, looks a draw, and draws that are filled.
        self.numbers = np.array([0, every, 0], dtype=np.int64)

    @property
    def every(self) -> int:
        """Looks a draw."""
        return int(self.numbers[1])

    @property
    def filled(self) -> int:
        """Draws of each rung and replica so far."""
        return int(self.numbers[2])

    def state(self) -> dict[str, np.ndarray]:
        """All arrays (not copies) that change."""
        return {"draws_energy": self.energy, "draws_magnetization": self.magnetization, "draws_numbers": self.numbers}

    def make_room(self, last: int) -> None:
        """Drop every second draw until those up to look `last` have a place."""
        capacity = self.energy.shape[1]
        while (last - self.numbers[0]) // self.every > capacity:
            for array in (self.energy, self.magnetization):
                array[:, : capacity // 2] = array[:, 1: capacity // 2 * 2: 2].copy()
            self.numbers[1:] = (2 * self.every, self.filled // 2)

    def forget(self, looks: int) -> None:
        """Throw away everything up to now, after `looks` looks."""
        self.numbers[:] = (looks, self.every, 0)

    def add(self, replica: int, first_look: int, energy: np.ndarray, magnetization: np.ndarray, rungs: slice) -> None:
        """Keep what is to be kept of one replica; arrays by look and rung of `rungs`."""
        first, every = first_look - int(self.numbers[0]), self.every
        skip = every - 1 - first % every
        place = slice((first + skip) // every, (first + len(energy)) // every)
        if place.stop > place.start:
            self.energy[replica, place, rungs] = energy[skip::every]
            self.magnetization[replica, place, rungs] = magnetization[skip::every]

    def added(self, last: int) -> None:
        """Called when all replicas have added the looks up to `last`."""
        self.numbers[2] = (last - int(self.numbers[0])) // self.every
