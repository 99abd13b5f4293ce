"""Writing the format statfe-1: HDF5 that xarray, netCDF-4 and plain h5py open unaided.

Each array lies in a leaf group together with the dimension scales (coordinates) of all its dimensions; the
root and the groups above carry attributes only. Write coordinates first, then variables::

    with new_file(path) as file:
        create_root(file, title, model, sampler, seed, command)
        group = file.create_group("samples")
        write_coordinate(group, "beta", betas, "1", "inverse temperature")
        write_variable(group, "energy", energies, ("beta",), "1", "energy E")
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Sequence
from os import PathLike
from typing import Any

import h5py
import numpy as np

from statfe.errors import UsageError
from statfe.result import plain
from statfe.store.atomic import atomic_write
from statfe.store.provenance import created, source_commit, versions

#: Value of the root attribute `statfe_format`.
FORMAT = "statfe-1"

CONVENTIONS = "CF-1.11"

#: Type of every string in a file.
TEXT = h5py.string_dtype("utf-8")

_PLAIN_FLOATS = (np.dtype("f4"), np.dtype("f8"))


@contextlib.contextmanager
def new_file(path: str | PathLike[str]) -> Iterator[h5py.File]:
    """An HDF5 file to fill, put at `path` whole when the block ends well, and not at all when it raises.

    The file is made in memory (its compressed size): HDF5 that meets a full disk crashes the interpreter.

    Raises
    ------
    StoreError
        `path` cannot be written.
    """
    with h5py.File(os.fspath(path), "w", driver="core", backing_store=False) as file:
        yield file
        image = file_image(file)
    atomic_write(path, image)


def file_image(file: h5py.File) -> bytes:
    """The bytes that the open `file` would have on disk."""
    file.flush()
    return file.id.get_file_image()


def create_root(
    file: h5py.File, title: str, model: str, sampler: str, seed: int | None, command: str, **more: Any
) -> None:
    """Write the root attributes of the format.

    Parameters
    ----------
    file
        A fresh file, open for writing.
    title, model, sampler, command
        What the file is, the spec of its model, the spec of the sampler ("none" where nothing was sampled),
        and the command that makes the file again.
    seed
        Seed of the run; left out when None. Seeds beyond 64 bits are written as text.
    **more
        Further attributes; those that are None are left out.
    """
    found = versions()
    attributes: dict[str, Any] = {
        "Conventions": CONVENTIONS, "statfe_format": FORMAT, "title": title, "model": model,
        "sampler": sampler or "none", "seed": seed, "command": command, "created": created(),
        "statfe_version": found["statfe"], "numpy_version": found["numpy"], "numba_version": found["numba"],
        "h5py_version": found["h5py"], "source_commit": source_commit() or None, **more,
    }
    write_attributes(file, **attributes)


def write_attributes(owner: h5py.Group | h5py.Dataset, **attributes: Any) -> None:
    """Write attributes as types that every reader knows: text, integers, floats and flat arrays of them.

    None is left out and a bool becomes an int8, because netCDF has no bool.

    Raises
    ------
    TypeError
        For complex numbers and other values without a place in netCDF.
    """
    for name, value in attributes.items():
        if value is not None:
            owner.attrs[name] = _attribute(name, value)


def _attribute(name: str, value: Any) -> Any:
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return str(value)
    array = np.asarray(value)
    if array.dtype.kind == "b":
        return array.astype(np.int8)[()]
    if array.dtype.kind == "U" and array.ndim == 1:
        return np.array([clean_text(str(v)) for v in array], dtype=object)
    if array.dtype.kind in "iu" or array.dtype in _PLAIN_FLOATS:
        return array[()]
    raise TypeError(f"attribute {name}: {array.dtype} has no place in netCDF; use text, integers or floats")


def write_coordinate(
    group: h5py.Group, name: str, values: Any, units: str, long_name: str, **attrs: Any
) -> h5py.Dataset:
    """Write the coordinate `name`: a flat array that is the dimension scale of the dimension `name`.

    Parameters
    ----------
    group
        The leaf group whose variables have this dimension.
    values
        Numbers or text, shape (n,).
    units
        ``"1"`` where there is none.
    long_name
        What it is, in words.
    **attrs
        Further attributes.
    """
    array = _storable(name, values)
    if array.ndim != 1:
        raise ValueError(f"coordinate {name} must be flat, got shape {array.shape}")
    dataset = _create(group, name, array)
    dataset.make_scale(name)
    write_attributes(dataset, units=units, long_name=long_name, **attrs)
    return dataset


def write_variable(
    group: h5py.Group, name: str, values: Any, dims: Sequence[str], units: str, long_name: str, **attrs: Any
) -> h5py.Dataset:
    """Write the variable `name` on the dimensions `dims`, whose coordinates lie in the same group.

    Numbers that are not scalars are compressed (gzip and shuffle); text is stored as variable-length UTF-8.

    Parameters
    ----------
    group, units, long_name, **attrs
        As in `write_coordinate`.
    values
        Floats (f4, f8), integers, bools (stored as int8) or text; one axis a dimension.
    dims
        Names of the coordinates of each axis; empty for a scalar.

    Raises
    ------
    ValueError
        A dimension without a coordinate in the group, or one of another length.
    TypeError
        Values of a type that the format does not have (f2, complex, objects).
    """
    array = _storable(name, values)
    if array.ndim != len(dims):
        raise ValueError(f"{name}: {array.ndim} axes, but dimensions {tuple(dims)}")
    for dim, length in zip(dims, array.shape, strict=True):
        if dim not in group or not group[dim].is_scale:
            raise ValueError(f"{name}: write the coordinate {dim!r} of {group.name} first")
        if len(group[dim]) != length:
            raise ValueError(f"{name}: axis {dim!r} has length {length}, its coordinate {len(group[dim])}")
    dataset = _create(group, name, array)
    for axis, dim in enumerate(dims):
        dataset.dims[axis].attach_scale(group[dim])
    write_attributes(dataset, units=units, long_name=long_name, **attrs)
    return dataset


def clean_text(text: str) -> str:
    """`text` without what UTF-8 or HDF5 cannot hold: lone surrogates (odd file names) and NUL bytes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8").replace("\0", "\\0")


