"""The rules of the HDF5 format, checked on a file: by h5py, by xarray with both engines, and as a tree."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import xarray

from statfe.store.large_file import STORAGE

ROOT_ATTRIBUTES = {
    "Conventions", "statfe_format", "title", "model", "sampler", "command", "created", "statfe_version",
    "numpy_version", "numba_version", "h5py_version"}


def check_format(path: Path) -> list[str]:
    """Assert every rule; gives the names of the leaf groups."""
    leaves = []
    with h5py.File(path, "r") as file:
        assert set(file.attrs) >= ROOT_ATTRIBUTES
        assert (file.attrs["Conventions"], file.attrs["statfe_format"]) == ("CF-1.11", "statfe-1")
        groups = [file]
        file.visititems(lambda _name, item: groups.append(item) if isinstance(item, h5py.Group) else None)
        for group in groups:
            _check_attributes(group)
            datasets = {k: v for k, v in group.items() if isinstance(v, h5py.Dataset)}
            assert not datasets or len(datasets) == len(group), f"{group.name} has both arrays and groups"
            if datasets:
                assert group.name != "/"
                leaves.append(group.name)
            for dataset in datasets.values():
                _check_dataset(group, dataset)
    _check_xarray(path, leaves)
    return leaves


def _check_attributes(owner: h5py.Group | h5py.Dataset) -> None:
    for name in owner.attrs:
        value = owner.attrs[name]
        if name in ("DIMENSION_LIST", "REFERENCE_LIST", "CLASS", "NAME"):  # dimension scales
            continue
        assert isinstance(value, (str, np.integer, np.float32, np.float64)), (owner.name, name, type(value))
        assert not isinstance(value, np.bool_)


def _check_dataset(group: h5py.Group, dataset: h5py.Dataset) -> None:
    _check_attributes(dataset)
    assert dataset.attrs["units"], dataset.name
    assert dataset.attrs["long_name"], dataset.name
    text = h5py.check_string_dtype(dataset.dtype)
    if text is not None:
        assert text.encoding == "utf-8", dataset.name
        assert text.length is None, dataset.name
    else:
        assert dataset.dtype.kind in "iu" or dataset.dtype in (np.float32, np.float64), dataset.name
        # arrays beyond the memory lie in one stretch and say so
        packed = bool(dataset.size and dataset.ndim) and dataset.attrs.get("storage") != STORAGE
        assert dataset.compression in (("gzip",) if packed else (None,)), dataset.name
        assert dataset.shuffle == packed, dataset.name
    if dataset.is_scale:
        assert dataset.ndim == 1
        return
    for axis, size in enumerate(dataset.shape):
        scales = list(dataset.dims[axis].values())
        assert len(scales) == 1, dataset.name
        assert scales[0].parent == group, f"the scale of {dataset.name} lies elsewhere"
        assert scales[0].shape == (size,)


def _check_xarray(path: Path, leaves: list[str]) -> None:
    with h5py.File(path, "r") as file:
        shapes = {leaf: {k: v.shape for k, v in file[leaf].items()} for leaf in leaves}
        scales = {leaf: {k for k, v in file[leaf].items() if v.is_scale} for leaf in leaves}
    for engine in ("h5netcdf", "netcdf4"):
        with xarray.open_dataset(path, engine=engine) as root:
            assert not root.dims
            assert not root.variables
        for leaf in leaves:
            with xarray.open_dataset(path, group=leaf, engine=engine) as found:
                found.load()
                assert {k: v.shape for k, v in found.variables.items()} == shapes[leaf]
                assert set(found.coords) == scales[leaf]
    with xarray.open_datatree(path, engine="h5netcdf") as tree:
        tree.load()
        assert {node.path for node in tree.subtree if node.has_data} == set(leaves)
        assert not tree.to_dataset().dims
