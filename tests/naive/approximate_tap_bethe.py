"""Mean-field, TAP and Bethe free energies from their textbook formulas, site by site."""

from __future__ import annotations

import itertools

import numpy as np

from statfe.models.ising import IsingModel


def coupling_matrix(model: IsingModel) -> np.ndarray:
    """Dense symmetric J with parallel bonds added."""
    J = np.zeros((model.n_sites, model.n_sites))
    for i, j, value in zip(model.rows, model.cols, model.couplings, strict=True):
        J[i, j] += value
        J[j, i] += value
    return J


def entropy(m: np.ndarray) -> float:
    """-sum_i sum_s (1 + s m_i)/2 ln (1 + s m_i)/2."""
    total = 0.0
    for mean in m:
        for p in ((1 + mean) / 2, (1 - mean) / 2):
            total -= p * np.log(p) if p > 0 else 0.0
    return total


def mean_field_beta_f(model: IsingModel, beta: float, m: np.ndarray) -> float:
    """-beta sum J m m - beta sum h m - S."""
    J = coupling_matrix(model)
    pairs = sum(J[i, j] * m[i] * m[j] for i, j in itertools.combinations(range(len(m)), 2))
    return -beta * pairs - beta * float(model.fields @ m) - entropy(m)


def tap_beta_f(model: IsingModel, beta: float, m: np.ndarray) -> float:
    """Mean field less (beta^2 / 2) sum J^2 (1 - m^2)(1 - m^2)."""
    J = coupling_matrix(model)
    onsager = sum(
        J[i, j] ** 2 * (1 - m[i] ** 2) * (1 - m[j] ** 2) for i, j in itertools.combinations(range(len(m)), 2))
    return mean_field_beta_f(model, beta, m) - 0.5 * beta**2 * onsager


def tap_means(model: IsingModel, beta: float, m: np.ndarray) -> np.ndarray:
    """tanh[beta h + beta J m - beta^2 m J^2 (1 - m^2)]."""
    J = coupling_matrix(model)
    return np.tanh(beta * model.fields + beta * J @ m - beta**2 * m * ((J**2) @ (1 - m**2)))


def bethe_beta_f(model: IsingModel, beta: float, bias: np.ndarray, sweeps: int = 2000) -> float:
    """Flooding belief propagation on probabilities, then energy less entropy of the beliefs.

    F = sum_ij sum b_ij ln(b_ij / psi_ij) - sum_i (d_i - 1) sum b_i ln b_i - beta sum_i h_i <s_i>, with
    psi_ij = exp(beta J s s'). The first messages are those of spins in the fields `bias`.
    """
    J, s = coupling_matrix(model), np.array([-1.0, 1.0])
    n = model.n_sites
    near = [np.flatnonzero(J[i]) for i in range(n)]
    psi = {(i, j): np.exp(beta * J[i, j] * np.outer(s, s)) for i in range(n) for j in near[i]}
    own = [np.exp(beta * h * s) for h in model.fields]
    to = {(j, i): psi[i, j] @ np.exp(bias[j] * s) for i, j in psi}

    def product(i: int, skip: int = -1) -> np.ndarray:
        out = own[i].copy()
        for k in near[i]:
            if k != skip:
                out = out * to[k, i]
        return out / out.sum()

    for _ in range(sweeps):
        to = {(j, i): 0.5 * to[j, i] / to[j, i].sum() + 0.5 * _normalised(psi[i, j] @ product(j, i)) for i, j in psi}
    total = 0.0
    for i, j in psi:
        if i < j:
            belief = psi[i, j] * np.outer(product(i, j), product(j, i))
            belief /= belief.sum()
            total += np.sum(belief * np.log(belief / psi[i, j]))
    for i in range(n):
        b = product(i)
        total -= (len(near[i]) - 1) * np.sum(b * np.log(b)) + beta * model.fields[i] * (b @ s)
    return float(total)


def _normalised(p: np.ndarray) -> np.ndarray:
    return p / p.sum()
