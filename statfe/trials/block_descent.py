"""The Gibbs-Bogoliubov bound of a trial on given blocks, and descents on it.

Each block is exact inside and feels the means of the others,

    x_i = beta (h_i + sum over the sites j of other blocks J_ij m_j),      m = means of q(s; x),                 (1)

beta_f[q] = sum_i (x_i - beta h_i) m_i - beta sum_(between blocks) J_ij m_i m_j - sum_blocks ln Z_block(x).       (2)

Setting (1) for one block minimises (2) over all laws of its spins, given the others': a sweep never raises the bound,
whatever the signs of J.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from statfe.junction.orders import order_by
from statfe.junction.plan import lay_out
from statfe.kernels.block_trial import sweep_blocks
from statfe.models.ising import IsingModel
from statfe.trials.blocks import BlockTrial
from statfe.variational.fixed_point import solve_fixed_point
from statfe.variational.mean_field import MEMORY, attainable
from statfe.variational.solutions import Solution, Start

#: Table entries of all blocks, at most, and the width: a sweep takes some 20 ns for each entry.
MOST_ENTRIES, MOST_WIDTH = 2**22, 18


class BlockLayout:
    """Blocks of a model with their tables, for every beta.

    Attributes
    ----------
    labels
        Block of each site; int64, shape (n_sites,).
    between, within
        The model's bonds between blocks and within them, without fields.
    order
        In which the sites are summed out; None where a table would be too wide.
    """

    def __init__(self, model: IsingModel, labels: np.ndarray) -> None:
        self.model, self.labels = model, labels
        i, j, J = model.pairs
        inside = labels[i] == labels[j]
        self.between = IsingModel.from_edges(model.n_sites, i[~inside], j[~inside], J[~inside])
        self.within = IsingModel.from_edges(model.n_sites, i[inside], j[inside], J[inside])
        self.order = order_by(self.within, "min-fill", np.arange(model.n_sites), MOST_WIDTH)[0]

    @property
    def obstacle(self) -> str:
        """Why the tables are too large; "" where they are not."""
        if self.order is not None and self.order.work <= MOST_ENTRIES:
            return ""
        return (
            f"the tables of its blocks have more than 2^{MOST_WIDTH} entries each, or {MOST_ENTRIES:.0e} in all; "
            "take a smaller block")

    @cached_property
    def tables(self) -> tuple[Any, ...]:
        """Arguments of `sweep_blocks` from `firsts` to `most_kept`, with J in place of beta J."""
        assert self.order is not None, "refused before"
        tree = lay_out(self.within, self.order)
        n = len(tree.sites)
        # a block is connected, so its sites are neighbours in the order, and its root is its last
        stops = np.flatnonzero(tree.parents < 0) + 1
        firsts = np.concatenate([[0], stops])
        start = np.repeat(firsts[:-1], np.diff(firsts))
        rows = np.concatenate([np.arange(a, b + 1) for a, b in zip(firsts[:-1], stops, strict=True)])
        base = np.repeat(firsts[:-1], np.diff(firsts) + 1)
        owner = np.repeat(np.arange(n), np.diff(tree.ptr))
        bond_owner = np.repeat(np.arange(n), np.diff(tree.bond_ptr))
        parent_of = tree.parents[tree.children]
        begin = np.stack([firsts + np.arange(len(firsts)), *(p[firsts] for p in (
            tree.ptr, tree.bond_ptr, tree.child_ptr))])
        kept = tree.kept_ptr[rows] - tree.kept_ptr[base]
        return (
            firsts, tree.sites, begin, tree.ptr[rows] - tree.ptr[base], tree.separators - start[owner],
            tree.bond_ptr[rows] - tree.bond_ptr[base], tree.bond_to - start[bond_owner], tree.bond_weights,
            tree.child_ptr[rows] - tree.child_ptr[base], tree.children - start[parent_of], tree.slots, kept,
            tree.room, int(kept.max(initial=0)))


class BlockBound:
    """The bound (2) at one beta; a state is x, shape (n_sites,)."""

    def __init__(self, layout: BlockLayout, beta: float) -> None:
        self.layout, self.model, self.beta = layout, layout.model, beta
        self.fields = beta * self.model.fields
        tables = list(layout.tables)
        tables[7] = beta * tables[7]
        between = layout.between
        self.arguments = (between.indptr, between.indices, beta * between.weights, self.fields, *tables)

    def trial(self, x: np.ndarray) -> BlockTrial:
        """The trial of a state."""
        return BlockTrial(self.model, self.beta, self.layout.labels, x)

    def at(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        """The bound (2) and the means."""
        means = np.empty(self.model.n_sites)
        log_norm = sweep_blocks(False, *self.arguments, x.copy(), means)
        i, j, J = self.layout.between.pairs
        pull = self.beta * float(np.dot(J, means[i] * means[j]))
        return float(np.dot(x - self.fields, means)) - pull - float(log_norm), means

    def value(self, x: np.ndarray) -> float:
        """The bound (2)."""
        return self.at(x)[0]

    def from_means(self, means: np.ndarray) -> np.ndarray:
        """The state after one sweep of (1) over the blocks, which feel `means` until their own are known."""
        x, means = np.empty(self.model.n_sites), means.copy()
        sweep_blocks(True, *self.arguments, x, means)
        return x

    def swept(self, x: np.ndarray) -> np.ndarray:
        """The state after one sweep of (1)."""
        return self.from_means(self.at(x)[1])


def descend_blocks(
    layout: BlockLayout, beta: float, start: Start, *, iterations: int = 5000, tolerance: float = 1e-12, **driver: Any
) -> Solution:
    """Follow the bound down from the means in `start`; `driver` is handed to `solve_fixed_point`."""
    bound = BlockBound(layout, beta)
    point = solve_fixed_point(
        bound.swept, bound.from_means(start.x), memory=MEMORY, iterations=start.limit(iterations),
        tolerance=attainable(tolerance, layout.model, beta), merit=bound.value, **driver)
    value, means = bound.at(point.x)
    return Solution(value, means, point, start.name)
