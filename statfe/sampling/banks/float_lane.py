"""The kernel for any couplings: 64 chains at once, spins as bits, local fields as floats with a verdict in double."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from statfe.kernels.float_lane import STREAMS, run_tiles
from statfe.kernels.lane_gather import gather_lanes
from statfe.kernels.lane_vectors import CHUNK, LANES
from statfe.models.ising import IsingModel
from statfe.random import streams
from statfe.sampling.bank import CHAIN_KEY, Bank, Block, Kernel, Load
from statfe.sampling.samplers import rules_at
from statfe.sampling.starts import start_of

if TYPE_CHECKING:
    from statfe.sampling.plan import Plan

#: Beyond one tile a group grows until this share of its lanes has a chain, up to `MAX_LANES`.
FULL, MAX_LANES = 0.85, 256


def group_size(load: Load) -> int:
    """Replicas of one group: the fewest that fill their lanes well, so that there is work for every thread."""
    best, best_share = 1, 0.0
    for size in range(1, min(load.replicas, max(1, MAX_LANES // load.chains)) + 1):
        if best_share >= FULL and size * load.chains > LANES:
            break
        share = size * load.chains / (LANES * tiles_of(size * load.chains))
        if share > best_share + 1e-9:
            best, best_share = size, share
    return best


def tiles_of(chains: int) -> int:
    """Tiles that hold so many chains."""
    return -(-chains // LANES)


def all_tiles(load: Load) -> int:
    """Tiles of all groups; the last one may have fewer replicas."""
    size = group_size(load)
    whole, rest = divmod(load.replicas, size)
    return whole * tiles_of(size * load.chains) + tiles_of(rest * load.chains)


def reach(model: IsingModel) -> float:
    """The largest possible local field, max_i (|h_i| + sum_j |J_ij|)."""
    return float(np.max(abs(model.adjacency) @ np.ones(model.n_sites) + np.abs(model.fields), initial=0.0))


def lane_scales(model: IsingModel, betas: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """-2 beta log2(e) in the kernel's unit of energy, and the bound of the relative error of exp; float32.

    See `kernels/float_lane.py` for the bound.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        scale = 2.0 * betas * np.log2(np.e) * _unit(model)
        degree = int(model.degrees.max(initial=0))
        roundings = min(degree, CHUNK) + degree / CHUNK + 2
        bound = 2.0**-16 + scale * (reach(model) / _unit(model)) * (roundings + 2) * 2.0**-20
        return (-scale).astype(np.float32), np.where(bound <= 0.25, bound, np.inf).astype(np.float32)


def lane_graph(model: IsingModel) -> tuple[np.ndarray, ...]:
    """Adjacency and fields, and what float32 sees of them in its unit: h_i - sum_j J_ij and 2 J."""
    total = model.adjacency @ np.ones(model.n_sites)
    unit = _unit(model)
    return (model.indptr, model.indices, model.weights, model.fields,
            ((model.fields - total) / unit).astype(np.float32), (2.0 * (model.weights / unit)).astype(np.float32))


def _unit(model: IsingModel) -> float:
    """A power of two near the largest local field: in it no float32 overflows, and none that matters underflows."""
    return float(np.ldexp(1.0, int(np.clip(np.frexp(reach(model))[1], -1000, 1000))))


