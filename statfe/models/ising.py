"""`IsingModel`: E(s) = - sum_{i<j} J_ij s_i s_j - sum_i h_i s_i + offset, with s_i = +-1.

Validated once, when it is made, and immutable after. Bonds are kept as given (each bond once; a pair may have
several, as on a periodic axis of length 2); the adjacency in compressed sparse rows has them added up.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import scipy.sparse
import scipy.sparse.csgraph

from statfe.errors import ModelError
from statfe.models.geometry import Lattice

MAX_BONDS = 200_000_000


def _frozen(values: np.ndarray, dtype: type) -> np.ndarray:
    array = np.ascontiguousarray(values, dtype=dtype)
    if array is values and array.flags.writeable:
        array = array.copy()
    array.flags.writeable = False
    return array


@dataclass(frozen=True, eq=False)
class IsingModel:
    """A model of N spins +-1 with pair couplings and fields. Make one with `from_edges` or `statfe.model`.

    Attributes
    ----------
    n_sites
        Number of spins N.
    rows, cols, couplings
        Bonds as given, shape (n_bonds,), rows < cols; int32, int32, float64.
    fields
        h_i, float64, shape (n_sites,).
    indptr, indices, weights
        Symmetric adjacency in compressed sparse rows: the neighbours of i are
        ``indices[indptr[i]:indptr[i+1]]`` with couplings ``weights[...]``; parallel bonds added, zeros dropped,
        indices sorted. int64, int32, float64.
    offset
        A constant energy (the 0/1 form of an RBM needs one).
    spec
        The spec string the model was made from.
    lattice
        Shape and boundary where the model is a regular lattice, else None.
    """

    n_sites: int
    rows: np.ndarray
    cols: np.ndarray
    couplings: np.ndarray
    fields: np.ndarray
    indptr: np.ndarray = field(repr=False)
    indices: np.ndarray = field(repr=False)
    weights: np.ndarray = field(repr=False)
    offset: float = 0.0
    spec: str = "edges"
    lattice: Lattice | None = None

    @classmethod
    def from_edges(
        cls,
        n: int,
        rows: np.ndarray,
        cols: np.ndarray,
        couplings: np.ndarray,
        fields: np.ndarray | None = None,
        *,
        offset: float = 0.0,
        spec: str | None = None,
        lattice: Lattice | None = None,
    ) -> IsingModel:
        """Make a model from a list of bonds.

        Parameters
        ----------
        n
            Number of spins.
        rows, cols
            Sites of each bond, integers in [0, n), shape (n_bonds,). Repeated pairs add up.
        couplings
            J of each bond, shape (n_bonds,).
        fields
            h of each site, shape (n,); zero when None.

        Raises
        ------
        ModelError
            For indices out of range, a site coupled to itself, a pair given in both orders with different
            totals (an asymmetric matrix), or a value that is not finite.
        """
        i, j, J, h = _checked(n, rows, cols, couplings, fields)
        _refuse_asymmetry(n, i, j, J)
        if not np.isfinite(offset):
            raise ModelError(f"the energy offset must be finite, got {offset}")
        low, high = np.minimum(i, j), np.maximum(i, j)
        adjacency = _adjacency(n, low, high, J)
        return cls(
            n_sites=int(n),
            rows=_frozen(low, np.int32),
            cols=_frozen(high, np.int32),
            couplings=_frozen(J, np.float64),
            fields=_frozen(h, np.float64),
            indptr=_frozen(adjacency.indptr, np.int64),
            indices=_frozen(adjacency.indices, np.int32),
            weights=_frozen(adjacency.data, np.float64),
            offset=float(offset),
            spec=spec or f"edges:n={n},bonds={len(J)}",
            lattice=lattice,
        )

    @property
    def n_bonds(self) -> int:
        """Number of bonds as given; parallel bonds count one by one."""
        return len(self.couplings)

    @property
    def n_pairs(self) -> int:
        """Number of pairs of sites with a coupling that is not zero."""
        return len(self.indices) // 2

    @property
    def degrees(self) -> np.ndarray:
        """Number of coupled neighbours of each site, int64, shape (n_sites,)."""
        return np.diff(self.indptr)

    @cached_property
    def pairs(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(i, j, J) of each coupled pair once, i < j, in the order of the adjacency's upper triangle."""
        i = np.repeat(np.arange(self.n_sites, dtype=np.int32), self.degrees)
        upper = i < self.indices
        return i[upper], self.indices[upper], self.weights[upper]

    @property
    def adjacency(self) -> scipy.sparse.csr_array:
        """The symmetric coupling matrix, sparse, shape (n_sites, n_sites)."""
        return scipy.sparse.csr_array(
            (self.weights, self.indices, self.indptr), shape=(self.n_sites, self.n_sites))

    @property
    def has_fields(self) -> bool:
        """Whether any field is not zero."""
        return bool(np.any(self.fields))

    @cached_property
    def components(self) -> np.ndarray:
        """Label of the connected component of each site, int32, shape (n_sites,)."""
        return scipy.sparse.csgraph.connected_components(self.adjacency, directed=False)[1]

    @cached_property
    def is_forest(self) -> bool:
        """Whether the graph of coupled pairs has no cycle."""
        return self.n_pairs == self.n_sites - (int(self.components.max()) + 1)

    @cached_property
    def energy_variance(self) -> float:
        """Var(E) at beta = 0: sum_pairs J^2 + sum_i h^2."""
        return float(0.5 * np.dot(self.weights, self.weights) + np.dot(self.fields, self.fields))

    def energy(self, spins: np.ndarray) -> np.ndarray:
        """E(s) with the offset, for spins of shape (..., n_sites); returns float64 of shape (...)."""
        s = np.asarray(spins, dtype=np.float64)
        if s.shape[-1] != self.n_sites:
            raise ModelError(f"spins have {s.shape[-1]} sites, the model has {self.n_sites}")
        flat = s.reshape(-1, self.n_sites)
        pair = 0.5 * np.einsum("ki,ki->k", flat, (self.adjacency @ flat.T).T)
        return (self.offset - pair - flat @ self.fields).reshape(s.shape[:-1])


