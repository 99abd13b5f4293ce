"""Trajectories at fixed steps, in memory: many starts at once, over threads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from statfe._jit import instance, law
from statfe.executors import map_tasks
from statfe.kernels import march as kernels
from statfe.systems.system import System


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


def march(system: System, starts: np.ndarray, samples: int, every: int = 1, dt: float | None = None,
          workers: int = 1, t: float = 0.0) -> Trajectories:
    """Follow `starts` for ``samples * every`` steps and keep each `every`-th state.

    Parameters
    ----------
    starts
        shape (trajectory, dimension).
    dt
        Step; that of the system when not given. Maps take their own.
    """
    loop = instance(kernels.march, step=step_of(system))
    dt = system.dt if dt is None or system.kind == "map" else dt
    starts = np.atleast_2d(np.asarray(starts, dtype=np.float64))
    states = np.full((len(starts), samples, system.dimension), np.nan)
    measured = np.ones(system.dimension, dtype=np.bool_)
    measured[list(system.angles)] = False

    def follow(r: int) -> int:
        work = np.empty((5, system.dimension))
        return int(loop(starts[r].copy(), t, dt, system.p, every, system.bound, measured, states[r], work))

    kept = np.array(map_tasks(follow, range(len(starts)), workers), dtype=np.int64)
    for r in np.flatnonzero(kept < samples):
        states[r, kept[r]:] = np.nan
    return Trajectories(states, t + dt * every * np.arange(1, samples + 1), kept)
