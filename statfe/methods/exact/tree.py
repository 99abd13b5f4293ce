"""Leaf elimination on trees and forests (open chains are trees).

Valid where the graph of couplings has no cycle, with any couplings and fields; exact. A leaf is summed out and leaves
an effective field on its parent, from the leaves to the roots.
Cost: four elementary functions a site and beta.
Source: J. Pearl, Proc. AAAI-82, 133 (1982); for spins, H. A. Bethe, Proc. R. Soc. A 150, 552 (1935).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from statfe.executors import map_tasks
from statfe.junction.moments import exact_moments
from statfe.kernels.tree import forest_log_z, forest_order
from statfe.models.ising import IsingModel
from statfe.registry import Context, Method
from statfe.result import Outcome, exact_outcome


def obstacle(model: IsingModel) -> str:
    """Refuse graphs with a cycle."""
    if model.is_forest:
        return ""
    return "the graph has cycles; use transfer-matrix where it is narrow, enumeration up to N = 42, or mbar"


def cost(model: IsingModel, n_betas: int) -> float:
    """About 60 ns a site and beta."""
    return 1e4 + model.n_sites * (60.0 * n_betas + 50.0)


def run(model: IsingModel, betas: np.ndarray, context: Context) -> Sequence[Outcome]:
    """ln Z at every beta, either sign."""
    order = np.empty(model.n_sites, dtype=np.int64)
    bond = np.empty(model.n_sites, dtype=np.int64)
    forest_order(model.indptr, model.indices, order, bond)

    def log_z(beta: float) -> float:
        return forest_log_z(order, bond, model.indices, model.weights, model.fields, beta)

    values = map_tasks(log_z, betas.tolist(), context.workers)
    outcomes = [exact_outcome(x) for x in values]
    # A forest is always narrow; its tables are not planned before somebody asks.
    return [replace(o, moments=partial(exact_moments, model, float(beta))) if o.status == "converged" else o
            for o, beta in zip(outcomes, betas, strict=True)]


METHOD = Method(
    name="tree",
    family="exact",
    summary="trees, forests and open chains, any couplings and fields",
    kinds=("exact",),
    reference="J. Pearl, Proc. AAAI-82, 133 (1982)",
    run=run,
    obstacle=obstacle,
    cost=cost,
    negative_beta=True,
)
