"""`simulate`: sample a ladder of chains, and make reference free energies from them."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from statfe.chains import Chains
from statfe.estimators.reference import SampledReference, ladder_diagnostics, sampled_reference
from statfe.models.ising import IsingModel
from statfe.registry import to_free_energy
from statfe.result import FreeEnergy
from statfe.sampling.choice import get_kernel
from statfe.sampling.driver import run_plan
from statfe.sampling.plan import Plan, Progress
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
    few = max(1, int(TRIAL_UPDATES / (model.n_sites * plan.n_rungs * plan.replicas)))
    trial = replace(plan, sweeps=few, burn_in=0, thin=1)
    run_plan(model, replace(plan, sweeps=1, burn_in=0, thin=1), workers=workers)
    start = time.perf_counter()
    run_plan(model, trial, workers=workers)
    seconds = (time.perf_counter() - start) * plan.updates(model.n_sites) / trial.updates(model.n_sites)
    draws = float(plan.n_rungs) * plan.replicas * (plan.sweeps // plan.thin)
    stored = DRAW_BYTES * draws
    analysed = 0.0 if samples_only else ANALYSIS_COPIES * ENERGY_BYTES * draws
    spins = get_kernel(plan.kernel).bytes(model, plan.load)
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