def json_text(value: Any) -> str:
    """`value` as strict JSON: NaN becomes null, and text is as `clean_text` has it."""
    return json.dumps(_clean(plain(value)), allow_nan=False)


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, dict):
        return {clean_text(k): _clean(v) for k, v in value.items()}
    return [_clean(v) for v in value] if isinstance(value, list) else value


def _storable(name: str, values: Any) -> np.ndarray:
    array = np.asarray(values)
    if array.dtype.kind == "b":
        return array.astype(np.int8)
    if array.dtype.kind in "UO":
        if not all(isinstance(v, str) for v in array.ravel()):
            raise TypeError(f"{name}: text and other objects are mixed")
        flat = [clean_text(str(v)) for v in array.ravel()]
        return np.array(flat, dtype=object).reshape(array.shape)
    if array.dtype.kind in "iu" or array.dtype in _PLAIN_FLOATS:
        return array
    raise TypeError(f"{name}: the format has no {array.dtype}; use f4, f8, integers or text")


def _create(group: h5py.Group, name: str, array: np.ndarray) -> h5py.Dataset:
    if name in group:
        raise UsageError(f"{group.name}/{name} is written twice")
    if array.dtype == object:
        return group.create_dataset(name, data=array, dtype=TEXT)
    if array.ndim == 0 or array.size == 0:  # neither can be chunked
        return group.create_dataset(name, data=array)
    return group.create_dataset(name, data=array, compression="gzip", compression_opts=4, shuffle=True)
