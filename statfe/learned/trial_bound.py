"""What a learned trial says of beta F: the bound <V>_q, V = beta E + ln q, and the mean of exp(-V).

Both from samples that the training never saw. Where there are no more states than samples, all states are taken
instead, each with its probability: the bound is then that of the trial itself, without an error. Where the states that
were drawn hold nearly all probability, q restricted to them takes the place of q: states too rare to be drawn have
high energies, which neither a mean over samples nor its error knows of.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp

from statfe.estimators.log_weights import MAX_K_HAT, log_mean_weight
from statfe.learned.autoregressive_trial import AutoregressiveTrial, Walk
from statfe.models.states import all_bits
from statfe.random import generator
from statfe.result import Moments
from statfe.series.drawn_states import mean_bound, restricted_bound

#: Key of the random stream of the samples.
SAMPLES_KEY = 9103
#: Samples of one stream.
CHUNK = 4096
#: Fewer effective samples, or a larger share of one, and the mean of the weights means nothing.
MIN_EFFECTIVE, MAX_SHARE = 100.0, 0.1


@dataclass(frozen=True, kw_only=True)
class TrialBound:
    """The bound of a trial, and the importance estimate from the same samples.

    Attributes
    ----------
    beta_f, error
        <V>_q and its standard error; 0 where all states are summed, or those drawn (see `drawn`).
    variance
        Of V under q: 0 where q is the Boltzmann distribution.
    samples
        Number of samples, or of states.
    enumerated
        Whether all states were taken.
    importance_beta_f, importance_error
        -ln <exp(-V)>_q, which tends to beta F itself.
    effective_samples, k_hat
        Kish's effective number and the Pareto index of the weights exp(-V).
    weights_collapse
        Whether a few samples carry the weights, so that the estimate and its error cannot be trusted.
    drawn
        Probability under q of the states that were drawn; 1 where all are taken.
    restricted
        Whether the bound is that of q restricted to them, summed.
    """

    beta_f: float
    error: float
    variance: float
    samples: int
    enumerated: bool
    importance_beta_f: float
    importance_error: float
    effective_samples: float
    k_hat: float
    weights_collapse: bool
    drawn: float = 1.0
    restricted: bool = False


@dataclass(frozen=True, eq=False)
class Exponents:
    """Values of V.

    Attributes
    ----------
    values
        float64, shape (count,).
    spins
        +-1, shape (count, n_sites), of each.
    log_chances
        ln q of each, float64, shape (count,); None where the trial does not know it.
    enumerated
        Whether these are all states, not samples.
    """

    values: np.ndarray
    spins: np.ndarray
    log_chances: np.ndarray | None = None
    enumerated: bool = False


def trial_exponents(trial: AutoregressiveTrial, samples: int, seed: int, workers: int = 1) -> Exponents:
    """V of all states where they are at most `samples`, else of `samples` samples."""
    if not _is_small(trial.n_sites, samples):
        return sampled_exponents(trial, samples, seed, workers)
    states = all_states(trial.n_sites)
    taken = trial.walked(states, workers)
    return Exponents(trial.beta * taken.energy + taken.log_prob, states, taken.log_prob, enumerated=True)


def sampled_exponents(trial: AutoregressiveTrial, samples: int, seed: int, workers: int = 1) -> Exponents:
    """V of `samples` fresh samples of `trial`."""
    values, spins, chances = [], [], []
    place = np.argsort(trial.order)
    for drawn in _chunks(trial, samples, seed, workers):
        values.append(trial.beta * drawn.energy + drawn.log_prob)
        spins.append(drawn.spins[place].T.astype(np.int8))
        chances.append(drawn.log_prob)
    return Exponents(np.concatenate(values), np.concatenate(spins), np.concatenate(chances))


def trial_bound(trial: AutoregressiveTrial, samples: int, seed: int, workers: int = 1) -> TrialBound:
    """The bound of `trial` from all states where they are at most `samples`, else from `samples` samples."""
    return bound_of(trial_exponents(trial, samples, seed, workers))


def sampled_bound(trial: AutoregressiveTrial, samples: int, seed: int, workers: int = 1) -> TrialBound:
    """The bound from `samples` (at least 2) fresh samples of `trial`: their mean, or the sum over what was drawn."""
    return bound_of(sampled_exponents(trial, samples, seed, workers))


def bound_of(found: Exponents) -> TrialBound:
    """The bound, and the importance estimate from the same values."""
    v, log_q = found.values, found.log_chances
    if log_q is not None and found.enumerated:
        return _of_states(v, log_q)
    bound = mean_bound(v) if log_q is None else restricted_bound(v, log_q, found.spins)
    weights = log_mean_weight(-v)
    trusted = (
        weights.effective >= MIN_EFFECTIVE and weights.largest_share <= MAX_SHARE and weights.k_hat <= MAX_K_HAT)
    return TrialBound(
        beta_f=bound.beta_f, error=bound.error, variance=float(np.var(v, ddof=1)), samples=len(v), enumerated=False,
        importance_beta_f=-weights.value, importance_error=weights.error, effective_samples=weights.effective,
        k_hat=weights.k_hat, weights_collapse=not trusted, drawn=bound.drawn, restricted=bound.restricted)


def _of_states(v: np.ndarray, log_q: np.ndarray) -> TrialBound:
    q, logs = np.exp(log_q), log_q - v
    mean, log_z = float(np.dot(q, v)), float(logsumexp(logs))
    # 1 / <w^2>_q for weights w = p / q of mean 1: the share of the samples that would be effective
    effective = len(v) * math.exp(-float(logsumexp(logs - v - 2.0 * log_z)))
    with np.errstate(over="ignore", invalid="ignore"):
        variance = float(np.dot(q, (v - mean) ** 2))
    return TrialBound(
        beta_f=mean, error=0.0, variance=variance, samples=len(v), enumerated=True,
        importance_beta_f=-log_z, importance_error=0.0, effective_samples=effective, k_hat=-math.inf,
        weights_collapse=False)


def trial_moments(trial: AutoregressiveTrial, samples: int, seed: int, workers: int = 1) -> Moments:
    """Means and pair correlations under q, from the same states or samples as `trial_bound`."""
    if not _is_small(trial.n_sites, samples):
        return sampled_moments(trial, samples, seed, workers)
    i, j, _ = trial.model.pairs
    taken = trial.walked(all_states(trial.n_sites), workers)
    s, q = taken.spins[np.argsort(trial.order)], np.exp(taken.log_prob)
    return Moments(magnetizations=_odd(trial, s @ q), correlations=(s[i] * s[j]) @ q)


def sampled_moments(trial: AutoregressiveTrial, samples: int, seed: int, workers: int = 1) -> Moments:
    """Means and pair correlations over `samples` fresh samples of `trial`, with their errors."""
    i, j, _ = trial.model.pairs
    place = np.argsort(trial.order)
    sites, pairs = np.zeros(trial.n_sites), np.zeros(len(i))
    for drawn in _chunks(trial, samples, seed, workers):
        s = drawn.spins[place]
        sites += s.sum(axis=1)
        pairs += np.einsum("kb,kb->k", s[i], s[j])
    means, correlations = _odd(trial, sites / samples), pairs / samples
    return Moments(
        magnetizations=means, correlations=correlations,
        magnetization_errors=_odd(trial, _error_of_signs(means, samples)),
        correlation_errors=_error_of_signs(correlations, samples))


def _error_of_signs(means: np.ndarray, count: int) -> np.ndarray:
    """Standard error of means of `count` values +-1; not 0 where all agree, as one more of each sign is counted."""
    drawn = means * count / (count + 2.0)
    return np.asarray(np.sqrt((1.0 - drawn**2) / (count - 1.0)))


def _odd(trial: AutoregressiveTrial, values: np.ndarray) -> np.ndarray:
    """What is odd under the global flip: 0 where q is symmetric by construction."""
    return values if trial.network.biased else np.zeros_like(values)


def all_states(n_sites: int) -> np.ndarray:
    """All configurations, int8, shape (2^n_sites, n_sites)."""
    return (1 - 2 * all_bits(n_sites)).astype(np.int8)


def _is_small(n_sites: int, samples: int) -> bool:
    return n_sites < 40 and 2**n_sites <= samples


def _chunks(trial: AutoregressiveTrial, samples: int, seed: int, workers: int) -> Iterator[Walk]:
    """The samples, one stream a chunk."""
    for number in range(-(-samples // CHUNK)):
        count = min(CHUNK, samples - number * CHUNK)
        yield trial.draw(count, generator(seed, (SAMPLES_KEY, number)), workers)
