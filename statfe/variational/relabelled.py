"""Large sparse graphs with their sites renumbered, so that neighbours lie close in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import scipy.sparse.csgraph

from statfe.models.ising import IsingModel
from statfe.models.structure import per_model
from statfe.variational.solutions import Solution, Start

#: From this many sites on, their state no longer fits the fast part of the cache.
LARGE = 100_000
#: Rows longer than this are read in a stream anyway.
LONG_ROWS = 50


class Relabelled(NamedTuple):
    """The same model, and the old number of each new site, int64, shape (n_sites,)."""

    model: IsingModel
    order: np.ndarray

    def back(self, values: np.ndarray) -> np.ndarray:
        """An array over the new sites in the old order."""
        out = np.empty_like(values)
        out[self.order] = values
        return out


def worth_relabelling(model: IsingModel) -> bool:
    """Whether sweeps over `model` would wait for memory."""
    return model.n_sites >= LARGE and len(model.indices) <= LONG_ROWS * model.n_sites


@per_model
def relabelled(model: IsingModel) -> Relabelled:
    """`model` by reverse Cuthill-McKee: in a random graph half of all neighbours are then read in a stream."""
    order = scipy.sparse.csgraph.reverse_cuthill_mckee(model.adjacency, symmetric_mode=True).astype(np.int64)
    rank = np.empty(model.n_sites, dtype=np.int64)
    rank[order] = np.arange(model.n_sites)
    i, j, J = model.pairs
    low, high = np.minimum(rank[i], rank[j]), np.maximum(rank[i], rank[j])
    return Relabelled(
        IsingModel.from_edges(model.n_sites, low, high, J, model.fields[order], spec=model.spec), order)


def on_relabelled(
    model: IsingModel, start: Start, solve: Callable[[IsingModel, Start], Solution]
) -> Solution:
    """`solve` on the renumbered model, with start and solution carried over."""
    other = relabelled(model)
    found = solve(other.model, start._replace(x=start.x[other.order]))
    return replace(found, means=other.back(found.means), point=replace(found.point, x=other.back(found.point.x)))
