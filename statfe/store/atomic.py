"""Files that are there whole or not at all: a temporary file in the same folder, fsync, `os.replace`, fsync.

A reader never sees half a file, and a crash or a full disk leaves the old file as it was.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Callable, Iterable, Iterator
from os import PathLike
from pathlib import Path
from typing import BinaryIO

from statfe.errors import StoreError


def atomic_write(path: str | PathLike[str], content: bytes | Callable[[BinaryIO], None]) -> None:
    """Write `content` (bytes, or a callback that writes to an open file) to `path`, whole or not at all.

    Raises
    ------
    StoreError
        The folder is missing or cannot be written, or the disk is full; `path` is then as it was.
    """
    with writing(path) as temporary, open(temporary, "wb") as stream:
        if isinstance(content, bytes):
            stream.write(content)
        else:
            content(stream)


@contextlib.contextmanager
def writing(path: str | PathLike[str]) -> Iterator[Path]:
    """Give a temporary path beside `path`; when the block ends well, it takes the place of `path`.

    The block must close what it opens there. When it raises, the temporary file is removed and `path` is
    untouched. HDF5 files: `statfe.store.hdf5.new_file`.

    Raises
    ------
    StoreError
        For any `OSError`, in one line that names `path`.
    """
    target = Path(path)
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(6)}.tmp")
    try:
        # Not `mkstemp`: its files stay closed to the group after the rename.
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        yield temporary
        _sync(temporary)
        os.replace(temporary, target)
        _sync_folder(target.parent)
    except OSError as error:
        raise StoreError(f"cannot write {target}: {error.strerror or error}") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def check_output(paths: Iterable[str | PathLike[str]], force: bool = False) -> None:
    """Refuse, before any work, outputs that exist or that could not be written.

    Parameters
    ----------
    paths
        Files that are going to be written. Folders that are missing count as writable when the nearest
        existing one is.
    force
        Existing files may be replaced.

    Raises
    ------
    StoreError
        With one line that names the first such path.
    """
    for path in map(Path, paths):
        if os.path.isdir(path):  # False, and no error, in a folder that is closed to us
            raise StoreError(f"{path} is a folder; name a file")
        if os.path.lexists(path) and not force:
            raise StoreError(f"{path} exists; use --force to replace it")
        folder = path.absolute().parent
        while not os.path.lexists(folder) and folder != folder.parent:
            folder = folder.parent
        if not os.path.isdir(folder):
            raise StoreError(f"cannot write {path}: {folder} is not a folder")
        if not os.access(folder, os.W_OK | os.X_OK):
            raise StoreError(f"cannot write {path}: no permission to write in {folder}")


def make_folder(folder: str | PathLike[str]) -> None:
    """Make `folder` and its parents where they are missing; `StoreError` where that is not possible."""
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"cannot make the folder {folder}: {error.strerror or error}") from error


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sync_folder(folder: Path) -> None:
    # Without this the rename itself can be lost with the power. Windows cannot open a folder.
    if hasattr(os, "O_DIRECTORY"):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
