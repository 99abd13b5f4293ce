"""What all searches for attractors of one system share: compiled loops, scales from a pilot run, cells, sampling.

The pilot follows a few starts for the transient of the system. The box of where they end gives the scale of every
coordinate; the cells are as fine as those of the pilot runs that move most can fill.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from statfe._jit import instance, law
from statfe.attractors.integrators import integrator_of
from statfe.errors import UsageError
from statfe.executors import map_tasks
from statfe.kernels import cells as kernels
from statfe.random import generator
from statfe.systems.system import System, idle_clocks

#: Keys of the random numbers: pilot, starts, nudges.
PILOT_KEY, STARTS_KEY, NUDGE_KEY = 7301, 7302, 7303
PILOTS = 48
#: Samples in a characteristic time, about.
SAMPLES_A_PERIOD = 20
#: An irrational factor, so that samples meet every phase of an oscillation.
IRRATIONAL = 0.5 * (1.0 + math.sqrt(5.0)) / 1.5
#: Cells along an extent that are tried, finest first; samples of the trial, runs in it.
CELLS, TRIAL_SAMPLES, TRIAL_RUNS = (100, 50, 25, 12), 16384, 6
#: Share of the samples of a window's second half that may fall into cells unseen before.
NEW_CELLS = 0.02
#: Least scale of a coordinate, as a share of the box of the starts; of a mode of a stiff flow, as a share of the
#: largest one: modes that follow the others are right to few digits.
LEAST_EXTENT, LEAST_MODE = 1e-2, 1e-3
#: Planes of symmetry such as x = 0 must not be walls of cells.
OFFSET = 0.5 * (math.sqrt(5.0) - 1.0)


@dataclass(frozen=True, eq=False)
class Window:
    """What one window of a trajectory saw.

    Attributes
    ----------
    state
        The state after it, shape (dimension,).
    complete
        Whether it did not escape.
    new
        Share of the samples of its second half in cells unseen before; nan without cells.
    low, high, mean, spread, steps
        Least, greatest, mean, standard deviation, and root mean square step between samples; shape (dimension,).
    cosine, sine
        Means for the angles, 0 for others.
    keys, visits
        Names of the cells, sorted, and how often each was visited.
    """

    state: np.ndarray
    complete: bool
    new: float
    low: np.ndarray
    high: np.ndarray
    mean: np.ndarray
    spread: np.ndarray
    steps: np.ndarray
    cosine: np.ndarray
    sine: np.ndarray
    keys: np.ndarray
    visits: np.ndarray


@dataclass(frozen=True, eq=False)
class Ground:
    """A system with its loops and scales.

    Attributes
    ----------
    stride
        Steps between samples, on average.
    extent, width, origin
        Scale of each coordinate, size and corner of the cells; shape (dimension,). A cell has all of an idle clock.
    cells
        Cells along an extent.
    pilots
        Where the pilot runs ended, shape (runs, dimension).
    lossy
        Whether volumes shrink on the way from the starts.
    """

    system: System
    stride: float
    circle: np.ndarray
    extent: np.ndarray
    width: np.ndarray
    origin: np.ndarray
    cells: int
    pilots: np.ndarray
    lossy: bool = False

    @cached_property
    def step(self) -> Any:
        """The compiled step of the system's own integrator."""
        return integrator_of(self.system).step(self.system)

    @cached_property
    def work(self) -> np.ndarray:
        """What a step needs; each run takes a copy."""
        return integrator_of(self.system).work(self.system, self.system.dt)

    @cached_property
    def _loop(self) -> Any:
        return instance(kernels.window, step=self.step)

    @cached_property
    def idle(self) -> np.ndarray:
        """Clocks that nothing depends on, bool, shape (dimension,): they are no part of the motion."""
        return np.isin(np.arange(self.system.dimension), idle_clocks(self.system))

    @property
    def samples_a_period(self) -> float:
        """Samples in one characteristic time."""
        return max(1.0, self.system.period / (self.stride * self.system.dt))

    def window(self, x: np.ndarray, samples: int, cells: bool = True, stride: float | None = None) -> Window:
        """Follow `x` for one window; `x` itself stays."""
        n, size = len(x), 1 << (max(2 * samples - 1, 1)).bit_length() if cells else 0
        state, sums, marks = np.array(x, dtype=np.float64), np.zeros((7, n)), np.zeros((2, n))
        keys, counts = np.zeros(size, np.uint64), np.zeros(size, np.int64)
        system, stride = self.system, self.stride if stride is None else stride
        made, late = self._loop(state, stride, samples, system.dt, system.p, system.bound, self.circle, self.origin,
                                self.width, keys, counts, sums, marks, self.work.copy())
        there = np.flatnonzero(keys)
        there = there[np.argsort(keys[there])]
        count = max(int(made), 1)
        mean = sums[2] / count
        about_first = mean - marks[0] if made else mean  # squares were taken about the first sample
        spread = np.sqrt(np.maximum(sums[3] / count - about_first**2, 0.0))
        return Window(state, made == samples, late / max(samples - samples // 2, 1) if cells else math.nan, sums[0],
                      sums[1], mean, spread, np.sqrt(sums[4] / count), sums[5] / count, sums[6] / count, keys[there],
                      counts[there])

    def follow(self, x: np.ndarray, time: float) -> Window:
        """Follow `x` for a time without cells, in samples that are at most 1000 steps apart."""
        steps = max(1, round(time / self.system.dt))
        samples = max(1, math.ceil(steps / 1000))
        return self.window(x, samples, cells=False, stride=steps / samples)

    def linear(self, states: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The law and its Jacobian at states (count, dimension): shapes (count, n) and (count, n, n)."""
        count, n = states.shape
        values, slopes = np.empty((count, n)), np.empty((count, n, n))
        loop = instance(kernels.linearise, rhs=law(self.system.rhs), jacobian=law(self.system.jacobian))
        loop(np.ascontiguousarray(states), self.system.p, values, slopes)
        return values, slopes

    def rest(self, x: np.ndarray) -> np.ndarray:
        """`x` with its angles on the circle, from 0 to 2 pi, and idle clocks at 0."""
        return np.where(self.idle, 0.0, np.where(self.circle, np.mod(x, kernels.TURN), x))

    def nudge(self, x: np.ndarray, seed: int, *key: int, size: float = 1e-6) -> np.ndarray:
        """`x` moved by `size` extents in a random direction that the key decides."""
        return x + size * self.extent * generator(seed, (NUDGE_KEY, *key)).standard_normal(len(x))

    def distance(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Largest difference of the coordinates in extents, the short way round on circles; over the last axis."""
        return np.max(np.abs(self.apart(x, y)) / self.extent, axis=-1)

    def apart(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """x - y, the short way round on circles; 0 for idle clocks."""
        difference = np.asarray(x) - np.asarray(y)
        short = difference - kernels.TURN * np.round(difference / kernels.TURN)
        return np.where(self.idle, 0.0, np.where(self.circle, short, difference))


def check_box(system: System, box: np.ndarray | None) -> np.ndarray:
    """The box of the starts, shape (dimension, 2).

    Raises
    ------
    UsageError
        For another shape, corners that are not finite, or a lower corner above the upper one.
    """
    if box is None:
        return np.asarray(system.box, dtype=np.float64)
    found = np.asarray(box, dtype=np.float64)
    if found.shape != (system.dimension, 2):
        raise UsageError(f"the box has shape {found.shape}; {system.name} needs {system.dimension} pairs of corners, "
                         f"for {', '.join(system.coordinates)}")
    if not np.isfinite(found).all() or (found[:, 0] > found[:, 1]).any():
        raise UsageError("corners of the box must be finite, the lower one first")
    return found


def draw_starts(box: np.ndarray, count: int, seed: int, key: int | tuple[int, ...] = STARTS_KEY) -> np.ndarray:
    """Even random starts in a box, shape (count, dimension)."""
    return box[:, 0] + (box[:, 1] - box[:, 0]) * generator(seed, key).random((count, len(box)))


def survey(system: System, box: np.ndarray, seed: int, cells: int | None = None, workers: int = 1) -> Ground:
    """Scales and cells from a pilot run.

    Parameters
    ----------
    cells
        Cells along an extent; chosen by the pilot when not given.
    """
    circle = np.zeros(system.dimension, dtype=np.bool_)
    circle[list(system.angles)] = True
    a_sample = system.period / (SAMPLES_A_PERIOD * system.dt)
    stride = 1.0 if system.kind == "map" else max(1.0, a_sample) * IRRATIONAL
    ones = np.ones(system.dimension)
    bare = Ground(system, stride, circle, ones, ones, 0.0 * ones, cells or CELLS[0], np.empty((0, system.dimension)))
    bare.follow(np.asarray(system.start), system.dt)  # compiled once, before there are threads

    def pilot(x: np.ndarray) -> Window:
        before = bare.follow(x, system.transient)
        return bare.window(before.state, 1024, cells=False) if before.complete else before

    ends = [w for w in map_tasks(pilot, draw_starts(box, PILOTS, seed, PILOT_KEY), workers) if w.complete]
    side = box[:, 1] - box[:, 0]
    least = LEAST_EXTENT * np.where(side > 0, side, max(float(side.max()), 1.0))
    low, high = ([np.array(values) for values in zip(*[(w.low, w.high) for w in ends], strict=True)]
                 if ends else [box[None, :, 0], box[None, :, 1]])
    extent = np.where(circle, kernels.TURN, np.maximum(high.max(axis=0) - low.min(axis=0), least))
    if system.stiff is not None:
        extent = np.maximum(extent, LEAST_MODE * float(extent.max()))
    states = np.array([w.state for w in ends]).reshape(-1, system.dimension)
    motion = ((high - low) / extent).max(axis=1)
    busy = np.argsort(-motion, kind="stable")[:TRIAL_RUNS if ends else 0].tolist()
    for tried in (cells,) if cells else CELLS:
        assert tried is not None
        whole = np.where(circle, kernels.TURN / tried, extent / tried)
        ground = Ground(system, stride, circle, extent, np.where(bare.idle, math.inf, whole),
                        np.where(bare.idle, 0.0, -OFFSET * whole), tried, states)
        if cells or all(w.new <= NEW_CELLS for w in map_tasks(
                lambda k, g=ground: g.window(states[k], TRIAL_SAMPLES), busy, workers)):  # type: ignore[misc]
            break
    return ground


def as_rows(states: Any, dimension: int) -> np.ndarray:
    """States as float64, shape (count, dimension)."""
    return np.asarray(states, dtype=np.float64).reshape(-1, dimension)