class FloatLaneBank(Bank):
    """Groups of whole replicas; their chains, in order, are the lanes of one or more tiles."""

    def __init__(self, model: IsingModel, plan: Plan) -> None:
        size = group_size(plan.load)
        groups = [range(r, min(r + size, plan.replicas)) for r in range(0, plan.replicas, size)]
        super().__init__(model, plan, groups)
        betas = plan.ladder.betas
        self.rules = rules_at(plan.sampler.rule, model, betas)
        self.scales, self.doubts = lane_scales(model, betas)
        self.graph, self.pairs = lane_graph(model), _pairs(model)
        self.tiles = [tiles_of(len(group) * plan.chains) for group in groups]
        self.first = np.concatenate([[0], np.cumsum(self.tiles)])
        self.words = np.concatenate([self._start(group) for group in groups])
        self.states = np.concatenate([
            streams(plan.seed, STREAMS * tiles, (CHAIN_KEY, g)).reshape(tiles, STREAMS, 4).transpose(0, 2, 1)
            for g, tiles in enumerate(self.tiles)]).reshape(-1, 4 * STREAMS).copy()
        #: Decisions that needed double precision, by group.
        self.settled = np.zeros(len(groups), dtype=np.int64)

    def _start(self, group: range) -> np.ndarray:
        words = np.zeros((tiles_of(len(group) * self.plan.chains), self.model.n_sites), dtype=np.uint64)
        lane = 0
        for r in group:
            for row in start_of(self.model, self.plan, r):
                words[lane // LANES] |= (row > 0).astype(np.uint64) << np.uint64(lane % LANES)
                lane += 1
        return words

    def advance(self, group: int, block: Block, energy: np.ndarray, magnetization: np.ndarray) -> None:
        """Run one block of one group."""
        plan, members = self.plan, self.groups[group]
        place = (np.tile(np.arange(plan.n_rungs), len(members)) if block.step is None
                 else self.places(block, members))
        draws = 0 if block.rows is None else block.sweeps // plan.thin
        e = np.empty((len(members), draws, plan.chains))
        mag = np.empty(e.shape, dtype=np.int64)
        own, mine = slice(self.first[group], self.first[group + 1]), slice(members.start, members.stop)
        self.settled[group] += run_tiles(
            block.first_sweep, block.sweeps, plan.thin if block.rows is not None else block.sweeps + 1,
            plan.chains > 1, plan.chains, plan.ladder.betas[place], self.rules[place], self.scales[place],
            self.doubts[place], self.rung_of[mine], self.chain_at[mine], self.words[own], self.states[own], self.graph,
            self.pairs, self.swap_states[mine], e, mag, self.exchanges[mine])
        if block.rows is not None:
            if block.step is None:
                energy[mine, block.rows], magnetization[mine, block.rows] = e, mag
                return
            k = np.arange(len(members))
            energy[mine, block.rows][k, :, place] = e[:, :, 0]
            magnetization[mine, block.rows][k, :, place] = mag[:, :, 0]

    def spins(self, replica: int) -> np.ndarray:
        """Spins of one replica."""
        size, chains = len(self.groups[0]), self.plan.chains
        lanes = (replica % size) * chains + np.arange(chains)
        words = self.words[self.first[replica // size] + lanes // LANES]
        bits = (words >> (lanes % LANES).astype(np.uint64)[:, None]) & np.uint64(1)
        return (2 * bits.astype(np.int8) - 1).astype(np.int8)

    def resample(self, parents: np.ndarray) -> None:
        """Copy lanes, also from group to group."""
        size = len(self.groups[0])
        lane = np.arange(self.plan.replicas) % size
        tile = self.first[np.arange(self.plan.replicas) // size] + lane // LANES
        new = np.zeros_like(self.words)
        gather_lanes(self.words[:, :, None], self.model.n_sites, tile, np.zeros_like(tile), lane % LANES, parents,
                     new[:, :, None])
        self.words[...] = new

    def own_state(self) -> dict[str, np.ndarray]:
        """Spins and streams."""
        return {"words": self.words, "states": self.states, "settled": self.settled}


def _pairs(model: IsingModel) -> tuple:
    rows, cols, J = model.pairs
    fields = -2.0 * model.fields if model.has_fields else np.empty(0)
    lowest = float(model.fields.sum() - J.sum())
    return rows, cols, 2.0 * J, fields, lowest, np.full(model.n_sites, 2.0)


def _cost(model: IsingModel, load: Load) -> float:
    """A sweep of a tile costs the same however many of its lanes have a chain."""
    filled = load.total / (LANES * all_tiles(load))
    per_lane = 0.5 + 0.075 * len(model.indices) / model.n_sites + 20.0 / model.n_sites
    return per_lane / filled


def _bytes(model: IsingModel, load: Load) -> float:
    # Spins as bits; beside them the pairs and the float32 weights.
    return 8.0 * all_tiles(load) * model.n_sites + 36.0 * model.n_sites + 12.0 * len(model.indices)


KERNEL = Kernel(
    name="float-lane", summary="any model; 64 chains at once, floats with a verdict in double precision",
    samplers=("metropolis", "gibbs"), make=FloatLaneBank, obstacle=lambda model: "", cost=_cost, bytes=_bytes,
    setup=5.0e8)
