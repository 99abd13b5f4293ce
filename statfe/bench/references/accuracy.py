"""How long a small error takes on large models."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from statfe.bench.references.records import Accuracy
from statfe.bench.references.zoo import CRITICAL
from statfe.errors import NotApplicableError
from statfe.registry import run_method
from statfe.simulation import simulate

Tell = Callable[[float], None] | None


@dataclass(frozen=True)
class Goal:
    """An error a site, and the seconds it may take."""

    title: str
    model: str
    beta: float
    target: float
    limit: float
    sampler: str = "metropolis"


GOALS = (
    Goal("2D Ising 64x64 at criticality", "ising:shape=64x64", CRITICAL, 1e-5, 60.0),
    Goal("3D glass, L=8, T=0.8", "ea:shape=8x8x8,seed=1", 1.25, 1e-5, 120.0),
)


def reach(goals: tuple[Goal, ...], seed: int, workers: int, tell: Tell = None) -> list[Accuracy]:
    """Run towards each goal, with its time as the limit."""
    found = []
    for number, goal in enumerate(goals):
        found.append(_reach(goal, seed, workers))
        if tell:
            tell((number + 1) / len(goals))
    return found


def _reach(goal: Goal, seed: int, workers: int) -> Accuracy:
    run = simulate(
        goal.model, goal.beta, sampler=goal.sampler, target_error=goal.target, max_seconds=goal.limit, seed=seed,
        workers=workers)
    best = run.reference[0]
    N, distance = best.n_sites, math.nan
    try:
        (exact,) = run_method(run.model, run.betas, "exact", seed=seed)
        distance = best.beta_f - exact.beta_f
    except NotApplicableError:
        pass  # too large: the error alone is known
    return Accuracy(
        title=goal.title, model=goal.model, beta=goal.beta, target=goal.target, limit=goal.limit,
        seconds=run.chains.seconds, error=best.beta_f_error / N, distance=distance / N,
        sigmas=distance / best.beta_f_error if best.beta_f_error > 0 else math.nan, status=best.status,
        threads=workers)
