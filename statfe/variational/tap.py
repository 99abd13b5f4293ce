"""The Thouless-Anderson-Palmer free energy: its descent, Plefka's condition, and which of its minima to believe.

    beta_f(m) = beta_f_naive(m) - (beta^2 / 2) sum_{i<j} J_ij^2 v_i v_j,    v_i = 1 - m_i^2                       (1)

with J_ij the whole coupling of a pair, is stationary where

    lambda_i + beta^2 m_i sum_j J_ij^2 v_j = beta (h_i + sum_j J_ij m_j),    m_i = tanh lambda_i.                 (2)

(1) is convex in each single m_i, since the left side of (2) is lambda_i + c tanh lambda_i with c >= 0. Setting one
site after the other to its root descends (1), so there are no cycles; the parallel iteration of (2) has them.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from statfe.kernels.tap import tap_energy, tap_state, tap_sweep
from statfe.models.ising import IsingModel
from statfe.random import generator
from statfe.trial import ProductTrial
from statfe.variational.fixed_point import Map, solve_fixed_point
from statfe.variational.mean_field import attainable
from statfe.variational.mean_field import descend as naive_descend
from statfe.variational.relabelled import on_relabelled, worth_relabelling
from statfe.variational.solutions import Search, Solution, Start, continued, search
from statfe.variational.start_points import STARTS_KEY, budget, gauge_signs, paramagnetic, standard_starts

#: Steps that the extrapolation looks back on.
MEMORY = 4
#: Solutions of the neighbouring beta that are followed.
FOLLOWED = 3
#: Tolerance of the naive mean-field minima, which are only starts.
NAIVE_TOLERANCE = 1e-6
#: Least sweeps for one of them.
LEAST_NAIVE = 20
#: Power iterations for Plefka's parameter, and the relative change that ends them.
POWER_STEPS, POWER_TOLERANCE = 200, 1e-6


class Found(NamedTuple):
    """Solutions at one beta: of TAP, the believed one first, with its Plefka parameter, and of naive mean field."""

    tap: Search
    plefka: float
    naive: Search


def tap_beta_f(model: IsingModel, beta: float, trial: ProductTrial) -> float:
    """The functional (1) at the means of `trial`, without the model's offset."""
    state = np.empty((model.n_sites, 2))
    tap_state(trial.lambdas, state)
    return tap_energy(model.indptr, model.indices, model.weights, beta, beta * model.fields, state) - trial.entropy


def tap_map(model: IsingModel, beta: float, shift: Map | None = None) -> Map:
    """The map lambda -> lambda of one sweep of (2) over the sites in turn.

    `shift`, from lambda to an array of shape (n_sites,), is taken off the right side of (2): the slope in m of terms
    that (1) does not have.
    """
    state, own = np.empty((model.n_sites, 2)), beta * model.fields

    def sweep(lambdas: np.ndarray) -> np.ndarray:
        new = lambdas.copy()
        tap_state(new, state)
        pulls = own if shift is None else own - shift(lambdas)
        tap_sweep(model.indptr, model.indices, model.weights, beta, pulls, new, state)
        return new

    return sweep


def descend(
    model: IsingModel, beta: float, start: Start, *, iterations: int, tolerance: float, memory: int = MEMORY,
    **driver: Any
) -> Solution:
    """Follow (1) down from `start` to a minimum; `driver` is handed to `solve_fixed_point`."""
    if worth_relabelling(model):
        return on_relabelled(
            model, start, lambda other, there: _descend(other, beta, there, iterations, tolerance, memory, **driver))
    return _descend(model, beta, start, iterations, tolerance, memory, **driver)


def _descend(
    model: IsingModel, beta: float, start: Start, iterations: int, tolerance: float, memory: int, **driver: Any
) -> Solution:
    point = solve_fixed_point(
        tap_map(model, beta), start.x, memory=memory, iterations=start.limit(iterations),
        tolerance=attainable(tolerance, model, beta),
        merit=lambda lambdas: tap_beta_f(model, beta, ProductTrial(lambdas)), **driver)
    trial = ProductTrial(point.x)
    return Solution(tap_beta_f(model, beta, trial), trial.means, point, start.name)


def find(
    model: IsingModel, beta: float, before: Found | None, *, seed: int, restarts: int, workers: int, **driver: Any
) -> Found:
    """Minima of (1) from those at the neighbouring beta, from the minima of naive mean field, and from free spins."""
    followed = [*continued(before.tap, FOLLOWED), *continued(before.naive)] if before else []
    symmetric = not model.has_fields
    crude = {**driver, "tolerance": NAIVE_TOLERANCE, "iterations": min(driver["iterations"], naive_iterations(model))}
    naive = search(
        [*followed, *standard_starts(model, beta, seed, restarts)], partial(naive_descend, model, beta, **crude),
        model.n_sites, symmetric=symmetric, workers=workers)
    reached = [Start(s.start, s.point.x) for s in naive.solutions]
    if not reached:
        nearest = min(naive.failed, key=lambda point: point.residual)
        reached = [Start("unsettled mean field", nearest.x)]
    free = paramagnetic(model, beta, gauge_signs(model), generator(seed, STARTS_KEY))
    found = search(
        [*followed, *reached, free], partial(descend, model, beta, **driver), model.n_sites, symmetric=symmetric,
        workers=workers)
    if not found.found:
        return Found(found, np.nan, naive)
    k, x = choose(model, beta, found.solutions)
    return Found(ranked(found, k), x, naive)


def naive_iterations(model: IsingModel) -> int:
    """Sweeps for a naive mean-field minimum that is only a start."""
    return max(LEAST_NAIVE, budget(model) // 2)


def ranked(found: Search, k: int) -> Search:
    """`found` with its solution number `k` put first."""
    best = found.solutions[k]
    return Search([best, *(s for s in found.solutions if s is not best)], found.failed)


def plefka(model: IsingModel, beta: float, trial: ProductTrial) -> float:
    """Plefka's parameter x at the means of `trial`, by power iteration.

    |A v| / |v| rises to the largest eigenvalue of a symmetric matrix A >= 0, also where -x is an eigenvalue.
    """
    square = model.adjacency
    square.data = model.weights**2
    vector = trial.variances / max(float(np.linalg.norm(trial.variances)), np.finfo(float).tiny)
    value = 0.0
    for _ in range(POWER_STEPS):
        image = beta**2 * trial.variances * (square @ (trial.variances * vector))
        size = float(np.linalg.norm(image))
        if size <= value * (1.0 + POWER_TOLERANCE):
            break
        value, vector = size, image / size
    return value


def choose(model: IsingModel, beta: float, solutions: Sequence[Solution]) -> tuple[int, float]:
    """Which of `solutions` (the lowest first) to believe, and its Plefka parameter: below 1 where one has that."""
    values: list[float] = []
    for k, solution in enumerate(solutions):
        values.append(plefka(model, beta, ProductTrial(solution.point.x)))
        if values[k] < 1.0:
            return k, values[k]
    k = int(np.argmin(values))
    return k, values[k]


def refusal(x: float) -> str:
    """Why there is no number where Plefka's parameter `x` is 1 or more at every solution."""
    return (
        f"no solution satisfies Plefka's condition ({x:.3g} should be below 1), so the expansion in beta does not "
        "hold; lower beta, or use bethe")
