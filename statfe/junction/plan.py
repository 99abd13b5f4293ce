"""A model laid out along a tree decomposition: what the kernels read."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from statfe.junction.orders import MAX_WIDTH, Order, narrow_order
from statfe.kernels.junction_layout import depth_first, place_tables, table_spreads
from statfe.models.ising import IsingModel
from statfe.models.structure import per_model

#: Bytes that the tables of one beta may take.
MAX_BYTES = 2**28


@dataclass(frozen=True, eq=False)
class JunctionTree:
    """Sites in the order in which they are summed out, a site's children right before it; all by that number.

    Attributes
    ----------
    order
        The `Order` this is made of.
    sites
        Site of the model at each place; int64, shape (n_sites,).
    ptr, separators
        ``separators[ptr[k]:ptr[k + 1]]``: the later places, ascending, that the table left by place k is over.
    parents
        The first of these, -1 for none; the place that takes the table in.
    child_ptr, children
        Places whose table is taken in, in rows.
    fields, bond_ptr, bond_to, bond_weights, bond_pair
        Field of each place, its bonds to later places in rows, ascending, and the number of each in `IsingModel.pairs`.
    slots, room
        Where each table lies in an array of `room` doubles.
    """

    order: Order
    sites: np.ndarray
    ptr: np.ndarray
    separators: np.ndarray
    parents: np.ndarray
    child_ptr: np.ndarray
    children: np.ndarray
    fields: np.ndarray
    bond_ptr: np.ndarray
    bond_to: np.ndarray
    bond_weights: np.ndarray
    bond_pair: np.ndarray
    slots: np.ndarray
    room: int

    @cached_property
    def spread(self) -> float:
        """Range of the logarithms in a table at beta = 1, at most."""
        with np.errstate(over="ignore"):
            half = table_spreads(
                self.ptr, self.separators, self.parents, self.fields, self.bond_ptr, self.bond_to, self.bond_weights)
            return 2.0 * float(half.max(initial=0.0))

    @cached_property
    def kept_ptr(self) -> np.ndarray:
        """Where the table of each place begins when all are kept; int64, shape (n_sites + 1,)."""
        return np.concatenate([[0], np.cumsum(np.int64(1) << np.diff(self.ptr))])

    @property
    def width(self) -> int:
        """Spins of the largest table."""
        return self.order.width


@per_model
def junction_tree(model: IsingModel) -> JunctionTree | None:
    """The model along its `narrow_order`; None where there is none."""
    order = narrow_order(model)
    return None if order is None else lay_out(model, order)


def refusal(tree: JunctionTree | None, keep: bool = False) -> str:
    """Why the tables cannot be held, and "" where they can; with `keep`, those of all sites at once."""
    if tree is None:
        return f"every order found needs a table over more than {MAX_WIDTH} spins"
    needed = 8 * (tree.room + (int(tree.kept_ptr[-1]) if keep else 0))
    if needed > MAX_BYTES:
        return f"its tables need {needed / 2**20:.0f} MB (width {tree.width}), the limit is {MAX_BYTES >> 20} MB"
    return ""


def lay_out(model: IsingModel, order: Order) -> JunctionTree:
    """The model along `order`."""
    n = model.n_sites
    place = np.empty(n, dtype=np.int64)
    place[order.sites] = np.arange(n)
    sizes = np.diff(order.ptr)
    parents = _parents(place[order.separators], order.ptr)
    sequence = _children_first(parents, sizes)
    rank = np.empty(n, dtype=np.int64)
    rank[sequence] = np.arange(n)
    sites = order.sites[sequence]
    place = np.empty(n, dtype=np.int64)
    place[sites] = np.arange(n)
    owner = np.repeat(rank, sizes)
    separators = place[order.separators]
    by_row = np.lexsort((separators, owner))
    ptr = np.concatenate([[0], np.cumsum(sizes[sequence])])
    separators = separators[by_row]
    parents = _parents(separators, ptr)
    children = np.argsort(parents, kind="stable")
    inner = children[parents[children] >= 0]
    i, j, J = model.pairs
    low, high = np.minimum(place[i], place[j]), np.maximum(place[i], place[j])
    by_site = np.lexsort((high, low))
    slots = np.empty(n, dtype=np.int64)
    room = place_tables(np.diff(ptr), parents, slots)
    return JunctionTree(
        order=order, sites=sites, ptr=ptr, separators=separators, parents=parents,
        child_ptr=np.searchsorted(parents[inner], np.arange(n + 1)), children=inner,
        fields=model.fields[sites], bond_ptr=np.searchsorted(low[by_site], np.arange(n + 1)), bond_to=high[by_site],
        bond_weights=J[by_site], bond_pair=by_site, slots=slots, room=int(room))


def _parents(separators: np.ndarray, ptr: np.ndarray) -> np.ndarray:
    """Earliest place in each row, -1 where it is empty."""
    parents = np.full(len(ptr) - 1, -1, dtype=np.int64)
    rows = np.flatnonzero(np.diff(ptr))
    if rows.size:
        parents[rows] = np.minimum.reduceat(separators, ptr[rows])
    return parents


def _children_first(parents: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Places depth first, each after its children, branches with large tables first: fewer tables live at once."""
    n = len(parents)
    largest = sizes.copy()
    for v in np.flatnonzero(parents >= 0).tolist():
        p = parents[v]
        largest[p] = max(largest[p], largest[v])
    ranked = np.lexsort((np.arange(n), -largest, parents))
    first, following = np.full(n, -1, dtype=np.int64), np.full(n, -1, dtype=np.int64)
    of = parents[ranked]
    begins = np.concatenate([[True], of[1:] != of[:-1]])
    same = np.flatnonzero(~begins)
    following[ranked[same - 1]] = ranked[same]
    heads = np.flatnonzero(begins & (of >= 0))
    first[of[heads]] = ranked[heads]
    out = np.empty(n, dtype=np.int64)
    depth_first(first, following, np.flatnonzero(parents < 0), out)
    return out
