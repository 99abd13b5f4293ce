"""The one driver of chains: burn-in, measuring, exchanges, threads and progress, for every update rule.

Replicas are independent ladders. Each chain has its own random stream and each replica its own for exchanges, so
the result is the same bits for any number of workers.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from statfe.chains import Chains
from statfe.errors import UsageError
from statfe.executors import map_tasks
from statfe.kernels.tempering import run_ladder
from statfe.models.ising import IsingModel
from statfe.random import streams
from statfe.sampling.ladder import Ladder, plan_ladder, requested_only
from statfe.sampling.samplers import Sampler, rules_at
from statfe.sampling.starts import from_order, start

CHAIN_KEY, SWAP_KEY = 1, 2
#: Spin updates in one block of one replica: a fraction of a second, so that Ctrl-C and progress are prompt.
BLOCK_UPDATES = 2.0e7
#: Energies and magnetisations recorded at most by default, and at all.
MAX_STORED, MOST_STORED = 2.0e7, 2.0e8
#: Longest run that is started: some years.
MAX_UPDATES = 1e16
#: All chains of a tempering run are in memory at once; above this many bytes rungs are run one after the other.
TEMPERING_BYTES = 2.5e8

Progress = Callable[[str, float], None] | None


@dataclass(frozen=True)
class Plan:
    """Everything a run is made of, before it starts; the same plan and seed give the same bits."""

    ladder: Ladder
    sampler: Sampler
    schedule: str
    sweeps: int
    burn_in: int
    thin: int
    replicas: int
    seed: int

    def updates(self, n_sites: int) -> float:
        """Number of single-spin updates of the whole run."""
        return float(n_sites) * len(self.ladder.betas) * self.replicas * (self.sweeps + self.burn_in)


def plan_run(model: IsingModel, betas: np.ndarray, sampler: Sampler, *, sweeps: int, replicas: int, seed: int,
             samples_only: bool = False, progress: Progress = None) -> Plan:
    """Place the rungs and fix all numbers of a run.

    Raises
    ------
    UsageError
        For numbers out of range, a negative beta, or a run that would be too long or store too much.
    """
    if sweeps < 1 or replicas < 1:
        raise UsageError(f"sweeps and replicas must be at least 1, got {sweeps} and {replicas}")
    with np.errstate(over="ignore"):
        reach = 0.5 * np.abs(model.weights).sum() + np.abs(model.fields).sum()
    if not np.isfinite(reach):
        raise UsageError(f"the energies of {model.spec} overflow; scale the couplings and fields down")
    pilot_sweeps = int(np.clip(sweeps // 10, 20, 200))
    schedule, ladder = sampler.schedule, requested_only(betas)
    if samples_only and np.any(betas < 0):
        raise UsageError("sampling needs beta >= 0; negate the couplings and fields instead")
    if not samples_only:
        wide = schedule == "annealing" or _tempering_bytes(model, len(ladder.betas), replicas) > TEMPERING_BYTES
        spacing = sampler.spacing or (2.0 if wide else 1.0)
        ladder = plan_ladder(
            model, betas, spacing=spacing, rule=sampler.rule, seed=seed, sweeps=pilot_sweeps, progress=progress)
    if schedule == "auto":
        fits = _tempering_bytes(model, len(ladder.betas), replicas) <= TEMPERING_BYTES
        schedule = "tempering" if fits else "annealing"
    stored = 2.0 * len(ladder.betas) * replicas * sweeps
    thin = sampler.thin or max(1, int(np.ceil(stored / MAX_STORED)))
    if thin > sweeps:
        raise UsageError(f"thin={thin} records nothing in {sweeps} sweeps; lower thin or raise the sweeps")
    if stored / thin > MOST_STORED:
        least = int(np.ceil(stored / MOST_STORED))
        raise UsageError(f"thin={thin} would store {stored / thin:.1e} numbers; raise thin to {least} or more")
    burn_in = sampler.burn_in if sampler.burn_in is not None else max(1, sweeps // 5)
    plan = Plan(ladder, sampler, schedule, sweeps - sweeps % thin, burn_in, thin, replicas, seed)
    if plan.updates(model.n_sites) > MAX_UPDATES:
        raise UsageError(
            f"this run needs {plan.updates(model.n_sites):.1e} spin updates, years of work; lower the sweeps, the "
            "replicas or the largest beta")
    return plan


def _tempering_bytes(model: IsingModel, rungs: int, replicas: int) -> float:
    return float(model.n_sites) * rungs * replicas


def run_plan(model: IsingModel, plan: Plan, *, workers: int = 1, progress: Progress = None) -> Chains:
    """Run the chains of `plan`.

    Returns
    -------
    Chains
        Energies are without the model's constant `offset`.
    """
    start = time.perf_counter()
    K = len(plan.ladder.betas)
    shape = (plan.replicas, plan.sweeps // plan.thin, K)
    energy, magnetization = np.empty(shape), np.empty(shape, dtype=np.int32)
    runner = _Tempering if plan.schedule == "tempering" else _Annealing
    replicas = [runner(model, plan, r) for r in range(plan.replicas)]
    for done, block in runner.blocks(model, plan):
        map_tasks(lambda r, b=block: replicas[r].advance(b, energy[r], magnetization[r]),  # type: ignore[misc]
                  range(plan.replicas), workers)
        if progress:
            progress("sampling", done)
    tried = sum(r.tried for r in replicas)
    accepted = sum(r.accepted for r in replicas)
    with np.errstate(invalid="ignore"):
        acceptance = np.where(tried > 0, accepted / np.maximum(tried, 1), np.nan)
    return Chains(
        betas=plan.ladder.betas, requested=plan.ladder.requested, energy=energy, magnetization=magnetization,
        sweeps=np.arange(1, shape[1] + 1) * plan.thin, swap_acceptance=acceptance, schedule=plan.schedule,
        sampler=plan.sampler.spec, seed=plan.seed, burn_in=plan.burn_in, seconds=time.perf_counter() - start)


@dataclass(frozen=True)
class _Block:
    """A stretch of sweeps: `rungs` are swept `sweeps` times; measured into `rows` unless that is empty."""

    rungs: slice
    first_sweep: int
    sweeps: int
    rows: slice | None


class _Replica:
    """Spins, streams and rung assignment of one replica."""

    def __init__(self, model: IsingModel, plan: Plan, replica: int, chains: int) -> None:
        self.model, self.plan = model, plan
        K = len(plan.ladder.betas)
        # One stream a chain, and one for the exchanges.
        self.rules = rules_at(plan.sampler.rule, model, plan.ladder.betas)
        self.states = streams(plan.seed, chains, (CHAIN_KEY, replica))
        self.swap_state = streams(plan.seed, 1, (SWAP_KEY, replica))[0]
        self.spins = start(model, plan.seed, replica, chains)
        self.rung_of = np.arange(chains)
        self.chain_at = np.arange(chains)
        self.tried = np.zeros(K - 1, dtype=np.int64)
        self.accepted = np.zeros(K - 1, dtype=np.int64)

    def advance(self, block: _Block, energy: np.ndarray, magnetization: np.ndarray) -> None:
        """Run one block and write its draws."""
        m, plan = self.model, self.plan
        rungs = self.rungs(block)
        betas = plan.ladder.betas[rungs]
        draws = 0 if block.rows is None else block.sweeps // plan.thin
        e, mag = np.empty((draws, len(betas))), np.empty((draws, len(betas)), dtype=np.int64)
        thin = plan.thin if block.rows is not None else block.sweeps + 1
        run_ladder(
            self.rules[rungs], block.first_sweep, block.sweeps, thin, len(betas) > 1, betas,
            self.spins, self.rung_of, self.chain_at, m.indptr, m.indices, m.weights, m.fields, self.states,
            self.swap_state, e, mag, self.tried, self.accepted)
        if block.rows is not None:
            energy[block.rows, rungs] = e
            magnetization[block.rows, rungs] = mag

    def rungs(self, block: _Block) -> slice:
        """The rungs of a block for this replica."""
        return block.rungs


def _stretches(total: int, size: int) -> Iterator[tuple[int, int]]:
    """(start, length) of stretches of `size` that make up `total`."""
    return ((s, min(size, total - s)) for s in range(0, total, size))


class _Tempering(_Replica):
    """All rungs at once, exchanging temperatures after every sweep."""

    def __init__(self, model: IsingModel, plan: Plan, replica: int) -> None:
        super().__init__(model, plan, replica, len(plan.ladder.betas))

    @staticmethod
    def blocks(model: IsingModel, plan: Plan) -> Iterator[tuple[float, _Block]]:
        """(share of the run done after it, block), in order."""
        every = slice(0, len(plan.ladder.betas))
        size = _block_sweeps(model.n_sites * len(plan.ladder.betas), plan.thin)
        total = plan.burn_in + plan.sweeps
        for s, n in _stretches(plan.burn_in, size):
            yield (s + n) / total, _Block(every, s, n, None)
        for s, n in _stretches(plan.sweeps, size):
            rows = slice(s // plan.thin, (s + n) // plan.thin)
            yield (plan.burn_in + s + n) / total, _Block(every, plan.burn_in + s, n, rows)


class _Annealing(_Replica):
    """One chain a replica, taken from rung to rung: the memory of one state, for very large models.

    Replicas that start from order go from the largest beta down, so that both ways through a transition are seen.
    """

    def __init__(self, model: IsingModel, plan: Plan, replica: int) -> None:
        super().__init__(model, plan, replica, 1)
        self.down = from_order(replica)

    def rungs(self, block: _Block) -> slice:
        """The rung of a block, counted from the other end by replicas that go down."""
        last = len(self.plan.ladder.betas) - 1
        return slice(last - block.rungs.start, last - block.rungs.start + 1) if self.down else block.rungs

    @staticmethod
    def blocks(model: IsingModel, plan: Plan) -> Iterator[tuple[float, _Block]]:
        """(share of the run done after it, block), rung by rung."""
        size = _block_sweeps(model.n_sites, plan.thin)
        K = len(plan.ladder.betas)
        for k in range(K):
            rung = slice(k, k + 1)
            for s, n in _stretches(plan.burn_in, size):
                yield (k + s / (plan.burn_in + plan.sweeps)) / K, _Block(rung, s, n, None)
            for s, n in _stretches(plan.sweeps, size):
                rows = slice(s // plan.thin, (s + n) // plan.thin)
                share = (plan.burn_in + s + n) / (plan.burn_in + plan.sweeps)
                yield (k + share) / K, _Block(rung, s, n, rows)


def _block_sweeps(updates: int, thin: int) -> int:
    """Sweeps a block: about `BLOCK_UPDATES` updates, a multiple of `thin`."""
    return max(1, int(BLOCK_UPDATES / updates) // thin) * thin
