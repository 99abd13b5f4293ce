"""The one driver of chains: burn-in, measuring, threads, progress and checkpoints, for every kernel.

A run is a list of blocks that the plan alone decides. The driver advances all groups of the bank by one block after
the other; after any of them the state of the bank and the draws so far are all that a later process needs.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

import numpy as np

from statfe.chains import Chains
from statfe.executors import map_tasks
from statfe.models.ising import IsingModel
from statfe.sampling.bank import Bank, Block
from statfe.sampling.choice import get_kernel
from statfe.sampling.plan import Plan, Progress
from statfe.sampling.recording import Recording
from statfe.store.checkpoints import Checkpoints

#: Nanoseconds of work in one block of one group, and of all, so that Ctrl-C, progress and checkpoints are prompt.
BLOCK_NS, ALL_BLOCK_NS = 2.5e8, 1.0e9


def run_plan(model: IsingModel, plan: Plan, *, workers: int = 1, progress: Progress = None,
             checkpoints: Checkpoints | None = None) -> Chains:
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
    start = time.perf_counter()
    shape = (plan.replicas, plan.sweeps // plan.thin, plan.n_rungs)
    energy, magnetization = np.empty(shape), np.empty(shape, dtype=np.int32)
    bank = get_kernel(plan.kernel).make(model, plan)
    steps = list(blocks(model, plan, bank))
    total = sum(block.sweeps for block in steps)
    every = plan.sampler.overlaps
    overlap = np.empty((plan.replicas // 2, shape[1] // every, plan.n_rungs)) if every else None
    recording = Recording(checkpoints, bank, steps, energy, magnetization, overlap) if checkpoints else None
    done, spent = recording.resume() if recording else (0, 0.0)
    swept = sum(block.sweeps for block in steps[:done])
    if progress:
        progress(f"{plan.kernel} kernel (its first use compiles it)", swept / total)
    # No signal may cut a block: all groups would not be at the same sweep.
    with checkpoints.stop.held() if checkpoints else contextlib.nullcontext():
        for number, block in enumerate(steps[done:], done + 1):
            map_tasks(lambda group, b=block: bank.advance(group, b, energy, magnetization),  # type: ignore[misc]
                      range(len(bank.groups)), workers)
            if overlap is not None and every and block.rows is not None and block.rows.stop % every == 0:
                overlap[:, block.rows.stop // every - 1] = bank.overlaps()
            swept += block.sweeps
            if recording:
                recording.after(number, spent + time.perf_counter() - start)
            if progress:
                progress("sampling", swept / total)
    return Chains(
        betas=plan.ladder.betas, requested=plan.ladder.requested, energy=energy, magnetization=magnetization,
        sweeps=np.arange(1, shape[1] + 1) * plan.thin, swap_acceptance=_acceptance(bank), schedule=plan.schedule,
        sampler=plan.sampler.spec, kernel=plan.kernel, seed=plan.seed, burn_in=plan.burn_in,
        seconds=spent + time.perf_counter() - start, units=bank.units, overlap=overlap, overlap_every=every or 0)


def _acceptance(bank: Bank) -> np.ndarray:
    tried, accepted = bank.tried.sum(axis=0), bank.accepted.sum(axis=0)
    with np.errstate(invalid="ignore"):
        return np.where(tried > 0, accepted / np.maximum(tried, 1), np.nan)


def blocks(model: IsingModel, plan: Plan, bank: Bank) -> Iterator[Block]:
    """The blocks of a run in order: all rungs at once, or rung by rung."""
    cost = get_kernel(plan.kernel).cost(model, plan.load)
    chains = max(len(group) for group in bank.groups) * plan.chains
    sweep = cost * model.n_sites
    longest = min(BLOCK_NS / (sweep * chains), ALL_BLOCK_NS / (sweep * plan.load.total))
    size = max(1, int(longest) // plan.thin) * plan.thin
    for step in [None] if plan.schedule == "tempering" else range(plan.n_rungs):
        for s, n in _stretches(plan.burn_in, size):
            yield Block(step, s, n, None)
        # Overlaps are measured between blocks.
        for part, whole in _stretches(plan.sweeps, (plan.sampler.overlaps or plan.sweeps) * plan.thin):
            for s, n in _stretches(whole, size):
                yield Block(step, plan.burn_in + part + s, n,
                            slice((part + s) // plan.thin, (part + s + n) // plan.thin))


def _stretches(total: int, size: int) -> Iterator[tuple[int, int]]:
    """(start, length) of stretches of `size` that make up `total`."""
    return ((s, min(size, total - s)) for s in range(0, total, size))
