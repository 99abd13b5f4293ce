"""Is a stationary point of the Gibbs-Bogoliubov bound a minimum?

The bound F(lambda) of `statfe.variational.mean_field` has dF/dlambda_i = v_i a_i with v_i = 1 - m_i^2 and
a_i = lambda_i - beta (sum_j J_ij m_j + h_i); where all a_i = 0 its Hessian is

    D^(1/2) (1 - beta W) D^(1/2),    D = diag(v),    W_ij = v_i^(1/2) J_ij v_j^(1/2).                           (1)

A stationary point is a minimum where the largest eigenvalue theta of beta W is below 1. Along its eigenvector u,
d lambda = D^(-1/2) u, written as beta J D^(1/2) u / theta so that nothing is divided by a small v_i.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy.sparse.linalg

from statfe.models.ising import IsingModel
from statfe.random import generator
from statfe.trial import ProductTrial
from statfe.variational.mean_field import coupling_fields

#: theta may exceed 1 by this much: at a continuous transition the minimum is flat, and its point rounded.
FLAT = 1e-6
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
    """The largest eigenvalue and its vector; infinity with a random vector where the search stalls.

    W may be 0: where all spins are frozen the variances underflow, and there is no soft direction.
    """
    guess = generator(0, VECTOR_KEY).standard_normal(W.shape[0])
    scale = float(np.max(np.abs(W.data), initial=0.0))
    if scale == 0.0:
        return 0.0, guess
    if not np.isfinite(scale):
        return np.inf, guess
    W.data = W.data / scale  # ARPACK squares: entries below 1e-154 would be 0
    if W.shape[0] <= SMALL:
        values, vectors = np.linalg.eigh(W.toarray())
        return scale * float(values[-1]), vectors[:, -1]
    try:
        values, vectors = scipy.sparse.linalg.eigsh(
            W, k=1, which="LA", v0=guess, tol=EIGEN_TOLERANCE, ncv=30, maxiter=EIGEN_RESTARTS)
    except scipy.sparse.linalg.ArpackError:
        return np.inf, guess
    return scale * float(values[0]), vectors[:, 0]
