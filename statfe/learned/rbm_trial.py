"""A restricted Boltzmann machine whose visible units are the spins of a model, its hidden units t = +-1 summed out:

    ln q(s) = (beta h + a).s + sum_k ln 2 cosh(b_k + [W s]_k) - ln Z_q,                                           (1)
    p(t) = exp(b.t) prod_i 2 cosh(beta h + a + t W)_i / Z_q,    p(s|t) = prod_i exp(f_i s_i) / (2 cosh f_i).      (2)

All 2^hidden states t are summed, so that Z_q is exact and samples are independent: t by its probability, then s given
t. q is a mixture of that many products. Each hidden unit is a direction the spins may order along: with W = sqrt(beta
lambda) times an eigenvector of J it carries that part of the energy, to second order in W (the duality of A. Barra,
A. Bernacchia, E. Santucci and P. Contucci, Neural Networks 34, 1 (2012)). A hidden unit for each bond would be the
model itself, with cosh(2 w) = exp(2 beta |J|), but then Z_q is as hard as Z: that the units are few is what makes q a
trial.

Without fields there are no a, b: q is symmetric under the global flip by construction.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np

from statfe.junction.mixture import interactions
from statfe.kernels.spin_fields import draw_rows, field_rows
from statfe.learned.autoregressive_trial import Training
from statfe.learned.flat import FlatLayout
from statfe.models.ising import IsingModel
from statfe.models.states import all_bits
from statfe.random import generator
from statfe.result import Moments
from statfe.trial import log_2cosh

#: Key of the random stream of the first weights (see `statfe.random.generator`).
WEIGHTS_KEY = 9411
#: Hidden units where none are said, and at most: 2^hidden fields of all spins.
HIDDEN, MAX_HIDDEN = 10, 16
#: First weights: length of the strongest direction, and of the random part of each.
START, RANDOM = 1.0, 0.3
#: Rows that are worked on together.
ROWS = 4096


class Table(NamedTuple):
    """All hidden states t, float64, shape (2^hidden, hidden), their probabilities, and ln Z_q."""

    states: np.ndarray
    chances: np.ndarray
    log_z: float


@dataclass(frozen=True, eq=False)
class RbmTrial:
    """A machine as a trial, at one beta; a `statfe.trial.Trial`.

    Attributes
    ----------
    model, beta
        The target.
    hidden
        Units of t.
    parameters
        Flat, as `layout` says; float64.
    training
        How it came about; None for one that was not trained.
    """

    model: IsingModel
    beta: float
    hidden: int
    parameters: np.ndarray = field(repr=False)
    training: Training | None = field(default=None, repr=False)

    @property
    def n_sites(self) -> int:
        """Number of spins."""
        return self.model.n_sites

    @cached_property
    def layout(self) -> FlatLayout:
        """Where the arrays of (1) lie."""
        return rbm_layout(self.model, self.hidden)

    @cached_property
    def arrays(self) -> dict[str, np.ndarray]:
        """The parameters by name: views."""
        return self.layout.views(self.parameters)

    @cached_property
    def own(self) -> np.ndarray:
        """beta h + a, shape (n_sites,)."""
        fields = self.beta * self.model.fields
        return np.asarray(fields + self.arrays["a"]) if "a" in self.arrays else fields

    @cached_property
    def table(self) -> Table:
        """Equation (2): sums over all hidden states."""
        states = hidden_states(self.hidden)
        logs = states @ self.arrays["b"] if "b" in self.arrays else np.zeros(len(states))
        for first in range(0, len(states), ROWS):
            rows = slice(first, first + ROWS)
            fields = self.given(states[rows])
            norms = np.empty(len(fields))
            field_rows(fields, np.empty_like(fields), np.empty_like(fields), norms)
            logs[rows] += norms
        top = float(logs.max())
        chances = np.exp(logs - top)
        total = float(chances.sum())
        return Table(states, chances / total, top + math.log(total))

    def given(self, hidden: np.ndarray) -> np.ndarray:
        """Fields of the spins given t of shape (count, hidden); shape (count, n_sites)."""
        return np.asarray(hidden @ self.arrays["W"] + self.own)

    def inputs(self, spins: np.ndarray) -> np.ndarray:
        """b + W s of spins of shape (count, n_sites); shape (count, hidden)."""
        found = np.asarray(spins, dtype=np.float64) @ self.arrays["W"].T
        return found + self.arrays["b"] if "b" in self.arrays else found

    def draw(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """Independent spins, float64, shape (count, n_sites)."""
        totals = np.cumsum(self.table.chances)
        picks = np.minimum(np.searchsorted(totals, rng.random(count) * totals[-1], side="right"), len(totals) - 1)
        fields = self.given(self.table.states[picks])
        spins = np.empty_like(fields)
        draw_rows(fields, rng.random(fields.shape), spins)
        return spins

    def sample(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """Independent spins, int8, shape (count, n_sites)."""
        return self.draw(count, rng).astype(np.int8)

    def log_prob(self, spins: np.ndarray) -> np.ndarray:
        """ln q(s) of (1), of spins of shape (count, n_sites); float64, shape (count,)."""
        given = np.asarray(spins, dtype=np.float64)
        return np.asarray(given @ self.own + log_2cosh(self.inputs(given)).sum(axis=1) - self.table.log_z)

    def drawn(self, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Independent spins, float64, shape (count, n_sites), and V = beta E + ln q of each, without the offset."""
        spins = self.draw(count, rng)
        return spins, self.valued(spins, rng)

    def valued(self, spins: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """V of given spins; nothing is drawn."""
        return np.asarray(self.log_prob(spins) - self.beta * interactions(self.model, spins))

    def score(self, spins: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """sum_b weights_b d ln (q Z_q)(s_b) / d parameters: the score of q itself where the weights add up to 0."""
        out = np.zeros_like(self.parameters)
        into = self.layout.views(out)
        slopes = np.tanh(self.inputs(spins)) * weights[:, None]
        into["W"][:] = slopes.T @ spins
        if "a" in into:
            into["a"][:], into["b"][:] = weights @ spins, slopes.sum(axis=0)
        return out

    def moments(self) -> Moments:
        """Means and correlations of coupled pairs under q: exact, over all hidden states."""
        i, j, _ = self.model.pairs
        sites, pairs = np.zeros(self.n_sites), np.zeros(len(i))
        states, chances, _ = self.table
        for first in range(0, len(states), ROWS):
            rows = slice(first, first + ROWS)
            m, p = np.tanh(self.given(states[rows])), chances[rows]
            sites += p @ m
            second = (m * p[:, None]).T @ m
            pairs += second[i, j]
        return Moments(
            magnetizations=sites if "a" in self.arrays else np.zeros_like(sites), correlations=pairs)


@functools.lru_cache(maxsize=2)
def hidden_states(hidden: int) -> np.ndarray:
    """All states of the hidden units, float64, shape (2^hidden, hidden); not to be written."""
    states = (1 - 2 * all_bits(hidden)).astype(np.float64)
    states.flags.writeable = False
    return states


def rbm_layout(model: IsingModel, hidden: int) -> FlatLayout:
    """The arrays of an `RbmTrial`; biases where the model has fields alone."""
    shapes: dict[str, tuple[int, ...]] = {"W": (hidden, model.n_sites)}
    if model.has_fields:
        shapes |= {"a": (model.n_sites,), "b": (hidden,)}
    return FlatLayout(shapes)


def fresh_rbm_trial(model: IsingModel, beta: float, *, seed: int = 0, hidden: int | None = None) -> RbmTrial:
    """A machine before training: hidden units along the strongest directions of J, and a little at random."""
    coupled = model.degrees > 0
    units = min(HIDDEN, max(1, int(coupled.sum()))) if hidden is None else hidden
    layout = rbm_layout(model, units)
    parameters = np.zeros(layout.size)
    largest = float(np.max(np.abs(model.couplings), initial=0.0))
    values, vectors = np.linalg.eigh(model.adjacency.toarray() / (largest or 1.0))
    first = np.argsort(-values, kind="stable")[:units]
    strength = np.maximum(values[first], 0.0) / max(float(np.max(np.abs(values))), 1e-300)
    W = layout.views(parameters)["W"]
    W[:] = RANDOM * generator(seed, WEIGHTS_KEY).standard_normal(W.shape) / math.sqrt(model.n_sites)
    W[:len(first)] += START * (np.sqrt(strength) * vectors[:, first]).T
    W *= coupled
    return RbmTrial(model, beta, units, parameters)
