"""A run of chains as a method: the options, the sampling and the estimate, once for every estimator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from statfe.estimators.reference import INTEGRATION, MBAR, sampled_reference
from statfe.models.ising import IsingModel
from statfe.registry import Context
from statfe.result import Outcome
from statfe.sampling.driver import run_plan
from statfe.sampling.plan import plan_run
from statfe.sampling.samplers import DEFAULT_SAMPLER, KERNELS, RULES, make_sampler
from statfe.spec import Option

DEFAULT_SWEEPS = 10_000

SAMPLING_OPTIONS = (
    Option("sweeps", "int", DEFAULT_SWEEPS, "measured sweeps at every rung", minimum=1),
    Option("replicas", "int", doc="independent ladders (default: 4, or more where lanes would lie idle)", minimum=1,
           optional=True),
    Option("sampler", "str", DEFAULT_SAMPLER, "update rule", choices=tuple(RULES)),
    Option("kernel", "str", "auto", "how spins are moved (auto: the fastest for the model)", KERNELS),
    Option("burn_in", "int", doc="sweeps thrown away first (default: a fifth of the sweeps)", minimum=0, optional=True),
    Option("ladder", "str", "adaptive", "rungs at even swap rates, or by the fluctuation of the energy alone",
           choices=("adaptive", "fluctuation")),
    Option("spacing", "float", doc="rungs' distance in standard deviations of the energy (default: 1, annealing 2)",
           minimum=0.05, maximum=6.0, optional=True),
)


def sampling_cost(model: IsingModel, n_betas: int) -> float:
    """Rough number of operations of a default run."""
    return 1e7 * (model.n_sites + model.n_pairs)


def sampled_run(estimator: str) -> Callable[..., list[Outcome]]:
    """The `run` of a `Method` that samples a ladder and reports `estimator`."""

    def run(model: IsingModel, betas: np.ndarray, context: Context, *, sweeps: int, replicas: int | None, sampler: str,
            **options: Any) -> list[Outcome]:
        plan = plan_run(
            model, betas, make_sampler(sampler, **options), sweeps=sweeps, replicas=replicas, seed=context.seed,
            progress=context.progress)
        chains = run_plan(model, plan, workers=context.workers, progress=context.progress)
        names = tuple(dict.fromkeys((MBAR, INTEGRATION, estimator)))
        reference = sampled_reference(model, chains, chains.tally, estimators=names)
        place = np.searchsorted(reference.betas, betas)
        return [reference.outcomes[estimator][k] for k in place]

    return run
