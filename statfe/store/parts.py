"""The folder ``RUN.h5.parts`` of an unfinished run: its names, its lock, its removal.

=============  ==========================================================================
manifest       what was asked for, with the seed; written before any work
plan           the rungs and all that was decided from them
shard-000001   the draws since the shard before
state-000001   spins and random streams after that shard; the last two are kept
lock           held by the process that works here
=============  ==========================================================================
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import IO

from statfe.errors import StoreError
from statfe.store.atomic import make_folder, remove_leftovers, sync_folder

try:
    import fcntl
except ImportError:  # Windows: two runs into one folder are not refused there
    fcntl = None  # type: ignore[assignment]

#: Names of our files, temporary ones included; others are never removed.
OURS = re.compile(r"manifest|plan|lock|(shard|state)-\d{6,}|\.[a-z]+(-\d{6,})?\.[0-9a-f]{12}\.tmp")


class Parts:
    """The folder beside `output`: made and locked by `with`, and gone after it unless there is a manifest.

    Raises
    ------
    StoreError
        Another process works there, the folder holds files of others, or it cannot be made.
    """

    def __init__(self, output: Path) -> None:
        self.output = output
        self.folder = output.with_name(output.name + ".parts")
        self._lock: IO[str] | None = None

    @property
    def manifest(self) -> Path:
        """What was asked for."""
        return self.folder / "manifest"

    @property
    def plan(self) -> Path:
        """What was decided."""
        return self.folder / "plan"

    def shard(self, number: int) -> Path:
        """Draws."""
        return self.folder / f"shard-{number:06d}"

    def state(self, number: int) -> Path:
        """State of the chains after that shard."""
        return self.folder / f"state-{number:06d}"

    def numbers(self, kind: str) -> list[int]:
        """Numbers of the shards, or of the states, that are there, ascending."""
        return sorted(int(name.partition("-")[2]) for name in self._names() if re.fullmatch(kind + r"-\d{6,}", name))

    def __enter__(self) -> Parts:
        foreign = [name for name in self._names() if not OURS.fullmatch(name)]
        if foreign:
            raise StoreError(f"{self.folder} holds files that are not ours, such as {foreign[0]}; name another output")
        self._lock = self._locked()
        sync_folder(self.folder.absolute().parent)
        remove_leftovers(self.output)
        self._unlink(name for name in self._names() if name.startswith("."))
        return self

    def __exit__(self, *_: object) -> None:
        """Free the folder, and remove it where it holds no unfinished run."""
        if not self.manifest.exists():
            self.remove()
        if self._lock:
            self._lock.close()

    def _names(self) -> list[str]:
        try:
            return sorted(os.listdir(self.folder))
        except OSError:  # not there, or no folder: `make_folder` says so
            return []

    def _unlink(self, names: Iterable[str]) -> None:
        for name in names:
            (self.folder / name).unlink(missing_ok=True)

    def _locked(self) -> IO[str]:
        """The lock file, open and ours: it is freed with the process, however that ends."""
        path = self.folder / "lock"
        while True:
            make_folder(self.folder)
            try:
                lock = open(path, "a+", encoding="ascii")  # noqa: SIM115
            except FileNotFoundError:  # its owner has just finished and removed the folder
                continue
            except OSError as error:
                raise StoreError(f"cannot write {path}: {error.strerror or error}") from None
            try:
                if fcntl:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                # Some network folders know no locks; the run then goes on without.
                if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                    lock.seek(0)
                    owner = lock.read().strip()
                    lock.close()
                    raise StoreError(
                        f"another process{f' ({owner})' if owner else ''} is writing {self.output}; wait for it, "
                        "stop it, or name another output") from None
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(lock.fileno()), os.stat(path)):
                    lock.truncate(0)
                    lock.write(f"process {os.getpid()}")
                    lock.flush()
                    return lock
            lock.close()

    def clear(self) -> None:
        """Remove all but the lock; the manifest first, so that what is left is no unfinished run."""
        self.manifest.unlink(missing_ok=True)
        sync_folder(self.folder)
        self._unlink(name for name in self._names() if name != "lock" and OURS.fullmatch(name))

    def remove(self) -> None:
        """Remove the folder."""
        self.clear()
        with contextlib.suppress(OSError):  # another process may be waiting for the lock
            (self.folder / "lock").unlink()
            self.folder.rmdir()
