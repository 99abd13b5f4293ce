"""Saving a long run as it goes, and going on from there: any run that is a list of blocks.

Every save makes two immutable files: the draws since the save before, and the whole state after it. A save counts when
its state is on disk. A run that goes on takes the newest state whose checksum matches and before which every shard
does; since the state holds every random stream, the bits are those of a run that was never stopped.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from statfe.errors import DamagedError, StoreError, UsageError
from statfe.signals import Stop
from statfe.store.parts import Parts
from statfe.store.shards import read_sealed, write_sealed

#: Share of the time that saving may take.
SHARE = 0.02
#: Bytes a second a disk is taken to write, before it has been measured.
DISK_SPEED = 2.0e8
#: Default seconds between saves.
SAVE_SECONDS = 30.0


@dataclass(frozen=True)
class Saved:
    """Where a run stood: blocks done, seconds spent on them, and the state after them."""

    done: int
    seconds: float
    state: dict[str, np.ndarray]


@dataclass
class Checkpoints:
    """The saves of one run.

    Attributes
    ----------
    parts
        The locked folder.
    stop
        Whether a signal asked the run to stop.
    identity
        Hash of what was asked for; every file carries it.
    notify
        Is told where a run goes on.
    every
        Seconds between saves, more where a save is dear; 0 saves after every block.
    write_seconds
        What a small file costs on this disk.
    done
        Blocks that are saved.
    """

    parts: Parts
    stop: Stop
    identity: str
    notify: Callable[[str], object] | None = None
    every: float = SAVE_SECONDS
    write_seconds: float = 0.0
    done: int = 0
    _count: int = 0
    _cost: float | None = None
    _last: float = field(default_factory=time.monotonic)

    def store_plan(self, facts: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        """Keep what was decided before the first block."""
        start = time.monotonic()
        write_sealed(self.parts.plan, {**facts, "identity": self.identity}, arrays)
        self.write_seconds = time.monotonic() - start

    def stored_plan(self) -> tuple[dict[str, Any], dict[str, np.ndarray]] | None:
        """What `store_plan` kept, or None where nothing is, or where it is damaged: it is then decided again."""
        if not self.parts.plan.exists():
            return None
        try:
            facts, arrays = read_sealed(self.parts.plan)
            return (facts, arrays) if facts["identity"] == self.identity else None
        except DamagedError as error:
            warnings.warn(f"{error}; placing the rungs again", UserWarning, stacklevel=2)
            return None

    def resume(self, layout: str, take: Callable[[int, int, dict[str, np.ndarray]], None]) -> Saved | None:
        """Give all saved draws to `take`, and return the newest state; None where there is none.

        Parameters
        ----------
        layout
            Says how the run is divided; a save of another layout is refused.
        take
            ``take(first, last, draws)`` with the draws of the blocks from `first` up to `last`.

        Raises
        ------
        UsageError
            The saves are of another layout.
        """
        ends = [0]
        for first, last, draws in self._shards(layout):
            if first != ends[-1]:
                break
            take(first, last, draws)
            ends.append(last)
        for number in reversed(self.parts.numbers("state")):
            if number >= len(ends):
                continue
            found = self._read("state", number, layout)
            if found and found[0]["last"] == ends[number]:
                self._keep(number)
                self.done, self._count = ends[number], number
                return Saved(self.done, found[0]["seconds"], found[1])
        self._keep(0)
        return None

    def due(self, last: bool, size: int) -> bool:
        """Whether to save now: asked to stop, time is up, or the last block is done and saving is cheap.

        Parameters
        ----------
        size
            Bytes of the state.
        """
        if self.stop.asked or self.every == 0.0:
            return True
        cost = self._cost if self._cost is not None else 2.0 * self.write_seconds + size / DISK_SPEED
        dear = cost / SHARE
        return time.monotonic() - self._last >= (dear if last else max(self.every, dear))

    def save(self, last: int, layout: str, draws: dict[str, np.ndarray], state: dict[str, np.ndarray],
             seconds: float) -> None:
        """Save the draws of the blocks from `done` up to `last`, and the state after them.

        A save that fails is a warning: the run goes on, and the next save holds these draws too.
        """
        start, number = time.monotonic(), self._count + 1
        facts = {"identity": self.identity, "layout": layout, "first": self.done, "last": last, "seconds": seconds}
        try:
            write_sealed(self.parts.shard(number), facts, draws)
            write_sealed(self.parts.state(number), facts, state)
        except StoreError as error:
            warnings.warn(f"nothing could be saved: {error}; the run goes on", UserWarning, stacklevel=2)
        else:
            self.done, self._count = last, number
            # One spare, should the newest be damaged; more would pile up.
            self.parts.state(number - 2).unlink(missing_ok=True)
        self._last = time.monotonic()
        self._cost = self._last - start

    def _shards(self, layout: str) -> Iterator[tuple[int, int, dict[str, np.ndarray]]]:
        """(first block, end, draws) of the shards from the first up to one that is missing or damaged."""
        for expected, number in enumerate(self.parts.numbers("shard"), 1):
            found = self._read("shard", number, layout) if number == expected else None
            if found is None:
                return
            yield found[0]["first"], found[0]["last"], found[1]

    def _read(self, kind: str, number: int, layout: str) -> tuple[dict[str, Any], dict[str, np.ndarray]] | None:
        path = self.parts.shard(number) if kind == "shard" else self.parts.state(number)
        try:
            facts, arrays = read_sealed(path)
        except DamagedError as error:
            warnings.warn(f"{error}; going on from the save before it", UserWarning, stacklevel=2)
            return None
        if (facts["identity"], facts["layout"]) != (self.identity, layout):
            raise UsageError(
                f"{self.parts.folder} was written by a version that divides runs otherwise; discard it with --force")
        return facts, arrays

    def _keep(self, count: int) -> None:
        """Remove what lies after save `count`: it is made again."""
        for kind, path in (("shard", self.parts.shard), ("state", self.parts.state)):
            for number in self.parts.numbers(kind):
                if number > count:
                    path(number).unlink()
