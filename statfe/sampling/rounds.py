"""Short rounds of the real chains, to see how often rungs exchange while they are being placed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from statfe.models.ising import IsingModel
from statfe.random import generator
from statfe.sampling.bank import Bank, Block
from statfe.sampling.choice import get_kernel
from statfe.sampling.ladder import requested_only
from statfe.sampling.memory import check_memory

if TYPE_CHECKING:
    from statfe.sampling.plan import Plan

#: Key of the seeds of the rounds.
ROUND_KEY = 103
#: Replicas of a round at most, energies of a block at most, and bytes of spins that go from one round to the next.
REPLICAS, BLOCK_ENERGIES, SPIN_BYTES = 4, 1.0e6, 2.5e8


class Rounds:
    """Runs the rounds that `statfe.sampling.placement.even_out` asks for.

    Parameters
    ----------
    plan
        Kernel, sampler, seed and replicas; the rungs are those of each round.
    """

    def __init__(self, model: IsingModel, plan: Plan) -> None:
        self.model, self.plan = model, replace(plan, replicas=min(REPLICAS, plan.replicas), burn_in=0, thin=1)

    def fits(self, rungs: int) -> bool:
        """Whether the spins of that many rungs may be held, one a byte."""
        return float(self.model.n_sites) * self.plan.replicas * rungs <= SPIN_BYTES

    def __call__(self, betas: np.ndarray, spins: np.ndarray | None, sweeps: int, number: int) -> Round:
        """Round `number` at these rungs, from `spins` or where chains start; see `Round`."""
        own = int(generator(self.plan.seed, (ROUND_KEY, number)).integers(2**48))
        plan = replace(self.plan, ladder=requested_only(betas), sweeps=sweeps, seed=own, first=spins)
        kernel = get_kernel(plan.kernel)
        check_memory(self.model, kernel, plan.load, 0.0)
        return Round(kernel.make(self.model, plan))


class Round:
    """Chains at the rungs of one round.

    `energies` runs them and gives the energies block by block; `spins` are those of every rung.
    """

    def __init__(self, bank: Bank) -> None:
        self.bank = bank

    def energies(self) -> Iterator[np.ndarray]:
        """Energies after every sweep, in blocks of shape (replicas, sweeps, rungs)."""
        plan = self.bank.plan
        longest = max(16, int(BLOCK_ENERGIES / plan.load.total))
        for first in range(0, plan.sweeps, longest):
            n = min(longest, plan.sweeps - first)
            energy = np.empty((plan.replicas, n, plan.n_rungs))
            magnetization = np.empty(energy.shape, dtype=np.int32)
            for group in range(len(self.bank.groups)):
                self.bank.advance(group, Block(None, first, n, slice(0, n)), energy, magnetization)
            yield energy

    def spins(self) -> np.ndarray:
        """Spins by rung, int8, shape (replicas, rungs, n_sites)."""
        return np.stack([self.bank.spins(r)[self.bank.chain_at[r]] for r in range(self.bank.plan.replicas)])
