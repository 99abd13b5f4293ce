"""Reads in bit lanes: 64 a word, for couplings and fields that are multiples of one J."""

from __future__ import annotations

import numpy as np

from statfe.kernels.bit_anneal import anneal_words, quench_words, random_words, satisfied_bonds
from statfe.kernels.bit_lanes import V
from statfe.kernels.tempering import METROPOLIS
from statfe.models.ising import IsingModel
from statfe.sampling.bit_graph import bit_graph, obstacle
from statfe.sampling.bit_thresholds import codes_of, thresholds_of
from statfe.search.reads import Batch, Kernel, unit_streams
from statfe.search.schedule import Schedule

#: Words of one vector: fewer take longer, for lack of vector code.
VECTOR = 8


class BitKernel(Kernel):
    """The layout of the graph, and the probabilities of each step: by alternation of the rule, step, kind of site."""

    largest = 2 * VECTOR

    def __init__(self, model: IsingModel, schedule: Schedule) -> None:
        self.model, self.graph, self.steps = model, bit_graph(model), schedule.steps
        thresholds = thresholds_of(model, self.graph, METROPOLIS, schedule.betas)
        codes = codes_of(thresholds, model, METROPOLIS, schedule.betas)
        self.codes = np.ascontiguousarray(codes.transpose(0, 2, 1))
        self.thresholds = np.ascontiguousarray(thresholds.transpose(0, 2, 1, 3))[:, :, :, None, :]
        self.kinds = tuple(range(self.graph.even)), tuple(range(self.graph.odd))
        self.bonds = self.graph.signs[:, None], self.graph.nbr, self.graph.first, self.graph.is_odd

    @staticmethod
    def obstacle(model: IsingModel) -> str:
        """As for bit lanes; a model without couplings and fields has no unit."""
        return obstacle(model) or ("" if len(model.indices) or model.has_fields else "there is nothing to anneal")

    @staticmethod
    def cost(model: IsingModel, reads: int) -> float:
        """One look at a vector of eight words costs the same however many lanes are used."""
        vectors = -(-reads // (64 * VECTOR))
        return (60.0 + 45.0 * vectors) / reads

    def batch(self, units: range, seed: int) -> Batch:
        """At most V words."""
        return BitBatch(self, units, seed)


class BitBatch(Batch):
    """Words that are updated together, all at one beta."""

    def __init__(self, kernel: BitKernel, units: range, seed: int) -> None:
        # Whole vectors: beyond `units` there are reads of which nothing is kept.
        self.kernel, self.lanes, self.width = kernel, 64 * len(units), VECTOR * -(-len(units) // VECTOR)
        n = kernel.model.n_sites
        self.words = np.zeros((n + 1, V), dtype=np.uint64)
        self.words[n] = ~np.uint64(0)
        states = np.zeros((4, V), dtype=np.uint64)
        states[:, :self.width] = unit_streams(seed, range(units.start, units.start + self.width))[:, 0].T
        self.states = states.ravel()
        random_words(n, self.width, self.words, self.states)

    def anneal(self, first: int, last: int) -> None:
        """Sweeps at one beta for all lanes."""
        k = self.kernel
        anneal_words(*k.kinds, self.width, first, k.steps[first:last], k.codes, k.thresholds, self.words, *k.bonds,
                     self.states)

    def quench(self) -> None:
        """Without random numbers."""
        quench_words(*self.kernel.kinds, self.width, self.words, *self.kernel.bonds)

    def energies(self) -> np.ndarray:
        """Multiples of J, counted: E = -J (2 satisfied - terms)."""
        graph = self.kernel.graph
        counts = satisfied_bonds(self.width, graph.terms, self.words, self.kernel.bonds[0], graph.sixes)
        return self.kernel.model.offset - graph.J * (2.0 * counts[:self.lanes] - graph.terms)

    def spins(self, reads: np.ndarray) -> np.ndarray:
        """Bits of some lanes."""
        words = self.words[:self.kernel.model.n_sites, reads // 64].T
        up = (words >> (reads % 64).astype(np.uint64)[:, None]) & np.uint64(1)
        return (2 * up.astype(np.int8) - 1).astype(np.int8)
