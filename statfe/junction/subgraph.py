"""The strongest bonds of a model that still have a narrow elimination order."""

from __future__ import annotations

import weakref
from dataclasses import dataclass

import numpy as np
import scipy.sparse
import scipy.sparse.csgraph

from statfe.junction.orders import Order, order_by
from statfe.models.ising import IsingModel

#: Orders that are looked for in one search; bonds that have not had their turn by then are left out.
MAX_TRIES = 600
#: Searches, with ties broken in another way each, and the bonds that all of them may go through.
SEARCHES, MOST_BONDS = 8, 2000


@dataclass(frozen=True, eq=False)
class Narrow:
    """A model with some bonds left out.

    Attributes
    ----------
    order
        An elimination order of the kept bonds.
    kept
        Whether each of `IsingModel.pairs` is kept; bool.
    """

    order: Order
    kept: np.ndarray

    @property
    def whole(self) -> bool:
        """Whether nothing was left out."""
        return bool(self.kept.all())


def strongest_tree(model: IsingModel, ranked: np.ndarray | None = None) -> np.ndarray:
    """Whether each pair is a bond of the spanning forest of the largest |J|; bool, shape (n_pairs,).

    `ranked` are the pairs by falling |J|, where ties are to be broken in a certain way.
    """
    i, j, J = model.pairs
    if ranked is None:
        ranked = np.argsort(-np.abs(J), kind="stable")
    # scipy finds the least total weight; ranks keep weights apart from 0, which it takes for no bond.
    rank = np.empty(len(J))
    rank[ranked] = np.arange(1, len(J) + 1)
    graph = scipy.sparse.csr_array((rank, (i, j)), shape=(model.n_sites,) * 2)
    chosen = scipy.sparse.csgraph.minimum_spanning_tree(graph).tocoo()
    inside = np.zeros(len(J), dtype=bool)
    inside[ranked[chosen.data.astype(np.int64) - 1]] = True
    return inside


#: What was found, by model and width: runs with many seeds or betas ask again.
_known: weakref.WeakKeyDictionary[IsingModel, dict[int, list[Narrow]]] = weakref.WeakKeyDictionary()


def narrow_subgraphs(model: IsingModel, width: int) -> list[Narrow]:
    """Subgraphs that a few greedy searches find while min-fill keeps to `width`, by falling sum of |J|.

    Each set of bonds once; the whole model alone where it is narrow enough.
    """
    known = _known.setdefault(model, {})
    if width not in known:
        natural = np.arange(model.n_sites)
        whole = np.ones(model.n_pairs, dtype=bool)
        order = _order(model, whole, natural, width)
        if order is not None:
            known[width] = [Narrow(order, whole)]
        else:
            rng = np.random.Generator(np.random.PCG64(model.n_sites))
            others = max(0, min(SEARCHES, MOST_BONDS // model.n_pairs) - 1)
            labels = [natural, *(rng.permutation(model.n_sites) for _ in range(others))]
            size = np.abs(model.pairs[2])
            found = {n.kept.tobytes(): n for n in (_search(model, width, own) for own in labels)}
            known[width] = sorted(found.values(), key=lambda n: -float(size[n.kept].sum()))
    return known[width]


def _search(model: IsingModel, width: int, labels: np.ndarray) -> Narrow:
    """A spanning forest of the largest |J|, and other bonds by falling |J|; `labels` break ties.

    Bonds are tried by many at a time; a batch that is too wide is halved, and a single bond that is too wide left out.
    """
    i, j, J = model.pairs
    place = np.argsort(labels)
    ranked = np.lexsort((np.maximum(place[i], place[j]), np.minimum(place[i], place[j]), -np.abs(J)))
    kept = strongest_tree(model, ranked)
    order = _order(model, kept, labels, width)
    assert order is not None, "min-fill finds width 1 on a forest"
    left = ranked[~kept[ranked]]
    batch, tries, most = max(1, len(left) // 2), 0, width * model.n_sites - width * (width + 1) // 2
    while len(left) and tries < MAX_TRIES and kept.sum() < most:
        batch = min(batch, len(left), most - int(kept.sum()))
        more = kept.copy()
        more[left[:batch]] = True
        found, tries = _order(model, more, labels, width), tries + 1
        if found is not None:
            order, kept, left, batch = found, more, left[batch:], 2 * batch
        elif batch == 1:
            left = left[1:]
        else:
            batch //= 2
    return Narrow(order, kept)


def _order(model: IsingModel, kept: np.ndarray, labels: np.ndarray, width: int) -> Order | None:
    i, j, J = model.pairs
    part = IsingModel.from_edges(model.n_sites, i[kept], j[kept], J[kept])
    return order_by(part, "min-fill", labels, width)[0]
