"""A convergent double loop to minima of the Bethe free energy, for models where belief propagation does not settle.

With d_i neighbours, the Bethe free energy of consistent beliefs is that of the pairs, less (d_i - 1) times that of
each site. The second part is concave; the outer loop replaces a share s of it by its tangent at the fields eta_i,
and minimises what is left, which has cavity fields

    g_{i->j} = H_i - u_{j->i},    H_i = (beta h_i + sum_k u_{k->i} + r_i eta_i) / (1 + r_i),    r_i = s (d_i - 1),  (5)

then eta <- H. At s = 1 what is left is convex, each update of a site its exact minimum, and no outer step raises the
free energy (Yuille 2002; Heskes, Albers and Kappen 2003). A smaller s takes longer steps and is usually enough: it is
kept only as long as the inner loop settles and the free energy falls, and doubled where not. Where eta stays, (5) is
belief propagation: the end is one of its fixed points, whether or not that attracts it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from statfe.executors import map_tasks
from statfe.kernels.belief_propagation_double_loop import inner_loop
from statfe.kernels.beliefs import mean_terms
from statfe.propagation.belief_propagation import MEMORY, Propagation
from statfe.variational.fixed_point import FixedPoint, scaled_residual, solve_fixed_point
from statfe.variational.solutions import Search, Solution, Start, distinct

#: The share s at the start and at least; outer steps without trouble after which it is halved.
SHARE, LEAST_SHARE, CALM = 0.125, 1.0 / 128.0, 8
#: Sweeps of one inner loop, at most.
INNER = 200
#: Messages renewed by all runs of a beta together, at most, and the fewest sweeps of a run.
VISITS, LEAST_SWEEPS = 4e8, 1000
#: One in so many of its sweeps a run makes before it is seen whether any has ended.
FIRST = 8
#: Change of eta at which plain belief propagation is tried again; then at this fraction of it, and so on.
NEAR, NEARER = 1e-2, 1e-2
#: Iterations of such a trial.
TRIAL = 100
#: Eigenvalues of B above minus this belong to minima.
FLAT = 1e-7
#: Largest change of a field in a push off a saddle, and how many pushes a run may take.
PUSH, PUSHES = 0.3, 10


@dataclass(frozen=True, eq=False)
class Descent:
    """Where the double loop ended, how many sweeps its inner loops took, and the smallest eigenvalue of B there."""

    solution: Solution
    sweeps: int
    softest: float


class _Run:
    """One descent."""

    def __init__(self, p: Propagation, start: Start, tolerance: float, sweeps: int):
        self.p, self.start, self.tolerance, self.limit = p, start, p.attainable(tolerance), sweeps
        self.degrees = np.maximum(np.diff(p.graph.indptr) - 1.0, 0.0)
        self.messages = start.x.copy()
        self.eta = p.totals(start.x)
        self.value = np.inf
        self.share, self.calm, self.patience = SHARE, 0, CALM
        self.sweeps = self.pushes = self.steps = 0
        self.change, self.near = np.inf, NEAR

    def outer(self, change: float) -> float:
        """One outer step; the largest scaled change of eta, infinity where the step was taken back."""
        p, g = self.p, self.p.graph
        messages, totals = self.messages.copy(), np.empty_like(self.eta)
        tolerance = float(np.clip(0.1 * change, 0.1 * self.tolerance / (1.0 + self.degrees.max(initial=0.0)), 1e-3))
        count = inner_loop(
            g.indptr, g.reverse, p.strengths, p.decays, p.fields, self.share * self.degrees, self.eta, messages, totals,
            INNER, tolerance)
        self.sweeps += min(count, INNER)
        terms = np.empty_like(totals)
        cavities = totals[g.indices] - messages[g.reverse]
        mean_terms(g.indptr, g.reverse, p.strengths, p.fields, totals, cavities, terms)
        value = float(np.sum(terms))
        slack = len(messages) * tolerance**2 + 1e-12 * float(np.sum(np.abs(terms)))
        if self.share < 1.0 and (count > INNER or not value <= self.value + slack):
            self.share, self.calm, self.patience = min(1.0, 2.0 * self.share), 0, 2 * self.patience
            return np.inf
        moved = scaled_residual(totals, totals - self.eta)
        self.messages, self.eta, self.value = messages, totals, value
        self.calm += 1
        if self.calm >= self.patience and self.share > LEAST_SHARE:
            self.share, self.calm = 0.5 * self.share, 0
        return moved

    def push(self, direction: np.ndarray) -> None:
        """Leave a saddle along an eigenvector of B, which is a change of the fields times (1 - m^2)^(1/2)."""
        step = direction * np.cosh(np.minimum(np.abs(self.eta), 20.0))
        self.eta = self.eta + PUSH / float(np.max(np.abs(step))) * step
        self.messages = self.p.sent(self.eta[self.p.graph.indices])
        self.value, self.pushes = np.inf, self.pushes + 1

    def ended(self, point: FixedPoint, outer: int) -> Descent | None:
        """The descent, if `point` is a minimum; a push off it if it is a saddle."""
        value = self.p.beta_f(self.p.cavities(point.x))
        if not point.converged or not value <= self.value + 1e-6 * max(1.0, abs(value)):
            return None
        soft = self.p.softest(point.x)
        if soft.value < -FLAT:
            if self.pushes < PUSHES:
                self.eta = self.p.totals(point.x)
                self.push(soft.vector)
            return None
        return self.descent(value, point, outer, soft.value)

    def descent(self, value: float, point: FixedPoint, outer: int, softest: float) -> Descent:
        """What is said of the run that ended at `point`."""
        means = self.p.graph.by_site(np.tanh(self.p.totals(point.x)))
        return Descent(
            Solution(value, means, replace(point, iterations=outer), self.start.name), self.sweeps, softest)

    def here(self, outer: int) -> FixedPoint:
        """The present messages as a fixed point of all messages at once, which no sweep has amplified."""
        residual = scaled_residual(self.messages, self.p.sent(self.p.cavities(self.messages)) - self.messages)
        return FixedPoint(self.messages, residual, outer, residual <= self.tolerance)

    def descend(self, iterations: int) -> Descent:
        """Outer steps until a minimum is reached, or the iterations or sweeps are used up; goes on where it ended."""
        while self.steps < iterations and self.sweeps < self.limit:
            self.steps += 1
            self.change = self.outer(self.change)
            point, pushes = self.here(self.steps), self.pushes
            if not point.converged and self.change <= self.near:
                self.near = NEARER * self.change
                point = solve_fixed_point(
                    self.p.swept, self.messages, memory=MEMORY, iterations=min(TRIAL, iterations),
                    tolerance=self.tolerance)
            found = self.ended(point, self.steps)
            if found is not None:
                return found
            if self.pushes > pushes:
                self.change, self.near = np.inf, NEAR
        return self.descent(self.value, replace(self.here(self.steps), converged=False), self.steps, np.nan)


def double_loop(
    p: Propagation, starts: list[Start], *, iterations: int, tolerance: float, workers: int = 1
) -> tuple[Search, dict[int, Descent]]:
    """Descend from every start.

    Where none has ended after the first share of its sweeps, the one that is nearest to a fixed point goes on alone:
    then all of them creep, mostly to one minimum.

    Returns
    -------
    search
        The distinct minima, the lowest first, and the runs that ended without one.
    descents
        The descent behind each minimum, by the id of its `Solution`.
    """
    share = VISITS / max(1, 2 * len(p.strengths) * len(starts))
    sweeps = max(int(share), min(LEAST_SWEEPS, int(share * len(starts))))
    tasks = [_Run(p, start, tolerance, min(sweeps, max(LEAST_SWEEPS, sweeps // FIRST))) for start in starts]
    runs = map_tasks(lambda task: task.descend(iterations), tasks, workers)
    late = [k for k, run in enumerate(runs) if not run.solution.point.converged]
    if len(late) == len(runs) > 0:
        late = [min(late, key=lambda k: runs[k].solution.point.residual)]
    for k in late:
        tasks[k].limit = sweeps
    for k, run in zip(late, map_tasks(lambda k: tasks[k].descend(iterations), late, workers), strict=True):
        runs[k] = run
    good = {id(run.solution): run for run in runs if run.solution.point.converged}
    kept = distinct([run.solution for run in good.values()], p.model.n_sites, not p.model.has_fields)
    return Search(kept, [run.solution.point for run in runs if not run.solution.point.converged]), good
