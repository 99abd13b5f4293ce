"""`IsingModel`: E(s) = - sum_{i<j} J_ij s_i s_j - sum_i h_i s_i + offset, with s_i = +-1.

Validated once, when it is made, and immutable after. Bonds are kept as given (each bond once; a pair may have
several, as on a periodic axis of length 2); the adjacency in compressed sparse rows has them added up.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import scipy.sparse
import scipy.sparse.csgraph

from statfe.errors import ModelError
from statfe.models.geometry import Lattice
from statfe.models.validation import check_both_orders, check_edges


def _frozen(values: np.ndarray, dtype: type, given: object = None) -> np.ndarray:
    """A read-only array of `values`; copied where `given`, the caller's own object, could change it later."""
    array: np.ndarray = np.ascontiguousarray(values, dtype=dtype)
    constant = array.flags.owndata and not array.flags.writeable
    # Other objects than arrays (memory views, data frames) may lend their memory too.
    lent = given is not None and not isinstance(given, (list, tuple))
    if lent and not constant and np.may_share_memory(array, np.asarray(given)):
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
        ``indices[indptr[i]:indptr[i+1]]`` with couplings ``weights[...]``; parallel bonds added, zeros
        dropped, indices sorted. int64, int32, float64.
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
            totals (an asymmetric matrix), a value that is not finite, or bonds that are not the lattice's.

        Warns
        -----
        UserWarning
            Where pairs are given in both orders with equal totals: they add up too.
        """
        name = spec or f"edges:n={n},bonds={np.size(couplings)}"
        n, i, j, J, h = check_edges(n, rows, cols, couplings, fields)
        check_both_orders(n, i, j, J, name)
        if not np.isfinite(offset):
            raise ModelError(f"the energy offset must be finite, got {offset}")
        if lattice is not None and (lattice.n_sites, lattice.n_bonds) != (n, len(J)):
            raise ModelError(f"{n} sites and {len(J)} bonds do not make {lattice}")
        low, high = np.minimum(i, j), np.maximum(i, j)
        adjacency = _adjacency(n, low, high, J)
        if not np.all(np.isfinite(adjacency.data)):
            raise ModelError("repeated pairs add up to an infinite coupling")
        return cls(
            n_sites=n,
            rows=_frozen(low, np.int32),
            cols=_frozen(high, np.int32),
            couplings=_frozen(J, np.float64, given=couplings),
            fields=_frozen(h, np.float64, given=fields),
            indptr=_frozen(adjacency.indptr, np.int64),
            indices=_frozen(adjacency.indices, np.int32),
            weights=_frozen(adjacency.data, np.float64),
            offset=float(offset),
            spec=name,
            lattice=lattice,
        )

    def with_spec(self, spec: str) -> IsingModel:
        """The same model under another name."""
        return replace(self, spec=spec)

    @property
    def uniform(self) -> tuple[float, float] | None:
        """(J, h) of a lattice whose bonds are not listed (`UniformLattice`), else None."""
        return None

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
        return (
            _frozen(i[upper], np.int32), _frozen(self.indices[upper], np.int32),
            _frozen(self.weights[upper], np.float64),
        )

    @property
    def adjacency(self) -> scipy.sparse.csr_array:
        """The symmetric coupling matrix, sparse, shape (n_sites, n_sites)."""
        # With int64 row pointers scipy would copy the column indices to int64 as well.
        return scipy.sparse.csr_array(
            (self.weights, self.indices, self.indptr.astype(np.int32)), shape=(self.n_sites, self.n_sites))

    @property
    def has_fields(self) -> bool:
        """Whether any field is not zero."""
        return bool(np.any(self.fields))

    @cached_property
    def components(self) -> np.ndarray:
        """Label of the connected component of each site, int32, shape (n_sites,)."""
        return _frozen(scipy.sparse.csgraph.connected_components(self.adjacency, directed=False)[1], np.int32)

    @cached_property
    def is_forest(self) -> bool:
        """Whether the graph of coupled pairs has no cycle."""
        return self.n_pairs == self.n_sites - (int(self.components.max()) + 1)

    @cached_property
    def energy_variance(self) -> float:
        """Var(E) at beta = 0: sum_pairs J^2 + sum_i h^2."""
        with np.errstate(over="ignore"):
            return float(0.5 * np.dot(self.weights, self.weights) + np.dot(self.fields, self.fields))

    @cached_property
    def reach(self) -> float:
        """No energy is larger than this, the constant apart."""
        with np.errstate(over="ignore"):
            return float(0.5 * np.abs(self.weights).sum() + np.abs(self.fields).sum())

    @cached_property
    def strengths(self) -> np.ndarray:
        """sum_j |J_ij| + |h_i|, the largest field that each spin can feel; shape (n_sites,)."""
        rows = np.repeat(np.arange(self.n_sites, dtype=np.int32), self.degrees)
        with np.errstate(over="ignore"):
            return _frozen(
                np.bincount(rows, np.abs(self.weights), minlength=self.n_sites) + np.abs(self.fields), np.float64)

    @property
    def local_field(self) -> float:
        """Root mean square of the field that a site feels at beta = 0."""
        return float(np.sqrt((2.0 * self.energy_variance - np.dot(self.fields, self.fields)) / self.n_sites))

    def energy(self, spins: np.ndarray) -> np.ndarray:
        """E(s) with the offset, for spins of shape (..., n_sites); returns float64 of shape (...)."""
        s = np.asarray(spins, dtype=np.float64)
        if s.shape[-1] != self.n_sites:
            raise ModelError(f"spins have {s.shape[-1]} sites, the model has {self.n_sites}")
        flat = s.reshape(-1, self.n_sites)
        pair = 0.5 * np.einsum("ki,ki->k", flat, (self.adjacency @ flat.T).T)
        return (self.offset - pair - flat @ self.fields).reshape(s.shape[:-1])


def _adjacency(n: int, low: np.ndarray, high: np.ndarray, J: np.ndarray) -> scipy.sparse.csr_array:
    """Symmetric compressed sparse rows; parallel bonds are added once, so both halves agree to the bit."""
    upper = scipy.sparse.coo_array((J, (low, high)), shape=(n, n)).tocsr()
    upper.sum_duplicates()
    upper.eliminate_zeros()
    full = (upper + upper.T).tocsr()
    full.sort_indices()
    return full
