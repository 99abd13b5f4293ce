"""The free energy at fixed means m in powers of beta, to fourth order, with its slope and its Hessian.

With t_ij = beta J_ij, v = 1 - m^2, u = m v and w = m^2 v at each site, G(m) = beta F at fixed means is

    G = -S(m) - beta sum_i h_i m_i - sum_{i<j} t_ij m_i m_j + C_2 + C_3 + C_4 + ...                               (1)
    C_2 = -(1/2) sum_{i<j} t^2 v_i v_j                                                                            (2)
    C_3 = -(2/3) sum_{i<j} t^3 u_i u_j - sum_triangles t_ij t_jk t_ki v_i v_j v_k                                 (3)
    C_4 = (1/12) sum_{i<j} t^4 [v_i v_j + 3 w_i v_j + 3 v_i w_j - 15 w_i w_j]
          - 2 sum_triangles t_ij t_jk t_ki [t_ij u_i u_j v_k + t_jk u_j u_k v_i + t_ki u_k u_i v_j]
          - sum_four-cycles t_ij t_jk t_kl t_li v_i v_j v_k v_l                                                   (4)

(A. Georges and J. S. Yedidia, J. Phys. A 24, 2173 (1991); order 2 is Plefka's.) They follow from the cumulants of
`statfe.series.cumulants`: G(m) = ext_a W(a) with W = -ln <exp(-V)>, where the a_i hold the means at m. To fourth
order a_i = -m_i sum_j t_ij^2 v_j, and its square cancels the chains of two pairs: only pairs and cycles stay.

C_2 to C_4 are linear in each of v_i, u_i, w_i, so that slope and Hessian in m follow from coefficients by the chain
rule. Sums over cycles are matrix products: with T = (t_ij), D = diag(v), U = diag(u) and * entry by entry,

    M = T D T,    X = T * (T U T^2*),    Q = (M*M - T^2* D^2 T^2*) / 2 off the diagonal, T^2* = T*T.             (5)

Costs one product of two matrices at order 3 and three at order 4, dense or sparse.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse

from statfe.models.ising import IsingModel
from statfe.trial import ProductTrial
from statfe.variational.mean_field import product_beta_f

#: Highest order here.
MAX_ORDER = 4
#: Matrices are dense up to this many sites, or where this share of the pairs is coupled.
DENSE_SITES, DENSE_SHARE = 64, 0.1

#: A dense array or a `csr_array`: both know `@`, `*` entry by entry, and `+`.
Matrix = Any


def coupling_matrix(model: IsingModel, beta: float) -> Matrix:
    """T = (beta J_ij), dense or in compressed sparse rows, whichever is faster."""
    T = model.adjacency
    T.data = beta * model.weights
    n = model.n_sites
    return T.toarray() if n <= DENSE_SITES or len(model.indices) > DENSE_SHARE * n**2 else T


def steps(model: IsingModel) -> float:
    """Multiplications of one matrix product of (5): sum over pairs of the neighbours at one end."""
    return float(np.sum(model.degrees.astype(np.float64) ** 2))


def _columns(A: Matrix, v: np.ndarray) -> Matrix:
    """A diag(v)."""
    if isinstance(A, np.ndarray):
        return A * v
    return scipy.sparse.csr_array((A.data * v[A.indices], A.indices, A.indptr), shape=A.shape)


def _both(left: np.ndarray, A: Matrix, right: np.ndarray) -> Matrix:
    """diag(left) A diag(right)."""
    if isinstance(A, np.ndarray):
        return left[:, None] * A * right
    rows = np.repeat(left, np.diff(A.indptr))
    return scipy.sparse.csr_array((rows * A.data * right[A.indices], A.indices, A.indptr), shape=A.shape)


def _transposed(A: Matrix) -> Matrix:
    return A.T if isinstance(A, np.ndarray) else scipy.sparse.csr_array(A.T)


def _without_diagonal(A: Matrix) -> Matrix:
    if isinstance(A, np.ndarray):
        return A - np.diag(A.diagonal())
    return A - scipy.sparse.diags_array(A.diagonal(), format="csr")


@dataclass(frozen=True, eq=False)
class Sites:
    """v, u, w of each site, and their first and second derivatives in m."""

    m: np.ndarray
    v: np.ndarray

    @classmethod
    def of(cls, trial: ProductTrial) -> Sites:
        """Those at the means of `trial`."""
        return cls(trial.means, trial.variances)

    @property
    def values(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """v, u, w."""
        return self.v, self.m * self.v, self.m**2 * self.v

    @property
    def slopes(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """-2 m, 1 - 3 m^2, 2 m - 4 m^3."""
        return -2.0 * self.m, 3.0 * self.v - 2.0, 2.0 * self.m * (2.0 * self.v - 1.0)

    @property
    def bends(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """-2, -6 m, 2 - 12 m^2."""
        return np.full_like(self.m, -2.0), -6.0 * self.m, 2.0 - 12.0 * self.m**2


@dataclass(frozen=True, eq=False)
class Term:
    """One C_k: its value, and dC/dv_i, dC/du_i, dC/dw_i, each float64 of shape (n_sites,)."""

    value: float
    by_v: np.ndarray
    by_u: np.ndarray
    by_w: np.ndarray

    def chained(self, factors: tuple[np.ndarray, np.ndarray, np.ndarray]) -> np.ndarray:
        """by_v factors[0] + by_u factors[1] + by_w factors[2]."""
        return self.by_v * factors[0] + self.by_u * factors[1] + self.by_w * factors[2]


def term(T: Matrix, sites: Sites, order: int) -> Term:
    """C_2, C_3 or C_4 of the couplings T; numbers too large for floating point come out as infinities or NaN."""
    with np.errstate(over="ignore", invalid="ignore"):
        return {2: _second, 3: _third, 4: _fourth}[order](T, *sites.values)


def _second(T: Matrix, v: np.ndarray, u: np.ndarray, w: np.ndarray) -> Term:
    """Equation (2)."""
    by_v = -0.5 * ((T * T) @ v)
    return Term(0.5 * float(by_v @ v), by_v, np.zeros_like(v), np.zeros_like(v))


def _third(T: Matrix, v: np.ndarray, u: np.ndarray, w: np.ndarray) -> Term:
    """Equation (3)."""
    by_u = -(2.0 / 3.0) * ((T * T * T) @ u)
    by_v = -0.5 * ((T * (_columns(T, v) @ T)) @ v)
    return Term(0.5 * float(by_u @ u) + float(by_v @ v) / 3.0, by_v, by_u, np.zeros_like(v))


def _fourth(T: Matrix, v: np.ndarray, u: np.ndarray, w: np.ndarray) -> Term:
    """Equation (4)."""
    T2 = T * T
    fourth, M = T2 * T2, _columns(T, v) @ T
    on_v, on_w = fourth @ v, fourth @ w
    pairs = (float(v @ on_v) + 6.0 * float(w @ on_v) - 15.0 * float(w @ on_w)) / 24.0
    X = T * (_columns(T, u) @ T2)
    round_u, round_v = -2.0 * ((T2 * M) @ u), -(X @ u)
    corners = -(_opposite(T2, M, v) @ v)
    return Term(
        pairs + 0.5 * float(round_u @ u) + 0.25 * float(corners @ v), (on_v + 3.0 * on_w) / 12.0 + round_v + corners,
        round_u, (3.0 * on_v - 15.0 * on_w) / 12.0)


def _opposite(T2: Matrix, M: Matrix, v: np.ndarray) -> Matrix:
    """Q of (5): four-cycles through two opposite corners."""
    return _without_diagonal(0.5 * (M * M - _columns(T2, v * v) @ T2))


def _adjacent(T: Matrix, M: Matrix, v: np.ndarray) -> Matrix:
    """Four-cycles through two coupled corners: t_ij times the paths of three pairs that meet no site twice."""
    back = _columns(T, M.diagonal() * v)
    return T * (_columns(M, v) @ T - back - _transposed(back) + _both(v, T * T * T, v))


def scaled_hessian(model: IsingModel, beta: float, trial: ProductTrial, order: int) -> Matrix:
    """D^(1/2) (d^2 G / dm dm) D^(1/2) of (1) up to C_order, dense or sparse; 1 on the diagonal without couplings."""
    T, sites = coupling_matrix(model, beta), Sites.of(trial)
    root = np.sqrt(trial.variances)
    with np.errstate(over="ignore", invalid="ignore"):
        off, diagonal = -1.0 * T, np.ones(model.n_sites)
        for k in range(2, order + 1):
            off = off + _mixed(T, sites, k)
            diagonal = diagonal + trial.variances * term(T, sites, k).chained(sites.bends)
        scaled = _both(root, off, root)
    if isinstance(scaled, np.ndarray):
        return scaled + np.diag(diagonal)
    return scipy.sparse.csr_array(scaled + scipy.sparse.diags_array(diagonal, format="csr"))


def _mixed(T: Matrix, sites: Sites, order: int) -> Matrix:
    """d^2 C_order / dm_i dm_j for i != j."""
    v, u, _ = sites.values
    dv, du, dw = sites.slopes
    T2 = T * T
    if order == 2:
        return _both(dv, -0.5 * T2, dv)
    M = _columns(T, v) @ T
    if order == 3:
        return _both(du, -(2.0 / 3.0) * (T2 * T), du) + _both(dv, -1.0 * (T * M), dv)
    fourth = T2 * T2
    skew = _both(dv, -2.0 * (T * (_columns(T, u) @ T2)), du) + _both(dv, 0.25 * fourth, dw)
    return (
        _both(dv, fourth / 12.0 - _opposite(T2, M, v) - _adjacent(T, M, v), dv) + skew + _transposed(skew)
        + _both(du, -2.0 * (T2 * M), du) + _both(dw, -1.25 * fourth, dw))


def shift(T: Matrix, lambdas: np.ndarray, order: int) -> np.ndarray:
    """d (C_3 + ... + C_order) / dm_i at m = tanh lambda; shape (n_sites,)."""
    sites = Sites.of(ProductTrial(lambdas))
    return sum((term(T, sites, k).chained(sites.slopes) for k in range(3, order + 1)), np.zeros_like(lambdas))


def expanded_beta_f(model: IsingModel, beta: float, trial: ProductTrial, order: int) -> np.ndarray:
    """(1) cut after C_1, C_2, ..., C_order at the means of `trial`, without the offset; float64, shape (order,)."""
    T, sites = coupling_matrix(model, beta), Sites.of(trial)
    return np.cumsum([product_beta_f(model, beta, trial), *(term(T, sites, k).value for k in range(2, order + 1))])
