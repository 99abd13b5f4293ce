"""What the kernels of single flips take: probabilities of both states of hidden units, and factors of the weights."""

from __future__ import annotations

import numpy as np
from scipy.special import expit

#: The logarithm of a product of factors is at most this; a group has at most `GROUP` factors.
RANGE, GROUP = 700.0, 64


def flip_arguments(
    visible: np.ndarray, visible_bias: np.ndarray, hidden_bias: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray, int]:
    """Arguments of `statfe.kernels.ratio_matching.flip_terms` up to `group`; weights within +-`RANGE`."""
    v, a, b, W = (np.ascontiguousarray(x, dtype=np.float64) for x in (visible, visible_bias, hidden_bias, weights))
    inputs = v @ W + b
    group = int(min(GROUP, RANGE / max(float(np.abs(W).max()), 1.0)))
    return v, a, expit(inputs), expit(-inputs), np.exp(W), np.exp(-W), group
