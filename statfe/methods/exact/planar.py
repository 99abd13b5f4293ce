"""Pfaffians: planar graphs of any size, with any couplings.

Valid where the coupling graph can be drawn in the plane, fields counted as bonds to one more spin (so a field on one
site or round one face is fine, and fields everywhere are not); exact. Domain walls against a reference state are even
subgraphs of the dual graph with positive weights, also in spin glasses, and one Pfaffian sums over them.
The sparse matrix has about 4 N rows and is taken out by nested dissection: N^(3/2) operations, N ln N numbers. A
64 x 64 glass takes 0.1 s a beta and 0.3 s once. Each value is computed in double and in double-double precision,
in another order and against another reference state; where the two differ by more than 1e-13 of ln Z more digits are
taken, and where they cost too much there is no number (`not_converged`).
Source: P. W. Kasteleyn, J. Math. Phys. 4, 287 (1963); M. E. Fisher, J. Math. Phys. 7, 1776 (1966); L. Saul and
M. Kardar, Phys. Rev. E 48, R3221 (1993); C. K. Thomas and A. A. Middleton, Phys. Rev. E 80, 046708 (2009).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from statfe.models.ising import IsingModel
from statfe.planar.cost import pfaffian_cost
from statfe.planar.embedding import planar_drawing
from statfe.planar.grid import outcomes
from statfe.registry import Context, Method
from statfe.result import Outcome


def obstacle(model: IsingModel) -> str:
    """Refuse what cannot be drawn in the plane."""
    drawing = planar_drawing(model)
    if not isinstance(drawing, str):
        return ""
    return f"{drawing}; use torus for periodic lattices without fields, transfer-matrix for narrow graphs, or mbar"


def cost(model: IsingModel, n_betas: int) -> float:
    """Nanoseconds of the drawing and of the eliminations."""
    return pfaffian_cost(model.n_sites, model.n_sites**1.5, n_betas)


def run(model: IsingModel, betas: np.ndarray, context: Context) -> Sequence[Outcome]:
    """ln Z at every beta, either sign; `context.workers` betas at a time."""
    drawing = planar_drawing(model)
    assert not isinstance(drawing, str)
    return outcomes("planar", model, drawing, betas, context)


METHOD = Method(
    name="planar",
    family="exact",
    summary="planar graphs of any size, any couplings; fields only where one more spin leaves the graph planar",
    kinds=("exact",),
    reference="P. W. Kasteleyn, J. Math. Phys. 4, 287 (1963); C. K. Thomas and A. A. Middleton, Phys. Rev. E 80, "
    "046708 (2009)",
    run=run,
    obstacle=obstacle,
    cost=cost,
    negative_beta=True,
)
