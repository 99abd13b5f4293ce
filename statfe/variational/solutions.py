"""Several starts, several solutions: run them, merge equal ones, put the lowest first, follow them along beta.

Mean field, TAP and Bethe free energies have many stationary points at low temperature. What one finds depends on
where one starts, so every method here starts from a few places and says what else it found.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeVar

import numpy as np

from statfe.executors import map_tasks
from statfe.result import Kind, Outcome, failure
from statfe.spec import Option
from statfe.variational.fixed_point import FixedPoint

#: Solutions closer than this, in beta_f relative to N and in every mean, are one solution.
SAME_BETA_F = 1e-9
SAME_MEANS = 1e-4
#: Longest list of other solutions in the stats of a result.
LISTED = 100

State = TypeVar("State")


class Start(NamedTuple):
    """A named starting point of an iteration.

    Attributes
    ----------
    budget
        Iterations after which `search` gives the run up, unless it then lies below all that converged. None: no
        such limit.
    spent
        Iterations already made on the way to `x`.
    """

    name: str
    x: np.ndarray
    budget: int | None = None
    spent: int = 0

    def limit(self, iterations: int) -> int:
        """Iterations that a run from here may take, where `iterations` is the most in all."""
        return max(1, min(iterations, self.budget or iterations) - self.spent)


@dataclass(frozen=True, eq=False)
class Solution:
    """A stationary point: its beta_f, its means <s_i>, the point itself, and the run that found it."""

    beta_f: float
    means: np.ndarray
    point: FixedPoint
    start: str


@dataclass(frozen=True, eq=False)
class Search:
    """Distinct solutions in order of beta_f, and the runs that ended without one."""

    solutions: list[Solution]
    failed: list[FixedPoint]

    @property
    def found(self) -> bool:
        """Whether any run converged."""
        return bool(self.solutions)

    def failure(self, kind: Kind) -> Outcome:
        """The outcome of a search in which no run converged; speaks for the run that came closest."""
        nearest = min(self.failed, key=lambda point: point.residual)
        return failure(
            kind, "not_converged", nearest.message, iterations=nearest.iterations, residual=nearest.residual,
            failed_starts=len(self.failed))

    def stats(self, chosen: Solution, others: str = "other_solutions") -> dict[str, Any]:
        """What a result says of the chosen solution and of the `others`."""
        rest = [s.beta_f for s in self.solutions if s is not chosen]
        return {
            "start": chosen.start, "iterations": chosen.point.iterations, "residual": chosen.point.residual,
            "magnetization": float(np.mean(chosen.means)), "overlap": float(np.mean(chosen.means**2)),
            others: rest[:LISTED], "failed_starts": len(self.failed),
        }


def fixed_point_options(
    restarts: int, *, iterations: int = 5000, damping: float = 0.0, tolerance: float = 1e-12
) -> tuple[Option, ...]:
    """The options that every method on the fixed-point driver has, with this method's defaults."""
    return (
        Option("damping", "float", damping, "share of the old point kept; grows by itself where it must",
               minimum=0.0, maximum=0.98),
        Option("tolerance", "float", tolerance, "largest scaled change of a field at a solution", minimum=0.0),
        Option("iterations", "int", iterations, "largest number of iterations from one start", minimum=1),
        Option("restarts", "int", restarts, "random starts beside the fixed ones", minimum=0),
    )


def search(
    starts: Sequence[Start], solve: Callable[[Start], Solution], n_sites: int, *, symmetric: bool, workers: int = 1
) -> Search:
    """Run `solve` from every start and keep the distinct solutions, the lowest beta_f first.

    A run that used up its start's budget goes on only where it may matter: its beta_f is below that of every run
    that converged, or none converged and its residual is the smallest. In large systems other runs coarsen for ever
    without becoming lowest.

    Parameters
    ----------
    solve
        Gives a `Solution`, and keeps to `Start.limit`; what it says is dropped unless its `point` converged.
    symmetric
        Whether a solution and its global flip are the same one.
    """
    runs = map_tasks(solve, starts, workers)
    again = _worth_more(starts, runs)
    for k, run in zip(again, map_tasks(solve, list(again.values()), workers), strict=True):
        runs[k] = replace(
            run, point=replace(run.point, iterations=run.point.iterations + again[k].spent))
    solved = [run for run in runs if run.point.converged]
    return Search(
        distinct(solved, n_sites, symmetric), [run.point for run in runs if not run.point.converged])


def _worth_more(starts: Sequence[Start], runs: Sequence[Solution]) -> dict[int, Start]:
    """By its number, where each run goes on that used up its budget and may matter."""
    spent = [
        k for k, (start, run) in enumerate(zip(starts, runs, strict=True))
        if not run.point.converged and start.budget is not None and run.point.iterations >= start.budget]
    best = min((run.beta_f for run in runs if run.point.converged), default=None)
    if best is None:
        chosen = sorted(spent, key=lambda k: runs[k].point.residual)[:1]
    else:
        chosen = [k for k in spent if runs[k].beta_f < best]
    return {k: Start(starts[k].name, runs[k].point.x, spent=runs[k].point.iterations) for k in chosen}


def distinct(solutions: Sequence[Solution], n_sites: int, symmetric: bool) -> list[Solution]:
    """Solutions in order of beta_f (ties: in the order given) with repeats left out."""
    kept: list[Solution] = []
    for candidate in sorted(solutions, key=lambda s: s.beta_f):
        near = [s for s in kept if abs(s.beta_f - candidate.beta_f) <= SAME_BETA_F * n_sites]
        if not any(same_means(s.means, candidate.means, symmetric) for s in near):
            kept.append(candidate)
    return kept


def same_means(a: np.ndarray, b: np.ndarray, symmetric: bool) -> bool:
    """Whether all means agree, or where `symmetric` all do after a global flip."""
    if np.max(np.abs(a - b)) <= SAME_MEANS:
        return True
    return symmetric and bool(np.max(np.abs(a + b)) <= SAME_MEANS)


def continued(before: Search | None, count: int = 1) -> list[Start]:
    """Starts at the first `count` solutions of the neighbouring beta."""
    return [Start("continued", s.point.x) for s in before.solutions[:count]] if before is not None else []


def along_betas(
    betas: np.ndarray,
    step: Callable[[float, State | None], tuple[Outcome, State | None]],
    progress: Callable[[str, float], None] | None = None,
    label: str = "",
) -> list[Outcome]:
    """Take `step` at each beta in order of |beta|, handing on its state; outcomes in the order of `betas`."""
    outcomes: dict[int, Outcome] = {}
    state: State | None = None
    for done, k in enumerate(np.argsort(np.abs(betas), kind="stable")):
        began = time.perf_counter()
        outcome, state = step(float(betas[k]), state)
        outcomes[int(k)] = replace(outcome, seconds=time.perf_counter() - began)
        if progress is not None:
            progress(label, (done + 1) / len(betas))
    return [outcomes[k] for k in range(len(betas))]
