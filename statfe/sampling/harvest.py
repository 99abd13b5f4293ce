"""Spin configurations from the chains of a run that has ended: they go on, and are looked at every so often.

What the run itself has measured stays as it is. The looks are so far apart that states are nearly independent: by
`TIMES` autocorrelation times of the energy, and by the time in which a ladder brings `TRIPS` fresh chains from the hot
end to the rung, at the slowest of the requested rungs. The cap on that is the length of the run: states cost at most as
many sweeps as the energies did (or one sweep a look, where that is more).
"""

from __future__ import annotations

import math

import numpy as np

from statfe.chains import Chains
from statfe.errors import UsageError
from statfe.executors import map_tasks
from statfe.models.ising import IsingModel
from statfe.sampling.bank import Bank, Block
from statfe.sampling.memory import SHARE, available_bytes
from statfe.sampling.plan import Plan, Progress
from statfe.store.states import States

#: Autocorrelation times of the energy between states: a mode that decays as slowly is down to exp(-4) = 2%.
TIMES = 4.0
#: Trips from the hot end between states: an order that only fresh chains can change is down to some 5%.
TRIPS = 3.0


def looks_for(states: int, replicas: int) -> int:
    """Looks at all replicas that give so many states."""
    return -(-states // replicas)


def states_bytes(model: IsingModel, plan: Plan, states: int) -> float:
    """Size of the states of a run."""
    return float(states) * model.n_sites * int(np.sum(plan.ladder.requested))


def check_states(model: IsingModel, plan: Plan, states: int) -> None:
    """`UsageError` where a run of `plan` cannot give its states, or they do not fit into memory."""
    if plan.schedule != "tempering":
        raise UsageError("states are of all rungs at once and need schedule=tempering; the model is too large for it "
                         "by default: ask for it (--sampler metropolis:schedule=tempering), or leave the states out")
    # They are held once as they are, and once in the file, which is made in memory.
    need, free = 2.0 * states_bytes(model, plan, states), available_bytes()
    if need > SHARE * free:
        raise UsageError(f"{states} states at every beta need {need / 1e9:.3g} GB and {free / 1e9:.3g} GB are free; "
                         "take fewer states or betas")


class Harvest:
    """Takes over the bank of a run when it ends, and gives its states.

    Parameters
    ----------
    states
        How many at every requested beta.
    """

    def __init__(self, model: IsingModel, states: int, workers: int, progress: Progress = None) -> None:
        self.model, self.states, self.workers, self.progress = model, states, workers, progress
        self.bank: Bank | None = None
        self.swept = 0

    def take(self, bank: Bank, swept: int) -> None:
        """Keep the bank of a run that has ended after so many sweeps, burn-in counted."""
        self.bank, self.swept = bank, swept

    def collect(self, chains: Chains, tau: np.ndarray) -> States:
        """The states; `tau` is the autocorrelation time of the energy at every rung, in draws of `chains`."""
        bank, model = self.bank, self.model
        if bank is None:
            raise ValueError("there is no bank: the run has not ended")
        rungs = np.flatnonzero(chains.requested)
        replicas, looks = bank.plan.replicas, looks_for(self.states, bank.plan.replicas)
        spacing, words = spacing_of(chains, tau, rungs, looks)
        spins = np.empty((len(rungs), self.states, model.n_sites), dtype=np.int8)
        for look in range(looks):
            self._advance(bank, self.swept + look * spacing, spacing)
            for r in range(min(replicas, self.states - look * replicas)):
                spins[:, look * replicas + r] = bank.spins(r)[bank.chain_at[r][rungs]]
            if self.progress:
                self.progress("configurations", (look + 1) / looks)
        number = np.arange(self.states)
        return States(betas=chains.betas[rungs], spins=spins, chains=number % replicas,
                      sweeps=(number // replicas + 1) * spacing, spacing=spacing, words=words)

    def _advance(self, bank: Bank, first: int, sweeps: int) -> None:
        nothing = np.empty((bank.plan.replicas, 0, bank.plan.n_rungs))
        block = Block(None, first, sweeps, None)
        map_tasks(lambda g: bank.advance(g, block, nothing, nothing.astype(np.int32)), range(len(bank.groups)),
                  self.workers)


def spacing_of(chains: Chains, tau: np.ndarray, rungs: np.ndarray, looks: int) -> tuple[int, str]:
    """Sweeps between looks, and why so many."""
    thin, last = int(chains.sweeps[0]), int(chains.sweeps[-1])
    slowest = float(np.max(tau[rungs]))
    wanted, words = TIMES * thin * slowest, f"{TIMES:g} autocorrelation times of the energy"
    if chains.trips is not None:
        trips = min(chains.trips_to(int(rung)) for rung in rungs)
        between = TRIPS * chains.exchange_sweeps * chains.n_replicas / trips if trips else math.inf
        if between > wanted:
            wanted, words = between, f"{TRIPS:g} trips of a ladder from the hot end to the slowest beta and back"
    most = max(1, last // looks)
    # A series without end or number: as far apart as the cap lets them be.
    if not wanted <= most:
        needed = f"{wanted:.0f} sweeps" if math.isfinite(wanted) else "more than the run can say"
        return most, (f"capped at the sweeps of the run itself; {words} take {needed}, so states of one replica are "
                      "correlated")
    return max(1, math.ceil(wanted)), words
