"""One run of trajectories: its blocks, their saves, and the file that is put together from them."""

from __future__ import annotations

import hashlib
import os
import shlex
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from statfe.attractors.generation import Block, Generation, Head, look_ahead
from statfe.attractors.trajectory_file import SAMPLER
from statfe.attractors.trajectory_writer import Writer, trajectory_writer
from statfe.errors import Interrupted, StoreError
from statfe.store.checkpoints import Checkpoints
from statfe.store.hdf5 import json_text
from statfe.store.large_file import free_bytes
from statfe.store.shards import read_sealed

Progress = Callable[[str, float], None] | None
#: Bytes of states that are held before they are saved.
HELD = 2**25


def file_sizes(plan: Generation, head: Head) -> tuple[int, int]:
    """Bytes of the file, and of the file with the states that wait beside it."""
    states = plan.states_part(0.0).bytes
    observed = plan.observations_part(head.observer)
    size = states + (observed.bytes if observed else 0)
    return size, size + (states if states > HELD else 0)


class Run:
    """A run with a seed, from its head to its file."""

    def __init__(self, plan: Generation, path: Path, checkpoints: Checkpoints, request: dict[str, Any],
                 progress: Progress, notify: Callable[[str], object] | None) -> None:
        self.plan, self.path, self.checkpoints, self.request = plan, path, checkpoints, request
        self.progress, self.notify = progress, notify
        if progress:
            progress("first look (its first use compiles)", 0.0)
        self.head = look_ahead(plan)
        if self.head.warning and notify:
            notify(f"warning: {self.head.warning}")
        self.width = max(plan.system.dimension, len(self.head.observer.features))
        self.blocks = plan.blocks(self.width)
        _, disk = file_sizes(plan, self.head)
        there = sum(item.stat().st_size for item in checkpoints.parts.folder.iterdir())
        if disk - there > free_bytes(path):
            raise StoreError(f"cannot write {path}: it takes {disk / 1e9:.2f} GB while it is made, the disk has "
                             f"{free_bytes(path) / 1e9:.2f} GB left; make room, or ask for fewer samples or --float32")
        self.pending: list[np.ndarray] = []
        self.begun, self.spent = time.perf_counter(), 0.0

    @property
    def layout(self) -> str:
        """Hash of the division into blocks."""
        return hashlib.sha256(repr((self.blocks[0], len(self.blocks), self.plan.dtype)).encode()).hexdigest()

    def integrate(self) -> None:
        """Make all blocks that are not saved, and save most of them."""
        plan, checkpoints = self.plan, self.checkpoints
        marcher, x = plan.marcher(), np.empty((0, plan.system.dimension))
        saved = checkpoints.resume(self.layout, lambda first, last, draws: None)
        if saved:
            x, self.spent = saved.state["x"], saved.seconds
            if self.notify:
                self.notify(f"going on after {saved.done / len(self.blocks):.0%} of the trajectories")
        done = saved.done if saved else 0
        checkpoints.store_plan({"blocks": len(self.blocks)}, {})  # and how long a small file takes
        with checkpoints.stop.held():
            for number, block in enumerate(self.blocks[done:], done + 1):
                if block.start == 0:
                    x = plan.settle(marcher, block.first, block.last)
                self.pending.append(plan.advance(marcher, x, block))
                self._after(number, x)
                if self.progress:
                    self.progress("integrating", number / len(self.blocks))

    def _after(self, number: int, x: np.ndarray) -> None:
        checkpoints, last = self.checkpoints, number == len(self.blocks)
        held = sum(block.nbytes for block in self.pending)
        if held >= HELD or checkpoints.due(last, held):
            states = np.concatenate([block.ravel() for block in self.pending])
            spent = self.spent + time.perf_counter() - self.begun
            checkpoints.save(number, self.layout, {"states": states}, {"x": x}, spent)
            if checkpoints.done == number:
                self.pending.clear()
            elif held >= HELD:
                raise StoreError("the states of the run cannot be saved; make room on the disk")
        if checkpoints.stop.asked:
            kept = checkpoints.done / len(self.blocks)
            raise Interrupted(f"stopped with {kept:.0%} of the trajectories done; {checkpoints.stop.message}")

    def _states(self) -> Iterator[tuple[int, Block, np.ndarray]]:
        """(number in its group, block, states) of all blocks, read back one save at a time."""
        number, order = 0, 0

        def shaped(flat: np.ndarray) -> Iterator[tuple[int, Block, np.ndarray]]:
            nonlocal number, order
            place = 0
            while place < flat.size:
                block = self.blocks[number]
                shape = (block.last - block.first, block.stop - block.start, self.plan.system.dimension)
                size = shape[0] * shape[1] * shape[2]
                order = 0 if block.start == 0 else order + 1
                yield order, block, flat[place: place + size].reshape(shape)
                place, number = place + size, number + 1

        for save in self.checkpoints.parts.numbers("shard"):
            yield from shaped(read_sealed(self.checkpoints.parts.shard(save))[1]["states"])
        for states in self.pending:
            yield from shaped(states.ravel())

    def write(self) -> None:
        """Put the file together."""
        plan, observer = self.plan, self.head.observer
        escaped = np.full(plan.trajectories, plan.samples, dtype=np.int64)
        with trajectory_writer(
                self.path, title=f"trajectories of {plan.system.title}", system=plan.system.spec or plan.system.name,
                sampler=SAMPLER, seed=plan.seed, command=_command(self.request, self.path),
                states=plan.states_part(self.head.error), observations=plan.observations_part(observer),
                request=json_text(self.request)) as writer:
            before = np.empty((0, 0))
            for number, (order, block, states) in enumerate(self._states(), 1):
                if order == 0:
                    before = np.empty((block.last - block.first, 0))
                writer.put("trajectories", block.first, block.start, states)
                if plan.view.asked:
                    seen, carry = observer.apply(states.astype(np.float64, copy=False), (block.first, order), before)
                    if seen.shape[1]:
                        writer.put("observations", block.first, block.start - before.shape[1], seen)
                    before = carry
                self._note(escaped, block, states)
                del states  # a view of a whole save, which would stay while the next is read
                if self.progress:
                    self.progress("writing", number / len(self.blocks))
            self._finish(writer, escaped)

    def _note(self, escaped: np.ndarray, block: Block, states: np.ndarray) -> None:
        bad = ~np.isfinite(states[:, :, 0])
        here = np.flatnonzero(bad.any(axis=1))
        escaped[block.first + here] = np.minimum(escaped[block.first + here], block.start + bad[here].argmax(axis=1))

    def _finish(self, writer: Writer, kept: np.ndarray) -> None:
        plan = self.plan
        writer.put_kept("trajectories", 0, kept)
        if plan.view.asked:
            writer.put_kept("observations", 0, np.clip(kept - self.head.observer.lost, 0, None))


def _command(request: dict[str, Any], path: Path) -> str:
    """The command that makes the file again."""
    words = ["statfe", "attractors", "generate", request["model"]]
    for name in ("trajectories", "samples", "every", "dt", "transient", "integrator", "start", "noise", "observe",
                 "embed", "delay", "lift"):
        if request[name] not in (None, 0.0) or name == "transient":
            words += [f"--{name}", str(request[name])]
    words += ["--float32"] if request["dtype"] == "f4" else []
    return shlex.join([*words, "--seed", str(request["seed"]), "-o", os.fspath(path)])
