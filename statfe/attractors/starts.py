"""Where trajectories start: near a state of the usual attractor, or anywhere in the system's box."""

from __future__ import annotations

import numpy as np

from statfe.random import generator
from statfe.systems.system import System

#: Key of the random stream of the starts; they are drawn in lots of this many, so that start r depends on r alone.
STARTS_KEY, LOT = 9502, 1024
#: Size of the cloud about the state, as a share of the box.
CLOUD = 0.02
WHERE = ("attractor", "box")


def draw_starts(system: System, where: str, seed: int, first: int, last: int) -> np.ndarray:
    """Starts number `first` up to `last`, shape (last - first, dimension).

    ``box`` draws them uniformly from the box of the system, ``attractor`` from a box `CLOUD` times that size about its
    `start`. Conserved quantities differ from start to start in both.
    """
    lots = [_lot(system, where, seed, lot) for lot in range(first // LOT, (last + LOT - 1) // LOT)]
    offset = first // LOT * LOT
    return np.concatenate(lots)[first - offset: last - offset]


def _lot(system: System, where: str, seed: int, lot: int) -> np.ndarray:
    uniform = generator(seed, (STARTS_KEY, lot)).random((LOT, system.dimension))
    low, high = system.box[:, 0], system.box[:, 1]
    if where == "box":
        return low + (high - low) * uniform
    starts: np.ndarray = system.start + CLOUD * (high - low) * (uniform - 0.5)
    return starts
