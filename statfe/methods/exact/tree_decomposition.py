"""Tree decomposition: sites are summed out one after the other, in an order that keeps the tables small.

Valid for any couplings and fields on a graph of small treewidth: trees with some bonds more, strips, small lattices,
sparse random graphs near their threshold, RBMs with few hidden units; exact, at either sign of beta. The order is the
best of min-fill, min-degree and the transfer matrix's frontiers; the width is that of the best order found, which may
exceed the treewidth.
Cost: 1 to 4 ns times sum over sites of 2^(width there) a beta, 5 to 8 ns where beta J is so large that tables must
hold logarithms, and 0.3 us a site; microseconds a site for the order. Tables of one beta may take 2^28 bytes: width 24.
Marginals and independent samples from the same tables: `statfe.exact_distribution`.
Source: S. L. Lauritzen and D. J. Spiegelhalter, J. R. Stat. Soc. B 50, 157 (1988); R. Dechter, Artif. Intell. 113, 41
(1999); min-fill: V. Gogate and R. Dechter, Proc. UAI 2004, 201.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from statfe.executors import map_tasks
from statfe.junction.messages import MAX_SPREAD, Messages, out_of_range
from statfe.junction.moments import with_exact_moments
from statfe.junction.plan import JunctionTree, junction_tree, refusal
from statfe.models.ising import IsingModel
from statfe.registry import Context, Method
from statfe.result import Outcome, exact_outcome


def obstacle(model: IsingModel) -> str:
    """Refuse graphs without a narrow order, and tables that do not fit into memory."""
    reason = refusal(junction_tree(model))
    other = "enumeration" if model.n_sites <= 30 else "mbar"
    return f"{reason}; use {other}" if reason else ""


def cost(model: IsingModel, n_betas: int) -> float:
    """Nanoseconds: table entries, bookkeeping of each site and beta, laying out."""
    tree = _tree(model)
    return n_betas * (2.0 * tree.order.work + 400.0 * model.n_sites) + 1e4 * model.n_sites + 1e6


def _tree(model: IsingModel) -> JunctionTree:
    tree = junction_tree(model)
    assert tree is not None, "the obstacle was not asked"
    return tree


def run(model: IsingModel, betas: np.ndarray, context: Context) -> Sequence[Outcome]:
    """ln Z at every beta, either sign; `context.workers` betas at a time."""
    tree = _tree(model)
    stats = {"width": tree.width, "order": tree.order.name, "table_entries": tree.order.work}
    outcomes: list[Outcome] = []
    group = max(1, context.workers)
    for first in range(0, len(betas), group):
        some = [float(beta) for beta in betas[first:first + group]]
        able = [Messages(tree, beta) for beta in some if not out_of_range(tree, beta)]
        pieces = max((len(one.pieces) for one in able), default=0)
        for piece in range(pieces):
            map_tasks(lambda one, k=piece: one.go(k), able, context.workers)  # type: ignore[misc]
            if context.progress is not None:
                context.progress(METHOD.name, (first + len(some) * (piece + 1) / pieces) / len(betas))
        found = iter(able)
        for beta in some:
            log_z = np.inf if out_of_range(tree, beta) else next(found).log_z
            outcomes.append(exact_outcome(log_z, **stats, logarithms=bool(abs(beta) * tree.spread > MAX_SPREAD)))
    return with_exact_moments(model, betas, outcomes)


METHOD = Method(
    name="tree-decomposition",
    family="exact",
    summary="graphs of small treewidth: trees with some bonds more, strips, sparse random graphs",
    kinds=("exact",),
    reference="S. L. Lauritzen and D. J. Spiegelhalter, J. R. Stat. Soc. B 50, 157 (1988); "
    "R. Dechter, Artif. Intell. 113, 41 (1999)",
    run=run,
    obstacle=obstacle,
    cost=cost,
    negative_beta=True,
)
