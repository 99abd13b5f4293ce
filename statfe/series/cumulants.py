"""The cumulants of V = beta E + ln q under a product trial q, in closed form, and the free energies made of them.

For any trial q, Z = <exp(-V)>_q, so

    beta_f = -ln Z = sum_{k >= 1} (-1)^(k-1) kappa_k / k! = kappa_1 - kappa_2/2 + kappa_3/6 - kappa_4/24 + ...   (1)

With s_i = m_i + x_i, v_i = 1 - m_i^2, K_ij = -beta J_ij and a_i = lambda_i - beta h_i - beta sum_j J_ij m_j,

    V = kappa_1 + sum_i a_i x_i + sum_{i<j} K_ij x_i x_j,                                                        (2)

where the x_i are independent with moments 0, v_i, -2 m_i v_i and v_i (1 + 3 m_i^2). In a joint cumulant of terms
of (2) every site must occur twice or more and the terms must hang together; what is left are sites, pairs, chains
of two pairs, triangles and four-cycles:

    kappa_2 = sum_i a_i^2 v_i + sum_{i<j} K_ij^2 v_i v_j                                                         (3)
    kappa_3 = -2 sum_i a_i^2 b_i v_i
              + sum_{i<j} v_i v_j [6 K a_i a_j - 6 K^2 (b_i + b_j) + 4 K^3 m_i m_j] + 6 sum_triangles w          (4)
    kappa_4 = sum_i a_i^4 v_i (6 m_i^2 - 2)
              + sum_{i<j} v_i v_j {-24 K a_i a_j (b_i + b_j) + 24 K^2 (b_i + b_j)^2
                  - 8 K^3 [a_i m_j (1 + 3 m_i^2) + a_j m_i (1 + 3 m_j^2)]
                  + K^4 [(1 + 3 m_i^2)(1 + 3 m_j^2) - 3 v_i v_j]}
              + 12 sum_j v_j [(sum_i c_ij)^2 - sum_i c_ij^2]
              + 48 sum_triangles w [K_ij m_i m_j + K_jk m_j m_k + K_ki m_k m_i - b_i - b_j - b_k]
              + 24 sum_four-cycles K_ij K_jk K_kl K_li v_i v_j v_k v_l                                           (5)

with b_i = a_i m_i, c_ij = K_ij v_i (a_i - m_j K_ij) and w = K_ij K_jk K_ki v_i v_j v_k.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy.sparse

from statfe.kernels.cumulants import square_sum, triangle_sums
from statfe.models.ising import IsingModel
from statfe.models.structure import per_model
from statfe.trial import ProductTrial
from statfe.variational.mean_field import coupling_fields, product_beta_f

#: Highest cumulant with a closed form here.
MAX_ORDER = 4


@dataclass(frozen=True, eq=False)
class CycleGraph:
    """The coupling graph with its sites numbered by rising degree, for sums over cycles.

    Attributes
    ----------
    order
        Site of each new number, int64, shape (n_sites,).
    indptr, indices, weights
        Symmetric adjacency in the new numbers, columns sorted.
    """

    order: np.ndarray
    indptr: np.ndarray
    indices: np.ndarray
    weights: np.ndarray

    def steps(self, order: int) -> float:
        """Inner steps of the kernels that the cumulants up to `order` need: triangles, and four-cycles."""
        if order < 3:
            return 0.0
        rows = np.repeat(np.arange(len(self.order)), np.diff(self.indptr))
        above = self.indices > rows
        lower = np.bincount(rows[~above], minlength=len(self.order))
        triangles = float(np.sum(lower[rows[above]]))
        if order == 3:
            return triangles
        # Entry k of row j is neighbour i; the neighbours of j below i come before it in the row.
        place = np.arange(len(rows)) - self.indptr[rows]
        return triangles + 2.0 * float(np.sum(place[above]))


@per_model
def cycle_graph(model: IsingModel) -> CycleGraph:
    """The graph of `model` by rising degree."""
    order = np.argsort(model.degrees, kind="stable")
    graph = scipy.sparse.csr_array(model.adjacency[order][:, order])
    graph.sort_indices()
    return CycleGraph(order, graph.indptr.astype(np.int64), graph.indices.astype(np.int32), graph.data)


@dataclass(frozen=True, eq=False)
class _Terms:
    """The symbols of (2) to (5): m, v, a, b on sites; i, j, K and v_i v_j on pairs."""

    m: np.ndarray
    v: np.ndarray
    a: np.ndarray
    b: np.ndarray
    i: np.ndarray
    j: np.ndarray
    K: np.ndarray
    vv: np.ndarray


def cumulants(model: IsingModel, beta: float, trial: ProductTrial, order: int) -> np.ndarray:
    """kappa_1 to kappa_order of V = beta E + ln q under `trial`, without the model's offset.

    Costs O(bonds) up to order 2 and ``cycle_graph(model).steps(order)`` more above. Numbers too large for floating
    point come out as infinities or NaN.

    Raises
    ------
    ValueError
        If `order` is not 1 to 4.
    """
    if not 1 <= order <= MAX_ORDER:
        raise ValueError(f"cumulants of order 1 to {MAX_ORDER} have a closed form here, not {order}")
    with np.errstate(over="ignore", invalid="ignore"):
        kappas = [product_beta_f(model, beta, trial)]
        if order >= 2:
            terms = _terms(model, beta, trial)
            kappas.append(_second(terms))
        if order >= 3:
            triangles = _triangles(model, beta, terms)
            kappas.append(_third(terms, triangles[0]))
        if order >= 4:
            kappas.append(_fourth(terms, triangles[1], _squares(model, beta, terms)))
    return np.array(kappas)


def partial_sums(kappas: np.ndarray) -> np.ndarray:
    """beta_f from (1) cut after the first, second, ... cumulant; shape of `kappas`."""
    signs = [(-1.0) ** k / math.factorial(k + 1) for k in range(len(kappas))]
    with np.errstate(over="ignore", invalid="ignore"):
        return np.cumsum(np.array(signs) * kappas)


def _terms(model: IsingModel, beta: float, trial: ProductTrial) -> _Terms:
    m, v = trial.means, trial.variances
    a = trial.lambdas - beta * (coupling_fields(model, m) + model.fields)
    i, j, J = model.pairs
    return _Terms(m, v, a, a * m, i, j, -beta * J, v[i] * v[j])


def _second(t: _Terms) -> float:
    """Equation (3)."""
    return float(np.sum(t.a**2 * t.v) + np.sum(t.K**2 * t.vv))


def _third(t: _Terms, triangles: float) -> float:
    """Equation (4)."""
    m_i, m_j, a_i, a_j, bb = t.m[t.i], t.m[t.j], t.a[t.i], t.a[t.j], t.b[t.i] + t.b[t.j]
    pairs = t.vv * t.K * (6.0 * a_i * a_j - 6.0 * t.K * bb + 4.0 * t.K**2 * m_i * m_j)
    return float(-2.0 * np.sum(t.a**2 * t.b * t.v) + np.sum(pairs) + 6.0 * triangles)


def _fourth(t: _Terms, triangles: float, squares: float) -> float:
    """Equation (5)."""
    m_i, m_j, a_i, a_j, bb = t.m[t.i], t.m[t.j], t.a[t.i], t.a[t.j], t.b[t.i] + t.b[t.j]
    sites = t.a**4 * t.v * (6.0 * t.m**2 - 2.0)
    r_i, r_j = 1.0 + 3.0 * m_i**2, 1.0 + 3.0 * m_j**2
    pairs = t.vv * t.K * (
        -24.0 * a_i * a_j * bb + 24.0 * t.K * bb**2
        - 8.0 * t.K**2 * (a_i * m_j * r_i + a_j * m_i * r_j)
        + t.K**3 * (r_i * r_j - 3.0 * t.vv))
    return float(np.sum(sites) + np.sum(pairs) + _chains(t) + 48.0 * triangles + 24.0 * squares)


def _chains(t: _Terms) -> float:
    """12 sum_j v_j [(sum_i c_ij)^2 - sum_i c_ij^2] of (5)."""
    n = len(t.m)
    into_i = t.K * t.v[t.j] * (t.a[t.j] - t.m[t.i] * t.K)
    into_j = t.K * t.v[t.i] * (t.a[t.i] - t.m[t.j] * t.K)
    sums = np.bincount(t.i, into_i, n) + np.bincount(t.j, into_j, n)
    squares = np.bincount(t.i, into_i**2, n) + np.bincount(t.j, into_j**2, n)
    return float(12.0 * np.sum(t.v * (sums**2 - squares)))


def _triangles(model: IsingModel, beta: float, t: _Terms) -> np.ndarray:
    """The sums over triangles of (4) and (5), without their factors 6 and 48."""
    graph, out = cycle_graph(model), np.empty(2)
    triangle_sums(
        graph.indptr, graph.indices, -beta * graph.weights, t.m[graph.order], t.v[graph.order], t.b[graph.order], out)
    return out


def _squares(model: IsingModel, beta: float, t: _Terms) -> float:
    """The sum over four-cycles of (5), without its factor 24."""
    graph, out = cycle_graph(model), np.empty(1)
    root = np.sqrt(t.v[graph.order])
    rows = np.repeat(root, np.diff(graph.indptr))
    square_sum(graph.indptr, graph.indices, -beta * graph.weights * rows * root[graph.indices], out)
    return float(out[0])