def _checked(
    n: int, rows: np.ndarray, cols: np.ndarray, couplings: np.ndarray, fields: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    if int(n) != n or n < 1:
        raise ModelError(f"a model needs at least one spin, got n={n}")
    if n > np.iinfo(np.int32).max:
        raise ModelError(f"n={n} is too large; at most {np.iinfo(np.int32).max} spins")
    i, j = _indices(rows, "rows"), _indices(cols, "cols")
    J = np.atleast_1d(np.asarray(couplings, dtype=np.float64))
    h = np.zeros(n) if fields is None else np.asarray(fields, dtype=np.float64)
    if not i.shape == j.shape == J.shape or i.ndim != 1:
        raise ModelError(f"rows, cols and couplings must have one length, got {i.shape}, {j.shape}, {J.shape}")
    if len(J) > MAX_BONDS:
        raise ModelError(f"{len(J)} bonds are too many; at most {MAX_BONDS}")
    if h.shape != (n,):
        raise ModelError(f"fields must have shape ({n},), got {h.shape}")
    for name, values in (("coupling", J), ("field", h)):
        bad = np.flatnonzero(~np.isfinite(values))
        if bad.size:
            raise ModelError(f"{name} {bad[0]} is {values[bad[0]]}; couplings and fields must be finite")
    if len(J):
        if min(i.min(), j.min()) < 0 or max(i.max(), j.max()) >= n:
            raise ModelError(f"a bond names a site outside 0..{n - 1}")
        loops = np.flatnonzero(i == j)
        if loops.size:
            raise ModelError(f"bond {loops[0]} couples site {i[loops[0]]} to itself; use fields for single spins")
    return i, j, J, h


def _indices(values: np.ndarray, name: str) -> np.ndarray:
    array = np.atleast_1d(np.asarray(values))
    if array.size == 0:
        return array.astype(np.int64).ravel()
    if not np.issubdtype(array.dtype, np.integer):
        rounded = np.asarray(array, dtype=np.float64)
        if not np.all(np.isfinite(rounded)) or np.any(rounded != np.round(rounded)):
            raise ModelError(f"{name} must be integers")
    return array.astype(np.int64)


def _refuse_asymmetry(n: int, i: np.ndarray, j: np.ndarray, J: np.ndarray) -> None:
    """A pair listed in both orders must have one total in each: anything else is an asymmetric matrix."""
    if not (np.any(i < j) and np.any(i > j)):
        return
    full = scipy.sparse.coo_array((J, (i, j)), shape=(n, n)).tocsr()
    ones = full.copy()
    ones.data = np.ones_like(ones.data)
    both = ones.multiply(ones.T).tocsr()
    difference = abs(full - full.T).multiply(both).tocoo()
    bad = np.flatnonzero(difference.data > 0)
    if bad.size:
        a, b = int(difference.row[bad[0]]), int(difference.col[bad[0]])
        raise ModelError(f"asymmetric couplings: J[{a},{b}] = {full[a, b]:g} but J[{b},{a}] = {full[b, a]:g}")


def _adjacency(n: int, low: np.ndarray, high: np.ndarray, J: np.ndarray) -> scipy.sparse.csr_array:
    upper = scipy.sparse.coo_array((J, (low.astype(np.int32), high.astype(np.int32))), shape=(n, n)).tocsr()
    upper.sum_duplicates()
    upper.eliminate_zeros()
    full = (upper + upper.T).tocsr()
    full.sort_indices()
    return full
