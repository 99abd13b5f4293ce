"""What every kernel offers the driver: a bank of chains that advances by blocks, and facts to choose it by.

A bank holds all chains of a run: `replicas` independent ladders of `chains` chains each. It splits them into groups;
one thread advances one group at a time. Groups depend on the plan alone and every chain, word of lanes or lattice
has a random stream of its own, so results are the same bits for any number of threads.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from statfe.errors import UsageError
from statfe.kernels.tempering import ACCEPTED, COUNTERS, RETURNED, TRIED
from statfe.models.ising import IsingModel
from statfe.random import STATE_WORDS, streams
from statfe.sampling.starts import from_order

if TYPE_CHECKING:
    from statfe.sampling.plan import Plan

#: Stream keys; see `statfe.random.streams`.
CHAIN_KEY, SWAP_KEY = 1, 2


@dataclass(frozen=True)
class Load:
    """How many chains a run has: `replicas` ladders of `chains` each."""

    replicas: int
    chains: int

    @property
    def total(self) -> int:
        """Number of chains."""
        return self.replicas * self.chains


@dataclass(frozen=True)
class Block:
    """A stretch of sweeps.

    Attributes
    ----------
    step
        None when tempering; when annealing, how many rungs were left behind.
    first_sweep
        Sweeps done before, of this rung when annealing; sets the parity of exchanges and of alternating rules.
    sweeps
        How many to do.
    rows
        Where the draws go, one every `thin` sweeps; None while burning in.
    """

    step: int | None
    first_sweep: int
    sweeps: int
    rows: slice | None


class Bank(ABC):
    """All chains of a run under one kernel.

    Attributes
    ----------
    groups
        Replicas of each independent piece of work.
    rung_of, chain_at
        Rung of each chain and its inverse, int64, shape (replicas, chains).
    swap_states
        Random streams of the exchanges, uint64, shape (replicas, 4).
    exchanges
        Of the exchanges, int64, shape (replicas, COUNTERS, rungs); see `statfe.kernels.tempering`.
    units
        Unit of each replica where some depend on each other (see `statfe.chains.Chains`), else None.
    """

    units: np.ndarray | None = None

    def __init__(self, model: IsingModel, plan: Plan, groups: list[range]) -> None:
        self.model, self.plan, self.groups = model, plan, groups
        R, C, K = plan.replicas, plan.chains, plan.n_rungs
        self.rung_of = np.tile(np.arange(C), (R, 1))
        self.chain_at = self.rung_of.copy()
        self.swap_states = (
            np.concatenate([streams(plan.seed, 1, (SWAP_KEY, r)) for r in range(R)]) if C > 1
            else np.zeros((R, STATE_WORDS), dtype=np.uint64))
        self.exchanges = np.zeros((R, COUNTERS, K), dtype=np.int64)

    @abstractmethod
    def advance(self, group: int, block: Block, energy: np.ndarray, magnetization: np.ndarray) -> None:
        """Run one block of one group and write its draws.

        Parameters
        ----------
        energy, magnetization
            Draws of the whole run, shape (replicas, draws, rungs); only those of this group's replicas and the rows
            and rungs of the block are written. Energies are without the model's constant.
        """

    @abstractmethod
    def spins(self, replica: int) -> np.ndarray:
        """Spins of the chains of one replica, int8, shape (chains, n_sites)."""

    def overlaps(self) -> np.ndarray:
        """q = sum_i s_i^a s_i^b / N of the replicas (0, 1), (2, 3), ... at every rung, shape (pairs, rungs).

        Only where all rungs are there at once (tempering).
        """
        R = self.plan.replicas // 2 * 2
        found = [self.spins(r)[self.chain_at[r]] for r in range(R)]
        return np.array([np.einsum("ti,ti->t", a, b, dtype=np.int64) / self.model.n_sites
                         for a, b in zip(found[::2], found[1::2], strict=True)]).reshape(-1, self.plan.n_rungs)

    @abstractmethod
    def own_state(self) -> dict[str, np.ndarray]:
        """The arrays (not copies) that hold the spins and random streams: all that a resume needs."""

    def state(self) -> dict[str, np.ndarray]:
        """All arrays (not copies) that change as the run goes on."""
        return {
            "rung_of": self.rung_of, "chain_at": self.chain_at, "swap_states": self.swap_states,
            "exchanges": self.exchanges, **self.own_state()}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Put back what `state` gave."""
        for name, array in self.state().items():
            array[...] = state[name]

    def forget_exchanges(self) -> None:
        """Count exchanges and returns from now on; chains on their way keep their trips."""
        self.exchanges[:, [TRIED, ACCEPTED, RETURNED]] = 0

    def acceptance(self, replicas: slice = slice(None)) -> np.ndarray:
        """Share of accepted exchanges between rungs (k, k+1), shape (rungs - 1,); NaN where none was tried."""
        tried, accepted = self.exchanges[replicas, TRIED:ACCEPTED + 1, :-1].sum(axis=0)
        return np.divide(accepted, tried, out=np.full(len(tried), np.nan), where=tried > 0)

    @property
    def exchange_sweeps(self) -> int:
        """Sweeps that exchanges were counted over; every second one tries the first pair."""
        return 2 * int(self.exchanges[0, TRIED, 0]) if self.plan.chains > 1 else 0

    def trips(self, replicas: slice = slice(None)) -> np.ndarray | None:
        """Trips from the hot end to each rung, or beyond, and back; see `statfe.chains.Chains`."""
        if self.plan.chains < 2:
            return None
        return np.cumsum(self.exchanges[replicas, RETURNED, ::-1], axis=1)[:, ::-1].copy()

    def resample(self, parents: np.ndarray) -> None:
        """Give chain r of an anneal the spins of chain parents[r]; streams stay, so copies go ways of their own."""
        raise UsageError(f"kernel={self.plan.kernel} cannot copy chains; take kernel=auto")

    def rungs(self, block: Block, replica: int) -> slice:
        """Rungs that the chains of a replica are at: all, or one, which ordered replicas count from the cold end."""
        if block.step is None:
            return slice(0, self.plan.n_rungs)
        rung = int(self.places(block, range(replica, replica + 1))[0])
        return slice(rung, rung + 1)

    def places(self, block: Block, replicas: range) -> np.ndarray:
        """The rung of each of `replicas` in an anneal, int64; see `rungs`."""
        assert block.step is not None
        down = np.array([from_order(r) for r in replicas]) if not self.plan.upward else np.zeros(len(replicas), bool)
        return np.where(down, self.plan.n_rungs - 1 - block.step, block.step)


@dataclass(frozen=True)
class Kernel:
    """One way to move spins fast; a file in `statfe/sampling/banks/` with a `KERNEL` is one.

    Attributes
    ----------
    samplers
        Names of the samplers it runs.
    make
        ``make(model, plan)`` gives the bank.
    obstacle
        ``obstacle(model)`` says why the kernel cannot hold this model, or "".
    cost
        ``cost(model, load)``: nanoseconds a spin update on one core, roughly, at this load; the cheapest is chosen.
    bytes
        ``bytes(model, load)``: memory of the bank beside the model itself.
    setup
        Nanoseconds that a run must save to be worth it: a tenth of what its first use on a machine takes to compile,
        since later uses find it compiled.
    needs_bonds
        Whether it reads the list of bonds, which a `UniformLattice` makes only when asked.
    fewest
        Fewest replicas that it runs (with tempering).
    """

    name: str
    summary: str
    samplers: tuple[str, ...]
    make: Callable[[IsingModel, Any], Bank]
    obstacle: Callable[[IsingModel], str]
    cost: Callable[[IsingModel, Load], float]
    bytes: Callable[[IsingModel, Load], float]
    setup: float = 0.0
    needs_bonds: bool = True
    fewest: int = 1
