"""The Plefka expansion of the free energy at fixed means, to fourth order.

Computes
    beta_f_n = G_n(m) at a minimum in m of G_n = -S(m) - beta sum h m - beta sum J m m + C_2 + ... + C_n, the free
    energy at fixed means cut after beta^n (Georges and Yedidia 1991; the terms are in `statfe.variational.expansion`).
    Order 1 is naive mean field and order 2 is TAP, with the minima that those methods report. Order 3 adds triangles
    and the skewness of a pair, order 4 four-cycles and more of pairs and triangles.
Valid
    For small beta in any model; deep in an ordered phase, where 1 - m_i^2 is small; for SK orders 3 and 4 vanish as N
    grows. The series in beta at fixed m has a finite radius.
Bound
    Upper bound at order 1. Uncontrolled above. Exact where no spins are coupled and at beta = 0.
Solving
    Orders 3 and 4: sweeps of the TAP equations with the slope of C_3 + C_4 held for a sweep (no descent, so the driver
    damps where it must). Starts: the solutions of this order at the neighbouring beta and those of the order below.
Choice among several solutions
    As for TAP, the lowest beta_f with Plefka's parameter x below 1; at orders 3 and 4 it must be a minimum of G_n, with
    a positive definite Hessian. Where none is, the status is `diverged`. `orders` in the stats has for each order up to
    this one its own value and status, and `at_this_point`, its functional at the m of this result.
Moments
    m_i, and correlations by linear response (`statfe.variational.linear_response`, which says where).
Cost
    Orders 3 and 4 multiply matrices of couplings: O(sum of squared degrees) a sweep, O(N^3) for dense models; larger
    models are refused.
Source
    T. Plefka, J. Phys. A 15, 1971 (1982); A. Georges and J. S. Yedidia, J. Phys. A 24, 2173 (1991).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from statfe.models.ising import IsingModel
from statfe.registry import Context, Method
from statfe.result import Kind, Outcome, failure
from statfe.spec import Option
from statfe.variational.expansion import MAX_ORDER
from statfe.variational.linear_response import moments_at
from statfe.variational.mean_field import is_exact_product
from statfe.variational.orders import Orders, expand, obstacle
from statfe.variational.solutions import along_betas, fixed_point_options


def run(
    model: IsingModel,
    betas: np.ndarray,
    context: Context,
    *,
    order: int,
    restarts: int,
    **driver: Any,
) -> Sequence[Outcome]:
    """Plefka's expansion at every beta; see the module's docstring. `driver` is for the fixed-point driver."""

    def step(beta: float, before: Orders | None) -> tuple[Outcome, Orders | None]:
        orders = expand(
            model, beta, before, order, seed=context.seed, restarts=restarts, workers=context.workers, **driver)
        return _outcome(model, beta, orders), orders

    return along_betas(betas, step, context.progress, METHOD.name)


def _outcome(model: IsingModel, beta: float, orders: Orders) -> Outcome:
    """The last order's number or why it has none, with all orders in the stats."""
    last = orders.each[-1]
    above: Kind = "upper_bound" if last.number == 1 else "uncontrolled"
    kind: Kind = "exact" if is_exact_product(model, beta) else above
    if not last.found.found:
        refused = last.found.failure(kind)
        return failure(kind, refused.status, refused.message, **refused.stats, orders=orders.stats(model, beta))
    best = last.found.solutions[0]
    stats = {**last.found.stats(best), "plefka": last.plefka, "orders": orders.stats(model, beta)}
    if last.message:
        return failure(kind, "diverged", last.message, stationary_beta_f=best.beta_f, **stats)
    return Outcome(
        beta_f=best.beta_f, kind=kind, stats=stats, moments=moments_at(model, beta, best.point.x, last.number))


METHOD = Method(
    name="plefka",
    family="approximate",
    summary="Plefka / Georges-Yedidia expansion at fixed means, to fourth order",
    kinds=("uncontrolled", "upper_bound", "exact"),
    reference="Plefka, J. Phys. A 15, 1971 (1982); Georges and Yedidia, J. Phys. A 24, 2173 (1991)",
    run=run,
    options=(
        Option("order", "int", 3, "highest power of beta kept", minimum=1, maximum=MAX_ORDER),
        *fixed_point_options(restarts=3),
    ),
    obstacle=obstacle,
    cost=lambda model, n_betas: 500.0 * n_betas * (50.0 * model.n_sites + 4.0 * model.n_pairs),
    variants=({"order": 3}, {"order": 4}),
)
