"""Gaussian visible units of a training, and its means without an error.

A training has u = (v - shift) / sigma, E(u, h) = |u - a|^2 / 2 - b.h - u.W.h, and u given h is N(a + W h, 1): the
machine of v has sigma W for W, shift + sigma a for a, and b - (shift / sigma).W for b. The gradients are those of 0/1
units: -dE/da = u - a, -dE/dW = u h, and a cancels between the phases.
"""

from __future__ import annotations

import math

import numpy as np

from statfe.kernels.normal_draws import draw_normals
from statfe.machines.exact_phase import CHUNK, ModelMeans
from statfe.machines.gibbs import Parameters, Units
from statfe.machines.phases import Means
from statfe.models.states import bits_of


class GaussianUnits(Units):
    """As `Units`, with visible units of variance 1."""

    def visible(self, p: Parameters, hidden: np.ndarray, scales: np.ndarray | None = None) -> np.ndarray:
        """Means of the visible units given h, where a row with a scale t has its weights times t."""
        inputs = hidden @ p.W.T
        return np.asarray((inputs if scales is None else scales[:, None] * inputs) + p.a)

    def draw_visible(self, p: Parameters, hidden: np.ndarray) -> np.ndarray:
        """Normal numbers around `visible`."""
        return self._normal(self.visible(p, hidden))

    def gibbs(self, p: Parameters, hidden: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """A Gibbs step from rows of p(h = 1): visible units drawn, and p(h = 1) given them."""
        visible = self.draw_visible(p, self.draw(hidden))
        return visible, self.hidden(p, visible)

    def draw_inputs(self, inputs: np.ndarray, bias: np.ndarray, scales: np.ndarray) -> np.ndarray:
        """Normal numbers of mean ``scales inputs + bias``, shape (rows, units)."""
        return self._normal(inputs * scales[:, None] + bias)

    def _normal(self, means: np.ndarray) -> np.ndarray:
        out = np.empty_like(means)
        draw_normals(means.reshape(-1), self.streams, out.reshape(-1))
        return out


def exact_gaussian_means(visible_bias: np.ndarray, hidden_bias: np.ndarray, weights: np.ndarray) -> ModelMeans:
    """ln Z and means by all states of the hidden units, sigma = 1: p(h) = exp(b.h + a.W h + |W h|^2 / 2) / norm.

    <u> = a + W <h> and <u h> = a <h> + W <h h>; at most `statfe.machines.exact_phase.MAX_UNITS` hidden units.
    """
    a, b, W = (np.asarray(x, dtype=np.float64) for x in (visible_bias, hidden_bias, weights))
    n, top, norm = len(b), -math.inf, 0.0
    hidden, pairs = np.zeros(n), np.zeros((n, n))
    fields = b + a @ W
    for first in range(0, 2**n, CHUNK):
        states = np.arange(first, min(first + CHUNK, 2**n))
        h = bits_of(states, n).astype(np.float64)
        log_p = h @ fields + 0.5 * ((h @ W.T) ** 2).sum(axis=1)
        high = max(top, float(log_p.max()))
        shrink, p = math.exp(top - high), np.exp(log_p - high)
        norm = norm * shrink + float(p.sum())
        hidden = hidden * shrink + p @ h
        pairs = pairs * shrink + (h * p[:, None]).T @ h
        top = high
    hidden, pairs = hidden / norm, pairs / norm
    log_z = top + math.log(norm) + 0.5 * len(a) * math.log(2.0 * math.pi)
    return ModelMeans(log_z, a + W @ hidden, hidden, np.outer(a, hidden) + W @ pairs)


class ExactGaussianPhase:
    """Sums over all states of the hidden units."""

    def means(self, p: Parameters, hidden: np.ndarray) -> Means:
        """Without an error."""
        found = exact_gaussian_means(p.a, p.b, p.W)
        return Means(*(x.astype(p.vector.dtype) for x in (found.visible, found.hidden, found.both)))

    def state(self) -> dict[str, np.ndarray]:
        """Nothing."""
        return {}
