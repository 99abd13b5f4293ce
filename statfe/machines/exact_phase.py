"""Exact ln Z and means of a small machine: all states of the smaller layer, the other layer in closed form."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from statfe.models.states import bits_of

#: Units of the smaller layer at most, and states that are worked on together.
MAX_UNITS, CHUNK = 20, 4096


@dataclass(frozen=True)
class ModelMeans:
    """ln Z and <v>, <h>, <v h> under the machine; shapes (n_visible,), (n_hidden,), (n_visible, n_hidden)."""

    log_z: float
    visible: np.ndarray
    hidden: np.ndarray
    both: np.ndarray


def exact_means(visible_bias: np.ndarray, hidden_bias: np.ndarray, weights: np.ndarray) -> ModelMeans:
    """Sums over 2^min(n_visible, n_hidden) states; the smaller layer has at most `MAX_UNITS`."""
    a, b, W = (np.asarray(x, dtype=np.float64) for x in (visible_bias, hidden_bias, weights))
    if len(b) > len(a):
        turned = exact_means(b, a, W.T)
        return ModelMeans(turned.log_z, turned.hidden, turned.visible, np.ascontiguousarray(turned.both.T))
    n = len(b)
    top, norm = -math.inf, 0.0
    visible, hidden, both = np.zeros(len(a)), np.zeros(n), np.zeros(W.shape)
    for first in range(0, 2**n, CHUNK):
        states = np.arange(first, min(first + CHUNK, 2**n))
        h = bits_of(states, n).astype(np.float64)
        inputs = h @ W.T + a
        log_p = h @ b + np.logaddexp(0.0, inputs).sum(axis=1)
        high = max(top, float(log_p.max()))
        shrink = math.exp(top - high)
        p = np.exp(log_p - high)
        means = expit(inputs)
        norm = norm * shrink + float(p.sum())
        visible = visible * shrink + p @ means
        hidden = hidden * shrink + p @ h
        both = both * shrink + (means * p[:, None]).T @ h
        top = high
    return ModelMeans(top + math.log(norm), visible / norm, hidden / norm, both / norm)
