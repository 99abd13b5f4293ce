"""Particles that all stand at one law of a path, and go to the next together."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import numpy as np

from statfe.executors import map_tasks

#: Longest stretch of a walk between two calls of `tell`.
STRETCH = 64


class Walkers(ABC):
    """Particles on a path of laws f_0, f_1, ...

    Attributes
    ----------
    laws
        One row (c, d) a law: fields and couplings times c, a product trial's fields times d; shape (K, 2).
    particles
        Number of particles P.
    groups
        Particles of each independent piece of work; they do not depend on the number of threads.
    """

    laws: np.ndarray
    particles: int
    groups: list[slice]

    @abstractmethod
    def at(self, laws: np.ndarray) -> Walkers:
        """The same particles on another path; these are left."""

    @abstractmethod
    def log_ratio(self, group: int, here: int, there: int) -> np.ndarray:
        """ln f_there - ln f_here at the particles of a group."""

    @abstractmethod
    def move(self, group: int, there: int, moves: int) -> None:
        """Moves that leave law `there` invariant."""

    @abstractmethod
    def resample(self, parents: np.ndarray) -> None:
        """Particle r becomes a copy of particle parents[r]."""

    @abstractmethod
    def large_means(self) -> np.ndarray:
        """Mean of every spin over the particles, shape (n_sites,)."""

    def stretch(self, group: int, order: np.ndarray, moves: int, total: np.ndarray) -> np.ndarray:
        """Visit the laws `order` from its first on; ln of the weights on arrival at each, shape (len(order), n).

        The weight of a step is taken before the moves at its end: f_1(x_0) / f_0(x_0) f_2(x_1) / f_1(x_1) ...
        (Neal 2001, eq. 11). `total` holds the weights before and after, and is changed.
        """
        out = np.empty((len(order), len(total)))
        out[0] = total
        for t in range(1, len(order)):
            total += self.log_ratio(group, order[t - 1], order[t])
            out[t] = total
            self.move(group, order[t], moves)
        return out


def walk(walkers: Walkers, order: np.ndarray, marks: np.ndarray, moves: int, *, workers: int = 1,
         tell: Callable[[float], None] | None = None) -> np.ndarray:
    """ln of the weights of all particles on arrival at the laws order[marks].

    Parameters
    ----------
    order
        Laws in the order of the visit, int64, shape (T,).
    marks
        Ascending places in `order`, shape (M,).
    moves
        Moves at each law after the first.
    tell
        Called with the share that is done.

    Returns
    -------
    ndarray, shape (M, P)
    """
    total, out = np.zeros(walkers.particles), np.empty((len(marks), walkers.particles))
    last = len(order) - 1
    for first in range(0, max(last, 1), STRETCH):
        part = order[first:min(first + STRETCH, last) + 1]
        here = [m for m in range(len(marks)) if first <= marks[m] < first + len(part)]

        def task(group: int, part: np.ndarray = part, here: list[int] = here, first: int = first) -> None:
            own = walkers.groups[group]
            seen = walkers.stretch(group, part, moves, total[own])
            for m in here:
                out[m, own] = seen[marks[m] - first]

        map_tasks(task, range(len(walkers.groups)), workers)
        if tell is not None:
            tell(min(1.0, (first + STRETCH) / max(last, 1)))
    return out
