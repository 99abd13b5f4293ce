"""The kernel that takes every model: one chain after the other, one spin after the other, in double precision."""

from __future__ import annotations

from typing import TYPE_CHECKING

from statfe.kernels.tempering import run_ladder
from statfe.models.ising import IsingModel
from statfe.sampling.bank import Kernel, Load
from statfe.sampling.row_bank import RowBank

if TYPE_CHECKING:
    from statfe.sampling.plan import Plan


def _make(model: IsingModel, plan: Plan) -> RowBank:
    return RowBank(model, plan, run_ladder, (model.indptr, model.indices, model.weights, model.fields))


def _cost(model: IsingModel, load: Load) -> float:
    """A look at each neighbour, an exponential, and more where the graph does not fit into the cache."""
    return 12.0 + 1.5 * len(model.indices) / model.n_sites + (15.0 if model.n_sites > 100_000 else 0.0)


KERNEL = Kernel(
    name="scalar", summary="any model; one spin at a time in double precision", samplers=("metropolis", "gibbs"),
    make=_make, obstacle=lambda model: "", cost=_cost,
    bytes=lambda model, load: float(model.n_sites) * load.total)
