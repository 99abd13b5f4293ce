"""Our own chains as a contestant: a bank of the chosen kernel, advanced block by block as the driver does."""

from __future__ import annotations

import copy
import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from statfe.errors import UsageError
from statfe.executors import map_tasks
from statfe.models.ising import IsingModel
from statfe.sampling.bank import Block, Kernel, Load
from statfe.sampling.choice import choose_kernel, kernels
from statfe.sampling.driver import blocks
from statfe.sampling.memory import SHARE, available_bytes
from statfe.sampling.plan import DRAW_BYTES, Plan, plan_run
from statfe.sampling.samplers import DEFAULT_SAMPLER, make_sampler

#: Replicas that a kernel is offered; it gets the fewest that cost at most `CLOSE` times the best.
REPLICAS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
CLOSE = 1.05
#: Bytes of the draws that a runner keeps, and most sweeps whose draws it keeps.
DRAWS, MOST_DRAWS = 1e8, 10_000
#: Bytes of the spins and what belongs to them; spins that are set up without being asked for.
BANK_BYTES, MANY_SPINS = 2e9, 4e7
#: Replicas where a kernel refuses fewer: a cluster move between replicas needs partners.
PARTNERS = 4
#: Sweeps before the timing of samplers that fit themselves to the model while they burn in.
BURN_IN = 200


@dataclass(frozen=True)
class Choice:
    """A kernel, a sampler that it runs, and as many replicas as fill it."""

    kernel: Kernel
    sampler: str
    replicas: int


def sampler_of(kernel: Kernel) -> str:
    """The default sampler where the kernel runs it, else its own first."""
    return DEFAULT_SAMPLER if DEFAULT_SAMPLER in kernel.samplers else kernel.samplers[0]


def filled(model: IsingModel, kernel: Kernel, temperatures: int) -> Choice:
    """`kernel` with the fewest replicas at which it is, by its own account, close to its fastest.

    Raises
    ------
    UsageError
        The kernel cannot hold the model.
    """
    obstacle = kernel.obstacle(model)
    if obstacle:
        raise UsageError(obstacle)
    costs = {r: kernel.cost(model, Load(r, temperatures)) for r in _affordable(model, kernel, temperatures)}
    best = min(costs.values())
    return Choice(kernel, sampler_of(kernel), min(r for r, cost in costs.items() if cost <= CLOSE * best))


def automatic(model: IsingModel, temperatures: int) -> Choice:
    """What kernel=auto takes for the default sampler, with the number of replicas that is best for it."""
    sampler = make_sampler(DEFAULT_SAMPLER)
    found = []
    for replicas in REPLICAS:
        kernel = choose_kernel(model, sampler, Load(replicas, temperatures))
        few = replicas * temperatures * model.n_sites <= MANY_SPINS or replicas == 1
        if few and replicas in _affordable(model, kernel, temperatures):
            found.append((kernel.cost(model, Load(replicas, temperatures)), replicas, kernel))
    best = min(cost for cost, _, _ in found)
    _, replicas, kernel = min((f for f in found if f[0] <= CLOSE * best), key=lambda f: f[1])
    return Choice(kernel, sampler_of(kernel), replicas)


def _affordable(model: IsingModel, kernel: Kernel, temperatures: int) -> list[int]:
    room = min(BANK_BYTES, SHARE * available_bytes())
    least = min(r for r in REPLICAS if r >= kernel.fewest)
    return [r for r in REPLICAS if r == least or (r > least and kernel.bytes(model, Load(r, temperatures)) <= room)]


def able(model: IsingModel, names: list[str]) -> tuple[list[Kernel], dict[str, str]]:
    """Of the kernels `names` those that can hold the model, and why the others cannot."""
    found = [kernels()[name] for name in names]
    reasons = {k.name: k.obstacle(model) for k in found}
    return [k for k in found if not reasons[k.name]], {name: why for name, why in reasons.items() if why}


def chains(model: IsingModel, betas: np.ndarray, choice: Choice, seed: int, **options: Any) -> ChainsRunner:
    """Chains of the choice, or with `PARTNERS` replicas where the kernel needs more.

    Raises
    ------
    UsageError
        The kernel, or the memory, cannot hold them.
    """
    try:
        return ChainsRunner(model, betas, choice, seed, **options)
    except UsageError:
        if choice.replicas >= PARTNERS:
            raise
    return ChainsRunner(model, betas, replace(choice, replicas=PARTNERS), seed, **options)


class ChainsRunner:
    """Chains of one plan that can go on for any number of sweeps.

    Parameters
    ----------
    thin
        Energies are recorded every `thin` sweeps.
    """

    def __init__(self, model: IsingModel, betas: np.ndarray, choice: Choice, seed: int, *, workers: int = 1,
                 thin: int = 1, label: str = "") -> None:
        start = time.perf_counter()
        self.model, self.threads, self.choice = model, workers, choice
        self.program, self.version, self.kernel, self.sampler = "statfe", "", choice.kernel.name, choice.sampler
        self.replicas = choice.replicas
        draws = int(np.clip(DRAWS / (DRAW_BYTES * choice.replicas * len(betas)), 1, MOST_DRAWS))
        burn_in = 0 if choice.sampler == DEFAULT_SAMPLER else BURN_IN
        sampler = make_sampler(
            f"{choice.sampler}:kernel={choice.kernel.name},burn_in={burn_in},schedule=tempering,thin={thin}")
        self.plan: Plan = plan_run(
            model, betas, sampler, sweeps=thin * draws if thin == 1 else thin, replicas=choice.replicas, seed=seed,
            samples_only=True)
        self.bank = choice.kernel.make(model, self.plan)
        shape = (self.plan.replicas, self.plan.sweeps // thin, self.plan.n_rungs)
        self.energy, self.magnetization = np.zeros(shape), np.zeros(shape, dtype=np.int32)
        self.updates = float(model.n_sites) * self.plan.load.total
        self.label = label or f"statfe {self.plan.kernel}"
        for block in blocks(model, self.plan, self.bank):
            if block.rows is None:
                self._advance(block)
        self.set_up = time.perf_counter() - start

    def advance(self, sweeps: int) -> None:
        """So many sweeps in the driver's blocks; draws overwrite those of the sweeps before."""
        left = sweeps
        while left:
            now = min(left, self.plan.sweeps)
            for block in blocks(self.model, replace(self.plan, sweeps=now), self.bank):
                if block.rows is not None:
                    self._advance(block)
            left -= now

    def _advance(self, block: Block) -> None:
        map_tasks(lambda group: self.bank.advance(group, block, self.energy, self.magnetization),
                  range(len(self.bank.groups)), self.threads)

    def with_workers(self, workers: int, label: str) -> ChainsRunner:
        """The same chains moved by another number of threads."""
        other = copy.copy(self)
        other.threads, other.label = workers, label
        return other

    @property
    def bytes_per_spin(self) -> float | None:
        """Memory of the bank a chain and site."""
        return self.choice.kernel.bytes(self.model, self.plan.load) / self.updates

    @property
    def settings(self) -> str:
        """How it was run."""
        exchanges = ", exchanges every sweep" if self.plan.n_rungs > 1 else ""
        return f"energies every {'sweep' if self.plan.thin == 1 else f'{self.plan.thin} sweeps'}{exchanges}"
