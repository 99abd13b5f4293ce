"""Narrow elimination orders: who is summed out when, so that the largest table is small.

Candidates are min-fill with several ways to break ties, min-degree, and the moving frontiers of the transfer matrix;
the one with the least work wins. A graph whose width exceeds the limit is given up early.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from statfe.kernels.elimination_order import GIVEN, MIN_DEGREE, MIN_FILL, eliminate
from statfe.models.ising import IsingModel
from statfe.models.structure import elimination, per_model

#: Most neighbours that a site may have when it is summed out: two tables of 2^24 doubles are 2^28 bytes.
MAX_WIDTH = 24
#: From this size on min-degree comes first, and a graph that it cannot reduce to `SMALL_CORE` sites is given up.
MANY_SITES, SMALL_CORE = 20_000, 200
#: Table entries below which the first order is good enough.
LITTLE_WORK = 50_000.0
#: Most orders tried at random, and the work (in table entries a site) for which one more try pays.
MAX_TRIALS, TRIAL_PRICE = 100, 12_000.0


@dataclass(frozen=True)
class Order:
    """Sites in the order in which they are summed out, and the neighbours each has then.

    Attributes
    ----------
    sites
        int64, shape (n_sites,).
    ptr, separators
        ``separators[ptr[k]:ptr[k + 1]]`` are the sites that site number k of the order leaves a table over; int64.
    name
        How the order was found.
    """

    sites: np.ndarray
    ptr: np.ndarray
    separators: np.ndarray
    name: str

    @property
    def width(self) -> int:
        """Width of the tree decomposition: spins of the largest table that is kept."""
        return int(np.diff(self.ptr).max(initial=0))

    @property
    def work(self) -> float:
        """Entries of all tables."""
        return float(np.exp2(np.diff(self.ptr)).sum())


@per_model
def narrow_order(model: IsingModel) -> Order | None:
    """The best order found, or None where every one is wider than `MAX_WIDTH`."""
    if surely_wide(model):
        return None
    found = [order for order in _candidates(model) if order is not None]
    return min(found, key=lambda order: (order.work, order.width), default=None)


def surely_wide(model: IsingModel) -> bool:
    """Whether a glance shows that the treewidth exceeds `MAX_WIDTH`."""
    lattice, uniform = model.lattice, model.uniform
    if lattice is not None and len(lattice.shape) > 1 and sorted(lattice.shape)[-2] > MAX_WIDTH:
        # An open m x n grid has treewidth min(m, n), and every lattice without missing bonds holds one.
        if uniform is not None:
            return uniform[0] != 0.0
        if len(lattice.shape) == 2 and np.all(model.couplings != 0.0):
            return True
    # A graph of treewidth w has at most w n bonds, and a vertex with at most w neighbours.
    return model.n_pairs > MAX_WIDTH * model.n_sites or int(model.degrees.min()) > MAX_WIDTH


def _candidates(model: IsingModel) -> Iterator[Order | None]:
    """Orders to choose from; None for one that is too wide."""
    natural = np.arange(model.n_sites)
    if model.n_sites >= MANY_SITES:
        cheap, left = order_by(model, "min-degree", natural)
        if left > SMALL_CORE:
            return
        yield cheap
    first, _ = order_by(model, "min-fill", natural)
    if first is not None and first.work < LITTLE_WORK:
        yield first
        return
    frontier = _frontier(model, MAX_WIDTH if first is None else first.width + 2)
    found = [order for order in (first, frontier) if order is not None]
    yield from found
    if not found:
        return
    best = min(found, key=lambda order: order.work)
    rng = np.random.Generator(np.random.PCG64(model.n_sites))
    for k in range(min(MAX_TRIALS, int(best.work / (TRIAL_PRICE * model.n_sites)))):
        yield order_by(model, "min-fill" if k % 3 else "min-degree", rng.permutation(model.n_sites), best.width)[0]


def _frontier(model: IsingModel, limit: int) -> Order | None:
    """The order in which the transfer matrix sums out; None where it is wider than `limit`."""
    frontier = elimination(model)
    if frontier.width > limit:
        return None
    order = np.concatenate([frontier.order[np.argsort(frontier.last, kind="stable")], frontier.pinned])
    return order_by(model, "frontier", order, limit)[0]


def order_by(
    model: IsingModel, name: str, labels: np.ndarray, limit: int = MAX_WIDTH
) -> tuple[Order | None, int]:
    """An order by ``min-fill`` or ``min-degree``, ties broken by `labels`; with another name as `labels` say.

    Returns
    -------
    The order, None where a site would have more than `limit` neighbours; and the number of sites then left.
    """
    n = model.n_sites
    rule = {"min-degree": MIN_DEGREE, "min-fill": MIN_FILL}.get(name, GIVEN)
    i, j, _ = model.pairs
    place = np.empty(n, dtype=np.int64)
    place[labels] = np.arange(n)
    rows, cols = place[i], place[j]
    room = 2 * (len(i) + n) + 1024
    while True:
        order, ptr = np.arange(n), np.zeros(n + 1, dtype=np.int64)
        keys = np.full(1 << int(np.ceil(np.log2(2 * room))), -1)
        separators = np.empty(room, dtype=np.int64)
        gone = eliminate(
            rule, limit, rows, cols, keys, np.full(n, -1), np.empty(2 * room, dtype=np.int64),
            np.empty(2 * room, dtype=np.int64), order, ptr, separators)
        if gone >= 0:
            break
        room *= 4
    if gone < n:
        return None, n - gone
    labels = np.asarray(labels, dtype=np.int64)
    return Order(labels[order], ptr, labels[separators[:ptr[-1]]], name), 0
