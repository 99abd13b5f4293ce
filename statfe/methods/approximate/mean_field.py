"""Naive mean field: the best product distribution that simple starts lead to.

Computes
    beta_f = -beta sum_{i<j} J_ij m_i m_j - beta sum_i h_i m_i - sum_i S(m_i) at a solution of
    m_i = tanh[beta (sum_j J_ij m_j + h_i)].
Valid
    For any model. Exact for infinite-range ferromagnets as N grows, and where no spins are coupled; poor in few
    dimensions, near a transition and for spin glasses.
Bound
    Upper bound: it is the Gibbs-Bogoliubov value of a product trial.
Choice among several solutions
    The lowest beta_f. Starts: the solution at the neighbouring beta, free spins with a small random bias, all
    spins aligned with the gauge signs, and random ones. In a ferromagnet (up to a gauge) whose fields all favour
    one side the aligned start finds the lowest, and no other is taken. The others found are listed in the stats.
Moments
    m_i, and correlations by linear response (`statfe.variational.linear_response`, which says where).
Cost
    A sweep is O(N + bonds); tens of sweeps from each start, more near a transition.
Source
    Weiss 1907; Opper and Saad (eds.), Advanced Mean Field Methods, MIT Press 2001, chapter 2.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from statfe.models.ising import IsingModel
from statfe.registry import Context, Method
from statfe.result import Kind, Outcome
from statfe.variational.linear_response import moments_at
from statfe.variational.mean_field import is_exact_product
from statfe.variational.minima import minimise
from statfe.variational.solutions import Search, along_betas, continued, fixed_point_options
from statfe.variational.start_points import standard_starts


def run(
    model: IsingModel,
    betas: np.ndarray,
    context: Context,
    *,
    restarts: int,
    **driver: Any,
) -> Sequence[Outcome]:
    """Naive mean-field beta_f at every beta; see the module's docstring. `driver` is for the fixed-point driver."""

    def step(beta: float, before: Search | None) -> tuple[Outcome, Search | None]:
        starts = [*continued(before), *standard_starts(model, beta, context.seed, restarts)]
        found = minimise(
            model, beta, starts, workers=context.workers, **driver)
        if not found.found:
            return found.failure("upper_bound"), before
        best = found.solutions[0]
        kind: Kind = "exact" if is_exact_product(model, beta) else "upper_bound"
        return Outcome(
            beta_f=best.beta_f, kind=kind, stats=found.stats(best),
            moments=moments_at(model, beta, best.point.x, 1)), found

    return along_betas(betas, step, context.progress, METHOD.name)


METHOD = Method(
    name="mean-field",
    family="approximate",
    summary="naive mean field: the best product distribution",
    kinds=("upper_bound", "exact"),
    reference="Weiss, J. Phys. Theor. Appl. 6, 661 (1907); Opper and Saad, Advanced Mean Field Methods (2001)",
    run=run,
    options=fixed_point_options(restarts=3),
    cost=lambda model, n_betas: 100.0 * n_betas * (20.0 * model.n_sites + 2.0 * model.n_pairs),
)
