"""Where invariants come from: a system that is integrated, or a file of trajectories or observations."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from os import PathLike
from typing import Any

import numpy as np

from statfe.attractors.march import march
from statfe.attractors.record import Record
from statfe.attractors.tangent import TRAJECTORIES
from statfe.attractors.trajectory_file import TrajectoryFile, read_trajectories
from statfe.errors import UsageError
from statfe.store.inputs import is_run_file
from statfe.systems.catalogue import build_system, files_of
from statfe.systems.system import System, idle_clocks

#: Samples of a system that is integrated, samples a period, and the fewest of the former for costly laws.
SAMPLES, PER_PERIOD, LEAST_SAMPLES = 65536, 32, 8192
#: A part of a sample more in a period where there are clocks: in step with a force, samples are sections and no more.
NOT_IN_STEP = 0.5 * (math.sqrt(5.0) - 1.0)
#: Coordinates times samples of a record, at most.
MOST_NUMBERS = 2**22
#: Samples taken from a file, and trajectories, at most.
MOST_SAMPLES, MOST_TRAJECTORIES = 2**18, 64


@dataclass(frozen=True)
class Source:
    """One target of a measurement.

    Attributes
    ----------
    name
        The spec, the path, or "" for a system made in Python.
    path
        The file, or "".
    record
        Gives the samples, or the reason why there are none.
    starts
        Gives states that tangent vectors start from, or None for those of the system.
    options
        Of `statfe.attractors.exponents.lyapunov`.
    """

    name: str
    path: str
    spec: str
    system: System | None
    kind: str
    words: str
    record: Callable[[], Record | str]
    starts: Callable[[], np.ndarray | None]
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def files(self) -> list[str]:
        """Files that were read."""
        return ([self.path] if self.path else []) + ([] if self.system is None else files_of(self.system))


def source_of(target: str | System | PathLike[str], data: str = "auto", scale: float = 1.0) -> Source:
    """What `target` stands for.

    Raises
    ------
    UsageError
        It is neither a system nor a file that can be read.
    """
    if data not in ("auto", "states", "observations"):
        raise UsageError(f"data must be auto, states or observations, got {data!r}")
    if not isinstance(target, System) and is_run_file(target):
        return _of_file(read_trajectories(target), data)
    system = target if isinstance(target, System) else build_system(os.fspath(target))
    name = system.spec or system.name
    return Source(name if system.spec else "", "", system.spec, system, system.kind, f"{name}, integrated",
                  lambda: _integrated(system, scale), lambda: None)


def _integrated(system: System, scale: float) -> Record | str:
    """One long trajectory after the transient: several would lie on each other where motion is regular."""
    samples = math.ceil(max(min(SAMPLES, MOST_NUMBERS // system.dimension), LEAST_SAMPLES) * min(scale, 1.0))
    every = 1 if system.kind == "map" else max(1, round(system.period / PER_PERIOD / system.dt))
    dt = system.dt * PER_PERIOD / (PER_PERIOD + NOT_IN_STEP) if system.kind == "flow" and system.angles else system.dt
    wait = max(1, round(system.transient / (dt * every)))
    x = system.start
    while wait > 0:
        part = march(system, x[None], min(wait, 4096), every, dt)
        if part.escaped[0]:
            return _gone(system)
        x, wait = part.states[0, -1], wait - part.states.shape[1]
    found = march(system, x[None], samples, every, dt)
    if found.escaped[0]:
        return _gone(system)
    return Record(found.states, dt * every, system.coordinates, system, system.spec or system.name, system.kind,
                  system.angles, idle_clocks(system))


def _gone(system: System) -> str:
    return (f"the trajectory left the bound {system.bound:g} or became non-finite; use a smaller dt, another start, or "
            "parameters with an attractor")


def _of_file(file: TrajectoryFile, data: str) -> Source:
    system = file.build()
    states = data == "states" or (data == "auto" and file.states is not None and (
        system is not None or file.observations is None))
    if (file.states if states else file.observations) is None:
        raise UsageError(f"{file.path} has no {'states' if states else 'observations'}; choose the other with data")
    known = system if states else None
    values = file.states if states else file.observations
    assert values is not None
    names = file.coordinates if states else file.features
    kind = system.kind if system is not None else "flow"
    options: dict[str, Any] = {}
    if file.states is not None:
        options["transient"] = 0.0
    if "dt" in file.state_attributes and kind == "flow":
        options["dt"] = float(file.state_attributes["dt"])

    # delays have no observation for the last samples of a trajectory
    lost = 0 if states or file.states is None else file.states.shape[1] - values.shape[1]

    def record() -> Record | str:
        kept = _finite(values, file.kept - lost)
        if isinstance(kept, str):
            return kept
        angles, idle = ((), ()) if known is None else (known.angles, idle_clocks(known))
        return Record(kept, file.step, names, known, file.path, kind, angles, idle)

    def starts() -> np.ndarray | None:
        return None if file.states is None else _spread(file.states, file.kept)

    words = f"{'states' if states else 'observations'} of {file.path}"
    return Source(file.path, file.path, file.system or "", system, kind, words, record, starts, options)


def _finite(values: np.ndarray, kept: np.ndarray) -> np.ndarray | str:
    """Samples of the trajectories that did not escape, up to `MOST_SAMPLES`."""
    whole = np.flatnonzero(kept >= values.shape[1])
    if not len(whole):
        return "every trajectory of the file escaped; generate it with a smaller dt or from other starts"
    chosen = whole[np.linspace(0, len(whole) - 1, min(len(whole), MOST_TRAJECTORIES)).round().astype(int)]
    length = min(values.shape[1], max(MOST_SAMPLES // len(chosen), 1))
    return np.stack([np.asarray(values[r, :length], dtype=np.float64) for r in chosen])


def _spread(states: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """States all over the file, one for each run of tangent vectors."""
    total = np.concatenate([[0], np.cumsum(kept)])
    if total[-1] == 0:
        raise UsageError("every trajectory of the file escaped at once; generate it from other starts")
    places = np.linspace(0, total[-1] - 1, TRAJECTORIES).round().astype(int)
    owner = np.searchsorted(total, places, side="right") - 1
    return np.array([states[r, k - total[r]] for r, k in zip(owner, places, strict=True)], dtype=np.float64)
