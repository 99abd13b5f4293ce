"""Expectation propagation for spins in a Gaussian of their couplings, message by message."""

from __future__ import annotations

import numpy as np

from statfe.models.ising import IsingModel
from tests.naive.approximate_tap_bethe import coupling_matrix


def propagate(
    model: IsingModel, beta: float, sweeps: int = 3000, keep: float = 0.7
) -> tuple[float, np.ndarray, np.ndarray]:
    """(ln Z, means, covariances) of damped parallel expectation propagation from weak site terms.

    Each spin's prior is replaced by exp(g s - p s^2 / 2), and
    ln Z = sum_i ln Z_tilted,i + ln Z_Gauss - sum_i ln Z_site,i:
    a cavity has precision 1/V_ii - p_i and slope m_i/V_ii - g_i (Minka 2001, chapter 3).
    """
    K, n = beta * coupling_matrix(model), model.n_sites
    field = beta * model.fields
    p, g = np.full(n, 1.0 + np.abs(K).sum(axis=1).max()), np.zeros(n)
    for _ in range(sweeps):
        V = np.linalg.inv(np.diag(p) - K)
        m, v = V @ (g + field), np.diag(V)
        precision, slope = 1.0 / v - p, m / v - g
        mean = np.tanh(slope)
        spread = 1.0 - mean**2
        p = keep * p + (1.0 - keep) * (1.0 / spread - precision)
        g = keep * g + (1.0 - keep) * (mean / spread - slope)
    V = np.linalg.inv(np.diag(p) - K)
    m, v = V @ (g + field), np.diag(V)
    precision, slope = 1.0 / v - p, m / v - g
    tilted = np.log(2.0 * np.cosh(slope)) - 0.5 * precision
    whole = 0.5 * (g + field) @ m - 0.5 * np.linalg.slogdet(np.diag(p) - K)[1]
    # Site by site the Gaussian with all of its terms, in place of the cavity's integral with them.
    sites = 0.5 * (m / v) ** 2 * v + 0.5 * np.log(v)
    return float(whole + np.sum(tilted - sites)), m, V
