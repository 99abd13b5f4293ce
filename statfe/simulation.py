"""`simulate`: sample a ladder of chains, and make reference free energies from them."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

from statfe.chains import Chains
from statfe.estimators.reference import SampledReference, ladder_diagnostics, sampled_reference
from statfe.models.ising import IsingModel
from statfe.registry import to_free_energy
from statfe.result import FreeEnergy
from statfe.sampling.driver import Plan, Progress, run_plan
from statfe.store.run_file import Run

#: Spin updates timed for a forecast.
TRIAL_UPDATES = 2.0e6

#: Bytes of an energy, of a draw (energy and magnetisation), and of a bond (two sites and a coupling).
ENERGY_BYTES, DRAW_BYTES, BOND_BYTES = 8.0, 12.0, 24.0
#: Most arrays of the size of all energies that the estimators hold at once.
ANALYSIS_COPIES = 6.5


@dataclass(frozen=True)
class Forecast:
    """What a run would do: its plan, its time, its memory in `bytes`, and the size of its file at most."""

    plan: Plan
    seconds: float
    bytes: float
    file_bytes: float


def forecast(model: IsingModel, plan: Plan, workers: int, samples_only: bool = False) -> Forecast:
    """Time a few sweeps (after compiling) and scale up. Nothing is kept. The analysis is not timed."""
    few = max(1, int(TRIAL_UPDATES / (model.n_sites * len(plan.ladder.betas))))
    sample = Plan(plan.ladder, plan.sampler, plan.schedule, few, 0, 1, 1, plan.seed)
    run_plan(model, Plan(plan.ladder, plan.sampler, plan.schedule, 1, 0, 1, 1, plan.seed))
    start = time.perf_counter()
    run_plan(model, sample)
    rate = sample.updates(model.n_sites) / (time.perf_counter() - start)
    # A replica runs on one thread: 5 replicas on 4 threads take two rounds.
    seconds = plan.updates(model.n_sites) / rate * math.ceil(plan.replicas / workers) / plan.replicas
    chains = len(plan.ladder.betas) if plan.schedule == "tempering" else 1
    draws = float(len(plan.ladder.betas)) * plan.replicas * (plan.sweeps // plan.thin)
    stored = DRAW_BYTES * draws
    analysed = 0.0 if samples_only else ANALYSIS_COPIES * ENERGY_BYTES * draws
    spins = float(model.n_sites) * chains * plan.replicas
    return Forecast(plan, seconds, spins + stored + analysed, stored + BOND_BYTES * (model.n_bonds + model.n_sites))


def simulate_plan(model: IsingModel, plan: Plan, *, samples_only: bool, workers: int, progress: Progress,
                  command: str) -> Run:
    """Run `plan`, and unless `samples_only` make the reference."""
    chains = run_plan(model, plan, workers=workers, progress=progress)
    if samples_only:
        return Run(model, chains, [], ladder_diagnostics(chains), command)
    if progress:
        progress("free energies", 0.0)
    start = time.perf_counter()
    sampled = sampled_reference(model, chains)
    seconds = chains.seconds + time.perf_counter() - start
    return Run(model, chains, _free_energies(model, chains, sampled, seconds), sampled.diagnostics, command)


def _free_energies(
    model: IsingModel, chains: Chains, sampled: SampledReference, seconds: float
) -> list[FreeEnergy]:
    share = seconds / len(sampled.betas)
    return [
        to_free_energy(outcome, model, method, float(beta), share, chains.seed)
        for method, outcomes in sampled.outcomes.items()
        for beta, outcome in zip(sampled.betas, outcomes, strict=True)
    ]
