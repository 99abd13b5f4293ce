"""The high-temperature series in tanh beta J, to tenth order.

Computes
    beta_f = -N ln 2 - sum_e ln cosh beta J_e - sum_{k <= order} W_k, with W_k the sum of all terms of k factors
    tanh beta J_e in the cluster expansion over closed graphs (`statfe.series.closed_graphs`). It holds for any
    couplings on the model's own graph, the cycles around a periodic lattice included. Where all bonds have one |J|,
    W_k = c_k tanh(beta |J|)^k and the c_k are in the stats; on lattices wider than the order they are those of the
    infinite lattice.
Valid
    At high temperature, without fields: the first term left out is of order tanh(beta J)^(order + 1). Beyond the
    radius of convergence the terms grow; `terms` in the stats show it.
Bound
    None (`uncontrolled`). Exact on forests and at beta = 0.
Cost
    All simple cycles up to `order` are walked, some 10 ns a step: milliseconds for 2D lattices, 2 ms a site for 3D
    ones; where couplings differ in size, for every beta anew. Dense graphs have too many cycles: use cumulants.
Source
    B. L. van der Waerden, Z. Phys. 118, 473 (1941); C. Domb, in Phase Transitions and Critical Phenomena, vol. 3
    (1974); cluster expansion: R. Kotecky and D. Preiss, Commun. Math. Phys. 103, 491 (1986).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from statfe.models.ising import IsingModel
from statfe.registry import Context, Method
from statfe.result import Outcome
from statfe.series.closed_graphs import (
    MAX_CLUSTER_US,
    MAX_ORDER,
    MAX_STEPS,
    foreseen_cluster_us,
    foreseen_steps,
    series,
)
from statfe.spec import Option
from statfe.trial import log_2cosh
from statfe.variational.solutions import along_betas


def obstacle(model: IsingModel) -> str:
    """Refuse fields, and graphs with more cycles than can be walked."""
    if model.has_fields:
        return "the series has no fields; use cumulants:order=4,trial=free"
    if foreseen_steps(model) > MAX_STEPS or foreseen_cluster_us(model) > MAX_CLUSTER_US:
        return f"its graph has too many cycles of {MAX_ORDER} bonds or fewer; use cumulants:order=4,trial=free"
    return ""


def run(model: IsingModel, betas: np.ndarray, context: Context, *, order: int) -> Sequence[Outcome]:
    """The series cut after `order` factors, at every beta, either sign."""
    terms = _terms(model, order)

    def step(beta: float, before: None) -> tuple[Outcome, None]:
        return _outcome(model, beta, terms(beta), order), None

    return along_betas(betas, step, context.progress, METHOD.name)


def _terms(model: IsingModel, order: int) -> Callable[[float], np.ndarray]:
    """W_k as a function of beta, shape (order + 1,)."""
    J = model.pairs[2]
    sizes = np.abs(J)
    if model.is_forest:
        return lambda beta: np.zeros(order + 1)
    if np.ptp(sizes) <= 1e-12 * sizes.max():
        coefficients = series(model, np.sign(J), order)
        # The powers of a negative tanh keep the sign of an odd cycle.
        return lambda beta: coefficients * math.tanh(beta * float(sizes[0])) ** np.arange(order + 1)
    return lambda beta: series(model, np.tanh(beta * J), order)


def _outcome(model: IsingModel, beta: float, terms: np.ndarray, order: int) -> Outcome:
    log_cosh = log_2cosh(beta * model.pairs[2]) - math.log(2.0)
    first = -model.n_sites * math.log(2.0) - float(np.sum(log_cosh))
    sums = first - np.cumsum(terms)
    J, stats = np.abs(model.pairs[2]), {"terms": terms.tolist(), "partial_sums": sums.tolist()}
    if len(J) and np.ptp(J) <= 1e-12 * J.max() and beta != 0.0:
        t = math.tanh(beta * float(J[0]))
        stats["coefficients"] = (terms[1:] / t ** np.arange(1, order + 1)).tolist() if t**order != 0.0 else []
    exact = model.is_forest or beta == 0.0
    return Outcome(beta_f=float(sums[-1]), kind="exact" if exact else "uncontrolled", stats=stats)


METHOD = Method(
    name="high-temperature-series",
    family="approximate",
    summary="series in tanh(beta J) over closed graphs, to tenth order",
    kinds=("uncontrolled", "exact"),
    reference="van der Waerden, Z. Phys. 118, 473 (1941); Domb, Phase Transitions and Critical Phenomena 3 (1974)",
    run=run,
    obstacle=obstacle,
    options=(Option("order", "int", MAX_ORDER, "most factors tanh(beta J) in a term", minimum=2, maximum=MAX_ORDER),),
    cost=lambda model, n_betas: 1e9,
    negative_beta=True,
)
