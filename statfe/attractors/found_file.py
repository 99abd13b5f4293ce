"""Attractors in HDF5, format statfe-1: /attractors, /starts, and where there are any /attractor_points, /basin_slice
and /saddles.

/attractors is on `attractor` and `coordinate`: `state`, `kind`, `free_energy`, `stability`, `basin_fraction` with
`basin_fraction_error`, and an entry for each further array of the stats; numbers and text of the stats are attributes
that begin with ``stat_``. /starts is on `start` and `coordinate`: `state`, and `label`, whose negative values are
explained by its attributes.
"""

from __future__ import annotations

from os import PathLike
from typing import Any

import h5py
import numpy as np

from statfe.attractors.found import ANSWERS, AttractorSet, BasinSlice, Points, Saddles
from statfe.store.hdf5 import create_root, new_file, write_attributes, write_coordinate, write_variable
from statfe.store.reading import opened, read_attributes, require_group, understood

SAMPLER = "identification"
#: Variables of /attractors that are fields, with units and names.
FIELDS = {
    "free_energy": ("1", "free energy of the attractor, NaN where the system has none"),
    "stability": ("1/time", "largest Lyapunov exponent or eigenvalue; negative is stable"),
    "basin_fraction": ("1", "share of the starts that ends there"),
    "basin_fraction_error": ("1", "binomial error of the share"),
}
#: Units of stats that have some; others have "1".
UNITS = {"period": "time", "largest_exponent": "1/time", "largest_exponent_error": "1/time", "divergence": "1/time"}
MARK = "stat_"


def write_found(
    path: str | PathLike[str], found: AttractorSet, command: str = "", sampler: str = SAMPLER, title: str = "",
    **attributes: Any,
) -> None:
    """Write an `AttractorSet` to a file of its own; `read_found` reads it.

    Parameters
    ----------
    sampler
        ``identification`` or ``laboratory``, as the root attribute has it.
    **attributes
        Further root attributes.

    Raises
    ------
    StoreError
        If the file cannot be written.
    """
    with new_file(path) as file:
        create_root(file, title or f"attractors of {found.system}", found.system, sampler, found.seed, command,
                    **attributes)
        add_found(file, found)


def add_found(file: h5py.File | h5py.Group, found: AttractorSet) -> None:
    """Put the groups of `found` into an open file, beside what it has (or into a group that holds no arrays)."""
    _write_attractors(file.create_group("attractors"), found)
    group = file.create_group("starts")
    write_attributes(group, seed=found.seed)
    write_coordinate(group, "start", np.arange(len(found.labels), dtype=np.int32), "1", "index of the start")
    _write_names(group, found)
    write_variable(group, "state", _float(found.starts), ("start", "coordinate"), "1", "where the run began")
    _write_labels(group, "label", found.labels, ("start",))
    if found.points is not None:
        _write_points(file.create_group("attractor_points"), found, found.points)
    if found.basin_slice is not None:
        _write_slice(file.create_group("basin_slice"), found, found.basin_slice)
    if found.saddles is not None:
        _write_saddles(file.create_group("saddles"), found, found.saddles)


def _float(values: Any) -> np.ndarray:
    return np.asarray(values, dtype=np.float64)


def _write_names(group: h5py.Group, found: AttractorSet) -> None:
    write_coordinate(group, "coordinate", np.array(found.coordinates, dtype=object), "1", "name of the coordinate")


def _write_labels(group: h5py.Group, name: str, labels: np.ndarray, dims: tuple[str, ...]) -> None:
    meaning = {f"label_minus_{-answer}": words for answer, words in ANSWERS.items()}
    write_variable(group, name, np.asarray(labels, dtype=np.int32), dims, "1",
                   "attractor that the start leads to; negative: none", **meaning)


def _write_attractors(group: h5py.Group, found: AttractorSet) -> None:
    whole = {f"{MARK}{name}": value for name, value in found.stats.items() if np.ndim(value) == 0}
    write_attributes(group, system=found.system, method=found.method, status=found.status, message=found.message,
                     seed=found.seed, **whole)
    write_coordinate(group, "attractor", np.arange(found.count, dtype=np.int32), "1", "index, largest basin first")
    _write_names(group, found)
    write_variable(group, "state", _float(found.states).reshape(found.count, len(found.coordinates)),
                   ("attractor", "coordinate"), "1", "a state on the attractor")
    write_variable(group, "kind", np.array(found.kinds, dtype=object), ("attractor",), "1", "what sort it is")
    for name, (units, long_name) in FIELDS.items():
        write_variable(group, name, _float(getattr(found, name)), ("attractor",), units, long_name)
    for name, value in found.stats.items():
        if np.ndim(value):
            write_variable(group, f"{MARK}{name}", value, ("attractor",), UNITS.get(name, "1"), name.replace("_", " "))


