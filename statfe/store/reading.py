"""Opening files of the format statfe-1, with one clear line for each way a file can be wrong."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from statfe.errors import StoreError, UsageError
from statfe.store.hdf5 import FORMAT

#: The newest format this version reads.
NEWEST = int(FORMAT.rpartition("-")[2])


@contextlib.contextmanager
def opened(path: str | PathLike[str]) -> Iterator[h5py.File]:
    """Open a file of ours for reading; what HDF5 cannot read inside the block is a `StoreError` too.

    Raises
    ------
    StoreError
        The file is missing, a folder, closed to us, not HDF5, truncated, damaged, not written by statfe, or
        of a newer format.
    """
    path = Path(path)
    file = _open(path)
    with file:
        _check_format(path, file)
        try:
            yield file
        except (OSError, RuntimeError, UnicodeDecodeError) as error:  # what h5py makes of broken bytes
            raise StoreError(f"{path} is damaged: {_one_line(error)}; make it again") from error
        except KeyError as error:
            raise StoreError(f"{path} is not complete: {error.args[0]}") from error


def is_hdf5(path: str | PathLike[str]) -> bool:
    """Whether there is an HDF5 file at `path`, ours or not."""
    return os.path.isfile(path) and bool(h5py.is_hdf5(path))


def read_root(path: str | PathLike[str]) -> dict[str, Any]:
    """Root attributes of a file of ours: text as str, numbers as Python's own.

    Raises
    ------
    StoreError
        As `opened`.
    """
    with opened(path) as file:
        return read_attributes(file)


def read_attributes(owner: h5py.Group | h5py.Dataset) -> dict[str, Any]:
    """Attributes of a group or dataset as Python values."""
    return {name: _plain(owner.attrs[name]) for name in owner.attrs}


def require_group(parent: h5py.Group, name: str) -> h5py.Group:
    """The group `name` of an open file or group; `StoreError` names what there is when it is missing."""
    group = parent.get(name)
    if not isinstance(group, h5py.Group):
        there = ", ".join(sorted(parent)) or "nothing"
        raise StoreError(f"{parent.file.filename} has no {parent.name.rstrip('/')}/{name}; it has {there}")
    return group


@contextlib.contextmanager
def understood(group: h5py.Group) -> Iterator[None]:
    """Around the reading of `group`: what is missing there, or is not as we write it, is a `StoreError`."""
    try:
        yield
    except UsageError:
        raise
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise StoreError(
            f"{group.file.filename}: {group.name} is not as statfe writes it: {_one_line(error)}") from error


def _open(path: Path) -> h5py.File:
    if path.is_dir():
        raise StoreError(f"{path} is a folder, not an HDF5 file")
    try:
        with open(path, "rb"):
            pass
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror or error}") from None
    if not h5py.is_hdf5(path):
        raise StoreError(f"{path} is {'not an HDF5 file' if path.stat().st_size else 'empty'}")
    try:
        return h5py.File(path, "r")
    except OSError as error:
        text = _one_line(error)
        if "truncated" in text:
            raise StoreError(f"{path} is truncated: the end of the file is missing; make it again") from None
        if "lock" in text:
            raise StoreError(f"{path} is open for writing in another program; close it there first") from None
        raise StoreError(f"{path} is damaged: {text}; make it again") from None


def _check_format(path: Path, file: h5py.File) -> None:
    try:
        found = file.attrs.get("statfe_format")
    except (OSError, RuntimeError) as error:
        raise StoreError(f"{path} is damaged: {_one_line(error)}; make it again") from None
    match = re.fullmatch(r"statfe-(\d+)", found) if isinstance(found, str) else None
    if match is None:
        raise StoreError(f"{path} was not written by statfe (no attribute statfe_format)")
    if int(match[1]) > NEWEST:
        raise StoreError(f"{path} has format {found}, newer than {FORMAT}; upgrade statfe to read it")


def _plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, (np.generic, np.ndarray)) else value


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
