"""The Thouless-Anderson-Palmer free energy: naive mean field and its second-order correction.

Computes
    beta_f = beta_f_naive(m) - (beta^2 / 2) sum_{i<j} J_ij^2 (1 - m_i^2)(1 - m_j^2)                          (1)
    at a minimum in m, where
    m_i = tanh[beta h_i + beta sum_j J_ij m_j - beta^2 m_i sum_j J_ij^2 (1 - m_j^2)].                        (2)
    beta_f_naive is the value of naive mean field at m, and J_ij the whole coupling of a pair. (1) is the expansion
    of the free energy at fixed m in powers of beta, cut after the second (Plefka 1982).
Valid
    For small beta in any model, and for infinite-range spin glasses (SK), where the higher orders vanish as N grows.
Bound
    None (`uncontrolled`); exact where no spins are coupled and at beta = 0.
Solving
    (1) is convex in each single m_i, since (2) for one site reads lambda_i + c tanh lambda_i = f with c >= 0. Setting
    one site after the other to its root descends (1), so there are no cycles; the usual parallel iteration of (2)
    has them. Only minima of (1) are found.
Choice among several solutions
    The expansion holds where Plefka's condition does: the largest eigenvalue x of the matrix
    beta^2 (1 - m_i^2) J_ij^2 (1 - m_j^2) is below 1; in SK this is beta^2 <(1 - m^2)^2> < 1. The lowest beta_f among
    the solutions with x < 1 is taken; deep in the low-temperature phase m = 0 is a minimum of (1) far below the true
    free energy, and this rules it out. Where no solution has x < 1 the expansion does not hold: the status is
    `diverged`, and the stats keep the value at the solution with the smallest x. The others found are listed in the
    stats, and x as `plefka`.
    Starts: the solutions at the neighbouring beta, the minima of naive mean field, and free spins with a small bias.
Cost
    A sweep is O(N + bonds), some 50 ns a site and 3 ns a bond; tens from each start, hundreds near a transition.
Source
    D. J. Thouless, P. W. Anderson and R. G. Palmer, Phil. Mag. 35, 593 (1977); T. Plefka, J. Phys. A 15, 1971 (1982).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from statfe.kernels.mean_field import onsager_sum, tap_sweep
from statfe.models.ising import IsingModel
from statfe.random import generator
from statfe.registry import Context, Method
from statfe.result import Kind, Outcome, failure
from statfe.trial import ProductTrial
from statfe.variational.fixed_point import Map, solve_fixed_point
from statfe.variational.mean_field import attainable, is_exact_product, product_beta_f
from statfe.variational.minima import minimise
from statfe.variational.solutions import Search, Solution, Start, along_betas, continued, fixed_point_options, search
from statfe.variational.start_points import STARTS_KEY, gauge_signs, paramagnetic, standard_starts

#: Steps that the extrapolation looks back on.
MEMORY = 4
#: Solutions of the neighbouring beta that are followed.
FOLLOWED = 3
#: Tolerance of the naive mean-field minima, which are only starts.
NAIVE_TOLERANCE = 1e-6
#: Power iterations for Plefka's parameter, and the relative change that ends them.
POWER_STEPS, POWER_TOLERANCE = 200, 1e-6


class Found(NamedTuple):
    """Solutions at one beta: of TAP, the reported one first, and of naive mean field."""

    tap: Search
    naive: Search


def tap_beta_f(model: IsingModel, beta: float, trial: ProductTrial) -> float:
    """The functional (1) at the means of `trial`, without the model's offset."""
    pairs = np.empty(model.n_sites)
    onsager_sum(model.indptr, model.indices, model.weights, trial.variances, pairs)
    return product_beta_f(model, beta, trial) - 0.5 * beta**2 * float(np.sum(pairs))


