"""From stationary points of the Gibbs-Bogoliubov bound to its minima.

The bound F(lambda) of `statfe.mean_field` has dF/dlambda_i = v_i a_i with a_i = lambda_i - beta (sum_j J_ij m_j + h_i)
and v_i = 1 - m_i^2; where all a_i = 0 its Hessian is

    D^(1/2) (1 - beta W) D^(1/2),    D = diag(v),    W_ij = v_i^(1/2) J_ij v_j^(1/2).                           (1)

A stationary point is a minimum where the largest eigenvalue theta of beta W is below 1. Along its eigenvector u,
d lambda = D^(-1/2) u, written as beta J D^(1/2) u / theta so that nothing is divided by a small v_i.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse.linalg

from statfe.executors import map_tasks
from statfe.mean_field import coupling_fields, descend, product_beta_f
from statfe.models.ising import IsingModel
from statfe.random import generator
from statfe.solutions import Search, Solution, Start, distinct
from statfe.trial import ProductTrial

#: theta may exceed 1 by this much: at a continuous transition the minimum is flat, and its point rounded.
FLAT = 1e-6
#: Sizes of the push off a saddle, as the largest change of a field; the one that lowers the bound most is taken.
PUSHES = (1.0, 0.3, 0.1, 0.03, 0.01, 3e-3, 1e-3)
#: Most saddles that one descent may pass.
MAX_SADDLES = 20
#: Up to this size the whole spectrum is cheaper than its edge; above, LAPACK's threads may stall on a busy machine.
SMALL = 16
#: Residual of the eigenvector relative to theta; the error of theta is of the order of its square.
EIGEN_TOLERANCE = 1e-5
#: Most restarts of the eigenvalue search, of some 30 products each.
EIGEN_RESTARTS = 100
#: Key of the random vector that the eigenvalue search starts from.
VECTOR_KEY = 7003


class SoftMode(NamedTuple):
    """The softest direction at a stationary point: theta of (1), and d lambda along it, largest entry 1."""

    theta: float
    direction: np.ndarray


@dataclass(frozen=True, eq=False)
class Minima:
    """Distinct minima, the lowest first.

    Attributes
    ----------
    search
        The minima, and all descents that ended on none.
    stabilities
        1 - theta of each minimum; NaN where the eigenvalue search stalled and pushes alone vouch for it.
    saddles_left
        Number of saddles that descents were pushed off.
    unsettled
        beta_f of the lowest stationary point that led to no minimum within the iterations; infinity if none.
    """

    search: Search
    stabilities: list[float]
    saddles_left: int
    unsettled: float

    @property
    def found(self) -> bool:
        """Whether there is a minimum, at or below every stationary point that was met."""
        return self.search.found and self.search.solutions[0].beta_f <= self.unsettled


class _Settled(NamedTuple):
    """Where a descent ended after leaving `saddles_left` saddles, and 1 - theta there."""

    solution: Solution
    stability: float
    saddles_left: int


def soft_mode(model: IsingModel, beta: float, trial: ProductTrial) -> SoftMode:
    """The largest eigenvalue theta of beta W at `trial` and the direction of its eigenvector."""
    n, root = model.n_sites, np.sqrt(trial.variances)
    if model.n_pairs == 0 or beta == 0.0:
        return SoftMode(0.0, np.zeros(n))
    W = model.adjacency
    W.data = beta * W.data * np.repeat(root, model.degrees) * root[model.indices]
    theta, u = _edge(W)
    direction = beta * coupling_fields(model, root * u)
    size = float(np.max(np.abs(direction)))
    return SoftMode(theta, direction / size if size > 0.0 else direction)


def _edge(W: scipy.sparse.csr_array) -> tuple[float, np.ndarray]:
    """The largest eigenvalue and its vector; infinity with a random vector where the search stalls."""
    if W.shape[0] <= SMALL:
        values, vectors = np.linalg.eigh(W.toarray())
        return float(values[-1]), vectors[:, -1]
    guess = generator(0, VECTOR_KEY).standard_normal(W.shape[0])
    try:
        values, vectors = scipy.sparse.linalg.eigsh(
            W, k=1, which="LA", v0=guess, tol=EIGEN_TOLERANCE, ncv=30, maxiter=EIGEN_RESTARTS)
    except scipy.sparse.linalg.ArpackNoConvergence:
        return np.inf, guess
    return float(values[0]), vectors[:, 0]


def settle(model: IsingModel, beta: float, found: Search, *, workers: int = 1, **driver: Any) -> Minima:
    """The minima that the stationary points of `found` are or lead down to.

    `driver` is handed to `statfe.fixed_point.solve_fixed_point`. A descent that ends on no minimum joins the failed.
    """
    symmetric = not model.has_fields
    points = distinct(found.solutions, model.n_sites, symmetric)
    settled = map_tasks(lambda s: _settle_one(model, beta, s, driver), points, workers)
    failed = [s.solution.point for s in settled if not s.solution.point.converged]
    good = {id(s.solution): s for s in settled if s.solution.point.converged}
    kept = distinct([s.solution for s in good.values()], model.n_sites, symmetric)
    return Minima(
        Search(kept, found.failed + failed), [good[id(s)].stability for s in kept],
        sum(s.saddles_left for s in settled),
        min((p.beta_f for p, s in zip(points, settled, strict=True) if not s.solution.point.converged), default=np.inf))


def _settle_one(model: IsingModel, beta: float, solution: Solution, driver: dict[str, Any]) -> _Settled:
    """Leave saddle after saddle until the point is a minimum."""
    for passed in range(MAX_SADDLES):
        if not solution.point.converged:
            return _Settled(solution, np.nan, passed)
        mode = soft_mode(model, beta, ProductTrial(solution.point.x))
        if mode.theta <= 1.0 + FLAT:
            return _Settled(solution, 1.0 - mode.theta, passed)
        pushed = _push(model, beta, solution, mode.direction)
        if pushed is None:
            # Nothing lower to all digits: flat, or the eigenvalue search stalled at a minimum.
            return _Settled(solution, 1.0 - mode.theta if np.isfinite(mode.theta) else np.nan, passed)
        solution = descend(model, beta, Start(solution.start, pushed), **driver)
    return _Settled(replace(solution, point=replace(solution.point, converged=False)), np.nan, MAX_SADDLES)


def _push(model: IsingModel, beta: float, solution: Solution, direction: np.ndarray) -> np.ndarray | None:
    """The lowest point among pushes both ways along `direction`; None where all go up."""
    points = [solution.point.x + side * size * direction for size in PUSHES for side in (1.0, -1.0)]
    values = [product_beta_f(model, beta, ProductTrial(x)) for x in points]
    lowest = int(np.argmin(values))
    return points[lowest] if values[lowest] < solution.beta_f else None
