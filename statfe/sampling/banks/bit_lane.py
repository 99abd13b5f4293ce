"""64 chains a word, for couplings and fields that are multiples of one J (`statfe.kernels.bit_lanes`)."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from statfe.errors import UsageError
from statfe.kernels.bit_ladder import FEW, run_lanes
from statfe.kernels.bit_lanes import V
from statfe.kernels.bit_measure import pack, unpack
from statfe.kernels.bit_overlap import add_differences
from statfe.kernels.bit_vectors import WORDS
from statfe.kernels.lane_gather import gather_lanes
from statfe.models.ising import IsingModel
from statfe.random import streams
from statfe.sampling.bank import CHAIN_KEY, Bank, Block, Kernel, Load
from statfe.sampling.bit_graph import bit_graph, obstacle
from statfe.sampling.bit_thresholds import codes_of, thresholds_of
from statfe.sampling.starts import start_of

if TYPE_CHECKING:
    from statfe.sampling.plan import Plan

#: Most lanes of a group of more than one replica: what one call updates at once.
GROUP_LANES = 64 * V


class BitLaneBank(Bank):
    """Groups of whole replicas, about `GROUP_LANES` lanes each; lane r C + c of a group is chain c of its replica r.

    Parameters
    ----------
    model, plan
        As for every bank.
    disorder
        Models with the same graph and other signs of the couplings, one a replica, instead of `model`.
    """

    def __init__(self, model: IsingModel, plan: Plan, disorder: Sequence[IsingModel] | None = None) -> None:
        C = plan.chains
        size = max(2, GROUP_LANES // C // 2 * 2)
        count = -(-plan.replicas // size)
        # Even groups, so that pairs of replicas, whose overlaps are measured, lie in one.
        edges = np.linspace(0, -(-plan.replicas // 2), count + 1).astype(int) * 2
        edges[-1] = plan.replicas
        super().__init__(model, plan, [range(a, b) for a, b in itertools.pairwise(edges)])
        self.graph = bit_graph(model)
        if disorder is not None and len(disorder) != plan.replicas:
            raise UsageError(f"{len(disorder)} disorder samples for {plan.replicas} replicas; give one each")
        self.variant = (0,) * self.graph.even, (0,) * self.graph.odd, (0,) * (disorder is not None)
        self.thresholds = thresholds_of(model, self.graph, plan.sampler.rule, plan.ladder.betas)
        self.codes = codes_of(self.thresholds, model, plan.sampler.rule, plan.ladder.betas)
        self.states, self.words, self.signs = [], [], []
        for number, group in enumerate(self.groups):
            slabs = -(-len(group) * C // (64 * V))
            self.states.append(streams(plan.seed, slabs * V, (CHAIN_KEY, number)).reshape(slabs, V, 4).transpose(
                0, 2, 1).reshape(slabs, 4 * V).copy())
            words = np.zeros((slabs, model.n_sites + 1, V), dtype=np.uint64)
            words[:, model.n_sites] = ~np.uint64(0)
            for k, replica in enumerate(group):
                own = model if disorder is None else disorder[replica]
                self._pack(words, start_of(own, plan, replica), k * C)
            self.words.append(words)
            self.signs.append(self._signs(group, slabs, disorder))

    def _signs(self, group: range, slabs: int, disorder: Sequence[IsingModel] | None) -> np.ndarray:
        if disorder is None:
            return self.graph.signs[None, :, None]
        signs = np.zeros((slabs, len(self.graph.signs), V), dtype=np.uint64)
        for k, replica in enumerate(group):
            other = disorder[replica]
            if obstacle(other) or not bit_graph(other).same_graph(self.graph):
                raise UsageError(f"{other.spec} has another graph or another J than {self.model.spec}")
            one = np.where(bit_graph(other).signs != 0, 1, -1).astype(np.int8)
            self._pack(signs, np.repeat(one[None, :], self.plan.chains, axis=0), k * self.plan.chains)
        return signs

    def _pack(self, words: np.ndarray, spins: np.ndarray, lane: int) -> None:
        """Chains into lanes `lane`, `lane` + 1, ..., which may lie in several slabs."""
        for c in range(0, len(spins)):
            slab, rest = divmod(lane + c, 64 * V)
            pack(spins[c:c + 1], rest, words[slab])

    def advance(self, group: int, block: Block, energy: np.ndarray, magnetization: np.ndarray) -> None:
        """Run one block of one group."""
        plan, replicas = self.plan, self.groups[group]
        R, C = len(replicas), plan.chains
        here = slice(replicas.start, replicas.stop)
        draws = 0 if block.rows is None else block.sweeps // plan.thin
        # One row more than there are replicas: rows a power of two apart would share few lines of the cache.
        e, m = np.empty((draws, R + 1, C)), np.empty((draws, R + 1, C), dtype=np.int32)
        lane_rung = np.zeros(64 * V * len(self.words[group]), dtype=np.int64)
        if block.step is None:
            lane_rung[: R * C] = self.rung_of[here].ravel()
        else:
            lane_rung[:R] = self.places(block, replicas)
        thin = plan.thin if block.rows is not None else block.sweeps + 1
        g = self.graph
        run_lanes(
            *self.variant, block.first_sweep, block.sweeps, thin, C > 1, g.J, g.terms, plan.ladder.betas,
            self.model.n_sites, self.words[group], self.signs[group], g.nbr, g.first, g.is_odd, g.sixes,
            self.states[group], self.codes, self.thresholds, lane_rung, self.rung_of[here], self.chain_at[here],
            self.swap_states[here], e, m, self.exchanges[here])
        if block.rows is None:
            return
        if block.step is None:
            energy[here, block.rows] = e[:, :R].transpose(1, 0, 2)
            magnetization[here, block.rows] = m[:, :R].transpose(1, 0, 2)
            return
        k = np.arange(R)
        energy[here, block.rows][k, :, lane_rung[:R]] = e[:, :R, 0].T
        magnetization[here, block.rows][k, :, lane_rung[:R]] = m[:, :R, 0].T

    def spins(self, replica: int) -> np.ndarray:
        """Spins of one replica, unpacked."""
        group = next(k for k, g in enumerate(self.groups) if replica in g)
        first = (replica - self.groups[group].start) * self.plan.chains
        out = np.empty((self.plan.chains, self.model.n_sites), dtype=np.int8)
        for c in range(len(out)):
            slab, lane = divmod(first + c, 64 * V)
            unpack(self.words[group][slab], lane, out[c:c + 1])
        return out

    def resample(self, parents: np.ndarray) -> None:
        """Copy lanes, also from group to group."""
        slabs = np.concatenate([[0], np.cumsum([len(words) for words in self.words])])
        group = np.repeat(np.arange(len(self.groups)), [len(g) for g in self.groups])
        lane = np.concatenate([np.arange(len(g)) for g in self.groups])
        old = np.concatenate(self.words)
        new = np.zeros_like(old)
        new[:, -1] = old[:, -1]
        gather_lanes(old, self.model.n_sites, slabs[group] + lane // (64 * V), lane // 64 % V, lane % 64, parents, new)
        for k, words in enumerate(self.words):
            words[...] = new[slabs[k]:slabs[k + 1]]

    def overlaps(self) -> np.ndarray:
        """Overlaps of pairs of replicas; those in one group are compared without unpacking."""
        C, n = self.plan.chains, self.model.n_sites
        out = np.empty((self.plan.replicas // 2, C))
        for group, words in zip(self.groups, self.words, strict=True):
            pairs = [r for r in group if r % 2 == 0 and r + 1 in group]
            first = np.array([(r - group.start) * C + self.chain_at[r] for r in pairs], dtype=np.int64)
            second = np.array([(r + 1 - group.start) * C + self.chain_at[r + 1] for r in pairs], dtype=np.int64)
            differences = np.empty(first.size, dtype=np.int64)
            add_differences(words, n, first.ravel(), second.ravel(), differences)
            out[[r // 2 for r in pairs]] = 1.0 - 2.0 * differences.reshape(-1, C) / n
        return out

    def own_state(self) -> dict[str, np.ndarray]:
        """Words and streams of every group."""
        return {f"{name}-{k}": a for name in ("words", "states") for k, a in enumerate(getattr(self, name))}


def _cost(model: IsingModel, load: Load) -> float:
    """A word costs the same however many of its lanes are in use, a vector whatever its words; measured on Zen 4."""
    lanes = min(load.replicas, max(1, GROUP_LANES // load.chains)) * load.chains
    words = min(V, -(-lanes // 64))
    site = 10.0 + 31.0 * words if words <= FEW else 45.0 + 36.0 * -(-words // WORDS)
    return site / min(lanes, 64 * V)


def _bytes(model: IsingModel, load: Load) -> float:
    """All slabs, which whole replicas need not fill, and the lists of neighbours and bonds."""
    size = max(1, GROUP_LANES // load.chains)
    slabs = -(-load.replicas // size) * -(-size * load.chains // GROUP_LANES)
    # And the starts of one replica, as int8.
    return 8.0 * (model.n_sites + 1) * V * slabs + 40.0 * len(model.indices) + 2.0 * model.n_sites * load.chains


KERNEL = Kernel(
    name="bit-lane", summary="couplings and fields that are multiples of one J, at most 8 J a site: 64 chains a word",
    samplers=("metropolis", "gibbs"), make=BitLaneBank, obstacle=obstacle, cost=_cost,
    bytes=_bytes, setup=5.0e8)
