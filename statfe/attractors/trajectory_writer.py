"""Writing files of trajectories slice by slice: the layout of /trajectories and /observations."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from os import PathLike
from typing import Any

import h5py
import numpy as np

from statfe.store.hdf5 import create_root, write_coordinate, write_variable
from statfe.store.large_file import Fill, large_file, reserve_coordinate, reserve_variable

#: Values of an axis that are made at a time.
SLICE = 2**20


@dataclass(frozen=True)
class Part:
    """What one of the two groups will hold.

    Attributes
    ----------
    names
        Name of each coordinate or feature.
    trajectories, samples
        How many, and how many times each.
    first, step
        The first time and the time between samples.
    dtype
        ``f8`` or ``f4``.
    attributes
        Of the group.
    constants
        Further numbers, one for each coordinate or feature: name to (values, long name).
    """

    names: tuple[str, ...]
    trajectories: int
    samples: int
    first: float
    step: float
    dtype: str = "f8"
    attributes: Mapping[str, Any] = field(default_factory=dict)
    constants: Mapping[str, tuple[np.ndarray, str]] = field(default_factory=dict)

    @property
    def bytes(self) -> int:
        """Size in the file."""
        return self.trajectories * self.samples * len(self.names) * np.dtype(self.dtype).itemsize + 8 * self.samples


#: Group of the file to (variable, last dimension, what it is).
GROUPS = {
    "trajectories": ("state", "coordinate", "state of the system; nan after an escape"),
    "observations": ("observation", "feature", "what was observed; nan after an escape"),
}


class Writer:
    """Fills the groups of an open file; see `trajectory_writer`."""

    def __init__(self, fill: Fill, parts: Mapping[str, Part]) -> None:
        self._fill, self._parts = fill, parts

    def put(self, group: str, trajectory: int, sample: int, values: np.ndarray) -> None:
        """`values` of shape (trajectories, samples, names) from a trajectory and a sample on."""
        part, name = self._parts[group], f"/{group}/{GROUPS[group][0]}"
        width = len(part.names)
        if sample == 0 and values.shape[1] == part.samples:
            self._fill(name, trajectory * part.samples * width, values)
            return
        for r in range(len(values)):
            self._fill(name, ((trajectory + r) * part.samples + sample) * width, values[r])

    def put_kept(self, group: str, trajectory: int, kept: np.ndarray) -> None:
        """Number of finite samples of each trajectory, from a trajectory on."""
        self._fill(f"/{group}/kept", trajectory, kept)

    def put_axes(self) -> None:
        """Trajectories and times of both groups."""
        for group, part in self._parts.items():
            for place in range(0, part.samples, SLICE):
                index = np.arange(place, min(place + SLICE, part.samples))
                self._fill(f"/{group}/time", place, part.first + part.step * index)
            for place in range(0, part.trajectories, SLICE):
                index = np.arange(place, min(place + SLICE, part.trajectories))
                self._fill(f"/{group}/trajectory", place, index)


@contextlib.contextmanager
def trajectory_writer(
    path: str | PathLike[str], *, title: str, system: str | None, sampler: str, seed: int | None, command: str = "",
    states: Part | None = None, observations: Part | None = None, **root: Any,
) -> Iterator[Writer]:
    """A file to fill slice by slice, put at `path` whole when the block ends well.

    Parameters
    ----------
    system
        Spec of the system; None where none is known, and then there are only observations.
    **root
        Further root attributes.

    Raises
    ------
    StoreError
        `path` cannot be written, or the disk has no room for it.
    """
    given = {"trajectories": states, "observations": observations}
    parts = {group: part for group, part in given.items() if part is not None}

    def describe(file: h5py.File) -> None:
        create_root(file, title, system or "none", sampler, seed, command, **root)
        for group, part in parts.items():
            _describe(file.create_group(group), group, part)

    with large_file(path, describe) as fill:
        writer = Writer(fill, parts)
        writer.put_axes()
        yield writer


def _describe(group: h5py.Group, name: str, part: Part) -> None:
    variable, last, long_name = GROUPS[name]
    for key, value in part.attributes.items():
        if value is not None:
            group.attrs[key] = value
    reserve_coordinate(group, "trajectory", part.trajectories, "i8", "1", "number of the trajectory")
    reserve_coordinate(group, "time", part.samples, "f8", "time", "time since the end of the transient")
    write_coordinate(group, last, list(part.names), "1", f"name of the {last}")
    reserve_variable(group, variable, part.dtype, ("trajectory", "time", last), "1", long_name)
    reserve_variable(group, "kept", "i8", ("trajectory",), "1", "samples before the trajectory escaped; all if not")
    for key, (values, words) in part.constants.items():
        write_variable(group, key, values, (last,), "1", words)