def _write_points(group: h5py.Group, found: AttractorSet, points: Points) -> None:
    write_coordinate(group, "point", np.arange(len(points.labels), dtype=np.int32), "1", "index of the point")
    _write_names(group, found)
    write_variable(group, "state", _float(points.states), ("point", "coordinate"), "1", "a point of an attractor")
    write_variable(group, "label", np.asarray(points.labels, np.int32), ("point",), "1", "attractor of the point")


def _write_slice(group: h5py.Group, found: AttractorSet, image: BasinSlice) -> None:
    names = [found.coordinates[k] for k in image.axes]
    write_attributes(group, first_coordinate=names[0], second_coordinate=names[1])
    write_coordinate(group, "first", _float(image.first), "1", f"coordinate {names[0]} of the start")
    write_coordinate(group, "second", _float(image.second), "1", f"coordinate {names[1]} of the start")
    _write_names(group, found)
    write_variable(group, "through", _float(image.through), ("coordinate",), "1", "state that the plane goes through")
    _write_labels(group, "label", image.labels, ("first", "second"))


def _write_saddles(group: h5py.Group, found: AttractorSet, saddles: Saddles) -> None:
    write_coordinate(group, "saddle", np.arange(len(saddles.kinds), dtype=np.int32), "1", "index, most visits first")
    _write_names(group, found)
    write_variable(group, "state", _float(saddles.states).reshape(len(saddles.kinds), len(found.coordinates)),
                   ("saddle", "coordinate"), "1", "a state where runs lingered")
    write_variable(group, "kind", np.array(saddles.kinds, dtype=object), ("saddle",), "1", "what sort it is")
    write_variable(group, "growth", _float(saddles.growth), ("saddle",), "1/time", "rate at which neighbours leave")
    write_variable(group, "visits", np.asarray(saddles.visits, np.int64), ("saddle",), "1", "starts that lingered")


def read_found(path: str | PathLike[str]) -> AttractorSet:
    """The `AttractorSet` of a file with /attractors and /starts, whoever wrote it.

    Raises
    ------
    StoreError
        For a file that is missing, truncated, foreign, or holds no attractors.
    """
    with opened(path) as file:
        return take_found(file)


def take_found(file: h5py.File | h5py.Group) -> AttractorSet:
    """The `AttractorSet` in an open file, or in the group that `add_found` filled."""
    group, starts = require_group(file, "attractors"), require_group(file, "starts")
    with understood(group):
        about = read_attributes(group)
        stats = {name.removeprefix(MARK): value for name, value in about.items() if name.startswith(MARK)}
        stats.update({name.removeprefix(MARK): _plain(group[name]) for name in group if name.startswith(MARK)})
        return AttractorSet(
            system=about["system"], method=about["method"], kinds=_texts(group["kind"]), states=group["state"][()],
            coordinates=_texts(group["coordinate"]), **{name: group[name][()] for name in FIELDS},
            starts=starts["state"][()], labels=starts["label"][()].astype(np.int64), seed=int(about["seed"]),
            status=about["status"], message=about["message"], stats=stats, points=_read_points(file),
            basin_slice=_read_slice(file), saddles=_read_saddles(file))


def _texts(dataset: h5py.Dataset) -> tuple[str, ...]:
    return tuple(text.decode() for text in dataset[()])


def _plain(dataset: h5py.Dataset) -> np.ndarray:
    text = h5py.check_string_dtype(dataset.dtype) is not None
    return np.array(_texts(dataset), dtype=object) if text else dataset[()]


def _read_points(file: h5py.Group) -> Points | None:
    if "attractor_points" not in file:
        return None
    group = require_group(file, "attractor_points")
    with understood(group):
        return Points(group["state"][()], group["label"][()].astype(np.int64))


def _read_slice(file: h5py.Group) -> BasinSlice | None:
    if "basin_slice" not in file:
        return None
    group = require_group(file, "basin_slice")
    with understood(group):
        names = _texts(group["coordinate"])
        axes = (names.index(group.attrs["first_coordinate"]), names.index(group.attrs["second_coordinate"]))
        return BasinSlice(axes, group["first"][()], group["second"][()], group["label"][()].astype(np.int64),
                          group["through"][()])


def _read_saddles(file: h5py.Group) -> Saddles | None:
    if "saddles" not in file:
        return None
    group = require_group(file, "saddles")
    with understood(group):
        return Saddles(_texts(group["kind"]), group["state"][()], group["growth"][()], group["visits"][()])
