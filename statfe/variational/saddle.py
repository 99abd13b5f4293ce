"""Saddles of the Hubbard-Stratonovich integral, and the free energy of Gaussian fluctuations around them.

s_i^2 = 1, so that J may be shifted by any c on its diagonal, K = J + c. With one Gaussian field a mode of K,

    Z = exp(-beta c N / 2) det(2 pi beta K)^(-1/2)
        int dx exp[ -x (beta K)^-1 x / 2 + sum_i ln 2 cosh(x_i + beta h_i) ]                                 (1)

(Hubbard 1959). At a saddle, with lambda_i = x_i + beta h_i and m_i = tanh lambda_i,

    lambda_i = beta (h_i + sum_j J_ij m_j + c m_i),                                                          (2)
    ln Z = -beta c N / 2 - beta m K m / 2 + sum_i ln 2 cosh lambda_i - ln det(1 - D^(1/2) beta K D^(1/2)) / 2,   (3)

D = diag(1 - m_i^2). (1) does not depend on c; (3) does. Two choices have a meaning:

minimal
    c = -(smallest eigenvalue of J), the least for which (1) is a real integral. Where J is of low rank but for its
    diagonal (Curie-Weiss, Hopfield), (1) is then an integral over a few fields of size sqrt(N), and (3) is exact
    but for terms that vanish as N grows.
consistent
    c such that the fluctuations of the fields give the spins the variance that they have,
    sum_i (1 - m_i^2) = tr (D^-1 - beta K)^-1.                                                              (4)
    At m = 0 this is d(ln Z)/dc = 0. In SK it gives c = -beta (1 - q), the reaction term of TAP (Parisi and Potters
    1995; Opper and Winther 2001 with one shift for all sites).
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq

from statfe.models.ising import IsingModel
from statfe.models.structure import per_model
from statfe.trial import ProductTrial, log_2cosh
from statfe.variational.fixed_point import Map
from statfe.variational.mean_field import coupling_fields

#: Sites with a smaller variance count as frozen in (4): they would take the digits of the others.
FROZEN_VARIANCE = 1e-8


@per_model
def spectrum(model: IsingModel) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues of J in rising order, shape (n_sites,), and its eigenvectors as columns."""
    values, vectors = np.linalg.eigh(model.adjacency.toarray())
    return values, vectors


def is_low_rank(model: IsingModel) -> bool:
    """Whether J is a matrix of a rank below N / 2 but for its diagonal."""
    values, _ = spectrum(model)
    scale = max(float(np.max(np.abs(values))), np.finfo(float).tiny)
    return 2 * int(np.sum(values - values[0] > 1e-9 * scale)) < model.n_sites


def minimal_shift(model: IsingModel) -> float:
    """The least c for which J + c has no negative eigenvalue."""
    return -float(spectrum(model)[0][0])


def consistent_shift(model: IsingModel, beta: float, trial: ProductTrial) -> float:
    """The c of (4) at the means of `trial`; 0 where all spins are frozen and c does not matter."""
    active = trial.variances > FROZEN_VARIANCE
    if beta == 0.0 or not np.any(active):
        return 0.0
    D = trial.variances[active]
    J = model.adjacency[active][:, active].toarray()
    mu = np.linalg.eigvalsh(np.diag(1.0 / D) - beta * J)
    target = float(np.sum(D))
    # Each term of sum 1 / (mu - t) is positive below mu_0, and the first alone reaches the target.
    low, high = mu[0] - len(D) / target, mu[0] - 1.0 / target

    def excess(t: float) -> float:
        return float(np.sum(1.0 / (mu - t))) - target

    if not excess(low) < 0.0 < excess(high):  # all eigenvalues are one, or one stands alone, but for rounding
        return (low if abs(excess(low)) <= abs(excess(high)) else high) / beta
    return float(brentq(excess, low, high, xtol=1e-14, rtol=1e-14)) / beta


def saddle_map(model: IsingModel, beta: float, c: float) -> Map:
    """The map lambda -> lambda of (2)."""

    def step(lambdas: np.ndarray) -> np.ndarray:
        m = np.tanh(lambdas)
        return beta * (model.fields + coupling_fields(model, m) + c * m)

    return step


def action(model: IsingModel, beta: float, trial: ProductTrial, c: float) -> float:
    """(3) without its determinant."""
    m = trial.means
    pulls = coupling_fields(model, m) + c * m
    return -0.5 * beta * (c * model.n_sites + float(m @ pulls)) + float(np.sum(log_2cosh(trial.lambdas)))


def fluctuations(model: IsingModel, beta: float, trial: ProductTrial, c: float) -> np.ndarray:
    """Eigenvalues of 1 - D^(1/2) beta K D^(1/2) in rising order; the saddle is a maximum where all are positive."""
    root = np.sqrt(trial.variances)
    K = model.adjacency.toarray() + c * np.eye(model.n_sites)
    values: np.ndarray = np.linalg.eigvalsh(np.eye(model.n_sites) - beta * root[:, None] * K * root)
    return values


def separation(model: IsingModel, beta: float, one: ProductTrial, c: float, means: np.ndarray) -> float:
    """Half the squared distance of another saddle, with `means`, in units of the fluctuations around `one`."""
    d = means - one.means
    shift = beta * (coupling_fields(model, d) + c * d)
    return 0.5 * abs(float(d @ shift - shift @ (one.variances * shift)))


def response(model: IsingModel, beta: float, trial: ProductTrial, c: float) -> np.ndarray:
    """(D^-1 - beta K)^-1, the covariance of the spins at a saddle; shape (n_sites, n_sites)."""
    root = np.sqrt(trial.variances)
    K = model.adjacency.toarray() + c * np.eye(model.n_sites)
    inner = np.linalg.inv(np.eye(model.n_sites) - beta * root[:, None] * K * root)
    return np.asarray(root[:, None] * inner * root)
