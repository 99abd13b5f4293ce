"""Minima of the expansion at fixed means, order by order: each starts from those of the order below."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from statfe.models.ising import IsingModel
from statfe.random import generator
from statfe.result import Status
from statfe.trial import ProductTrial
from statfe.variational.expansion import coupling_matrix, expanded_beta_f, scaled_hessian, shift, steps
from statfe.variational.fixed_point import solve_fixed_point
from statfe.variational.linear_response import lowest_eigenvalue
from statfe.variational.mean_field import attainable
from statfe.variational.minima import minimise
from statfe.variational.solutions import Search, Solution, Start, continued, search
from statfe.variational.start_points import STARTS_KEY, gauge_signs, paramagnetic, standard_starts
from statfe.variational.tap import FOLLOWED, MEMORY, Found, find, plefka, ranked, refusal, tap_map

#: Most multiplications of one matrix product, sparse and dense: some 30 s a beta.
MAX_SPARSE, MAX_DENSE = 2e6, 2e8


@dataclass(frozen=True, eq=False)
class Order:
    """What one order has at one beta.

    Attributes
    ----------
    number
        1 for naive mean field, 2 for TAP, ...
    found
        Its solutions, the reported one first.
    plefka
        Plefka's parameter there; NaN at order 1, and without a solution.
    message
        Why there is no number; "" where there is one.
    """

    number: int
    found: Search
    plefka: float
    message: str

    @property
    def status(self) -> Status:
        """``converged`` where the first solution is valid, ``diverged`` where none is."""
        if not self.found.found:
            return "not_converged"
        return "diverged" if self.message else "converged"

    @property
    def beta_f(self) -> float:
        """Of the reported solution; NaN where there is none that is valid."""
        return self.found.solutions[0].beta_f if self.status == "converged" else np.nan


@dataclass(frozen=True, eq=False)
class Orders:
    """All orders at one beta, the lowest first, and the search of TAP that they rest on."""

    each: list[Order]
    tap: Found

    def stats(self, model: IsingModel, beta: float) -> list[dict[str, Any]]:
        """Of each order its own value and status, and its functional at the solution of the last."""
        last = self.each[-1]
        here = [np.nan] * last.number
        if last.found.found:
            trial = ProductTrial(last.found.solutions[0].point.x)
            here = expanded_beta_f(model, beta, trial, last.number).tolist()
        return [
            {"order": o.number, "beta_f": o.beta_f, "status": o.status, "at_this_point": value}
            for o, value in zip(self.each, here, strict=True)]


def obstacle(model: IsingModel) -> str:
    """Why orders 3 and 4 are out of reach for `model`; "" where they are not."""
    dense = isinstance(coupling_matrix(model, 0.0), np.ndarray) if steps(model) <= 1e9 else True
    work, most = (float(model.n_sites) ** 3, MAX_DENSE) if dense else (steps(model), MAX_SPARSE)
    if work <= most:
        return ""
    return (
        f"orders 3 and 4 multiply coupling matrices, {work:.1g} operations a sweep (at most {most:.0e}); "
        "use tap, or bethe for a sparse graph")


def expand(
    model: IsingModel, beta: float, before: Orders | None, order: int, *, seed: int, restarts: int, workers: int,
    **driver: Any
) -> Orders:
    """Orders 1 to `order` at `beta`, from those at the neighbouring beta and the standard starts."""
    found = find(
        model, beta, before.tap if before else None, seed=seed, restarts=restarts, workers=workers, **driver)
    naive = minimise(
        model, beta, _starts(found.naive) or standard_starts(model, beta, seed, restarts), workers=workers, **driver)
    each = [Order(1, naive, np.nan, ""), Order(2, found.tap, found.plefka, _objection(found.plefka))]
    free = paramagnetic(model, beta, gauge_signs(model), generator(seed, STARTS_KEY))
    for number in range(3, order + 1):
        followed = continued(before.each[number - 1].found, FOLLOWED) if before else []
        starts = [*followed, *_starts(each[-1].found)[:FOLLOWED]] or [free]
        solutions = search(
            starts, partial(_settle, model, beta, number, **driver), model.n_sites, symmetric=not model.has_fields,
            workers=workers)
        each.append(_judged(model, beta, number, solutions))
    return Orders(each[:order], found)


def _starts(found: Search) -> list[Start]:
    return [Start(s.start, s.point.x) for s in found.solutions]


def _settle(
    model: IsingModel, beta: float, order: int, start: Start, *, iterations: int, tolerance: float, **driver: Any
) -> Solution:
    """A stationary point of G_order near `start`."""
    T = coupling_matrix(model, beta)
    point = solve_fixed_point(
        tap_map(model, beta, lambda lambdas: shift(T, lambdas, order)), start.x, memory=MEMORY,
        iterations=start.limit(iterations), tolerance=attainable(tolerance, model, beta), **driver)
    trial = ProductTrial(point.x)
    return Solution(float(expanded_beta_f(model, beta, trial, order)[-1]), trial.means, point, start.name)


def _judged(model: IsingModel, beta: float, number: int, found: Search) -> Order:
    """The lowest solution that is valid, first; else the one with the smallest Plefka parameter."""
    if not found.found:
        return Order(number, found, np.nan, "")
    trials = [ProductTrial(s.point.x) for s in found.solutions]
    values = [plefka(model, beta, trial) for trial in trials]
    for k, (trial, x) in enumerate(zip(trials, values, strict=True)):
        if x < 1.0 and lowest_eigenvalue(scaled_hessian(model, beta, trial, number)) > 0.0:
            return Order(number, ranked(found, k), x, "")
    k = int(np.argmin(values))
    return Order(number, ranked(found, k), values[k], _objection(values[k]) or (
        f"no solution of order {number} is a minimum of the free energy; lower beta, or use a lower order or bethe"))


def _objection(x: float) -> str:
    return "" if np.isnan(x) or x < 1.0 else refusal(x)
