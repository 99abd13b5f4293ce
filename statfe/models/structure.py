"""Structure of the coupling graph that exact methods live on: two-colourings and narrow site orders.

Everything here depends on the graph alone, costs O(sites + bonds) up to logarithms, and is kept per model.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import scipy.sparse
import scipy.sparse.csgraph

from statfe.models.geometry import Lattice
from statfe.models.ising import IsingModel

Value = TypeVar("Value")


def per_model(function: Callable[[IsingModel], Value]) -> Callable[[IsingModel], Value]:
    """Remember ``function(model)`` for as long as the (immutable) model lives."""
    known: weakref.WeakKeyDictionary[IsingModel, Value] = weakref.WeakKeyDictionary()

    @functools.wraps(function)
    def remembered(model: IsingModel) -> Value:
        if model not in known:
            known[model] = function(model)
        return known[model]

    return remembered


@per_model
def two_colouring(model: IsingModel) -> np.ndarray | None:
    """Colour the sites so that no two coupled sites have one colour.

    Returns
    -------
    ndarray of int8, shape (n_sites,), or None
        Colour 0 or 1 of each site; the first site of each connected component has colour 0. None where the
        graph has an odd cycle.

    Notes
    -----
    Works on the bipartite double cover: sites (i, 0) and (i, 1), and for each coupled pair the bonds
    (i, 0)-(j, 1) and (i, 1)-(j, 0). A component of the graph is two-colourable exactly where it lifts to two
    components of the cover, and these are the two colourings.
    """
    n = model.n_sites
    matrix = scipy.sparse.csr_array((np.ones(len(model.indices), np.int8), model.indices, model.indptr), shape=(n, n))
    cover = scipy.sparse.block_array([[None, matrix], [matrix, None]], format="csr")
    labels = scipy.sparse.csgraph.connected_components(cover, directed=False)[1]
    if np.any(labels[:n] == labels[n:]):
        return None
    _, first = np.unique(model.components, return_index=True)
    return (labels[:n] != labels[first][model.components]).astype(np.int8)


@dataclass(frozen=True)
class Elimination:
    """An order in which a table over the spins of a moving frontier takes in all sites.

    Attributes
    ----------
    order
        Sites in order, without the pinned ones; int64, shape (n_sites - len(pinned),).
    pinned
        Sites held at +1, one for each component without fields (the global flip makes their factor 2).
    last
        For each position in `order`, the position after which its spin is summed out (that of its last
        neighbour, or its own); int64.
    bits
        For each position, log2 of the largest table while that site is taken in; int64.
    strength
        For each position, the sum over the spins then in the table of |h| + sum |J|: twice beta times this bounds
        the range of the logarithms in the table; float64.
    """

    order: np.ndarray
    pinned: np.ndarray
    last: np.ndarray
    bits: np.ndarray
    strength: np.ndarray

    @property
    def width(self) -> int:
        """log2 of the largest table."""
        return int(self.bits.max(initial=0))

    @property
    def work(self) -> float:
        """Table entries touched, summed over the sites; large tables count as 2^900, which does not overflow."""
        return float(np.sum(np.exp2(np.minimum(self.bits, 900), dtype=np.float64)))


@per_model
def elimination(model: IsingModel) -> Elimination:
    """The narrowest elimination order among lattice layers, reverse Cuthill-McKee and the natural order.

    Components are taken one after the other. Between orders of one width the one with less work wins.
    """
    plans = (_plan(model, order) for order in _candidate_orders(model))
    return min(plans, key=lambda plan: (plan.width, plan.work))


def _candidate_orders(model: IsingModel) -> Iterator[np.ndarray]:
    natural = np.arange(model.n_sites)
    yield natural
    if model.lattice is not None and model.lattice.n_sites == model.n_sites:
        yield from _lattice_orders(model.lattice)
    yield scipy.sparse.csgraph.reverse_cuthill_mckee(model.adjacency, symmetric_mode=True).astype(np.int64)


def _lattice_orders(lattice: Lattice) -> Iterator[np.ndarray]:
    """Each axis in turn slowest, the others inside it from the longest to the shortest."""
    sites = np.arange(lattice.n_sites).reshape(lattice.shape)
    by_length = sorted(range(sites.ndim), key=lambda axis: -lattice.shape[axis])
    for slowest in range(sites.ndim):
        yield sites.transpose([slowest, *(axis for axis in by_length if axis != slowest)]).ravel()


def _plan(model: IsingModel, order: np.ndarray) -> Elimination:
    """Frontier of `order`, with one site pinned in each component without fields."""
    order = order[np.argsort(model.components[order], kind="stable")]
    pinned = _pins(model, order, _last_positions(model, order))
    keep = np.ones(model.n_sites, dtype=bool)
    keep[pinned] = False
    order = order[keep[order]]
    strength = np.abs(model.fields) + abs(model.adjacency).sum(axis=1)
    return _profile(order, pinned, _last_positions(model, order), strength[order])


def _last_positions(model: IsingModel, order: np.ndarray) -> np.ndarray:
    """For each position in `order` (which may leave sites out) that of the last neighbour, or itself."""
    position = np.full(model.n_sites, -1)
    position[order] = np.arange(len(order))
    last = position.copy()
    coupled = np.flatnonzero(model.degrees)
    if coupled.size:
        latest = np.maximum.reduceat(position[model.indices], model.indptr[coupled])
        last[coupled] = np.maximum(last[coupled], latest)
    return last[order]


def _pins(model: IsingModel, order: np.ndarray, last: np.ndarray) -> np.ndarray:
    """In each component without fields, the site that would stay in the frontier longest."""
    label = model.components[order]
    with_fields = np.zeros(int(label.max()) + 1, dtype=bool)
    with_fields[label[model.fields[order] != 0]] = True
    span = last - np.arange(len(order))
    by_span = np.lexsort((np.arange(len(order)), -span, label))
    first = by_span[np.unique(label[by_span], return_index=True)[1]]
    return order[first[~with_fields[label[first]]]]


def _profile(order: np.ndarray, pinned: np.ndarray, last: np.ndarray, strength: np.ndarray) -> Elimination:
    """Table size and strength at each position.

    A site that is taken in while another is summed out takes over the other's bit of the table; so the table
    grows only where nothing but perhaps the site itself can go.
    """
    n = len(order)
    gone = np.bincount(last, minlength=n)
    held = np.arange(1, n + 1) - np.cumsum(gone)
    before = np.concatenate(([0], held[:-1]))[:n]
    replaces = gone - (last == np.arange(n)) > 0
    bits = np.where(replaces, before, before + 1)
    out = np.cumsum(np.bincount(last, weights=strength, minlength=n))
    total = np.cumsum(strength) - np.concatenate(([0.0], out[:-1]))[:n]
    return Elimination(order, pinned, last, bits, total)
