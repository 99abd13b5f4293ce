"""Four Pfaffians: square and triangular lattices periodic in both directions, with any couplings.

Valid for a lattice with two periodic axes of length 2 or more, without fields; exact. On the torus the Pfaffian of
`planar` counts domain walls that wind round it too, with a sign that depends on the spin structure; in the mean of the
four structures those that wind cancel and Z is left. The signs of the Pfaffians are kept: bonds along one row and
one column are held back to the end, where each structure has a dense Pfaffian of 4 L rows or so.
Twisted boundaries are couplings with another sign along a row.
Cost: as `planar`, and four dense Pfaffians: a 128 x 128 glass takes a few seconds a beta. Digits are checked as there.
Source: P. W. Kasteleyn, J. Math. Phys. 4, 287 (1963); A. Galluccio, M. Loebl and J. Vondrak, Phys. Rev. Lett. 84, 5924
(2000); D. Cimasoni and N. Reshetikhin, Commun. Math. Phys. 275, 187 (2007).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from statfe.models.ising import IsingModel
from statfe.planar.cost import pfaffian_cost
from statfe.planar.embedding import torus_drawing
from statfe.planar.grid import outcomes
from statfe.registry import Context, Method
from statfe.result import Outcome


def obstacle(model: IsingModel) -> str:
    """Refuse all but periodic lattices of two axes without fields."""
    drawing = torus_drawing(model)
    if not isinstance(drawing, str):
        return ""
    return f"{drawing}; use planar for planar graphs, transfer-matrix for narrow ones, or mbar"


def cost(model: IsingModel, n_betas: int) -> float:
    """Nanoseconds of the drawing, of the eliminations and of four dense Pfaffians."""
    sides = model.lattice.shape if model.lattice is not None else (model.n_sites,)
    return pfaffian_cost(model.n_sites, model.n_sites**1.5 + 0.025 * float(sum(sides)) ** 3, n_betas)


def run(model: IsingModel, betas: np.ndarray, context: Context) -> Sequence[Outcome]:
    """ln Z at every beta, either sign; `context.workers` betas at a time."""
    drawing = torus_drawing(model)
    assert not isinstance(drawing, str)
    return outcomes("torus", model, drawing, betas, context)


METHOD = Method(
    name="torus",
    family="exact",
    summary="square and triangular lattices periodic in both directions, any couplings, no fields",
    kinds=("exact",),
    reference="P. W. Kasteleyn, J. Math. Phys. 4, 287 (1963); A. Galluccio, M. Loebl and J. Vondrak, Phys. Rev. Lett. "
    "84, 5924 (2000)",
    run=run,
    obstacle=obstacle,
    cost=cost,
    negative_beta=True,
)
