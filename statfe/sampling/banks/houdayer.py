"""Single-spin sweeps, and after each one cluster move between two replicas at every rung.

A unit is two replicas that exchange clusters, or one without a partner. Replicas that start alike are partners, and go
the same way when annealing; units stay independent of each other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from statfe.errors import UsageError
from statfe.kernels.isoenergetic import run_unit
from statfe.models.ising import IsingModel
from statfe.random import streams
from statfe.sampling.bank import CHAIN_KEY, Bank, Block, Kernel, Load
from statfe.sampling.samplers import rules_at
from statfe.sampling.starts import starts_of

if TYPE_CHECKING:
    from statfe.sampling.plan import Plan

#: Key of the random streams of the cluster moves, one a unit.
MOVE_KEY = 31


class HoudayerBank(Bank):
    """One group a unit; int8 spins, one row a chain, one random stream a chain."""

    def __init__(self, model: IsingModel, plan: Plan) -> None:
        super().__init__(model, plan, partners(plan.replicas, plan.schedule))
        self.units = np.empty(plan.replicas, dtype=np.int64)
        for unit, group in enumerate(self.groups):
            self.units[list(group)] = unit
        self.rules = rules_at(plan.sampler.rule, model, plan.ladder.betas)
        self.states = np.stack([streams(plan.seed, plan.chains, (CHAIN_KEY, r)) for r in range(plan.replicas)])
        self.move_states = streams(plan.seed, len(self.groups), MOVE_KEY)
        self.rows = starts_of(model, plan)

    def advance(self, group: int, block: Block, energy: np.ndarray, magnetization: np.ndarray) -> None:
        """Run one block of one unit."""
        m, plan, replicas = self.model, self.plan, list(self.groups[group])
        rungs = self.rungs(block, replicas[0])
        betas = plan.ladder.betas[rungs]
        shape = (len(replicas), 0 if block.rows is None else block.sweeps // plan.thin, len(betas))
        e, mag = np.empty(shape), np.empty(shape, dtype=np.int64)
        thin = plan.thin if block.rows is not None else block.sweeps + 1
        run_unit(
            np.array(replicas), not m.has_fields, self.rules[rungs], block.first_sweep, block.sweeps, thin,
            len(betas) > 1, betas, self.rows, self.rung_of, self.chain_at, m.indptr, m.indices, m.weights, m.fields,
            self.states, self.swap_states, self.move_states[group], e, mag, self.exchanges)
        if block.rows is not None:
            for k, replica in enumerate(replicas):
                energy[replica, block.rows, rungs] = e[k]
                magnetization[replica, block.rows, rungs] = mag[k]

    def spins(self, replica: int) -> np.ndarray:
        """Spins of one replica."""
        return self.rows[replica]

    def own_state(self) -> dict[str, np.ndarray]:
        """Spins and streams."""
        return {"spins": self.rows, "states": self.states, "move_states": self.move_states}


def partners(replicas: int, schedule: str) -> list[range]:
    """The units of a run: (0, 2), (1, 3), (4, 6), ...; of what is left over, one has no partner.

    Raises
    ------
    UsageError
        With too few replicas for a single pair.
    """
    least = 2 if schedule == "tempering" else 3
    if replicas < least:
        why = "" if least == 2 else ": every second one starts from the cold end and meets no other on its way"
        raise UsageError(
            f"houdayer moves clusters between two replicas, and with schedule={schedule} it needs {least} or more, "
            f"not {replicas}{why}; take 4")
    units = []
    for r in range(0, replicas, 4):
        left = min(4, replicas - r)
        if left == 2 and schedule == "tempering":
            units.append(range(r, r + 2))
        else:
            units += [range(r + k, r + left, 2) for k in range(min(2, left))]
    return units


def _cost(model: IsingModel, load: Load) -> float:
    """The scalar kernel's, and a visit of the cluster and of the overlaps."""
    return 18.0 + 2.5 * len(model.indices) / model.n_sites + (20.0 if model.n_sites > 100_000 else 0.0)


KERNEL = Kernel(
    name="houdayer", summary="glasses in two or three dimensions; cluster moves between pairs of replicas",
    samplers=("houdayer",), make=HoudayerBank, obstacle=lambda model: "", cost=_cost,
    bytes=lambda model, load: float(model.n_sites) * (load.total + 10.0), fewest=2)
