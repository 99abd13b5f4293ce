"""The bound <V>_q, V = beta E + ln q, from samples of q whose probabilities are known.

The mean over n samples says nothing of states rarer than 1 / n, whose energies may be high: where q has come down to a
few states all samples may agree, and their V lies below beta F by the chance of what was not seen, with an error of 0.
But q restricted to the set S of states that were drawn is a trial of its own. With M = sum_(s in S) q(s),

    beta F <= sum_(s in S) (q(s) / M) V(s) - ln M,                                                            (1)

a bound without an error, whatever was not drawn. It is taken where little is missing; where more is, rare states were
drawn too, and the error of the mean knows of them.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy.special import logsumexp

#: Missing probability up to which (1) is taken: it costs about as many nats.
LITTLE = 0.01


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
    rows = np.ascontiguousarray(np.packbits(spins > 0, axis=1))
    first = np.unique(rows.view(np.dtype((np.void, rows.shape[1]))).ravel(), return_index=True)[1]
    log_drawn = float(logsumexp(log_q[first]))
    summed = float(np.dot(np.exp(log_q[first] - log_drawn), v[first])) - log_drawn
    if -math.expm1(log_drawn) <= LITTLE:
        return SampledBound(summed, 0.0, min(1.0, math.exp(log_drawn)), True)
    return mean_bound(v)._replace(drawn=math.exp(log_drawn))
