"""What is in a file of ours, for people: root attributes, groups and variables."""

from __future__ import annotations

from os import PathLike
from typing import Any

import h5py

from statfe.store.reading import opened, read_attributes


def describe(path: str | PathLike[str]) -> dict[str, Any]:
    """Attributes, and for every group that holds variables their dimensions, shapes, types and long names.

    Raises
    ------
    StoreError
        The file is missing, truncated or foreign.
    """
    groups: dict[str, dict[str, Any]] = {}

    def visit(name: str, item: h5py.Group | h5py.Dataset) -> None:
        if isinstance(item, h5py.Dataset):
            group, _, variable = name.rpartition("/")
            groups.setdefault("/" + group, {})[variable] = _variable(item)

    with opened(path) as file:
        file.visititems(visit)
        return {"attributes": read_attributes(file), "groups": groups}


def _variable(dataset: h5py.Dataset) -> dict[str, Any]:
    own = dataset.name.rpartition("/")[2]
    dims = [own] if dataset.is_scale else [d.keys()[0] if len(d) else "" for d in dataset.dims]
    text = h5py.check_string_dtype(dataset.dtype) is not None
    return {
        "dims": dims, "shape": list(dataset.shape), "type": "text" if text else dataset.dtype.name,
        "long_name": str(dataset.attrs.get("long_name", "")), "units": str(dataset.attrs.get("units", "")),
    }
