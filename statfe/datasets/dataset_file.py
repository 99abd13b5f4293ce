"""Data in HDF5, format statfe-1: /train and /test with units on (sample, unit) and the label of each sample."""

from __future__ import annotations

import os
from os import PathLike
from typing import Any

import h5py
import numpy as np

from statfe.datasets.dataset import Dataset
from statfe.store.hdf5 import create_root, new_file, write_coordinate, write_variable
from statfe.store.reading import opened, read_attributes, require_group, understood

#: Value of the root attribute `sampler`: the file holds data.
SAMPLER = "dataset"


def write_dataset(path: str | PathLike[str], data: Dataset) -> None:
    """Write `data` to `path`, whole or not at all.

    Raises
    ------
    StoreError
        If the file cannot be written.
    """
    with new_file(path) as file:
        create_root(
            file, f"data: {data.name}", "none", SAMPLER, data.seed, data.command, name=data.name,
            shape="x".join(map(str, data.shape)), rule=data.rule, split=data.split)
        for part in ("train", "test"):
            _write_part(file.create_group(part), getattr(data, part), getattr(data, f"{part}_labels"))


def _write_part(group: h5py.Group, units: np.ndarray, labels: np.ndarray) -> None:
    write_coordinate(group, "sample", np.arange(len(units)), "1", "index of the sample")
    write_coordinate(group, "unit", np.arange(units.shape[1], dtype=np.int32), "1", "index of the unit, row by row")
    write_variable(group, "state", units, ("sample", "unit"), "1", "state of the unit")
    write_variable(group, "label", labels, ("sample",), "1", "class of the sample; -1 where it has none")


def read_dataset(path: str | PathLike[str]) -> Dataset:
    """Read a file that `write_dataset` wrote.

    Raises
    ------
    StoreError
        For a file that is missing, truncated, foreign, or holds no data.
    """
    with opened(path) as file:
        root = read_attributes(file)
        parts: dict[str, Any] = {}
        for part in ("train", "test"):
            group = require_group(file, part)
            with understood(group):
                parts |= {part: group["state"][()], f"{part}_labels": group["label"][()]}
        with understood(file):
            seed = root.get("seed")
            return Dataset(
                **parts, shape=tuple(int(n) for n in root["shape"].split("x")), name=root["name"], rule=root["rule"],
                split=root["split"], seed=None if seed is None else int(seed), command=root["command"],
                path=os.fspath(path))
