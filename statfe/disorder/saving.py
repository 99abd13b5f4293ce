"""Finished realisations on disk: one sealed file holds some of them, in any order, and is never changed."""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass, field

from statfe.disorder.rows import Rows
from statfe.errors import DamagedError, StoreError, UsageError
from statfe.store.parts import Parts
from statfe.store.shards import read_sealed, write_sealed

#: Longest time, in seconds, that a finished realisation waits to be saved.
SAVE_SECONDS = 1.0


@dataclass
class Saver:
    """Saves the rows of finished tasks in the folder of an unfinished run, and reads them back.

    Attributes
    ----------
    identity, layout
        Hashes of what was asked for and of how it is cut into tasks; every file carries both.
    every
        Seconds between saves; 0 saves after every task.
    """

    parts: Parts
    identity: str
    layout: str
    every: float = SAVE_SECONDS
    _waiting: list[tuple[list[int], Rows]] = field(default_factory=list)
    _next: int = 1
    _last: float = field(default_factory=time.monotonic)

    def restore(self, rows: Rows) -> set[int]:
        """Put all saved realisations into `rows`; their numbers.

        Raises
        ------
        UsageError
            The files are of a run that was cut otherwise.
        """
        found: set[int] = set()
        for number in self.parts.numbers("shard"):
            self._next = number + 1
            try:
                facts, arrays = read_sealed(self.parts.shard(number))
            except DamagedError as error:
                warnings.warn(f"{error}; its realisations are made again", UserWarning, stacklevel=2)
                continue
            if (facts["identity"], facts["layout"]) != (self.identity, self.layout):
                raise UsageError(f"{self.parts.folder} was written by a version that divides runs otherwise; discard "
                                 "it with --force")
            rows.take(facts["members"], Rows.of(arrays, facts["texts"]))
            found.update(facts["members"])
        return found

    def add(self, members: list[int], rows: Rows) -> None:
        """Take the rows of a finished task, and save when it is time."""
        self._waiting.append((members, rows))
        if time.monotonic() - self._last >= self.every:
            self.flush()

    def flush(self) -> None:
        """Save all that waits; a save that fails is a warning, and the next one holds these rows too."""
        if not self._waiting:
            return
        members = [m for part, _ in self._waiting for m in part]
        together = Rows.empty(len(members), self._waiting[0][1].status.shape[1])
        at = 0
        for part, rows in self._waiting:
            together.take(range(at, at + len(part)), rows)
            at += len(part)
        facts = {"identity": self.identity, "layout": self.layout, "members": members, "texts": together.texts()}
        try:
            write_sealed(self.parts.shard(self._next), facts, together.arrays())
        except StoreError as error:
            warnings.warn(f"nothing could be saved: {error}; the run goes on", UserWarning, stacklevel=2)
        else:
            self._waiting, self._next = [], self._next + 1
        self._last = time.monotonic()
