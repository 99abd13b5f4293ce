"""What a run over disorder would do, and roughly how long it would take."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from statfe.disorder.recipe import POINTS, Recipe
from statfe.methods.exact import auto
from statfe.sampling.choice import get_kernel

#: Seconds of one elementary operation of an exact method, and of the estimators for a recorded draw.
OPERATION, ANALYSIS = 1.0e-9, 1.0e-6


@dataclass(frozen=True)
class DisorderForecast:
    """What `disorder_average` would do; `how` says how realisations are solved, `seconds` are a rough guess."""

    realisations: int
    how: str
    tasks: int
    seed: int
    seconds: float
    rungs: np.ndarray | None = None
    replicas: int = 0
    burn_in: int = 0
    sweeps: int = 0
    thin: int = 0


def forecast(recipe: Recipe, workers: int) -> DisorderForecast:
    """What `recipe` would do, from the costs that kernels and exact methods state."""
    model, count, tasks = recipe.model(0), len(recipe.seeds), recipe.tasks()
    threads = min(workers, len(tasks))
    if recipe.first is None:
        seconds = OPERATION * auto.cost(model, POINTS * len(recipe.betas)) * count / threads
        return DisorderForecast(count, "solved exactly", len(tasks), recipe.seed, seconds)
    plan = recipe.lane_plan(tasks[0], 0) if recipe.lanes else recipe.plan(model, 0, 0)
    sampling = 1e-9 * get_kernel(plan.kernel).cost(model, plan.load) * plan.updates(model.n_sites)
    analysis = 2.0 * ANALYSIS * plan.replicas * plan.n_rungs * (plan.sweeps // plan.thin)
    how = f"sampled {'side by side' if recipe.lanes else 'one by one'} by the {plan.kernel} kernel"
    return DisorderForecast(
        count, how, len(tasks), recipe.seed, (sampling + analysis) * len(tasks) / threads, plan.ladder.betas,
        recipe.replicas, plan.burn_in, plan.sweeps, plan.thin)
