"""A run of blocks and its checkpoints: which draws each block made, when they are saved, how they come back."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from statfe.errors import Interrupted
from statfe.sampling.bank import Block
from statfe.store.checkpoints import Checkpoints

if TYPE_CHECKING:
    from statfe.sampling.driver import Crew


def layout_of(crew: Crew, division: object) -> str:
    """Hash of what a save holds and how the run is divided."""
    shapes = [(name, array.dtype.str, array.shape) for name, array in (crew.state() | crew.draws.state()).items()]
    return hashlib.sha256(repr((crew.plan.kernel, shapes, division)).encode()).hexdigest()


class Recording:
    """Saves the draws and the bank of a run after blocks, and puts them back.

    Parameters
    ----------
    crew
        The bank, the draws and the counts.
    steps
        All blocks of the run; their rows are looks.
    """

    def __init__(self, checkpoints: Checkpoints, crew: Crew, steps: Sequence[Block]) -> None:
        self.checkpoints, self.crew, self.bank, self.steps = checkpoints, crew, crew.bank, steps
        self.energy, self.magnetization = crew.draws.energy, crew.draws.magnetization
        self.every, self.overlap = crew.draws.every, crew.overlap
        self.layout = layout_of(crew, steps)

    def resume(self) -> tuple[int, float]:
        """Put back all that is saved; blocks done and seconds spent, (0, 0.0) where nothing is."""
        saved = self.checkpoints.resume(self.layout, self._put)
        if saved is None:
            return 0, 0.0
        self.crew.restore(saved.state)
        looks = max((b.rows.stop for b in self.steps[:saved.done] if b.rows is not None), default=0)
        self.crew.draws.added(looks)
        if self.checkpoints.notify:
            self.checkpoints.notify(f"going on after {self.share(saved.done):.0%} of the sampling")
        return saved.done, saved.seconds

    def share(self, done: int) -> float:
        """Share of the sweeps in the first `done` blocks."""
        return sum(b.sweeps for b in self.steps[:done]) / sum(b.sweeps for b in self.steps)

    def after(self, done: int, seconds: float) -> None:
        """Called after every block; saves when it is time.

        Raises
        ------
        Interrupted
            A signal came; all blocks so far are saved.
        """
        state = self.crew.state()
        if self.checkpoints.due(done == len(self.steps), sum(a.nbytes for a in state.values())):
            self.checkpoints.save(done, self.layout, self._draws(self.checkpoints.done, done), state, seconds)
        if self.checkpoints.stop.asked:
            kept = self.share(self.checkpoints.done)
            raise Interrupted(f"stopped with {kept:.0%} of the sampling done; {self.checkpoints.stop.message}")

    def _places(self, first: int, last: int) -> Iterator[tuple[int, slice, slice]]:
        """Where the draws of some blocks lie: replica, rows and rungs."""
        for block in self.steps[first:last]:
            if block.rows is not None:
                rows = slice(block.rows.start // self.every, block.rows.stop // self.every)
                for replica in range(len(self.energy)):
                    yield replica, rows, self.bank.rungs(block, replica)

    def _draws(self, first: int, last: int) -> dict[str, np.ndarray]:
        places = list(self._places(first, last))
        found = {name: np.concatenate([array[place].ravel() for place in places] or [array[:0].ravel()])
                 for name, array in (("energy", self.energy), ("magnetization", self.magnetization))}
        if self.overlap is not None:
            found["overlap"] = self.overlap[:, self._overlap_rows(first, last)]
        return found

    def _overlap_rows(self, first: int, last: int) -> slice:
        """Rows of the overlaps that were measured after some blocks."""
        every = (self.bank.plan.sampler.overlaps or 1) * self.every
        ends = [max((b.rows.stop // every for b in self.steps[:n] if b.rows is not None), default=0)
                for n in (first, last)]
        return slice(*ends)

    def _put(self, first: int, last: int, draws: dict[str, np.ndarray]) -> None:
        for name, array in (("energy", self.energy), ("magnetization", self.magnetization)):
            at = 0
            for place in self._places(first, last):
                target = array[place]
                target[...] = draws[name][at: at + target.size].reshape(target.shape)
                at += target.size
        if self.overlap is not None:
            self.overlap[:, self._overlap_rows(first, last)] = draws["overlap"]
