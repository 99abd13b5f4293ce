"""The bound <V>_q, V = beta E + ln q, from samples of q whose probabilities are known.

The mean over n samples says nothing of states rarer than 1 / n, whose energies may be high: where q has come down to a
few states all samples may agree, and their V lies below beta F by the chance of what was not seen, with an error of 0.
But q restricted to the set S of states that were drawn is a trial of its own. With M = sum_(s in S) q(s),

    beta F <= sum_(s in S) (q(s) / M) V(s) - ln M,                                                            (1)

a bound without an error, whatever was not drawn. It is taken where little is missing, or so little that the samples may
have shown none of it; where more is, rare states were drawn too, and the error of the mean knows of them.

Higher cumulants weigh what was not drawn by powers of its V: where samples show few states they say nothing of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import logsumexp

#: Missing probability up to which (1) is taken: it costs about as many nats.
LITTLE = 0.01
#: Missing probability, times the number of samples, up to which they may well show none of it: by a chance of exp(-5).
#: Beyond a tenth (1) costs too much.
UNSEEN, TENTH = 5.0, 0.1
#: Fewer states than these do not show the moments of V.
FEW = 64
#: Most states that are listed; among so many the error of the mean knows of rare ones.
MOST = 2**20


class States(NamedTuple):
    """Distinct states: their bits, rows of bytes as one void each; V and ln q of each, float64, shape (count,)."""

    bits: np.ndarray
    v: np.ndarray
    log_q: np.ndarray

    @property
    def log_drawn(self) -> float:
        """Logarithm of the probability of all of them."""
        return float(logsumexp(self.log_q))

    @property
    def missing(self) -> float:
        """Probability of all others."""
        return -math.expm1(self.log_drawn)

    @property
    def little_is_missing(self) -> bool:
        """Whether (1) is taken."""
        return self.missing <= LITTLE

    @property
    def bound(self) -> float:
        """(1)."""
        return float(np.dot(np.exp(self.log_q - self.log_drawn), self.v)) - self.log_drawn

    def few(self, n_sites: int) -> int:
        """How many there are, where they are fewer than `FEW` and not all of the model; else 0."""
        return len(self.v) if len(self.v) < min(FEW, 2.0**min(n_sites, 64)) else 0


class SampledBound(NamedTuple):
    """The bound, its standard error, the probability of the states drawn, and whether it is (1)."""

    beta_f: float
    error: float
    drawn: float
    restricted: bool


def mean_bound(v: np.ndarray) -> SampledBound:
    """The mean of V, where the probabilities of the states are not known."""
    return SampledBound(float(np.mean(v)), float(np.std(v, ddof=1)) / math.sqrt(len(v)), math.nan, False)


def restricted_bound(v: np.ndarray, log_q: np.ndarray, spins: np.ndarray) -> SampledBound:
    """The bound from samples.

    Parameters
    ----------
    v, log_q
        V and ln q of each, float64, shape (count,), count at least 2.
    spins
        +-1, shape (count, n_sites), in any order of the sites.
    """
    states = distinct(v, log_q, spins)
    if states.missing <= max(LITTLE, min(TENTH, UNSEEN / len(v))):
        return SampledBound(states.bound, 0.0, min(1.0, math.exp(states.log_drawn)), True)
    return mean_bound(v)._replace(drawn=math.exp(states.log_drawn))


def distinct(v: np.ndarray, log_q: np.ndarray, spins: np.ndarray) -> States:
    """The states among samples; arguments are those of `restricted_bound`."""
    rows = np.ascontiguousarray(np.packbits(spins > 0, axis=1))
    bits, first = np.unique(rows.view(np.dtype((np.void, rows.shape[1]))).ravel(), return_index=True)
    return States(bits, v[first], log_q[first])


def merged(parts: Sequence[States | None]) -> States | None:
    """The states of all `parts`; None where one is, or where they are more than `MOST`."""
    known = [part for part in parts if part is not None]
    if len(known) < len(parts) or not known:
        return None
    bits, first = np.unique(np.concatenate([part.bits for part in known]), return_index=True)
    if len(bits) > MOST:
        return None
    v, log_q = (np.concatenate([part[k] for part in known])[first] for k in (1, 2))
    return States(bits, v, log_q)
