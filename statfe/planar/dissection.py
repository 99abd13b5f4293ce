"""Nested dissection: the order in which the terminals are eliminated, as a tree of dense fronts.

The faces are halved by their place, again and again. The bonds that a cut crosses separate the halves: their terminals
on one side are eliminated last. A square of L x L needs a separator of L terminals, so the work goes with L^3.
Source: A. George, SIAM J. Numer. Anal. 10, 345 (1973); for spin glasses C. K. Thomas and A. A. Middleton,
Phys. Rev. E 80, 046708 (2009).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse
import scipy.sparse.csgraph

from statfe.planar.surface import Surface
from statfe.planar.terminals import Terminals

#: Terminals of a part that is not cut further.
LEAF = 24


@dataclass(frozen=True, eq=False)
class Fronts:
    """The fronts, children before parents. Front k eliminates ``own[own_ptr[k]:own_ptr[k + 1]]``.

    Attributes
    ----------
    own_ptr, own
        Terminals that a front eliminates.
    rim_ptr, rim
        Terminals that a front changes and leaves to later ones.
    children
        Number of children of each front.
    entry_ptr, entries
        Entries of the matrix, by their number in `pattern`, that enter with each front.
    last
        Terminals that are never eliminated.
    work
        Multiplications of an elimination without delayed pivots.
    """

    own_ptr: np.ndarray
    own: np.ndarray
    rim_ptr: np.ndarray
    rim: np.ndarray
    children: np.ndarray
    entry_ptr: np.ndarray
    entries: np.ndarray
    last: np.ndarray
    work: float


def pattern(skew: Terminals) -> tuple[np.ndarray, np.ndarray]:
    """(row, column) of all entries: those within faces, then those of bonds."""
    both = np.concatenate([skew.inner, np.arange(skew.n).reshape(-1, 2)])
    return both[:, 0].copy(), both[:, 1].copy()


def face_places(surface: Surface, skew: Terminals) -> np.ndarray:
    """Coordinates of the faces: differences of their distances to two pairs of far faces; shape (n_faces, 2)."""
    if surface.place is not None:
        return surface.place
    n = len(surface.faces)
    a, b = skew.face[::2], skew.face[1::2]
    keys, first = np.unique(np.minimum(a, b) * n + np.maximum(a, b), return_index=True)
    graph = scipy.sparse.csr_array((surface.lengths[first], (keys // n, keys % n)), shape=(n, n))

    def distances(face: int) -> np.ndarray:
        return scipy.sparse.csgraph.dijkstra(graph, directed=False, indices=[face])[0]

    one = distances(int(np.argmax(distances(0))))
    two = distances(int(np.argmax(one)))
    three = distances(int(np.argmax(np.minimum(one, two))))
    four = distances(int(np.argmax(np.minimum(np.minimum(one, two), three))))
    return np.stack([one - two, three - four], axis=1)


def dissect(
    surface: Surface, skew: Terminals, last: np.ndarray | None = None, turned: bool = False
) -> Fronts:
    """The fronts of a drawn graph.

    Parameters
    ----------
    last
        Terminals that are never eliminated; none if None.
    turned
        Cut along other lines: another order, with other rounding errors.
    """
    kept = np.empty(0, dtype=np.int64) if last is None else last
    place = face_places(surface, skew)
    if turned:
        place = place @ np.array([[0.8, 0.6], [-0.55, 0.85]])
    free = np.ones(skew.n, dtype=bool)
    free[kept] = False
    side = np.zeros(skew.n, dtype=np.int8)
    parts: list[np.ndarray] = []
    children: list[int] = []
    # A part to be cut, or a separator (True) to be written down after its two halves.
    todo: list[tuple[bool, np.ndarray]] = [(False, np.flatnonzero(free))]
    while todo:
        written, terms = todo.pop()
        if written or len(terms) <= LEAF:
            parts.append(terms)
            children.append(2 if written else 0)
            continue
        left, right, separator = _cut(terms, skew.face[terms], place, side)
        todo += [(True, separator), (False, right), (False, left)]
    parts.append(np.empty(0, dtype=np.int64))
    children.append(1)
    return _fronts(skew, parts, children, kept)


def _cut(
    terms: np.ndarray, face: np.ndarray, place: np.ndarray, side: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two halves without an entry between them, and what separates them. A face is never cut."""
    where = place[face]
    axis = int(np.argmax(np.ptp(where, axis=0)))
    rank = np.lexsort((face, where[:, 1 - axis], where[:, axis]))
    in_order = face[rank]
    starts = np.flatnonzero(in_order[1:] != in_order[:-1]) + 1
    stop = starts[np.argmin(np.abs(starts - len(rank) // 2))]
    left, right = terms[rank[:stop]], terms[rank[stop:]]
    side[right] = 1
    crossing = side[left ^ 1] == 1
    side[right] = 0
    return left[~crossing], right, left[crossing]


def _fronts(skew: Terminals, parts: list[np.ndarray], children: list[int], last: np.ndarray) -> Fronts:
    """Rims by symbolic elimination, and the front at which each entry enters."""
    n, count = skew.n, len(parts)
    part = np.full(n, count, dtype=np.int64)
    for k, own in enumerate(parts):
        part[own] = k
    row, col = pattern(skew)
    near = scipy.sparse.csr_array(
        (np.ones(2 * len(row), dtype=np.int8), (np.concatenate([row, col]), np.concatenate([col, row]))), shape=(n, n))
    pending: list[np.ndarray] = []
    rims: list[np.ndarray] = []
    work = 0.0
    for k, own in enumerate(parts):
        pieces = [near.indices[near.indptr[t]:near.indptr[t + 1]] for t in own.tolist()]
        for _ in range(children[k]):
            pieces.append(pending.pop())
        found = np.unique(np.concatenate(pieces)) if pieces else np.empty(0, dtype=np.int64)
        rim = found[part[found] > k] if k < count - 1 else last
        pending.append(rim)
        rims.append(rim.astype(np.int64))
        work += sum((len(own) + len(rim) - 2.0 * step) ** 2 for step in range(len(own) // 2))
    enters = np.minimum(np.minimum(part[row], part[col]), count - 1)
    return Fronts(
        own_ptr=_ptr(parts), own=np.concatenate(parts), rim_ptr=_ptr(rims), rim=np.concatenate(rims),
        children=np.array(children, dtype=np.int64), entries=np.argsort(enters, kind="stable"),
        entry_ptr=np.concatenate(([0], np.cumsum(np.bincount(enters, minlength=count)))), last=last, work=work)


def _ptr(lists: list[np.ndarray]) -> np.ndarray:
    return np.concatenate(([0], np.cumsum([len(x) for x in lists])))
