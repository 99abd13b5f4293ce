"""Reads of any model: 64 in the float lanes of a tile, or one by one where they are few or have many neighbours."""

from __future__ import annotations

import numpy as np

from statfe.kernels.anneal import anneal_chain, anneal_tile, quench_chain, random_spins, random_tile, unpack_tile
from statfe.kernels.float_lane import STREAMS
from statfe.kernels.lane_vectors import LANES
from statfe.kernels.single_spin import state_energy
from statfe.models.ising import IsingModel
from statfe.sampling.banks.float_lane import lane_graph, lane_scales
from statfe.search.reads import Batch, Kernel, unit_streams
from statfe.search.schedule import Schedule


def least_changes(model: IsingModel) -> np.ndarray:
    """Changes of energy below what rounding can make, by site: 1e-12 of the largest change."""
    return 2e-12 * (abs(model.adjacency) @ np.ones(model.n_sites) + np.abs(model.fields))


class ChainKernel(Kernel):
    """One chain at a time, with its local fields kept: a spin that stays costs little more than a look."""

    lanes = 1

    def __init__(self, model: IsingModel, schedule: Schedule) -> None:
        self.model = model
        self.betas = schedule.betas[schedule.steps]
        self.graph: tuple[np.ndarray, ...] = model.indptr, model.indices, model.weights, model.fields
        self.least = least_changes(model)

    @staticmethod
    def cost(model: IsingModel, reads: int) -> float:
        """Every flip visits all neighbours; about a fifth of the spins flip."""
        return 6.0 + 0.2 * len(model.indices) / model.n_sites

    def batch(self, units: range, seed: int) -> Batch:
        """A row a unit."""
        return ChainBatch(self, units, seed)


class LaneKernel(ChainKernel):
    """Tiles of 64 chains, in float32 with a verdict in double precision."""

    lanes = LANES

    def __init__(self, model: IsingModel, schedule: Schedule) -> None:
        super().__init__(model, schedule)
        self.scales, self.doubts = lane_scales(model, self.betas)
        self.graph = lane_graph(model)

    @staticmethod
    def cost(model: IsingModel, reads: int) -> float:
        """A sweep of a tile costs the same however many of its lanes are used."""
        filled = reads / (LANES * -(-reads // LANES))
        return (0.55 + 0.075 * len(model.indices) / model.n_sites) / filled

    def batch(self, units: range, seed: int) -> Batch:
        """A tile a unit."""
        return LaneBatch(self, units, seed)


class ChainBatch(Batch):
    """int8 spins, a row a read."""

    def __init__(self, kernel: ChainKernel, units: range, seed: int) -> None:
        self.kernel = kernel
        self.rows = np.empty((kernel.lanes * len(units), kernel.model.n_sites), dtype=np.int8)
        self.states = self._begin(units, seed)

    def _begin(self, units: range, seed: int) -> np.ndarray:
        states = unit_streams(seed, units)[:, 0].copy()
        for row, state in zip(self.rows, states, strict=True):
            random_spins(row, state)
        return states

    def anneal(self, first: int, last: int) -> None:
        """Chain by chain."""
        for row, state in zip(self.rows, self.states, strict=True):
            anneal_chain(first, self.kernel.betas[first:last], row, *self.kernel.graph, state)

    def quench(self) -> None:
        """In double precision, read by read."""
        for row in self.rows:
            quench_chain(self.kernel.least, row, *self.kernel.graph[:4])

    def energies(self) -> np.ndarray:
        """From the definition, term by term in one order."""
        offset = self.kernel.model.offset
        return np.array([offset + state_energy(row, *self.kernel.graph[:4])[0] for row in self.rows])

    def spins(self, reads: np.ndarray) -> np.ndarray:
        """Rows."""
        return self.rows[reads]


class LaneBatch(ChainBatch):
    """Tiles of spins as bits, unpacked for the quench."""

    kernel: LaneKernel

    def _begin(self, units: range, seed: int) -> np.ndarray:
        self.tiles = np.empty((len(units), self.kernel.model.n_sites), dtype=np.uint64)
        states = unit_streams(seed, units, STREAMS).transpose(0, 2, 1).reshape(len(units), -1)
        for tile, own in zip(self.tiles, states, strict=True):
            random_tile(tile, own)
        return states

    def anneal(self, first: int, last: int) -> None:
        """Tile by tile."""
        k, part = self.kernel, slice(first, last)
        for tile, own in zip(self.tiles, self.states, strict=True):
            anneal_tile(first, k.betas[part], k.scales[part], k.doubts[part], tile, own, *k.graph)

    def quench(self) -> None:
        """In double precision, read by read."""
        for k, tile in enumerate(self.tiles):
            unpack_tile(tile, LANES, self.rows[LANES * k:LANES * (k + 1)])
        super().quench()
