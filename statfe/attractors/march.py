"""Trajectories at fixed steps, in memory: many starts at once, over threads and the lanes of vectors."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import numpy as np

from statfe._jit import instance, law
from statfe.attractors.integrators import integrator_of
from statfe.executors import map_tasks
from statfe.kernels import march as kernels
from statfe.kernels.march_lanes import march_lanes
from statfe.kernels.march_vectors import LANES, NotForVectors
from statfe.systems.system import System

#: Steps of single coordinates from which on the lanes repay their compilation.
REPAYS = 5e7


@dataclass(frozen=True)
class Trajectories:
    """Sampled motion of one system.

    Attributes
    ----------
    states
        shape (trajectory, time, dimension); nan from where a trajectory escaped.
    times
        shape (time,), from the start that was given.
    kept
        Number of finite states of each trajectory, shape (trajectory,).
    """

    states: np.ndarray
    times: np.ndarray
    kept: np.ndarray

    @property
    def escaped(self) -> np.ndarray:
        """Which trajectories left the bound or became non-finite, shape (trajectory,)."""
        return self.kept < len(self.times)


def step_of(system: System) -> Any:
    """The compiled step of a system: Runge-Kutta of order four, or the map itself."""
    template = kernels.map_step if system.kind == "map" else kernels.rk4_step
    return instance(template, rhs=law(system.rhs))


def lanes_repay(system: System, trajectories: int, steps: int) -> bool:
    """Whether trajectories in the lanes of vectors win, their compilation counted."""
    return 2 * trajectories >= LANES and float(trajectories) * steps * system.dimension >= REPAYS


class Marcher:
    """Advances trajectories of one system by one integrator; the bits depend on neither threads nor lanes.

    Parameters
    ----------
    dt
        Step; that of the system when not given. Maps take their own.
    method
        Name of the integrator; the default of the system when None (`integrator_of`).
    lanes
        Whether trajectories share vectors; by the amount of work when None.
    """

    def __init__(self, system: System, dt: float | None = None, method: str | None = None, workers: int = 1,
                 lanes: bool | None = None) -> None:
        self.system, self.workers, self.lanes = system, workers, lanes
        self._vectors: bool | None = None
        self.integrator = integrator_of(system, method)
        self.dt = system.dt if dt is None or system.kind == "map" else float(dt)
        self._work = self.integrator.work(system, self.dt)
        self._step = self.integrator.step(system)
        self._measured = np.ones(system.dimension, dtype=np.bool_)
        self._measured[list(system.angles)] = False

    def advance(self, x: np.ndarray, out: np.ndarray, every: int = 1, t: float = 0.0) -> np.ndarray:
        """Advance `x` (trajectory, dimension) in place and keep each `every`-th state in `out` (trajectory, time,
        dimension), nan from an escape on; the number kept of each trajectory. A start of nan has escaped already.
        """
        if self._takes_lanes(len(x), out.shape[1] * every):
            return self._by_lanes(x, out, every, t)
        loop = instance(kernels.march, step=self._step)
        system = self.system

        def follow(r: int) -> int:
            kept = int(loop(x[r], t, self.dt, system.p, every, system.bound, self._measured, out[r], self._work.copy()))
            return _mark(x[r], out[r], kept)

        return np.array(map_tasks(follow, range(len(x)), self.workers), dtype=np.int64)

    def _takes_lanes(self, trajectories: int, steps: int) -> bool:
        if os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("0", "") or self.lanes is False:
            return False
        if self._vectors is None and (self.lanes or lanes_repay(self.system, trajectories, steps)):
            self._vectors = self._compiles()
        return bool(self._vectors)

    def _compiles(self) -> bool:
        """Whether the law goes with vectors; compiles it."""
        n, system = self.system.dimension, self.system
        loop = instance(march_lanes, step=self._step)
        work = np.zeros((*self._work.shape, LANES))
        try:
            loop(np.zeros((n, LANES)), 0.0, self.dt, system.p, 1, system.bound, self._measured,
                 np.empty((LANES, 0, n)), work, np.zeros(LANES, dtype=np.int64))
        except NotForVectors:
            return False
        return True

    def _by_lanes(self, x: np.ndarray, out: np.ndarray, every: int, t: float) -> np.ndarray:
        loop, system = instance(march_lanes, step=self._step), self.system
        work = np.repeat(self._work[:, :, None], LANES, axis=2)

        def follow(first: int) -> np.ndarray:
            rows = slice(first, min(first + LANES, len(x)))
            count = rows.stop - first
            states = np.repeat(x[first: first + 1].T, LANES, axis=1)
            states[:, :count] = x[rows].T
            kept = np.zeros(LANES, dtype=np.int64)
            kept[count:] = -1
            whole = count == LANES
            room = out[rows] if whole else np.empty((LANES, *out.shape[1:]))
            loop(states, t, self.dt, system.p, every, system.bound, self._measured, room, work.copy(), kept)
            x[rows] = states.T[:count]
            if not whole:
                out[rows] = room[:count]
            for k in range(count):
                _mark(x[first + k], out[first + k], int(kept[k]))
            return kept[:count]

        found = map_tasks(follow, range(0, len(x), LANES), self.workers)
        return np.concatenate(found) if found else np.empty(0, dtype=np.int64)


def _mark(x: np.ndarray, out: np.ndarray, kept: int) -> int:
    """Write nan from an escape on."""
    if kept < len(out):
        out[kept:] = np.nan
        x[:] = np.nan
    return kept


def march(system: System, starts: np.ndarray, samples: int, every: int = 1, dt: float | None = None,
          workers: int = 1, t: float = 0.0, method: str | None = None, lanes: bool | None = None) -> Trajectories:
    """Follow `starts` for ``samples * every`` steps and keep each `every`-th state.

    Parameters
    ----------
    starts
        shape (trajectory, dimension).
    dt, method, lanes
        As `Marcher`.
    """
    marcher = Marcher(system, dt, method, workers, lanes)
    x = np.array(np.atleast_2d(starts), dtype=np.float64)
    states = np.empty((len(x), samples, system.dimension))
    kept = marcher.advance(x, states, every, t)
    return Trajectories(states, t + marcher.dt * every * np.arange(1, samples + 1), kept)
