"""Files that are there whole or not at all: a temporary file in the same folder, fsync, `os.replace`, fsync.

A reader never sees half a file, and a crash or a full disk leaves the old file as it was.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
from collections.abc import Callable, Iterable, Iterator
from os import PathLike
from pathlib import Path
from typing import BinaryIO

from statfe.errors import StoreError

#: Random bytes in the name of a temporary file.
TOKEN_BYTES = 6


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
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(TOKEN_BYTES)}.tmp")
    try:
        # Not `mkstemp`: its files stay closed to the group after the rename.
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        yield temporary
        _sync(temporary)
        os.replace(temporary, target)
        sync_folder(target.parent)
    except OSError as error:
        raise StoreError(f"cannot write {target}: {error.strerror or error}") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def remove_leftovers(path: str | PathLike[str]) -> None:
    """Remove temporary files that a killed `writing` of `path` left; only where no other process can be writing it."""
    target = Path(path)
    left = re.compile(rf"\.{re.escape(target.name)}\.[0-9a-f]{{{2 * TOKEN_BYTES}}}\.tmp")
    for other in target.absolute().parent.iterdir():
        if left.fullmatch(other.name):
            with contextlib.suppress(OSError):
                other.unlink()


def check_output(
    paths: Iterable[str | PathLike[str]], force: bool = False, *, new_folder: str | PathLike[str] | None = None,
    inputs: Iterable[str | PathLike[str]] = (),
) -> None:
    """Refuse, before any work, outputs that exist or that could not be written.

    Parameters
    ----------
    paths
        Files that are going to be written. Their folders must exist.
    force
        Existing files may be replaced.
    new_folder
        The one folder that will be made where it is missing; its parent must exist.
    inputs
        Files that are going to be read; none may be replaced, not even with `force`.

    Raises
    ------
    StoreError
        With one line that names the first such path.
    """
    for path in map(Path, paths):
        if os.path.isdir(path):  # False, and no error, in a folder that is closed to us
            raise StoreError(f"{path} is a folder; name a file")
        if any(_is_same(path, Path(source)) for source in inputs):
            raise StoreError(f"{path} is the input itself; name another output")
        if os.path.lexists(path) and not force:
            raise StoreError(f"{path} exists; use --force to replace it")
        folder = path.absolute().parent
        if new_folder is not None and folder == Path(new_folder).absolute() and not os.path.lexists(folder):
            folder = folder.parent
        nearest = folder
        while not os.path.lexists(nearest) and nearest != nearest.parent:
            nearest = nearest.parent
        if not os.path.isdir(nearest):
            raise StoreError(f"cannot write {path}: {nearest} is not a folder")
        if nearest != folder:
            raise StoreError(f"cannot write {path}: there is no folder {folder}; make it first")
        if not os.access(folder, os.W_OK | os.X_OK):
            raise StoreError(f"cannot write {path}: no permission to write in {folder}")


def _is_same(path: Path, other: Path) -> bool:
    try:
        return path.samefile(other)
    except OSError:  # one of them does not exist
        return False


def make_folder(folder: str | PathLike[str]) -> None:
    """Make `folder` where it is missing; `StoreError` where that is not possible, as without its parent."""
    try:
        Path(folder).mkdir(exist_ok=True)
    except OSError as error:
        raise StoreError(f"cannot make the folder {folder}: {error.strerror or error}") from error


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` durable: without this a rename can be lost with the power."""
    # Windows cannot open a folder.
    if hasattr(os, "O_DIRECTORY"):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
