"""The restricted Boltzmann machine with Gaussian visible units, as an Ising model of its hidden units.

    E(v, h) = sum_i (v_i - a_i)^2 / (2 sigma_i^2) - b.h - sum_ij v_i W_ij h_j / sigma_i^2,   v real, h in {0, 1}   (1)

(K. Cho, A. Ilin and T. Raiko, ICANN 2011), so that v given h is N(a + W h, sigma^2). The integral over v is that
of a Gaussian, at beta = 1:

    -ln int dv exp(-E) = - b.h - sum_i [2 a_i (W h)_i + (W h)_i^2] / (2 sigma_i^2) - sum_i ln(2 pi sigma_i^2) / 2.  (2)

With K = W^T sigma^-2 W and h_j^2 = h_j the hidden units have fields b + W^T sigma^-2 a + diag(K) / 2 and couplings
K_jk: a model of +-1 spins with ln Z = ln sum_h int dv exp(-E), integral included.
"""

from __future__ import annotations

import math

import numpy as np

from statfe.errors import ModelError
from statfe.models.ising import IsingModel


def hidden_form(
    weights: np.ndarray, visible_bias: np.ndarray, hidden_bias: np.ndarray, sigma: np.ndarray
) -> tuple[np.ndarray, np.ndarray, float]:
    """Fields f, couplings K (diagonal zero) and constant c of eq. (2) = - f.h - h.K.h / 2 + c."""
    W, a, b, sigma = (np.asarray(x, dtype=np.float64) for x in (weights, visible_bias, hidden_bias, sigma))
    scaled = W / sigma[:, None]
    K = scaled.T @ scaled
    fields = b + scaled.T @ (a / sigma) + 0.5 * np.diag(K)
    np.fill_diagonal(K, 0.0)
    return fields, K, -float(0.5 * len(a) * math.log(2.0 * math.pi) + np.log(sigma).sum())


def gaussian_ising_form(
    weights: np.ndarray, visible_bias: np.ndarray, hidden_bias: np.ndarray, sigma: np.ndarray, spec: str | None = None
) -> IsingModel:
    """The +-1 model of the hidden units; site j is hidden unit j, and -ln Z is that of the whole machine.

    Parameters
    ----------
    weights
        W, shape (n_visible, n_hidden).
    visible_bias, hidden_bias
        a, shape (n_visible,), and b, shape (n_hidden,).
    sigma
        Standard deviations of the visible units given the hidden ones, shape (n_visible,), above 0.

    Raises
    ------
    ModelError
        For shapes that do not fit, values that are not finite, or a sigma that is not above 0.
    """
    W, a, b, sigma = (np.asarray(x, dtype=np.float64) for x in (weights, visible_bias, hidden_bias, sigma))
    if W.ndim != 2 or a.shape != W.shape[:1] or b.shape != W.shape[1:] or sigma.shape != a.shape:
        raise ModelError(f"weights {W.shape} need biases of shapes {W.shape[:1]} and {W.shape[1:]} and sigmas of "
                         f"{W.shape[:1]}, got {a.shape}, {b.shape} and {sigma.shape}")
    if not np.all(sigma > 0.0):
        raise ModelError(f"sigma must be above 0 for every visible unit, got {sigma.min():g}")
    fields, K, constant = hidden_form(W, a, b, sigma)
    rows, cols = np.triu_indices(len(b), 1)
    pairs = K[rows, cols]
    offset = constant - float(fields.sum() / 2.0 + pairs.sum() / 4.0)
    return IsingModel.from_edges(
        len(b), rows, cols, pairs / 4.0, fields / 2.0 + K.sum(axis=1) / 4.0, offset=offset, spec=spec)
