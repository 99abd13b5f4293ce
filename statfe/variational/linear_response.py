"""Correlations by linear response: how the means of an approximation answer to fields.

Where m makes G(m) - beta sum_i h_i m_i stationary, chi_ij = dm_i / d(beta h_j) is the inverse of the Hessian of G in
m, and fluctuation and response are one: <s_i s_j> = chi_ij + m_i m_j (H. J. Kappen and F. B. Rodriguez, Neural
Comput. 10, 1137 (1998)). With the Hessian of an expansion cut after beta^n, chi is right through beta^n.

All work is on the scaled Hessian B = D^(1/2) G'' D^(1/2), D = diag(1 - m_i^2), which stays near 1 where spins freeze:
chi = D^(1/2) B^(-1) D^(1/2).

Correlations are NaN where B is not positive definite, as the point is no minimum of G and its response means nothing;
and that of a pair is where it lies outside [-1, 1], as it may near an instability of G: no spins have it.
They are those of independent spins, m_i m_j, where the inverse is out of reach: above `DENSE_SITES` sites with a dense
Hessian, above `SPARSE_SITES` with a sparse one, or where the factors of that fill up (random graphs of more than some
5000 sites).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy.linalg
import scipy.sparse
import scipy.sparse.linalg

from statfe.models.ising import IsingModel
from statfe.random import generator
from statfe.result import Moments
from statfe.trial import ProductTrial
from statfe.variational.expansion import Matrix, scaled_hessian

#: Up to this size the threads of dpotri take longer to wake, and far longer on a busy machine, than the work.
SMALL = 64
#: Largest dense Hessian that is inverted (some 10 s), and from where on a sparse one is kept sparse.
DENSE_SITES, DENSE_BELOW = 4000, 1500
#: Largest sparse Hessian that is factorised, and most entries of its factors met in all solves (some 10 s).
SPARSE_SITES, MAX_WORK = 20_000, 1e10
#: Columns of the inverse that are held at once.
COLUMNS = 128
#: A correlation this far outside [-1, 1] is rounding.
OUTSIDE = 1e-9
#: Up to this size a sparse Hessian is made dense for its smallest eigenvalue.
EIGEN_DENSE = 300
#: Key of the random vector that a search for an eigenvalue starts from (see `statfe.random.generator`).
VECTOR_KEY = 7011


def moments_at(model: IsingModel, beta: float, lambdas: np.ndarray, order: int) -> Callable[[], Moments]:
    """The moments at a minimum m = tanh lambda of the expansion cut after C_order (1: naive mean field, 2: TAP)."""
    trial = ProductTrial(lambdas)
    return lambda: response_moments(model, trial, lambda: scaled_hessian(model, beta, trial, order))


def response_moments(model: IsingModel, trial: ProductTrial, hessian: Callable[[], Matrix]) -> Moments:
    """Means of `trial` with the pair correlations that the scaled Hessian B gives; see the module for what is not."""
    i, j, _ = model.pairs
    m, root = trial.means, np.sqrt(trial.variances)
    scaled = inverse_on_pairs(hessian(), i, j) if model.n_sites <= SPARSE_SITES and len(i) else None
    connected = 0.0 if scaled is None else root[i] * root[j] * scaled
    correlations = m[i] * m[j] + connected
    correlations[~(np.abs(correlations) <= 1.0 + OUTSIDE)] = np.nan
    return Moments(magnetizations=m, correlations=np.clip(correlations, -1.0, 1.0))


def inverse_on_pairs(B: Matrix, i: np.ndarray, j: np.ndarray) -> np.ndarray | None:
    """(B^-1)_ij of the pairs i < j, shape of `i`: NaN where B is not positive definite; None where it is too large."""
    n, nothing = B.shape[0], np.full(len(i), np.nan)
    if not np.all(np.isfinite(B if isinstance(B, np.ndarray) else B.data)):
        return nothing
    if isinstance(B, np.ndarray) or n <= DENSE_BELOW:
        if n > DENSE_SITES:
            return None
        inverse = positive_inverse(B if isinstance(B, np.ndarray) else B.toarray())
        return nothing if inverse is None else inverse[i, j]
    return _sparse_inverse(scipy.sparse.csc_array(B), i, j)


def lowest_eigenvalue(B: Matrix) -> float:
    """The smallest eigenvalue of a Hessian: above 0, the point is a minimum. NaN where none is found."""
    n = B.shape[0]
    if not np.all(np.isfinite(B if isinstance(B, np.ndarray) else B.data)):
        return np.nan
    if isinstance(B, np.ndarray) or n <= EIGEN_DENSE:
        full = B if isinstance(B, np.ndarray) else B.toarray()
        return float(scipy.linalg.eigh(full, eigvals_only=True, subset_by_index=[0, 0])[0])
    try:
        values = scipy.sparse.linalg.eigsh(
            B, k=1, which="SA", v0=generator(0, VECTOR_KEY).standard_normal(n), tol=1e-6, ncv=30, maxiter=300,
            return_eigenvectors=False)
    except scipy.sparse.linalg.ArpackError:
        return np.nan
    return float(values[0])


def positive_inverse(B: np.ndarray) -> np.ndarray | None:
    """The inverse of a positive definite matrix, shape (n, n), both halves filled; None where it is not one."""
    if len(B) <= SMALL:
        try:
            lower = np.linalg.inv(np.linalg.cholesky(B))
        except np.linalg.LinAlgError:
            return None
        return np.asarray(lower.T @ lower)
    factor, failed = scipy.linalg.lapack.dpotrf(B, lower=1)
    if failed:
        return None
    inverse, failed = scipy.linalg.lapack.dpotri(factor, lower=1)
    if failed:
        return None
    low = np.tril(inverse)
    full: np.ndarray = low + np.tril(inverse, -1).T
    return full


def _sparse_inverse(B: scipy.sparse.csc_array, i: np.ndarray, j: np.ndarray) -> np.ndarray | None:
    """Column after column; the pivots of the factorisation say whether B is positive definite."""
    n = B.shape[0]
    try:
        factors = scipy.sparse.linalg.splu(
            B, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True})
    except RuntimeError:  # exactly singular
        return np.full(len(i), np.nan)
    if not (np.array_equal(factors.perm_r, factors.perm_c) and np.all(factors.U.diagonal() > 0.0)):
        return np.full(len(i), np.nan)
    if float(n) * (factors.L.nnz + factors.U.nnz) > MAX_WORK:
        return None
    out = np.empty(len(i))
    by_column = np.argsort(j, kind="stable")
    ends = np.searchsorted(j[by_column], np.arange(0, n + COLUMNS, COLUMNS))
    for k, first in enumerate(range(0, n, COLUMNS)):
        columns = np.arange(first, min(first + COLUMNS, n))
        unit = np.zeros((n, len(columns)))
        unit[columns, columns - first] = 1.0
        solved, wanted = factors.solve(unit), by_column[ends[k]:ends[k + 1]]
        out[wanted] = solved[i[wanted], j[wanted] - first]
    return out
