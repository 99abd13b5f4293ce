"""The cumulant expansion around a product distribution, to fourth order.

Computes
    beta_f_n = sum_{k=1}^{n} (-1)^(k-1) kappa_k / k!, with kappa_k the cumulants of V = beta E + ln q under a product
    trial q, in closed form (see `statfe.variational.cumulants`). The whole series is -ln <exp(-V)>_q = -ln Z.
    trial=free: q holds each spin in its own field only; this is the high-temperature series, right through
    beta^n. trial=mean-field: q is the best product distribution that the method mean-field finds; order 2 then adds
    the Onsager term -(beta^2/2) sum_{i<j} J_ij^2 (1 - m_i^2)(1 - m_j^2).
Valid
    Where the couplings that q leaves out are weak: high temperature, or far inside an ordered phase for the
    mean-field trial. At low temperature the terms grow with their order and the sums go astray. A mean-field
    trial that breaks a symmetry stays on its side of it, and jumps from one minimum to another.
Bound
    Upper bound at order 1. Uncontrolled above. Exact at beta = 0 and where no spins are coupled.
Cost
    O(bonds) a beta to order 2, after the search for the trial. Order 3 walks all triangles and order 4 all paths of
    two bonds, O(N^3) for dense models; where that is too much the result is a failure that says so.
Source
    Kirkwood 1938 (cumulants of beta E); Plefka 1982; Georges and Yedidia 1991.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from statfe.models.ising import IsingModel
from statfe.registry import Context, Method
from statfe.result import Kind, Outcome, failure
from statfe.spec import Option
from statfe.trial import ProductTrial
from statfe.variational.cumulants import MAX_ORDER, cumulants, cycle_graph, partial_sums
from statfe.variational.mean_field import is_exact_product
from statfe.variational.minima import minimise
from statfe.variational.solutions import Search, along_betas, continued, fixed_point_options
from statfe.variational.start_points import standard_starts

#: Most steps over cycles at one beta: about half a minute on one core.
MAX_STEPS = 1e10


def run(
    model: IsingModel,
    betas: np.ndarray,
    context: Context,
    *,
    order: int,
    trial: str,
    restarts: int,
    **driver: Any,
) -> Sequence[Outcome]:
    """Truncated cumulant beta_f at every beta; see the module's docstring. `driver` is for the fixed-point driver."""
    steps = cycle_graph(model).steps(order) if order > 2 else 0.0
    if steps > MAX_STEPS:
        return [failure(_kind(model, float(b), order), "not_converged", _too_long(model, order)) for b in betas]

    def free(beta: float, before: Search | None) -> tuple[Outcome, Search | None]:
        return _outcome(model, beta, ProductTrial(beta * model.fields), order, {}), None

    def mean_field(beta: float, before: Search | None) -> tuple[Outcome, Search | None]:
        # A beta below 0 is the model with -J and -h above 0: that is what the starts are made for.
        above, size = (model, beta) if beta >= 0.0 else (mirrored, -beta)
        found = minimise(
            above, size, [*continued(before), *standard_starts(above, size, context.seed, restarts)],
            workers=context.workers, **driver)
        if not found.found:
            return found.failure(_kind(model, beta, order)), before
        best = found.solutions[0]
        return _outcome(model, beta, ProductTrial(best.point.x), order, found.stats(best)), found

    mirrored = _mirrored(model) if trial == "mean-field" and np.any(betas < 0.0) else model
    return along_betas(betas, free if trial == "free" else mean_field, context.progress, METHOD.name)


def _outcome(model: IsingModel, beta: float, trial: ProductTrial, order: int, stats: dict[str, Any]) -> Outcome:
    """The sum of the first `order` terms around `trial`, with the lower orders in the stats."""
    kind = _kind(model, beta, order)
    kappas = cumulants(model, beta, trial, order)
    sums = partial_sums(kappas)
    if not np.all(np.isfinite(sums)):
        return failure(
            kind, "diverged", "the cumulants are too large for floating point; lower beta or the order", **stats)
    return Outcome(
        beta_f=float(sums[-1]), kind=kind,
        stats={**stats, "cumulants": kappas.tolist(), "partial_sums": sums.tolist()})


def _kind(model: IsingModel, beta: float, order: int) -> Kind:
    if is_exact_product(model, beta):
        return "exact"
    return "upper_bound" if order == 1 else "uncontrolled"


def _too_long(model: IsingModel, order: int) -> str:
    graph = cycle_graph(model)
    fits = next(k for k in range(order - 1, 0, -1) if graph.steps(k) <= MAX_STEPS)
    return (
        f"order {order} would take {graph.steps(order):.1g} steps over the cycles of this graph at each beta (at most "
        f"{MAX_STEPS:.0e}); use order={fits}")


def _mirrored(model: IsingModel) -> IsingModel:
    """The model with all couplings and fields negated."""
    return IsingModel.from_edges(model.n_sites, model.rows, model.cols, -model.couplings, -model.fields)


METHOD = Method(
    name="cumulants",
    family="approximate",
    summary="cumulant expansion around free spins or mean field, to fourth order",
    kinds=("upper_bound", "uncontrolled", "exact"),
    reference="Kirkwood, J. Chem. Phys. 6, 70 (1938); Georges and Yedidia, J. Phys. A 24, 2173 (1991)",
    run=run,
    options=(
        Option("order", "int", 2, "highest cumulant kept", minimum=1, maximum=MAX_ORDER),
        Option("trial", "str", "mean-field", "distribution expanded around", choices=("free", "mean-field")),
        *fixed_point_options(restarts=3),
    ),
    cost=lambda model, n_betas: 100.0 * n_betas * (20.0 * model.n_sites + 2.0 * model.n_pairs),
    negative_beta=True,
    variants=tuple({"order": order, "trial": trial} for trial in ("free", "mean-field") for order in (2, 3, 4)),
)
