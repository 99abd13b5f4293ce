"""Samples of a model in equilibrium: exact ones where that can be had, else those of a long tempering run."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from statfe.annealed.layers import MAX_LISTED, exact_small, layers_of
from statfe.errors import NotApplicableError
from statfe.executors import map_tasks
from statfe.junction.distribution import ExactDistribution
from statfe.junction.plan import junction_tree
from statfe.models.ising import IsingModel
from statfe.random import generator
from statfe.sampling.bank import Block
from statfe.sampling.choice import get_kernel
from statfe.sampling.plan import plan_run
from statfe.sampling.samplers import make_sampler
from statfe.stats import mean_error, split_rhat

#: Widest tree decomposition that is used for samples.
MAX_WIDTH = 20
#: Ladders of the tempering run, fewest sweeps between two samples of one, and share of burn-in.
REPLICAS, GAP, BURN_IN = 16, 20, 0.5
#: Chains that give samples must agree this well, and their samples must be worth so many.
MAX_RHAT, MIN_EFFECTIVE = 1.1, 60.0
#: Stream keys.
SAMPLE_KEY, LADDER_KEY = 211, 212


@dataclass(frozen=True)
class Samples:
    """Spins at one beta.

    Attributes
    ----------
    spins
        int8, shape (P, n_sites).
    groups
        Ladder of each sample, where samples of one ladder depend on each other; None where all are independent.
    source
        ``list`` of the states of a layer, ``tree`` decomposition, or ``tempering``.
    trouble
        Why the chains may not be in equilibrium, or "".
    """

    spins: np.ndarray
    groups: np.ndarray | None
    source: str
    trouble: str = ""

    @property
    def exact(self) -> bool:
        """Whether these are exact draws."""
        return self.groups is None


def equilibrium(model: IsingModel, betas: np.ndarray, particles: int, seed: int, workers: int = 1,
                sweeps: int | None = None, exact: bool = True) -> list[Samples]:
    """`particles` samples at each of `betas` (ascending, positive); of a tempering run where no exact ones can be had.

    Parameters
    ----------
    sweeps
        Sweeps of the tempering run; None for `GAP` a sample.
    exact
        False to take those of a tempering run in any case.
    """
    layers = layers_of(model)
    if exact and layers is not None and len(layers.small) <= MAX_LISTED:
        found = []
        for k, beta in enumerate(betas):
            own = generator(seed, (SAMPLE_KEY, k))
            small = exact_small(layers, float(beta), particles, int(own.integers(2**48)), workers)
            inputs = small @ layers.weights.T + layers.large_fields
            spins = np.empty((particles, model.n_sites), dtype=np.int8)
            spins[:, layers.small] = small
            spins[:, layers.large] = np.where(own.random(inputs.shape) < 0.5 * (1.0 + np.tanh(beta * inputs)), 1, -1)
            found.append(Samples(spins, None, "list"))
        return found
    tree = junction_tree(model) if exact else None
    if tree is not None and tree.width <= MAX_WIDTH:
        try:
            return [Samples(ExactDistribution(model, float(beta)).sample(particles, generator(seed, (SAMPLE_KEY, k))),
                            None, "tree") for k, beta in enumerate(betas)]
        except NotApplicableError:
            pass  # the tables do not fit into memory: chains do
    return tempered(model, betas, particles, seed, workers, sweeps)


def tempered(model: IsingModel, betas: np.ndarray, particles: int, seed: int, workers: int = 1,
             sweeps: int | None = None) -> list[Samples]:
    """Samples of parallel tempering, `REPLICAS` ladders, and whether these agree."""
    takes = math.ceil(particles / REPLICAS)
    gap = max(GAP, (sweeps or 0) // takes)
    burn_in = max(1, int(BURN_IN * gap * takes))
    sampler = make_sampler("metropolis", schedule="tempering", thin=gap, burn_in=burn_in)
    plan = plan_run(model, betas, sampler, sweeps=gap * takes, replicas=REPLICAS,
                    seed=int(generator(seed, LADDER_KEY).integers(2**48)))
    plan = replace(plan, thin=gap)
    bank = get_kernel(plan.kernel).make(model, plan)
    rungs = np.searchsorted(plan.ladder.betas, betas)
    energy = np.empty((REPLICAS, takes, plan.n_rungs))
    magnetization = np.empty(energy.shape, dtype=np.int32)
    spins = np.empty((len(betas), takes, REPLICAS, model.n_sites), dtype=np.int8)

    def advance(block: Block) -> None:
        map_tasks(lambda group: bank.advance(group, block, energy, magnetization), range(len(bank.groups)), workers)

    advance(Block(None, 0, burn_in, None))
    for t in range(takes):
        advance(Block(None, burn_in + t * gap, gap, slice(t, t + 1)))
        for r in range(REPLICAS):
            spins[:, t, r] = bank.spins(r)[bank.chain_at[r, rungs]]
    groups = np.tile(np.arange(REPLICAS), takes)[:particles]
    return [Samples(spins[k].reshape(-1, model.n_sites)[:particles], groups, "tempering", _trouble(energy[:, :, rung]))
            for k, rung in enumerate(rungs)]


def _trouble(energy: np.ndarray) -> str:
    """Why the ladders may not be in equilibrium, from energies of shape (replicas, takes), or ""."""
    rhat, effective = float(split_rhat(energy)), float(mean_error(energy).effective)
    if rhat > MAX_RHAT:
        return f"the chains that give the samples disagree (R-hat {rhat:.2f})"
    if effective < MIN_EFFECTIVE:
        return f"the samples are worth {effective:.0f} independent ones"
    return ""
