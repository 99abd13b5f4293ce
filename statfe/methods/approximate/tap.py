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
    One site after the other is set to its root of (2), which descends (1): see `statfe.variational.tap`. Only minima
    of (1) are found.
Choice among several solutions
    The expansion holds where Plefka's condition does: the largest eigenvalue x of the matrix
    beta^2 (1 - m_i^2) J_ij^2 (1 - m_j^2) is below 1; in SK this is beta^2 <(1 - m^2)^2> < 1. The lowest beta_f among
    the solutions with x < 1 is taken; deep in the low-temperature phase m = 0 is a minimum of (1) far below the true
    free energy, and this rules it out. Where no solution has x < 1 the expansion does not hold: the status is
    `diverged`, and the stats keep the value at the solution with the smallest x. The others found are listed in the
    stats, and x as `plefka`.
    Starts: the solutions at the neighbouring beta, the minima of naive mean field, and free spins with a small bias.
Moments
    m_i, and correlations by linear response (`statfe.variational.linear_response`, which says where).
Cost
    A sweep is O(N + bonds), some 40 ns a site and 3 ns a bond; tens from each start, hundreds near a transition.
Source
    D. J. Thouless, P. W. Anderson and R. G. Palmer, Phil. Mag. 35, 593 (1977); T. Plefka, J. Phys. A 15, 1971 (1982).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from statfe.models.ising import IsingModel
from statfe.registry import Context, Method
from statfe.result import Kind, Outcome, failure
from statfe.variational.linear_response import moments_at
from statfe.variational.mean_field import is_exact_product
from statfe.variational.solutions import along_betas, fixed_point_options
from statfe.variational.tap import Found, find, refusal


def run(
    model: IsingModel,
    betas: np.ndarray,
    context: Context,
    *,
    restarts: int,
    **driver: Any,
) -> Sequence[Outcome]:
    """TAP beta_f at every beta; see the module's docstring. `driver` is for the fixed-point driver."""

    def step(beta: float, before: Found | None) -> tuple[Outcome, Found | None]:
        found = find(
            model, beta, before, seed=context.seed, restarts=restarts, workers=context.workers, **driver)
        kind: Kind = "exact" if is_exact_product(model, beta) else "uncontrolled"
        if not found.tap.found:
            return found.tap.failure(kind), before
        best = found.tap.solutions[0]
        stats = {**found.tap.stats(best), "plefka": found.plefka}
        if not found.plefka < 1.0:
            return failure(kind, "diverged", refusal(found.plefka), stationary_beta_f=best.beta_f, **stats), found
        return Outcome(
            beta_f=best.beta_f, kind=kind, stats=stats, moments=moments_at(model, beta, best.point.x, 2)), found

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
