"""A `Portrait` in HDF5: /portrait and a leaf group each for the arrays that share their dimensions."""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np

from statfe.scoring.machines.inputs import curve_words
from statfe.scoring.machines.portrait import Portrait
from statfe.store.hdf5 import write_attributes, write_coordinate, write_variable
from statfe.store.reading import read_attributes, require_group, understood

GROUP = "portrait"
#: By leaf group: its dimensions, and its variables with theirs and their long names.
_LEAVES: dict[str, tuple[tuple[str, ...], dict[str, tuple[tuple[str, ...], str]]]] = {
    "samples": (("sample", "unit"), {"samples": (("sample", "unit"), "mean of x given the other layer")}),
    "data": (("sample", "unit"), {
        "originals": (("sample", "unit"), "data point"),
        "reconstructions": (("sample", "unit"), "what the machine makes of the data point")}),
    "filters": (("filter", "unit"), {
        "filters": (("filter", "unit"), "weights of a hidden unit to the visible ones"),
        "filter_norms": (("filter",), "norm of these weights")}),
    "latent": (("sample", "latent"), {
        "places": (("sample", "latent"), "mean of q(z|x)"), "labels": (("sample",), "class; -1 where it has none")}),
    "grid": (("first", "second", "unit"), {"decoded": (("first", "second", "unit"), "mean of x given z")}),
}


def write_portrait(file: h5py.File, found: Portrait) -> None:
    """Write `found` into the group /portrait, which must not be there."""
    parent = file.create_group(GROUP)
    write_attributes(parent, kind=found.kind, spec=found.spec, shape="x".join(map(str, found.shape)))
    if found.curves:
        group = parent.create_group("training")
        write_coordinate(group, "epoch", found.curves["epoch"], "1", "epochs done")
        for name, values in sorted(found.curves.items()):  # as they are read, so that a copy is the same to the byte
            if name != "epoch":
                write_variable(group, name, values, ("epoch",), "1", curve_words(found.kind, name))
    for leaf, (dims, variables) in _LEAVES.items():
        arrays = {name: getattr(found, name) for name in variables}
        there = {name: values for name, values in arrays.items() if values is not None}
        if there:
            _write_leaf(parent.create_group(leaf), dims, variables, there, found.axis)


def _write_leaf(
    group: h5py.Group, dims: tuple[str, ...], variables: dict[str, tuple[tuple[str, ...], str]],
    arrays: dict[str, np.ndarray], axis: np.ndarray | None,
) -> None:
    first = next(iter(arrays.values()))
    for dim, size in zip(dims, first.shape, strict=True):
        on_grid = dim in ("first", "second") and axis is not None
        write_coordinate(group, dim, axis if on_grid else np.arange(size, dtype=np.int32), "1",
                         f"z along the {dim} axis" if on_grid else f"index of the {dim}")
    for name, values in arrays.items():
        write_variable(group, name, values, variables[name][0], "1", variables[name][1])


def read_portrait(file: h5py.File) -> Portrait:
    """What `write_portrait` wrote.

    Raises
    ------
    StoreError
        Something is missing, or is not as we write it.
    """
    parent = require_group(file, GROUP)
    about = read_attributes(parent)
    arrays: dict[str, Any] = {}
    with understood(parent):
        for leaf, (_, variables) in _LEAVES.items():
            if leaf in parent:
                arrays |= {name: parent[leaf][name][()] for name in variables if name in parent[leaf]}
        if "grid" in parent:
            arrays["axis"] = parent["grid"]["first"][()]
        curves = {name: values[()] for name, values in parent["training"].items()} if "training" in parent else {}
        return Portrait(
            kind=str(about["kind"]), spec=str(about["spec"]),
            shape=tuple(int(n) for n in str(about["shape"]).split("x")), curves=curves, **arrays)
