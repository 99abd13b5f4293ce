"""ln of a mean weight, from the logarithms of independent weights: what importance sampling and its kin end with.

Z = E[w] is estimated without bias by the mean of the weights, but minus the logarithm of that mean is too large by
Var(w) / (2 n E[w]^2) on average, and its error is far from obvious where few weights carry the sum. So the value is
the jackknife's, which takes off the bias of order 1/n; the error is the jackknife's too; and beside them stand what
tells whether either means anything: the effective number of weights, the share of the largest, and the index k of the
Pareto tail.

Sources: jackknife, B. Efron and C. Stein, Ann. Stat. 9, 586 (1981), for groups of unequal size F. Busing, E. Meijer and
R. van der Leeden, Stat. Comput. 9, 3 (1999); effective number, L. Kish, Survey Sampling (1965); k, A. Vehtari,
D. Simpson, A. Gelman, Y. Yao and J. Gabry, J. Mach. Learn. Res. 25, 72 (2024), with the fit of J. Zhang and
M. A. Stephens, Technometrics 51, 316 (2009).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy.special

#: Tails of fewer weights are not fitted.
MIN_TAIL = 5
#: Above this `LogMean.skew` the mean score of an estimate is beyond 0.1 errors.
MAX_SKEW = 0.2
#: Above this k the mean converges too slowly for its error to be known (Vehtari et al. 2024, section 3.2.2).
MAX_K_HAT = 0.7


@dataclass(frozen=True)
class LogMean:
    """ln of a mean weight and what is known of it.

    Attributes
    ----------
    value
        ln E[w], corrected for the bias of order 1/n. NaN where a weight is NaN or infinite, or all are 0.
    error
        Standard error of `value`, with Student's factor where there are few units: the interval of one error covers
        68%. Infinite where one unit carries all the weight or there is only one; NaN where `value` is.
    effective
        Kish's effective number of units, (sum w)^2 / sum w^2. A unit is a weight, or the sum of a group of them.
    k_hat
        Index of the Pareto tail of the units: the variance is finite below 0.5, errors mean something below 0.7.
        -inf where the largest value recurs so often that there is no tail; NaN where there are too few units to tell.
    largest_share
        Share of the largest unit in the sum.
    units
        Number of units.
    skew
        Skewness of the units over the square root of their number: `value` is off by -skew / 2 errors on average, since
        a mean that misses rare large weights has too small an error as well. Above 0.2 errors do not cover.
    """

    value: float
    error: float
    effective: float
    k_hat: float
    largest_share: float
    units: int
    skew: float


def log_mean_exp(logs: np.ndarray) -> float:
    """ln of the mean of exp(logs), without overflow; -inf where all are -inf."""
    values = np.asarray(logs, dtype=np.float64)
    top = float(values.max())
    if not math.isfinite(top):
        return top
    return top + math.log(float(np.mean(np.exp(values - top))))


def log_mean_weight(log_weights: np.ndarray, groups: np.ndarray | None = None) -> LogMean:
    """ln of the mean of independent weights from their logarithms, with its error.

    Parameters
    ----------
    log_weights
        ln w, float64, shape (n,); -inf is a weight of 0.
    groups
        Group of each weight (its population, replica, or antithetic pair), integers, shape (n,). Weights of one group
        may depend on each other, so errors come from whole groups. None where all weights are independent.

    Returns
    -------
    LogMean
    """
    logs = np.asarray(log_weights, dtype=np.float64).ravel()
    sizes = np.ones(len(logs))
    if groups is not None:
        labels, place = np.unique(np.asarray(groups).ravel(), return_inverse=True)
        if len(place) != len(logs):
            raise ValueError(f"{len(logs)} weights, but {len(place)} groups")
        sizes = np.bincount(place, minlength=len(labels)).astype(np.float64)
    top = float(logs.max(initial=-math.inf))
    if not math.isfinite(top) or np.isnan(logs).any():
        return LogMean(math.nan, math.nan, 0.0, math.nan, math.nan, len(sizes), math.nan)
    weights = np.exp(logs - top)
    if groups is not None:
        weights = np.bincount(place, weights=weights, minlength=len(sizes))
    value, error = _jackknife(weights, sizes)
    share = weights / weights.sum()
    return LogMean(
        top + value, error, 1.0 / float(np.sum(share**2)), pareto_k(np.log(np.maximum(weights, 1e-300))),
        float(share.max()), len(sizes), _skew(weights / sizes))


def _skew(values: np.ndarray) -> float:
    apart = values - values.mean()
    spread = float(np.mean(apart**2))
    # Rounding of equal values has no skewness.
    if spread <= 1e-28 * float(values.mean()) ** 2:
        return 0.0
    return float(np.mean(apart**3)) / spread**1.5 / math.sqrt(len(values))


def _jackknife(sums: np.ndarray, sizes: np.ndarray) -> tuple[float, float]:
    """ln(sum of `sums` / sum of `sizes`), corrected and with its error, by leaving out one unit at a time."""
    units, total, count = len(sums), float(sums.sum()), float(sizes.sum())
    plain = math.log(total / count)
    # Where one unit carries nearly all, the rest must be summed for itself.
    rest = total - sums
    largest = int(sums.argmax())
    rest[largest] = np.delete(sums, largest).sum()
    if units < 2 or rest[largest] <= 0.0:
        return plain, math.inf
    # Busing et al. 1999, eqs. 5 and 6; with sizes of 1 the usual jackknife.
    shift = np.log(rest / total) - np.log1p(-sizes / count)
    fold = count / sizes
    apart = -(fold - 1.0) * shift
    bias = -float(np.sum((1.0 - sizes / count) * shift))
    variance = float(np.mean((apart - bias) ** 2 / (fold - 1.0)))
    return plain + bias, math.sqrt(variance) * student_factor(units)


def student_factor(units: int) -> float:
    """How many standard errors of `units` means cover as much as one of a normal distribution, 68.27%."""
    return float(scipy.special.stdtrit(units - 1, scipy.special.ndtr(1.0)))


def pareto_k(log_weights: np.ndarray) -> float:
    """Index k of a generalised Pareto distribution fitted to the largest weights (Vehtari et al. 2024, eq. 13 ff.).

    The tail are the min(n / 5, 3 sqrt(n)) largest weights. NaN where these are fewer than 5; -inf where fewer than 5
    weights exceed the smallest of them: the largest value then recurs, and no tail is left to see.
    """
    n = len(log_weights)
    length = math.ceil(min(0.2 * n, 3.0 * math.sqrt(n)))
    if length < MIN_TAIL:
        return math.nan
    tail = np.partition(log_weights, n - length - 1)[n - length - 1:]
    top = float(tail.max())
    excess = np.exp(tail - top) - math.exp(float(tail.min()) - top)
    # Values equal but for rounding are one value.
    excess = np.sort(excess[excess > 1e-12])
    if len(excess) < MIN_TAIL:
        return -math.inf
    return _pareto_fit(excess)


def _pareto_fit(excess: np.ndarray) -> float:
    """k of a generalised Pareto distribution of sorted positive values (Zhang and Stephens 2009), drawn to 1/2.

    Their posterior mean over theta = -k / sigma on a grid of quantiles, and a prior of ten values at k = 1/2 (Vehtari
    et al. 2024, appendix G).
    """
    n = len(excess)
    grid = 30 + int(math.sqrt(n))
    quartile = excess[int(n / 4 + 0.5) - 1]
    theta = 1.0 - np.sqrt(grid / (np.arange(1, grid + 1) - 0.5))
    theta = theta / (3.0 * quartile) + 1.0 / excess[-1]
    # At theta = 0 the distribution is exponential, and -theta / k the inverse of its mean; a step aside is as good.
    theta = np.where(np.abs(theta) * excess[-1] < 1e-9, 1e-9 / excess[-1], theta)
    k = np.mean(np.log1p(-theta[:, None] * excess), axis=1)
    profile = n * (np.log(-theta / k) - k - 1.0)
    weights = np.exp(profile - profile.max())
    best = float(np.sum(theta * weights) / np.sum(weights))
    fitted = float(np.mean(np.log1p(-best * excess)))
    return (fitted * n + 5.0) / (n + 10.0)
