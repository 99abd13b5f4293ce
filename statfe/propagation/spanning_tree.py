"""A spanning forest of the strongest pairs, and the paths in it that close rings with the pairs left out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from statfe.kernels.tree import forest_order
from statfe.models.ising import IsingModel


def mutual_information(model: IsingModel, beta: float) -> np.ndarray:
    """Of each coupled pair alone, in its own fields, in nats; shape (n_pairs,)."""
    i, j, J = model.pairs
    h, spins = beta * model.fields, np.array([1.0, -1.0])
    logs = (beta * J[:, None, None] * np.outer(spins, spins) + h[i][:, None, None] * spins[:, None]
            + h[j][:, None, None] * spins)
    logs = logs - logs.max(axis=(1, 2), keepdims=True)
    p = np.exp(logs)
    p /= p.sum(axis=(1, 2), keepdims=True)
    apart = p.sum(axis=2, keepdims=True) * p.sum(axis=1, keepdims=True)
    ratio = np.divide(p, apart, out=np.ones_like(p), where=(p > 0.0) & (apart > 0.0))
    return np.asarray(np.sum(p * np.log(ratio), axis=(1, 2)))


def strongest_forest(model: IsingModel, weights: np.ndarray) -> np.ndarray:
    """Which coupled pairs make the spanning forest of largest weight; ties go to larger abs(J), then to the first.

    Weights count to 9 digits, so that rounding decides nothing.
    """
    i, j, J = model.pairs
    taken = np.zeros(len(J), dtype=bool)
    root = np.arange(model.n_sites).tolist()

    def find(v: int) -> int:
        while root[v] != v:
            root[v] = root[root[v]]
            v = root[v]
        return v

    for k in np.lexsort((np.arange(len(J)), -np.abs(J), -np.round(weights, 9))).tolist():
        a, b = find(int(i[k])), find(int(j[k]))
        if a != b:
            root[b] = a
            taken[k] = True
    return taken


@dataclass(frozen=True, eq=False)
class Rings:
    """A rooted spanning forest, and the path between the ends of each pair left out.

    Attributes
    ----------
    taken
        Which of the model's pairs are in the forest, bool.
    order, parent, own
        Sites, each after its parent; the parent of each site, -1 for a root; the number of the pair that joins the
        two, -1 for a root. int64.
    node_ptr, path, edge_ptr, edges
        Rows of the pairs left out: sites of the path, and for each edge of it the site at its lower end; int64.
    """

    taken: np.ndarray
    order: np.ndarray
    parent: np.ndarray
    own: np.ndarray
    node_ptr: np.ndarray
    path: np.ndarray
    edge_ptr: np.ndarray
    edges: np.ndarray

    @cached_property
    def left_out(self) -> np.ndarray:
        """Numbers of the pairs left out."""
        return np.flatnonzero(~self.taken)

    @property
    def are_apart(self) -> bool:
        """Whether no two rings share an edge."""
        return len(np.unique(self.edges)) == len(self.edges)


def rings(model: IsingModel, taken: np.ndarray) -> Rings:
    """The forest of the pairs `taken`, and its rings."""
    i, j = model.pairs[:2]
    n = model.n_sites
    forest = IsingModel.from_edges(n, i[taken], j[taken], np.ones(int(taken.sum())))
    order, slot = np.empty(n, dtype=np.int64), np.empty(n, dtype=np.int64)
    forest_order(forest.indptr, forest.indices, order, slot)
    parent = np.where(slot >= 0, np.append(forest.indices, 0)[slot], -1).astype(np.int64)
    numbers = {(a, b): k for k, (a, b) in enumerate(zip(i.tolist(), j.tolist(), strict=True))}
    above = parent.tolist()
    own = np.array([numbers[min(v, p), max(v, p)] if p >= 0 else -1 for v, p in enumerate(above)], dtype=np.int64)
    depth = [0] * n
    for v in order.tolist():
        depth[v] = depth[above[v]] + 1 if above[v] >= 0 else 0
    path: list[int] = []
    edges: list[int] = []
    node_ptr = [0]
    for k in np.flatnonzero(~taken).tolist():
        left, right = [int(i[k])], [int(j[k])]
        while left[-1] != right[-1]:
            side = left if depth[left[-1]] >= depth[right[-1]] else right
            side.append(above[side[-1]])
        path += [*left, *right[-2::-1]]
        edges += [*left[:-1], *right[-2::-1]]
        node_ptr.append(len(path))
    counts = np.array(node_ptr, dtype=np.int64)
    return Rings(
        taken=taken, order=order, parent=parent, own=own, node_ptr=counts, path=np.array(path, dtype=np.int64),
        edge_ptr=counts - np.arange(len(counts)), edges=np.array(edges, dtype=np.int64))
