"""Particles as the replicas of a bank (`statfe.sampling.bank`): any model, single-spin moves, weights from energies."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.lib.stride_tricks import as_strided

from statfe.annealed.walkers import Walkers
from statfe.errors import UsageError
from statfe.models.ising import IsingModel
from statfe.random import generator
from statfe.sampling.bank import Bank, Block, Load
from statfe.sampling.choice import candidates, get_kernel
from statfe.sampling.ladder import Ladder
from statfe.sampling.memory import check_memory
from statfe.sampling.plan import Plan
from statfe.sampling.samplers import Sampler, make_sampler

#: Kernels whose chains can be copied; the others hold one large lattice or move clusters.
KERNELS = ("bit-lane", "float-lane", "dense", "scalar")


def cheapest_kernel(model: IsingModel, sampler: Sampler, particles: int) -> str:
    """The kernel of so many particles: the one asked for, or the cheapest."""
    load = Load(particles, 1)
    able = [k for name, k in candidates(model, sampler).items() if name in KERNELS]
    if not able:
        raise UsageError(f"kernel={sampler.kernel} cannot hold particles; take one of {', '.join(KERNELS)}")
    kernel = min(able, key=lambda k: k.cost(model, load))
    check_memory(model, kernel, load, 10.0 * particles * model.n_sites)
    return kernel.name


def mirrored(model: IsingModel) -> IsingModel:
    """The same model with its sites in the opposite order."""
    last = model.n_sites - 1
    return IsingModel.from_edges(
        model.n_sites, last - model.rows, last - model.cols, model.couplings, model.fields[::-1].copy())


class LaneWalkers(Walkers):
    """The replicas of a bank that all go the same way.

    Parameters
    ----------
    betas
        The path: law k is exp(-betas[k] E).
    moves
        Sweeps of one call of `move`.
    spins
        Where the particles start, int8, shape (P, n_sites).
    backward
        Whether the path is walked from its end: sites are then swept in the opposite order and rules alternate the
        other way, so that walks down are the reversal of walks up.
    """

    def __init__(self, model: IsingModel, betas: np.ndarray, moves: int, spins: np.ndarray, kernel: str, seed: int,
                 rule: str = "metropolis", backward: bool = False) -> None:
        self.model, self.backward, self.moves = model, backward, moves
        self.laws = np.stack([betas, np.zeros(len(betas))], axis=1)
        self.particles, self.generation, self.seed = len(spins), 0, seed
        self.sampler = make_sampler(rule, kernel=kernel)
        self.kernel = kernel
        self.held = mirrored(model) if backward else model
        self.energy = np.asarray(model.energy(spins)) - model.offset
        self.bank = self._bank(spins)
        self.groups = [slice(g.start, g.stop) for g in self.bank.groups]

    def _bank(self, spins: np.ndarray) -> Bank:
        # Contiguous as the rungs of a ladder are: other strides would compile every kernel once more.
        betas = np.ascontiguousarray(self.laws[:, 0])
        rows = spins[:, None, ::-1] if self.backward else spins[:, None, :]
        plan = Plan(
            ladder=Ladder(betas, np.ones(len(betas), dtype=bool)), sampler=self.sampler, schedule="annealing",
            kernel=self.kernel, sweeps=self.moves, burn_in=0, thin=self.moves, replicas=self.particles,
            seed=int(generator(self.seed, self.generation).integers(2**48)),
            first=np.ascontiguousarray(rows), upward=True)
        bank = get_kernel(self.kernel).make(self.held, plan)
        bank.plan = replace(plan, first=None)  # the starts need no memory any more
        return bank

    def spins(self) -> np.ndarray:
        """Spins of the particles, int8, shape (P, n_sites)."""
        rows = np.concatenate([self.bank.spins(r) for r in range(self.particles)])
        return rows[:, ::-1] if self.backward else rows

    def at(self, laws: np.ndarray) -> LaneWalkers:
        """The same particles on another path, with fresh streams."""
        if np.any(laws[:, 1] != 0.0):
            raise UsageError("start=product needs two layers of spins with dense couplings, as of an RBM; "
                             "take start=uniform")
        spins = self.spins()
        self.laws, self.generation = laws, self.generation + 1
        self.bank = self._bank(spins)
        return self

    def log_ratio(self, group: int, here: int, there: int) -> np.ndarray:
        """-(beta' - beta) E."""
        return (self.laws[here, 0] - self.laws[there, 0]) * self.energy[self.groups[group]]

    def move(self, group: int, there: int, moves: int) -> None:
        """Sweeps at one rung; the energies after the last."""
        if moves % self.moves:
            raise ValueError(f"{moves} is no multiple of the {self.moves} sweeps of a call")
        # One column for all rungs: the bank writes to that of its rung.
        rungs = len(self.laws)
        energy = as_strided(self.energy, (self.particles, 1, rungs), (self.energy.itemsize, 0, 0))
        ignored = np.empty(self.particles, dtype=np.int32)
        magnetization = as_strided(ignored, (self.particles, 1, rungs), (ignored.itemsize, 0, 0))
        first = there * self.moves + (self.moves - 1) * self.backward
        for _ in range(moves // self.moves):
            self.bank.advance(group, Block(there, first, self.moves, slice(0, 1)), energy, magnetization)

    def resample(self, parents: np.ndarray) -> None:
        """Copy spins and energies."""
        self.bank.resample(parents)
        self.energy = self.energy[parents]

    def large_means(self) -> np.ndarray:
        """Mean spins."""
        return self.spins().mean(axis=0)


def random_spins(model: IsingModel, particles: int, seed: int, key: int) -> np.ndarray:
    """Uniform spins, int8, shape (particles, n_sites)."""
    spins = generator(seed, key).integers(0, 2, size=(particles, model.n_sites), dtype=np.int8)
    spins *= 2
    spins -= 1
    return spins


def sweep_cost(model: IsingModel, kernel: str, particles: int) -> float:
    """Nanoseconds of a sweep of one particle, with what a call costs."""
    load = Load(particles, 1)
    groups = math.ceil(particles / (512 if kernel == "bit-lane" else 64 if kernel == "float-lane" else 1))
    return get_kernel(kernel).cost(model, load) * model.n_sites + 1e5 * groups / particles
