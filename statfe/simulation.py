"""`simulate`: sample a ladder of chains, and make reference free energies from them."""

from __future__ import annotations

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


@dataclass(frozen=True)
class Forecast:
    """What a run would do: its plan, and its cost in seconds and bytes."""

    plan: Plan
    seconds: float
    bytes: float


def forecast(model: IsingModel, plan: Plan, workers: int) -> Forecast:
    """Time a few sweeps (after compiling) and scale up. Nothing is kept."""
    few = max(1, int(TRIAL_UPDATES / (model.n_sites * len(plan.ladder.betas))))
    sample = Plan(plan.ladder, plan.sampler, plan.schedule, few, 0, 1, 1, plan.seed)
    run_plan(model, Plan(plan.ladder, plan.sampler, plan.schedule, 1, 0, 1, 1, plan.seed))
    start = time.perf_counter()
    run_plan(model, sample)
    rate = sample.updates(model.n_sites) / (time.perf_counter() - start)
    seconds = plan.updates(model.n_sites) / (rate * min(workers, plan.replicas))
    chains = len(plan.ladder.betas) if plan.schedule == "tempering" else 1
    stored = 12.0 * len(plan.ladder.betas) * plan.replicas * (plan.sweeps // plan.thin)
    return Forecast(plan, seconds, float(model.n_sites) * chains * plan.replicas + stored)


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
        to_free_energy(outcome, model, method, float(beta), share)
        for method, outcomes in sampled.outcomes.items()
        for beta, outcome in zip(sampled.betas, outcomes, strict=True)
    ]