def tap_map(model: IsingModel, beta: float) -> Map:
    """The map lambda -> lambda of one sweep of (2) over the sites in turn."""

    def sweep(lambdas: np.ndarray) -> np.ndarray:
        new, trial = lambdas.copy(), ProductTrial(lambdas)
        tap_sweep(
            model.indptr, model.indices, model.weights, model.fields, beta, new, trial.means, trial.variances)
        return new

    return sweep


def descend(
    model: IsingModel, beta: float, start: Start, *, iterations: int, tolerance: float, **driver: Any
) -> Solution:
    """Follow (1) down from `start` to a minimum; `driver` is handed to `solve_fixed_point`."""
    point = solve_fixed_point(
        tap_map(model, beta), start.x, memory=MEMORY, iterations=start.limit(iterations),
        tolerance=attainable(tolerance, model, beta),
        merit=lambda lambdas: tap_beta_f(model, beta, ProductTrial(lambdas)), **driver)
    trial = ProductTrial(point.x)
    return Solution(tap_beta_f(model, beta, trial), trial.means, point, start.name)


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
    """Which of `solutions` (the lowest first) to report, and its Plefka parameter."""
    values: list[float] = []
    for k, solution in enumerate(solutions):
        values.append(plefka(model, beta, ProductTrial(solution.point.x)))
        if values[k] < 1.0:
            return k, values[k]
    k = int(np.argmin(values))
    return k, values[k]


def _outcome(kind: Kind, found: Search, best: Solution, x: float) -> Outcome:
    """The result at a solution with Plefka parameter `x`; none where the expansion does not hold."""
    stats = {**found.stats(best), "plefka": x}
    if x < 1.0:
        return Outcome(beta_f=best.beta_f, kind=kind, stats=stats)
    message = (
        f"no solution satisfies Plefka's condition ({x:.3g} should be below 1), so the expansion in beta does not "
        "hold; lower beta, or use bethe")
    return failure(kind, "diverged", message, stationary_beta_f=best.beta_f, **stats)


def run(
    model: IsingModel,
    betas: np.ndarray,
    context: Context,
    *,
    restarts: int,
    **driver: Any,
) -> Sequence[Outcome]:
    """TAP beta_f at every beta; see the module's docstring. `driver` is for the fixed-point driver."""
    signs = gauge_signs(model)

    def step(beta: float, before: Found | None) -> tuple[Outcome, Found | None]:
        kind: Kind = "exact" if is_exact_product(model, beta) else "uncontrolled"
        followed = [*continued(before.tap, FOLLOWED), *continued(before.naive)] if before else []
        naive = minimise(
            model, beta, [*followed, *standard_starts(model, beta, context.seed, restarts)],
            workers=context.workers, **{**driver, "tolerance": NAIVE_TOLERANCE})
        found = search(
            [*followed, *(Start(s.start, s.point.x) for s in naive.solutions),
             paramagnetic(model, beta, signs, generator(context.seed, STARTS_KEY))],
            lambda s: descend(model, beta, s, **driver),
            model.n_sites, symmetric=not model.has_fields, workers=context.workers)
        if not found.found:
            return found.failure(kind), before
        k, x = choose(model, beta, found.solutions)
        best = found.solutions[k]
        outcome = _outcome(kind, found, best, x)
        ranked = Search([best, *(s for s in found.solutions if s is not best)], found.failed)
        return outcome, Found(ranked, naive)

    return along_betas(betas, step, context.progress, METHOD.name)


METHOD = Method(
    name="tap",
    family="approximate",
    summary="Thouless-Anderson-Palmer: mean field with the Onsager reaction term",
    kinds=("uncontrolled", "exact"),
    reference="Thouless, Anderson and Palmer, Phil. Mag. 35, 593 (1977); Plefka, J. Phys. A 15, 1971 (1982)",
    run=run,
    options=fixed_point_options(restarts=3),
    cost=lambda model, n_betas: 200.0 * n_betas * (50.0 * model.n_sites + 4.0 * model.n_pairs),
)
