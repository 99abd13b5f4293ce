"""The one driver of chains: burn-in, measuring, threads, progress and checkpoints, for every kernel.

A run is a list of blocks that the plan alone decides. The driver advances all groups of the bank by one block after
the other; after any of them the state of the bank and the draws so far are all that a later process needs. Where looks
at the chains are more than the draws that are kept, every look is counted by its energy (`statfe.tally`).
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from statfe.chains import Chains
from statfe.executors import map_tasks
from statfe.models.ising import IsingModel
from statfe.sampling.bank import Bank, Block
from statfe.sampling.choice import get_kernel
from statfe.sampling.draws import Draws
from statfe.sampling.plan import Plan, Progress
from statfe.sampling.recording import Recording
from statfe.sampling.tallying import Tallying
from statfe.store.checkpoints import Checkpoints

#: Called when a run ends, with its bank and the sweeps that it has done.
Ended = Callable[[Bank, int], object] | None

#: Nanoseconds of work in one block of one group, and of all, so that Ctrl-C, progress and checkpoints are prompt.
BLOCK_NS, ALL_BLOCK_NS = 2.5e8, 1.0e9
#: Energies that a block makes at most where they are counted: they stay in the cache until then.
BLOCK_LOOKS = 1.0e6


def run_plan(model: IsingModel, plan: Plan, *, workers: int = 1, progress: Progress = None,
             checkpoints: Checkpoints | None = None, ended: Ended = None) -> Chains:
    """Run the chains of `plan`, with `checkpoints` from where they stand.

    Returns
    -------
    Chains
        Energies are without the model's constant `offset`.

    Raises
    ------
    Interrupted
        A signal came and there are `checkpoints`; the state is saved.
    """
    crew = Crew(model, plan, workers, plan.sweeps // plan.thin)
    steps = list(blocks(model, crew.looking, crew.bank, crew.overlap_sweeps, crew.most_looks))
    total = sum(block.sweeps for block in steps)
    recording = Recording(checkpoints, crew, steps) if checkpoints else None
    done, spent = recording.resume() if recording else (0, 0.0)
    crew.seconds_before = spent
    swept = sum(block.sweeps for block in steps[:done])
    if progress:
        progress(f"{plan.kernel} kernel (its first use compiles it)", swept / total)
    # No signal may cut a block: all groups would not be at the same sweep.
    with checkpoints.stop.held() if checkpoints else contextlib.nullcontext():
        for number, block in enumerate(steps[done:], done + 1):
            crew.run(block)
            swept += block.sweeps
            if recording:
                recording.after(number, crew.seconds)
            if progress:
                progress("sampling", swept / total)
    if ended:
        ended(crew.bank, swept)
    return crew.chains()


class Crew:
    """The bank of a run and all that is written down of it.

    Parameters
    ----------
    capacity
        Draws of a rung and replica that there is room for.
    """

    def __init__(self, model: IsingModel, plan: Plan, workers: int, capacity: int) -> None:
        self.plan, self.workers, self.begun, self.seconds_before = plan, workers, time.perf_counter(), 0.0
        #: The plan as the kernel sees it: it hands over every look.
        self.looking = replace(plan, thin=plan.look)
        self.bank = get_kernel(plan.kernel).make(model, self.looking)
        self.draws = Draws(plan, capacity, plan.thin // plan.look)
        self.tallying = Tallying(model, plan, self.bank, plan.sweeps // plan.look) if plan.tallied else None
        self.most_looks = BLOCK_LOOKS if self.tallying else math.inf
        every = plan.sampler.overlaps
        self.overlap_sweeps = every * plan.thin if every else None
        self.overlap = np.empty((plan.replicas // 2, capacity // every, plan.n_rungs)) if every else None

    @property
    def seconds(self) -> float:
        """Time spent so far, before a resume too."""
        return self.seconds_before + time.perf_counter() - self.begun

    def state(self) -> dict[str, np.ndarray]:
        """All arrays (not copies) that change, the draws apart."""
        return self.bank.state() | (self.tallying.state() if self.tallying else {})

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Put back what `state` gave."""
        self.bank.restore(state)
        if self.tallying:
            for name, array in self.tallying.state().items():
                array[...] = state[name]

    def forget(self, looks: int) -> None:
        """Make the first `looks` looks burn-in."""
        self.bank.forget_exchanges()
        self.draws.forget(looks)
        if self.tallying:
            self.tallying.forget()

    def run(self, block: Block) -> None:
        """Run one block of all groups, and measure overlaps after it where they are due."""
        groups = range(len(self.bank.groups))
        if block.rows is not None and block.rows.start == 0:
            self.bank.forget_exchanges()  # those of the burn-in
        if self.tallying is None or block.rows is None:
            map_tasks(lambda g: self.bank.advance(g, block, self.draws.energy, self.draws.magnetization), groups,
                      self.workers)
        else:
            self._count(block, self.tallying)
        if block.rows is None:
            return
        self.draws.added(block.rows.stop)
        if self.overlap is not None and self.overlap_sweeps:
            looks = self.overlap_sweeps // self.plan.look
            if block.rows.stop % looks == 0:
                self.overlap[:, block.rows.stop // looks - 1] = self.bank.overlaps()

    def _count(self, block: Block, tallying: Tallying) -> None:
        """Run a block whose every look is counted."""
        looks = block.sweeps // self.plan.look
        assert block.rows is not None
        first = block.rows.start
        tallying.make_room(first + looks)
        self.draws.make_room(first + looks)
        shape = (self.plan.replicas, looks, self.plan.n_rungs)
        energy, magnetization = np.empty(shape), np.empty(shape, dtype=np.int32)
        here = replace(block, rows=slice(0, looks))

        def task(group: int) -> None:
            self.bank.advance(group, here, energy, magnetization)
            rungs = [self.bank.rungs(block, replica) for replica in self.bank.groups[group]]
            tallying.add(group, first, energy, rungs)
            for replica, own in zip(self.bank.groups[group], rungs, strict=True):
                self.draws.add(replica, first, energy[replica, :, own], magnetization[replica, :, own], own)

        map_tasks(task, range(len(self.bank.groups)), self.workers)
        tallying.advanced(block, looks)

    def chains(self) -> Chains:
        """What the run has left behind so far."""
        plan, filled = self.plan, self.draws.filled
        thin = self.draws.every * plan.look
        return Chains(
            betas=plan.ladder.betas, requested=plan.ladder.requested, energy=self.draws.energy[:, :filled],
            magnetization=self.draws.magnetization[:, :filled], sweeps=np.arange(1, filled + 1) * thin,
            swap_acceptance=self.bank.acceptance(), trips=self.bank.trips(),
            exchange_sweeps=self.bank.exchange_sweeps, schedule=plan.schedule, sampler=plan.sampler.spec,
            kernel=plan.kernel, seed=plan.seed, burn_in=plan.burn_in + int(self.draws.numbers[0]) * plan.look,
            seconds=self.seconds, units=self.bank.units, overlap=self.overlap,
            overlap_every=plan.sampler.overlaps or 0, tally=self.tallying.tally() if self.tallying else None)


def block_sweeps(model: IsingModel, plan: Plan, bank: Bank, most_looks: float = math.inf) -> int:
    """Sweeps of a block, a multiple of `plan.thin`, with at most so many energies (but one of each chain)."""
    cost = get_kernel(plan.kernel).cost(model, plan.load)
    chains = max(len(group) for group in bank.groups) * plan.chains
    sweep = cost * model.n_sites
    longest = min(BLOCK_NS / (sweep * chains), ALL_BLOCK_NS / (sweep * plan.load.total))
    longest = min(longest, plan.thin * most_looks / plan.load.total)
    return max(1, int(longest) // plan.thin) * plan.thin


def blocks(model: IsingModel, plan: Plan, bank: Bank, overlap_sweeps: int | None = None,
           most_looks: float = math.inf) -> Iterator[Block]:
    """The blocks of a run in order: all rungs at once, or rung by rung; overlaps are measured between blocks."""
    size = block_sweeps(model, plan, bank, most_looks)
    if overlap_sweeps is None:
        overlap_sweeps = (plan.sampler.overlaps or plan.sweeps) * plan.thin
    for step in [None] if plan.schedule == "tempering" else range(plan.n_rungs):
        for s, n in _stretches(plan.burn_in, size):
            yield Block(step, s, n, None)
        for part, whole in _stretches(plan.sweeps, overlap_sweeps):
            for s, n in _stretches(whole, size):
                yield Block(step, plan.burn_in + part + s, n,
                            slice((part + s) // plan.thin, (part + s + n) // plan.thin))


def _stretches(total: int, size: int) -> Iterator[tuple[int, int]]:
    """(start, length) of stretches of `size` that make up `total`."""
    return ((s, min(size, total - s)) for s in range(0, total, size))
