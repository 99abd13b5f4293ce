"""The restricted Boltzmann machine as an Ising model: an exact change of variables from 0/1 to +-1.

E(v, h) = - a.v - b.h - v.W.h at beta = 1 with v, h in {0, 1}. With v = (1 + s)/2 and h = (1 + t)/2:

    J_ij = W_ij / 4,   field of s_i = a_i / 2 + sum_j W_ij / 4,   field of t_j = b_j / 2 + sum_i W_ij / 4,
    offset = - sum a / 2 - sum b / 2 - sum W / 4,

so every state keeps its energy, and Z is the same (Smolensky 1986; Hinton 2002).
"""

from __future__ import annotations

import numpy as np

from statfe.errors import ModelError
from statfe.models.ising import IsingModel


def ising_form(
    weights: np.ndarray, visible_bias: np.ndarray, hidden_bias: np.ndarray, spec: str | None = None
) -> IsingModel:
    """The +-1 model of an RBM; sites 0 to n_visible - 1 are the visible units, the hidden ones follow.

    Parameters
    ----------
    weights
        W, shape (n_visible, n_hidden).
    visible_bias, hidden_bias
        a, shape (n_visible,), and b, shape (n_hidden,).

    Raises
    ------
    ModelError
        For shapes that do not fit, or values that are not finite.
    """
    W, a, b = (np.asarray(x, dtype=np.float64) for x in (weights, visible_bias, hidden_bias))
    if W.ndim != 2 or a.shape != W.shape[:1] or b.shape != W.shape[1:]:
        raise ModelError(f"weights {W.shape} need biases of shapes {W.shape[:1]} and {W.shape[1:]}, "
                         f"got {a.shape} and {b.shape}")
    n_visible, n_hidden = W.shape
    rows = np.repeat(np.arange(n_visible, dtype=np.int32), n_hidden)
    cols = np.tile(np.arange(n_visible, n_visible + n_hidden, dtype=np.int32), n_visible)
    fields = np.concatenate([a / 2 + W.sum(axis=1) / 4, b / 2 + W.sum(axis=0) / 4])
    offset = -float(a.sum() / 2 + b.sum() / 2 + W.sum() / 4)
    return IsingModel.from_edges(
        n_visible + n_hidden, rows, cols, W.ravel() / 4, fields, offset=offset, spec=spec)
