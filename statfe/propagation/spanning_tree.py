"""A spanning forest of the strongest pairs, and the paths in it that close rings with the pairs left out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from statfe.junction.subgraph import strongest_tree
from statfe.models.ising import IsingModel
from statfe.trials.forest import Forest


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
    J = model.pairs[2]
    return strongest_tree(model, np.lexsort((np.arange(len(J)), -np.abs(J), -np.round(weights, 9))))


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
    forest = Forest.of(model, taken)
    above, depth = forest.parents.tolist(), forest.depths.tolist()
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
        taken=taken, order=forest.order, parent=forest.parents, own=forest.bonds, node_ptr=counts,
        path=np.array(path, dtype=np.int64), edge_ptr=counts - np.arange(len(counts)),
        edges=np.array(edges, dtype=np.int64))
