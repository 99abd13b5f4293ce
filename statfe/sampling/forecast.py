"""What a run would take: its time from a few sweeps, its memory and the size of its file."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from statfe.models.ising import IsingModel
from statfe.sampling.choice import get_kernel
from statfe.sampling.driver import run_plan
from statfe.sampling.harvest import check_states, looks_for, states_bytes
from statfe.sampling.plan import Plan

#: Shortest time of the sweeps that a forecast is made from.
TRIAL_SECONDS = 0.3

#: Bytes of an energy, of a draw (energy and magnetisation), and of a bond (two sites and a coupling).
ENERGY_BYTES, DRAW_BYTES, BOND_BYTES = 8.0, 12.0, 24.0
#: Most arrays of the size of all energies that the estimators hold at once.
ANALYSIS_COPIES = 8.0


@dataclass(frozen=True)
class Forecast:
    """What a run would do: its plan, its time, its memory in `bytes`, and the size of its file at most.

    With a target, `seconds` is the time until it is met, from the error a site `first_error` of a short run. The
    configurations take at most `states_seconds` more.
    """

    plan: Plan
    seconds: float
    bytes: float
    file_bytes: float
    target_error: float | None = None
    first_error: float | None = None
    states: int | None = None
    states_seconds: float = 0.0


def forecast(model: IsingModel, plan: Plan, workers: int, samples_only: bool = False,
             states: int | None = None) -> Forecast:
    """Time a few sweeps (after compiling) and scale up. Nothing is kept. The analysis is not timed."""
    if states is not None:
        check_states(model, plan, states)
    run_plan(model, replace(plan, sweeps=1, burn_in=0, thin=1), workers=workers)
    sweeps, elapsed = 1, 0.0
    while elapsed < TRIAL_SECONDS:
        sweeps *= 2
        trial = replace(plan, sweeps=sweeps, burn_in=0, thin=sweeps)
        start = time.perf_counter()
        run_plan(model, trial, workers=workers)
        elapsed = time.perf_counter() - start
    seconds = elapsed * plan.updates(model.n_sites) / trial.updates(model.n_sites)
    draws = float(plan.n_rungs) * plan.replicas * (plan.sweeps // plan.thin)
    stored = DRAW_BYTES * draws
    analysed = 0.0 if samples_only else ANALYSIS_COPIES * ENERGY_BYTES * draws
    spins = get_kernel(plan.kernel).bytes(model, plan.load)
    listed = 0.0 if model.uniform is not None else BOND_BYTES * (model.n_bonds + model.n_sites)
    kept = 0.0 if states is None else states_bytes(model, plan, states)
    after = 0 if states is None else max(plan.sweeps, looks_for(states, plan.replicas))
    return Forecast(plan, seconds, spins + stored + analysed + 2.0 * kept, stored + listed + kept, states=states,
                    states_seconds=seconds * after / (plan.sweeps + plan.burn_in))
