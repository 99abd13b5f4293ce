"""The kernel for models where nearly every pair is coupled: local fields kept, updated when a spin flips."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from statfe.kernels.dense import run_dense
from statfe.models.ising import IsingModel
from statfe.random import streams
from statfe.sampling.bank import CHAIN_KEY, Bank, Block, Kernel, Load
from statfe.sampling.samplers import rules_at
from statfe.sampling.starts import starts_of

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


class DenseBank(Bank):
    """One group a replica; int8 spins, one row and one random stream a chain."""

    def __init__(self, model: IsingModel, plan: Plan) -> None:
        super().__init__(model, plan, [range(r, r + 1) for r in range(plan.replicas)])
        self.couplings, self.fields = rounded(model)
        self.rules = rules_at(plan.sampler.rule, model, plan.ladder.betas)
        self.states = np.stack([streams(plan.seed, plan.chains, (CHAIN_KEY, r)) for r in range(plan.replicas)])
        self.rows = starts_of(model, plan)

    def advance(self, group: int, block: Block, energy: np.ndarray, magnetization: np.ndarray) -> None:
        """Run one block of one replica."""
        plan, rungs = self.plan, self.rungs(block, group)
        betas = plan.ladder.betas[rungs]
        draws = 0 if block.rows is None else block.sweeps // plan.thin
        e, mag = np.empty((draws, len(betas))), np.empty((draws, len(betas)), dtype=np.int64)
        run_dense(
            self.rules[rungs], block.first_sweep, block.sweeps, plan.thin if block.rows is not None else
            block.sweeps + 1, len(betas) > 1, betas, self.rows[group], self.rung_of[group], self.chain_at[group],
            self.couplings, self.fields, self.states[group], self.swap_states[group], e, mag, self.tried[group],
            self.accepted[group])
        if block.rows is not None:
            energy[group, block.rows, rungs] = e
            magnetization[group, block.rows, rungs] = mag

    def spins(self, replica: int) -> np.ndarray:
        """Spins of one replica."""
        return self.rows[replica]

    def own_state(self) -> dict[str, np.ndarray]:
        """Spins and streams; the fields are made anew from the spins, to the same bits."""
        return {"spins": self.rows, "states": self.states}


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
    samplers=("metropolis", "gibbs"), make=DenseBank, obstacle=_obstacle, cost=_cost,
    bytes=lambda model, load: 8.0 * model.n_sites**2 + 9.0 * model.n_sites * load.total, setup=5.0e8)
