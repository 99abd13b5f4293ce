"""HDF5 files with arrays beyond the memory: HDF5 writes what describes them, plain writes fill them slice by slice.

HDF5 that meets a full disk crashes the interpreter, so only a few kilobytes go through it: arrays are reserved as one
stretch of the file each, uncompressed, and their bytes are then written there by the operating system, whose errors
are clean. The last digits of a chaotic motion do not compress anyway, and such arrays map into memory when read::

    with large_file(path, describe) as fill:         # describe(file) calls reserve_variable
        fill("/trajectories/state", 0, first)        # values in C order, from a flat place on
"""

from __future__ import annotations

import contextlib
import math
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from statfe.errors import StoreError
from statfe.store.atomic import writing
from statfe.store.hdf5 import write_attributes

#: ``fill(name, place, values)``: `values` into the array `name` from the flat place `place` on.
Fill = Callable[[str, int, np.ndarray], None]
#: Room that is left beyond the arrays when the disk is asked for space.
SPARE_BYTES = 2**24
STORAGE = "one uncompressed stretch"


@contextlib.contextmanager
def large_file(path: str | PathLike[str], describe: Callable[[h5py.File], object]) -> Iterator[Fill]:
    """A file that is described first and filled then, put at `path` whole when the block ends well.

    Parameters
    ----------
    describe
        Writes root, groups, attributes and small arrays, and reserves the large ones.

    Raises
    ------
    StoreError
        `path` cannot be written, or the disk has no room for it.
    """
    with writing(path) as temporary:
        with h5py.File(temporary, "w") as file:
            describe(file)
            file.flush()
            places = _reserved(file)
        _check_room(path, temporary)
        with open(temporary, "r+b", buffering=0) as raw:

            def fill(name: str, place: int, values: np.ndarray) -> None:
                start, dtype, size = places[name]
                flat: Any = np.ascontiguousarray(values, dtype=dtype).reshape(-1)
                if place < 0 or place + flat.size > size:
                    raise ValueError(f"{name}: {flat.size} values from {place} on, but it holds {size}")
                data, at = memoryview(flat).cast("B"), start + place * dtype.itemsize
                while data:
                    done = os.pwrite(raw.fileno(), data, at)
                    data, at = data[done:], at + done

            yield fill


def _reserved(file: h5py.File) -> dict[str, tuple[int, np.dtype, int]]:
    """(offset in the file, type, number of values) of the reserved arrays."""
    found: dict[str, tuple[int, np.dtype, int]] = {}

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and item.attrs.get("storage") == STORAGE:
            found[f"/{name}"] = (item.id.get_offset(), item.dtype, item.size)

    file.visititems(visit)
    return found


def _check_room(path: str | PathLike[str], temporary: PathLike[str]) -> None:
    free, needed = free_bytes(path), os.stat(temporary).st_size + SPARE_BYTES
    if needed > free:
        raise StoreError(f"cannot write {path}: it takes {needed / 1e9:.2f} GB, the disk has {free / 1e9:.2f} GB left; "
                         "make room, or ask for fewer samples")


def free_bytes(path: str | PathLike[str]) -> int:
    """Bytes that are free on the disk of the folder of `path`."""
    return shutil.disk_usage(Path(path).absolute().parent).free


def reserve_coordinate(
    group: h5py.Group, name: str, length: int, dtype: Any, units: str, long_name: str, **attrs: Any
) -> None:
    """As `write_coordinate`, with values that are filled later."""
    dataset = _reserve(group, name, (length,), dtype)
    dataset.make_scale(name)
    write_attributes(dataset, units=units, long_name=long_name, **attrs)


def reserve_variable(
    group: h5py.Group, name: str, dtype: Any, dims: Sequence[str], units: str, long_name: str, **attrs: Any
) -> None:
    """As `write_variable`, with values that are filled later; its shape is that of its coordinates."""
    dataset = _reserve(group, name, tuple(len(group[dim]) for dim in dims), dtype)
    for axis, dim in enumerate(dims):
        dataset.dims[axis].attach_scale(group[dim])
    write_attributes(dataset, units=units, long_name=long_name, **attrs)


def _reserve(group: h5py.Group, name: str, shape: tuple[int, ...], dtype: Any) -> h5py.Dataset:
    if not math.prod(shape):
        raise ValueError(f"{group.name}/{name} of shape {shape} has nothing to reserve")
    plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plan.set_layout(h5py.h5d.CONTIGUOUS)
    plan.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    plan.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    kind = h5py.h5t.py_create(np.dtype(dtype).newbyteorder("<"), logical=True)
    identity = h5py.h5d.create(group.id, name.encode(), kind, h5py.h5s.create_simple(shape), plan)
    dataset = h5py.Dataset(identity)
    write_attributes(dataset, storage=STORAGE)
    return dataset


def mapped(dataset: h5py.Dataset) -> np.ndarray:
    """A reserved array as it lies in its file, read-only and mapped into memory; others are read.

    It outlives the open file.
    """
    offset = dataset.id.get_offset()
    if offset is None or dataset.chunks is not None:
        values: np.ndarray = dataset[()]
        return values
    return np.memmap(dataset.file.filename, dataset.dtype, "r", offset, dataset.shape)
