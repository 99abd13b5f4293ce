"""Files of trajectories: /trajectories with the states of a known system, /observations with what was seen of them.

Both lie in the file as one stretch each, so that readers map them into memory: a slice costs its own bytes only, and
files may be larger than the memory. See `statfe.store.large_file`.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from os import PathLike
from typing import Any

import h5py
import numpy as np

from statfe.attractors.trajectory_writer import GROUPS, Part, trajectory_writer
from statfe.errors import StoreError
from statfe.store.large_file import mapped
from statfe.store.reading import opened, read_attributes, understood
from statfe.systems.catalogue import build_system
from statfe.systems.system import System

#: Value of the root attribute `sampler`: states were integrated, or data were imported.
SAMPLER, IMPORTED = "integrator", "import"
#: Numbers of a slice of one trajectory, about, in `TrajectoryFile.slices`.
SLICE = 2**20


def write_trajectories(
    path: str | PathLike[str], states: np.ndarray | None = None, *, system: System | str | None = None,
    step: float = 1.0, first: float = 0.0, observations: np.ndarray | None = None,
    coordinates: tuple[str, ...] = (), features: tuple[str, ...] = (), seed: int | None = None, command: str = "",
    sampler: str = SAMPLER, attributes: Mapping[str, Any] | None = None,
) -> None:
    """Write arrays that are in memory: `states` and `observations` of shape (trajectory, time, names), either of them.

    Parameters
    ----------
    step, first
        Time between samples and the first time, of both.
    attributes
        Of the groups, such as ``dt`` or ``every``.
    """
    spec = system.spec or system.name if isinstance(system, System) else system
    if isinstance(system, System) and not coordinates:
        coordinates = system.coordinates

    def part(values: np.ndarray | None, names: tuple[str, ...], letter: str) -> Part | None:
        if values is None:
            return None
        names = names or tuple(f"{letter}{i}" for i in range(values.shape[2]))
        dtype = "f4" if values.dtype == np.float32 else "f8"
        return Part(names, len(values), values.shape[1], first, step, dtype, attributes or {})

    given = {"trajectories": states, "observations": observations}
    with trajectory_writer(
            path, title=f"trajectories of {spec or 'an unknown system'}", system=spec, sampler=sampler, seed=seed,
            command=command, states=part(states, coordinates, "x"), observations=part(observations, features, "y"),
    ) as writer:
        for group, values in given.items():
            if values is not None:
                writer.put(group, 0, 0, values)
                writer.put_kept(group, 0, count_kept(values))


def count_kept(values: np.ndarray) -> np.ndarray:
    """Samples of each trajectory before the first that is not finite; shape (trajectory,)."""
    bad = ~np.isfinite(values).all(axis=2)
    return np.where(bad.any(axis=1), bad.argmax(axis=1), values.shape[1]).astype(np.int64)


@dataclass(frozen=True)
class TrajectoryFile:
    """A file of trajectories; arrays are mapped from the file, not in memory.

    Attributes
    ----------
    system
        Spec of the system, or None where it is not known.
    states, observations
        shapes (trajectory, time, coordinate) and (trajectory, time, feature); None where the file has none.
    times, observation_times
        shape (time,); empty where there is no such array.
    coordinates, features
        Their names.
    kept
        Finite samples of each trajectory, of the states where there are any, else of the observations.
    attributes
        Of the root.
    state_attributes, observation_attributes
        Of the groups: dt, every, transient, integrator, ...; noise, delay, lift, ...
    """

    path: str
    system: str | None
    states: np.ndarray | None
    times: np.ndarray
    coordinates: tuple[str, ...]
    observations: np.ndarray | None
    observation_times: np.ndarray
    features: tuple[str, ...]
    kept: np.ndarray
    attributes: dict[str, Any]
    state_attributes: dict[str, Any]
    observation_attributes: dict[str, Any]

    @property
    def data(self) -> np.ndarray:
        """What a network learns from: the observations where there are any, else the states."""
        found = self.states if self.observations is None else self.observations
        assert found is not None
        return found

    @property
    def step(self) -> float:
        """Time between samples; nan where there is a single one."""
        times = self.observation_times if self.states is None else self.times
        return float((times[-1] - times[0]) / (len(times) - 1)) if len(times) > 1 else math.nan

    def build(self) -> System | None:
        """The system itself, or None where it is not known."""
        return build_system(self.system) if self.system else None

    def slices(self, array: np.ndarray | None = None) -> Iterator[tuple[int, int, np.ndarray]]:
        """(trajectory, first sample, values of shape (samples, names)) over `array`, `data` by default."""
        array = self.data if array is None else array
        rows = max(1, SLICE // array.shape[2])
        for r in range(len(array)):
            for place in range(0, array.shape[1], rows):
                yield r, place, np.array(array[r, place: place + rows])


def read_trajectories(path: str | PathLike[str]) -> TrajectoryFile:
    """Open a file of trajectories or observations.

    Raises
    ------
    StoreError
        For a file that is missing, truncated, foreign, or without either.
    """
    with opened(path) as file:
        root = read_attributes(file)
        groups = {name: file[name] for name in GROUPS if isinstance(file.get(name), h5py.Group)}
        if not groups:
            raise StoreError(f"{path} holds no trajectories; make some with statfe attractors generate or import")
        found = {name: _read(group, name) for name, group in groups.items()}
    states, observed = (found.get(name, _NOTHING) for name in GROUPS)
    spec = str(root.get("model", "none"))
    return TrajectoryFile(
        os.fspath(path), None if spec in ("none", "") else spec, states.values, states.times, states.names,
        observed.values, observed.times, observed.names, (observed if states.values is None else states).kept, root,
        states.attributes, observed.attributes)


@dataclass(frozen=True)
class _Group:
    values: np.ndarray | None
    times: np.ndarray
    names: tuple[str, ...]
    kept: np.ndarray
    attributes: dict[str, Any]


_NOTHING = _Group(None, np.empty(0), (), np.empty(0, dtype=np.int64), {})


def _read(group: h5py.Group, name: str) -> _Group:
    variable, last, _ = GROUPS[name]
    with understood(group):
        values = mapped(group[variable])
        if values.ndim != 3:
            raise ValueError(f"{variable} has {values.ndim} axes, not 3")
        kept = group["kept"][()] if "kept" in group else np.full(len(values), values.shape[1])
        names = tuple(str(n) for n in group[last].asstr()[()])
        return _Group(values, mapped(group["time"]), names, kept, read_attributes(group))
