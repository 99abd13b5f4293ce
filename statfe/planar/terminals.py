r"""The skew-symmetric matrix whose Pfaffian is the partition function.

Cut a spin configuration against a reference state s: the bonds whose relative sign differs form an even subgraph of
the dual graph, two configurations each, so that on the sphere

    Z = 2 exp(beta sum_e k_e) sum_{even subgraphs C of the dual} prod_{e in C} exp(-2 beta k_e), k_e = J_e s_i s_j.  (1)

All terms are positive, frustrated or not. A site of the dual with d bonds becomes d terminals t_1 .. t_d (the darts of
a face) with A(t_a, t_b) = 1 for a < b, in the order round the face: the Pfaffian of any even subset is 1. The two
terminals of a bond are joined with strength exp(2 beta k_e) and a sign. A bond matched outside is absent from C; the
terminals left over are matched within the faces, which needs an even number in each:

    sum_C prod_{e in C} exp(-2 beta k_e) = prod_e exp(-2 beta k_e) |Pf A|.                                         (2)

Signs after Kasteleyn: round each site of the graph, an odd number of steps must go against the arrows. Any spanning
tree solves this from its leaves. On the torus the same signs exist, and four choices differ by the loops along
which all of them are turned; each Pfaffian counts the empty subgraph with the sign prod_e (sign of e).
Source: P. W. Kasteleyn, J. Math. Phys. 4, 287 (1963); M. E. Fisher, J. Math. Phys. 7, 1776 (1966); for glasses
L. Saul and M. Kardar, Phys. Rev. E 48, R3221 (1993); A. Galluccio, M. Loebl and J. Vondrak, Phys. Rev. Lett. 84, 5924
(2000).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import scipy.sparse
import scipy.sparse.csgraph

from statfe.planar.surface import Surface


@dataclass(frozen=True, eq=False)
class Terminals:
    """Where the matrix has entries, and with which signs; the same for all couplings and temperatures.

    Attributes
    ----------
    face
        Face of each terminal (dart), int64, shape (2 n_bonds,).
    inner
        Pairs of terminals of one face, entry +1, int64, shape (n, 2).
    signs
        Sign of the entry (2e, 2e + 1) of each bond, float64, shape (n_bonds,).
    """

    face: np.ndarray
    inner: np.ndarray
    signs: np.ndarray

    @property
    def n(self) -> int:
        """Number of terminals."""
        return len(self.face)


def terminals(surface: Surface) -> Terminals:
    """The pattern of the matrix of a drawn graph."""
    n = len(surface.phi)
    face, first = np.empty(n, dtype=np.int64), np.zeros(n, dtype=np.int64)
    inner = []
    for k, darts in enumerate(surface.faces):
        face[darts] = k
        first[darts[0]] = 1
        inner += list(combinations(darts, 2))
    return Terminals(
        face=face, inner=np.array(inner, dtype=np.int64).reshape(-1, 2), signs=_kasteleyn_signs(surface, first))


def _kasteleyn_signs(surface: Surface, first: np.ndarray) -> np.ndarray:
    """Signs of the bonds such that round each site an odd number of steps goes against the arrows.

    Round a site the walk takes, for every dart d from it, the side of the face that ends in d (against the arrow
    where d is the first of its face) and then the bond of d (against the arrow where d is odd, or the sign is -1).
    """
    n, darts = surface.n_sites, len(surface.phi)
    against = first + (np.arange(darts) & 1)
    need = (1 + np.bincount(surface.tail, weights=against, minlength=n).astype(np.int64)) % 2
    graph = scipy.sparse.csr_array(
        (np.ones(darts, dtype=np.int8), (surface.tail, surface.tail[np.arange(darts) ^ 1])), shape=(n, n))
    order, parent = scipy.sparse.csgraph.breadth_first_order(graph, 0, directed=False)
    if len(order) != n:
        raise ValueError("a drawn graph must be connected")
    total, above = need.tolist(), parent.tolist()
    for site in order[:0:-1].tolist():
        total[above[site]] ^= total[site]
    if total[0]:
        raise ValueError("the faces do not close: this is not a drawing on an orientable surface")
    low, high = np.minimum(surface.tail[::2], surface.tail[1::2]), np.maximum(surface.tail[::2], surface.tail[1::2])
    keys, bond = np.unique(low * n + high, return_index=True)  # one of parallel bonds is in the tree
    child = order[1:].astype(np.int64)
    up = parent[child].astype(np.int64)
    tree = bond[np.searchsorted(keys, np.minimum(child, up) * n + np.maximum(child, up))]
    signs = np.ones(surface.n_bonds)
    signs[tree] = 1.0 - 2.0 * np.array(total)[child]
    return signs
