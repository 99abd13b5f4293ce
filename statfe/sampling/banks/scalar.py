"""The kernel that takes every model: one chain after the other, one spin after the other, in double precision."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from statfe.kernels.tempering import run_ladder
from statfe.models.ising import IsingModel
from statfe.random import streams
from statfe.sampling.bank import CHAIN_KEY, Bank, Block, Kernel, Load
from statfe.sampling.samplers import rules_at
from statfe.sampling.starts import starts_of

if TYPE_CHECKING:
    from statfe.sampling.plan import Plan


class ScalarBank(Bank):
    """One group a replica; int8 spins, one row a chain, one random stream a chain."""

    def __init__(self, model: IsingModel, plan: Plan) -> None:
        super().__init__(model, plan, [range(r, r + 1) for r in range(plan.replicas)])
        self.rules = rules_at(plan.sampler.rule, model, plan.ladder.betas)
        self.states = np.stack([streams(plan.seed, plan.chains, (CHAIN_KEY, r)) for r in range(plan.replicas)])
        self.rows = starts_of(model, plan)

    def advance(self, group: int, block: Block, energy: np.ndarray, magnetization: np.ndarray) -> None:
        """Run one block of one replica."""
        m, plan, rungs = self.model, self.plan, self.rungs(block, group)
        betas = plan.ladder.betas[rungs]
        draws = 0 if block.rows is None else block.sweeps // plan.thin
        e, mag = np.empty((draws, len(betas))), np.empty((draws, len(betas)), dtype=np.int64)
        thin = plan.thin if block.rows is not None else block.sweeps + 1
        run_ladder(
            self.rules[rungs], block.first_sweep, block.sweeps, thin, len(betas) > 1, betas,
            self.rows[group], self.rung_of[group], self.chain_at[group], m.indptr, m.indices, m.weights, m.fields,
            self.states[group], self.swap_states[group], e, mag, self.tried[group], self.accepted[group])
        if block.rows is not None:
            energy[group, block.rows, rungs] = e
            magnetization[group, block.rows, rungs] = mag

    def spins(self, replica: int) -> np.ndarray:
        """Spins of one replica."""
        return self.rows[replica]

    def own_state(self) -> dict[str, np.ndarray]:
        """Spins and streams."""
        return {"spins": self.rows, "states": self.states}


def _cost(model: IsingModel, load: Load) -> float:
    """A look at each neighbour, an exponential, and more where the graph does not fit into the cache."""
    return 12.0 + 1.5 * len(model.indices) / model.n_sites + (15.0 if model.n_sites > 100_000 else 0.0)


KERNEL = Kernel(
    name="scalar", summary="any model; one spin at a time in double precision", samplers=("metropolis", "gibbs"),
    make=ScalarBank, obstacle=lambda model: "", cost=_cost,
    bytes=lambda model, load: float(model.n_sites) * load.total)
