"""Moments of a sample of realisations, with errors by the jackknife over realisations (Efron 1982)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

#: Fewest realisations that say anything about the error of a moment.
FEWEST = 8


@dataclass(frozen=True)
class Spread:
    """How a quantity varies from sample to sample.

    Attributes
    ----------
    raw
        Standard deviation as measured, the noise of sampling in it.
    deviation, deviation_error
        Without that noise.
    skewness, skewness_error
        Third moment over the cube of `deviation`; symmetric noise adds nothing to it. NaN where there is no spread.
    """

    raw: float
    deviation: float
    deviation_error: float
    skewness: float
    skewness_error: float


def mean_and_error(values: np.ndarray) -> tuple[float, float]:
    """Mean over realisations and its error from their scatter, which holds the noise of each one too."""
    x = np.asarray(values, dtype=np.float64)
    if not np.all(np.isfinite(x)):
        return math.nan, math.nan
    # The scatter of equal values is rounding.
    apart = x - x[0]
    return float(x[0] + apart.mean()), float(apart.std(ddof=1) / math.sqrt(len(x)))


def spread(values: np.ndarray, noise: np.ndarray) -> Spread:
    """Spread of `values`, each of which has sampling noise of variance `noise`."""
    M = len(values)
    nothing = Spread(math.nan, math.nan, math.nan, math.nan, math.nan)
    if not (np.all(np.isfinite(values)) and np.all(np.isfinite(noise))):
        return nothing
    x = values - values[0]
    x = x - x.mean()
    if np.max(np.abs(x)) <= 1e-13 * max(1.0, float(np.max(np.abs(values)))):
        return Spread(0.0, 0.0, 0.0, math.nan, math.nan)
    raw = float(x.std(ddof=1))
    # Moments of all realisations but one; x has mean 0.
    s2, s3, n = float(np.sum(x**2)), float(np.sum(x**3)), M - 1
    mean = -x / n
    second = (s2 - x**2) / n - mean**2
    third = (s3 - x**3) / n - 3.0 * mean * (s2 - x**2) / n + 2.0 * mean**3
    deviation = math.sqrt(max(raw**2 - float(noise.mean()), 0.0))
    if M < FEWEST:
        return Spread(raw, deviation, math.nan, math.nan, math.nan)
    without = np.sqrt(np.maximum(second * n / (n - 1) - (noise.sum() - noise) / n, 0.0))
    if deviation == 0.0 or np.any(without == 0.0):
        # No more than the noise: the error is that of the noise itself.
        return Spread(raw, deviation, raw / (2.0 * M) ** 0.25, math.nan, math.nan)
    skew = s3 / M / deviation**3
    return Spread(raw, deviation, jackknife(without), skew, jackknife(third / without**3))


def jackknife(without: np.ndarray) -> float:
    """Standard error from the values that leave one realisation out each."""
    M = len(without)
    return float(math.sqrt((M - 1) / M * np.sum((without - without.mean()) ** 2)))


def annealed(values: np.ndarray) -> tuple[float, float, float]:
    """-ln of the mean of exp(-values): (estimate, jackknife error, effective number of realisations behind it)."""
    if not np.all(np.isfinite(values)):
        return math.nan, math.nan, math.nan
    low = float(values.min())
    w = np.exp(low - values)
    total, M = float(w.sum()), len(values)
    effective = total**2 / float(np.sum(w**2))
    estimate = low - math.log(total / M)
    rest = total - w
    if np.max(values) - low <= 1e-12 * max(1.0, abs(low)):
        return estimate, 0.0, effective  # all are equal, to rounding
    if np.any(rest <= 1e-12 * total):
        return estimate, math.inf, effective
    return estimate, jackknife(low - np.log(rest / (M - 1))), effective


def histogram(values: np.ndarray, bins: int) -> tuple[np.ndarray, np.ndarray]:
    """Counts in `bins` equal bins from the least to the largest value, and their edges."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        return np.zeros(bins, dtype=np.int64), np.full(bins + 1, math.nan)
    low, high = float(finite.min()), float(finite.max())
    if high - low <= 1e-12 * max(1.0, abs(low)):
        low, high = low - 0.5, high + 0.5
    counts, edges = np.histogram(finite, bins=bins, range=(low, high))
    return counts.astype(np.int64), edges
