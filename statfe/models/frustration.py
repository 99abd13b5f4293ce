"""Facts of a model that no gauge transformation s_i -> e_i s_i, J_ij -> e_i e_j J_ij, e_i = +-1 changes.

A closed loop is frustrated where the product of its couplings is negative: no state satisfies all its bonds
(Toulouse, Commun. Phys. 2, 115, 1977). Lattices count their elementary plaquettes, other graphs their triangles
or, where there are none, their cycles of four.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse

from statfe.models.ising import IsingModel

#: Largest number of multiplications spent on the loops of a graph.
MAX_WORK = 100_000_000
#: Up to this size, and above this share of coupled pairs, the loops are counted with dense matrices.
DENSE_SITES, DENSE_SHARE = 2000, 0.02


def facts(model: IsingModel) -> dict[str, Any]:
    """Sizes, connectivity and frustration of `model`.

    Returns
    -------
    dict
        ``n_sites``, ``n_bonds`` (as given), ``n_pairs`` (coupled), ``mean_degree``, ``components``,
        ``has_fields``, ``plaquette_kind`` (``squares``, ``triangles``, ``none``, or ``not counted`` where that
        would take too much work), ``plaquettes``, ``frustrated_plaquettes`` and ``frustrated_fraction``; the
        last three are None where not counted, the fraction also where there is no plaquette.
    """
    kind, loops, frustrated = count_plaquettes(model)
    return {
        "n_sites": model.n_sites,
        "n_bonds": model.n_bonds,
        "n_pairs": model.n_pairs,
        "mean_degree": 2 * model.n_pairs / model.n_sites,
        "components": int(model.components.max()) + 1,
        "has_fields": model.has_fields,
        "plaquette_kind": kind,
        "plaquettes": loops,
        "frustrated_plaquettes": frustrated,
        "frustrated_fraction": frustrated / loops if loops and frustrated is not None else None,
    }


def count_plaquettes(model: IsingModel) -> tuple[str, int | None, int | None]:
    """(kind, number, number frustrated) of the shortest loops; see `facts`. A loop with a zero bond is none."""
    if model.lattice is not None:
        table = model.lattice.plaquettes()
        if len(table):
            kind = "triangles" if table.shape[1] == 3 else "squares"
            return kind, *_count_table(table, np.sign(model.couplings).astype(np.int8))
    if model.is_forest:
        return "none", 0, 0
    for kind, count in (("triangles", _triangles), ("squares", _squares)):
        found = count(model)
        if found is None:
            return "not counted", None, None
        if found[0]:
            return kind, *found
    return "none", 0, 0


def _count_table(table: np.ndarray, signs: np.ndarray) -> tuple[int, int]:
    product = signs[table[:, 0]]
    for side in table.T[1:]:
        product *= signs[side]
    return int(np.count_nonzero(product)), int(np.count_nonzero(product < 0))


def _dense_signs(model: IsingModel) -> np.ndarray | None:
    """The matrix of signs, float64, where the model is small and dense enough for one."""
    n = model.n_sites
    if n > DENSE_SITES or len(model.weights) < DENSE_SHARE * n * n:
        return None
    return model.adjacency.sign().toarray()


def _counts(total: float, signed: float, copies: int) -> tuple[int, int]:
    """(number, number frustrated) from the sums of 1 and of the sign product over `copies` walks a loop."""
    loops, balance = round(total / copies), round(signed / copies)
    return loops, (loops - balance) // 2


def _triangles(model: IsingModel) -> tuple[int, int] | None:
    """tr |S|^3 / 6 triangles, S the signs; sparse graphs sum over i < j < k in the order of the degrees."""
    dense = _dense_signs(model)
    if dense is not None:
        size = np.abs(dense)
        return _counts(np.vdot(size @ size, size), np.vdot(dense @ dense, dense), 6)
    n = model.n_sites
    rank = np.empty(n, dtype=np.int32)
    rank[np.argsort(model.degrees, kind="stable")] = np.arange(n, dtype=np.int32)
    i, j, J = model.pairs
    # Each bond points to the site with more neighbours, so no site has many bonds going out.
    low, high = np.minimum(rank[i], rank[j]), np.maximum(rank[i], rank[j])
    work = np.bincount(high, minlength=n) @ np.bincount(low, minlength=n)
    if work > MAX_WORK:
        return None
    signs = scipy.sparse.coo_array((np.sign(J), (low, high)), shape=(n, n)).tocsr()
    size = abs(signs)
    return _counts((size @ size).multiply(size).sum(), (signs @ signs).multiply(signs).sum(), 1)


def _squares(model: IsingModel) -> tuple[int, int] | None:
    """Cycles of four, from tr |S|^4 = 8 cycles + 2 sum_i d_i^2 - 2 pairs (walks that turn back have sign +)."""
    degrees = model.degrees.astype(np.float64)
    back = 2 * float(degrees @ degrees) - 2 * model.n_pairs
    dense = _dense_signs(model)
    if dense is not None:
        size = np.abs(dense)
        return _counts(np.square(size @ size).sum() - back, np.square(dense @ dense).sum() - back, 8)
    if degrees @ degrees > MAX_WORK:
        return None
    signs = model.adjacency.sign()
    total, signed = (float(np.square((matrix @ matrix).data).sum()) for matrix in (abs(signs), signs))
    return _counts(total - back, signed - back, 8)
