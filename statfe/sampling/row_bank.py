"""Banks of one replica a group and one row of int8 spins a chain, for kernels that sweep chain after chain."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from statfe.models.ising import IsingModel
from statfe.random import streams
from statfe.sampling.bank import CHAIN_KEY, Bank, Block
from statfe.sampling.samplers import rules_at
from statfe.sampling.starts import starts_of

if TYPE_CHECKING:
    from statfe.sampling.plan import Plan


class RowBank(Bank):
    """One group a replica; int8 spins, one row and one random stream a chain.

    Parameters
    ----------
    run
        The kernel, called as `statfe.kernels.tempering.run_ladder` is, with `couplings` in place of its graph.
    couplings
        What the kernel reads of the model.
    """

    def __init__(self, model: IsingModel, plan: Plan, run: Callable[..., None],
                 couplings: tuple[np.ndarray, ...]) -> None:
        super().__init__(model, plan, [range(r, r + 1) for r in range(plan.replicas)])
        self.run, self.couplings = run, couplings
        self.rules = rules_at(plan.sampler.rule, model, plan.ladder.betas)
        self.states = np.stack([streams(plan.seed, plan.chains, (CHAIN_KEY, r)) for r in range(plan.replicas)])
        self.rows = starts_of(model, plan)

    def advance(self, group: int, block: Block, energy: np.ndarray, magnetization: np.ndarray) -> None:
        """Run one block of one replica."""
        plan, rungs = self.plan, self.rungs(block, group)
        betas = plan.ladder.betas[rungs]
        draws = 0 if block.rows is None else block.sweeps // plan.thin
        e, mag = np.empty((draws, len(betas))), np.empty((draws, len(betas)), dtype=np.int64)
        thin = plan.thin if block.rows is not None else block.sweeps + 1
        self.run(
            self.rules[rungs], block.first_sweep, block.sweeps, thin, len(betas) > 1, betas, self.rows[group],
            self.rung_of[group], self.chain_at[group], *self.couplings, self.states[group], self.swap_states[group],
            e, mag, self.exchanges[group])
        if block.rows is not None:
            energy[group, block.rows, rungs] = e
            magnetization[group, block.rows, rungs] = mag

    def spins(self, replica: int) -> np.ndarray:
        """Spins of one replica."""
        return self.rows[replica]

    def resample(self, parents: np.ndarray) -> None:
        """Copy rows."""
        self.rows[...] = self.rows[parents]

    def own_state(self) -> dict[str, np.ndarray]:
        """Spins and streams; what else a kernel keeps it makes anew from the spins, to the same bits."""
        return {"spins": self.rows, "states": self.states}
