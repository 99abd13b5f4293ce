"""The high-temperature series of ln Z in tanh beta J, for any couplings without fields.

With t_e = tanh beta J_e (van der Waerden 1941),

    ln Z = N ln 2 + sum_e ln cosh beta J_e + ln sum_g prod_{e in g} t_e,                                     (1)

over the sets g of bonds in which every site has an even number. Those that hang together are the polymers of a gas
in which polymers with a common site exclude each other, and the logarithm is its cluster expansion
(Kotecky and Preiss 1986; weights of Ursell 1927):

    ln sum_g prod t = sum_a w_a - (1/2) sum_{a touches b} w_a w_b + ...,    w_a = prod_{e in a} t_e.         (2)

Ordered by the number of factors t: `series` gives W_k, the sum of all terms of k factors. To order 10 the polymers are
simple cycles, two cycles that touch, and three; the clusters hold at most three.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from statfe.kernels.closed_graphs import pair_clusters, triple_clusters
from statfe.kernels.cycle_walk import walk_cycles
from statfe.models.ising import IsingModel
from statfe.models.structure import per_model

#: Highest order: above, clusters of four triangles would be needed.
MAX_ORDER = 10
#: Fewest bonds of a cycle; parallel bonds are one.
GIRTH = 3
#: Most steps of the walk, sites that are probed to foresee them, and steps that the probe may take.
MAX_STEPS, PROBED, PROBE_STEPS = 1e9, 64, 2e7
#: Microseconds that clusters of three cycles may take; for one, and more where all touch and must be parted.
MAX_CLUSTER_US, WALK_US, PART_US = 5e6, 0.2, 1.0
#: Steps of a walk that must reach its end.
NO_LIMIT = 2**62


@dataclass(frozen=True, eq=False)
class Cycles:
    """Simple cycles of a graph: their sites and pairs in rows, and their lengths."""

    sites: np.ndarray
    pairs: np.ndarray
    lengths: np.ndarray

    def chosen(self, mask: np.ndarray) -> Cycles:
        """Those where `mask` holds."""
        return Cycles(self.sites[mask], self.pairs[mask], self.lengths[mask])

    def by_site(self, n_sites: int) -> tuple[np.ndarray, np.ndarray]:
        """Cycles through each site, in rows."""
        inside = np.arange(self.sites.shape[1]) < self.lengths[:, None]
        sites, owner = self.sites[inside], np.nonzero(inside)[0].astype(np.int32)
        order = np.argsort(sites, kind="stable")
        return np.searchsorted(sites[order], np.arange(n_sites + 1)), owner[order]


@per_model
def pair_of_slot(model: IsingModel) -> np.ndarray:
    """Number in `IsingModel.pairs` of the pair behind each slot of the adjacency; int32."""
    i, j, _ = model.pairs
    n = model.n_sites
    rows = np.repeat(np.arange(n), model.degrees)
    keys = np.minimum(rows, model.indices) * n + np.maximum(rows, model.indices)
    known = np.minimum(i, j).astype(np.int64) * n + np.maximum(i, j)
    order = np.argsort(known)
    found: np.ndarray = order[np.searchsorted(known[order], keys)].astype(np.int32)
    return found


def foreseen_steps(model: IsingModel, order: int = MAX_ORDER) -> float:
    """Steps that the walk over all cycles up to `order` will take, from a probe of some sites; infinity if too many."""
    n = model.n_sites
    if model.n_pairs == 0:
        return 0.0
    probed = np.unique(np.linspace(0, n - 1, min(PROBED, n)).astype(int))
    total, budget = 0.0, PROBE_STEPS
    empty = np.empty((0, order), np.int32)
    for site in probed:
        count, steps = walk_cycles(
            model.indptr, model.indices, pair_of_slot(model), np.ones(model.n_pairs), site, site + 1, order, 0, budget,
            np.zeros(order + 1), empty, empty, np.empty(0, np.int64))
        total, budget = total + steps, budget - steps
        if count < 0:
            return float("inf")
    return total * n / len(probed)


def foreseen_cluster_us(model: IsingModel) -> float:
    """Rough microseconds for the clusters of three triangles or squares; call it where the walk itself is short."""
    lengths = list_cycles(model, MAX_ORDER - 2 * GIRTH).lengths
    few = float(len(lengths))
    if few == 0.0 or lengths[0] > GIRTH:
        return 0.0
    near = min(4.0 * 4.0 * few / model.n_sites, few)
    return 0.5 * few * near**2 * (WALK_US + PART_US * near / few)


def cycle_sums(model: IsingModel, weights: np.ndarray, order: int) -> np.ndarray:
    """Sums of the w of all simple cycles up to `order` by length, shape (order + 1,)."""
    out, none = np.zeros(order + 1), np.empty((0, 1), np.int32)
    walk_cycles(
        model.indptr, model.indices, pair_of_slot(model), weights, 0, model.n_sites, order, 0, NO_LIMIT, out, none,
        none, np.empty(0, np.int64))
    return out


def list_cycles(model: IsingModel, longest: int) -> Cycles:
    """All simple cycles of at most `longest` bonds, the shortest first."""
    found = 0
    while True:
        sites, pairs = np.empty((found, longest), np.int32), np.empty((found, longest), np.int32)
        lengths = np.empty(found, np.int64)
        count, _ = walk_cycles(
            model.indptr, model.indices, pair_of_slot(model), np.ones(model.n_pairs), 0, model.n_sites, longest,
            longest, NO_LIMIT, np.zeros(longest + 1), sites, pairs, lengths)
        if count == found:
            by_length = np.argsort(lengths, kind="stable")
            return Cycles(sites[by_length], pairs[by_length], lengths[by_length])
        found = count


def series(model: IsingModel, weights: np.ndarray, order: int) -> np.ndarray:
    """W_k of (2) for k = 0 to `order`, float64, shape (order + 1,).

    Parameters
    ----------
    weights
        t_e of each of `IsingModel.pairs`, shape (n_pairs,); their signs give the coefficients of powers of one t.
    """
    out = cycle_sums(model, weights, order)
    if order < 2 * GIRTH:
        return out
    cycles = list_cycles(model, order - GIRTH)
    if len(cycles.lengths) == 0:
        return out
    _add(pair_clusters, model, cycles, weights, out)
    few = cycles.chosen(cycles.lengths <= order - 2 * GIRTH)
    if len(few.lengths):
        _add(triple_clusters, model, few, weights, out)
    return out


def _add(
    clusters: Callable[..., None], model: IsingModel, cycles: Cycles, weights: np.ndarray, out: np.ndarray
) -> None:
    """Add the sums of the kernel `clusters` over `cycles` to `out`."""
    i, j, _ = model.pairs
    inside = np.arange(cycles.pairs.shape[1]) < cycles.lengths[:, None]
    products = np.prod(np.where(inside, weights[np.where(inside, cycles.pairs, 0)], 1.0), axis=1)
    ptr, owner = cycles.by_site(model.n_sites)
    clusters(i, j, ptr, owner, cycles.sites, cycles.pairs, cycles.lengths, products, len(out) - 1, out)
