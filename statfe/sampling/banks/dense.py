"""The kernel for models where nearly every pair is coupled: local fields kept, updated when a spin flips."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from statfe.kernels.dense import run_dense
from statfe.models.ising import IsingModel
from statfe.sampling.bank import Kernel, Load
from statfe.sampling.row_bank import RowBank

if TYPE_CHECKING:
    from statfe.sampling.plan import Plan

#: The matrix of couplings takes 8 N^2 bytes; not beyond this.
MOST_SITES = 4096


def rounded(model: IsingModel) -> tuple[np.ndarray, np.ndarray]:
    """Couplings (a full matrix) and fields, rounded to multiples of one power of two.

    It is 2^-52 of the largest possible local field or just above, so every sum of them is exact in double precision,
    and what is lost is what a sum in double precision would lose.
    """
    J = model.adjacency.toarray()
    sums = abs(model.adjacency).sum(axis=1)
    largest = float(np.max(sums + np.abs(model.fields), initial=0.0))
    if largest == 0.0:
        return J, model.fields.copy()
    # largest < 2^exponent, and the kept fields and the changes 2 J stay below 2^53 grains.
    exponent = int(np.frexp(largest)[1]) - 52
    with np.errstate(under="ignore"):
        np.ldexp(np.rint(np.ldexp(J, -exponent, out=J), out=J), exponent, out=J)
        return J, np.ldexp(np.rint(np.ldexp(model.fields, -exponent)), exponent)


def _make(model: IsingModel, plan: Plan) -> RowBank:
    return RowBank(model, plan, run_dense, rounded(model))


def _obstacle(model: IsingModel) -> str:
    n = model.n_sites
    if n > MOST_SITES:
        return f"its matrix of couplings would have {n}^2 entries"
    with np.errstate(over="ignore"):
        total = 8.0 * (np.abs(model.weights).sum() + np.abs(model.fields).sum())
    if not np.isfinite(total):
        return "its local fields may overflow"
    return ""


def _cost(model: IsingModel, load: Load) -> float:
    """A random number, often an exponential, and for each flip a row of couplings, whatever the degree."""
    return 30.0 + 0.06 * model.n_sites


KERNEL = Kernel(
    name="dense", summary="models where nearly all pairs are coupled; local fields kept in double precision",
    samplers=("metropolis", "gibbs"), make=_make, obstacle=_obstacle, cost=_cost,
    bytes=lambda model, load: 8.0 * model.n_sites**2 + 9.0 * model.n_sites * load.total, setup=5.0e8)
