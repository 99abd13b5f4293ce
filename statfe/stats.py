"""Errors of means from correlated series: integrated autocorrelation times and split R-hat."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.fft

#: Window of Sokal's rule: stop summing at the first lag W >= WINDOW * tau. His 6 misses slow modes of small weight.
WINDOW = 14.0
#: Stretches of each replica whose means give a second error, and the fewest draws in one.
BATCHES, BATCH_DRAWS = 10, 10
#: Bins a replica that series are averaged into, at most, before their autocorrelation is measured.
MAX_BINS = 4096


@dataclass(frozen=True)
class MeanEstimate:
    """Mean of a correlated series, its standard error, and the integrated time tau (in draws) behind it.

    `effective` is the number of independent draws, R T / (2 tau).
    """

    mean: np.ndarray
    error: np.ndarray
    tau: np.ndarray
    effective: np.ndarray


def autocovariance(series: np.ndarray, units: np.ndarray | None = None) -> np.ndarray:
    """Autocovariance at lags 0..T-1 of (R, T) or (R, T, K) series, averaged over the R replicas.

    The mean of all replicas is taken off, so that replicas stuck at different values show as a long time.
    With `units`, covariances between the replicas of a unit are added: R T times the variance of the mean is always
    the sum over all lags, also for replicas that are not independent.
    """
    x = np.asarray(series, dtype=np.float64)
    replicas = len(x)
    x = joined(x - x.mean(axis=(0, 1), keepdims=True), units)
    length = x.shape[1]
    size = scipy.fft.next_fast_len(2 * length - 1, real=True)
    waves = scipy.fft.rfft(x, n=size, axis=1)
    power = np.einsum("r...,r...->...", waves.real, waves.real) + np.einsum("r...,r...->...", waves.imag, waves.imag)
    raw = scipy.fft.irfft(power / replicas, n=size, axis=0)[:length]
    lags = np.arange(length).reshape((-1,) + (1,) * (raw.ndim - 1))
    return raw / (length - lags)


def joined(series: np.ndarray, units: np.ndarray | None) -> np.ndarray:
    """Sums of (R, ...) series over the replicas of each unit, shape (U, ...); as they are where `units` is None."""
    if units is None:
        return series
    sums = np.zeros((int(units.max()) + 1, *series.shape[1:]))
    np.add.at(sums, units, series)
    return sums


def mean_error(series: np.ndarray, units: np.ndarray | None = None) -> MeanEstimate:
    """Mean and standard error of (R, T) or (R, T, K) series, with autocorrelation.

    The integrated time tau = 1/2 + sum_t rho(t) is summed to the first window W >= 14 tau (Sokal 1996), and corrected
    for the bias of the mean that was taken off (Wolff 2004, eq. 49). Where the means of long stretches vary more than
    that explains, tau is what they say. A series without variance has error 0.

    Parameters
    ----------
    units
        Unit of each replica, int64, shape (R,): replicas of one unit may depend on each other. None where all are
        independent. tau then says how many times fewer draws than these, had they been independent, are as good.
    """
    x = np.asarray(series, dtype=np.float64)
    replicas, length = x.shape[:2]
    total = replicas * length
    # Squares of very large or small values would leave the range of doubles.
    scale = _scale(x)
    mean = x.mean(axis=(0, 1))
    x = x / scale
    gamma = autocovariance(x, units).reshape(length, -1)
    variance = np.where(gamma[0] > 0, gamma[0], 1.0)
    spread = gamma[0] if units is None else x.var(axis=(0, 1)).reshape(-1)
    summed = np.cumsum(gamma / variance, axis=0) - 0.5
    enough = np.arange(length)[:, None] >= WINDOW * np.maximum(summed, 0.5)
    window = np.where(enough.any(axis=0), enough.argmax(axis=0), length - 1)
    tau = np.take_along_axis(summed, window[None, :], axis=0)[0]
    tau = np.maximum(tau, 0.5) * (1.0 + (2.0 * window + 1.0) / total)
    # A constant series carries no information on tau; its error is 0 whatever tau is.
    if units is not None:
        tau *= np.where(spread > 0, gamma[0] / np.where(spread > 0, spread, 1.0), 1.0)
    tau = np.maximum(tau, _batch_time(x, units).reshape(-1))
    error = np.sqrt(np.maximum(spread, 0.0) * 2.0 * tau / total)
    shape = x.shape[2:]
    return MeanEstimate(
        mean=mean, error=error.reshape(shape) * scale, tau=tau.reshape(shape),
        effective=(total / (2.0 * tau)).reshape(shape))


def _scale(x: np.ndarray) -> np.ndarray:
    """Largest absolute value over replicas and draws; 1 for zeros."""
    size = np.maximum(x.max(axis=(0, 1)), -x.min(axis=(0, 1)))
    return np.where(size > 0, size, 1.0)


def _batch_time(x: np.ndarray, units: np.ndarray | None = None) -> np.ndarray:
    """tau from the scatter of the means of `BATCHES` stretches a replica: R T / 2 times Var(mean) / Var(x).

    0 where there are too few draws for a stretch to mean anything.
    """
    if x.shape[1] < BATCHES * BATCH_DRAWS:
        return np.zeros(x.shape[2:])
    means = bin_means(x, BATCHES)
    apart = joined(means - means.mean(axis=(0, 1)), units)
    count = apart.shape[0] * apart.shape[1]
    variance = x.var(axis=(0, 1))
    scatter = np.sum(apart**2, axis=(0, 1)) / (means.shape[0] * means.shape[1]) * count / (count - 1)
    per_batch = x.shape[1] // means.shape[1]
    return np.where(variance > 0, 0.5 * per_batch * scatter / np.where(variance > 0, variance, 1.0), 0.0)


def bin_means(series: np.ndarray, bins: int) -> np.ndarray:
    """Means over at most `bins` stretches of equal length of (R, T, ...) series; leftover first draws are dropped."""
    replicas, length = series.shape[:2]
    per_bin = -(-length // bins)
    used = (length // per_bin) * per_bin
    tail = series[:, length - used:]
    return tail.reshape(replicas, used // per_bin, per_bin, *series.shape[2:]).mean(axis=2)


def split_rhat(series: np.ndarray, units: np.ndarray | None = None) -> np.ndarray:
    """R-hat of (R, T, ...) series with every replica split in two halves (Gelman et al., BDA3, eq. 11.4).

    1 where all halves agree; 1 also for a series without variance, infinity where halves are constant but differ.
    With `units` (see `mean_error`) the larger of this and of the same for the means over each unit: replicas that
    exchange parts agree with each other sooner than with the truth.
    """
    if units is not None:
        sizes = np.bincount(units).reshape((-1,) + (1,) * (series.ndim - 1))
        return np.maximum(split_rhat(series), split_rhat(joined(series, units) / sizes))
    x = np.asarray(series, dtype=np.float64)
    half = x.shape[1] // 2
    if half < 2:
        return np.full(x.shape[2:], np.inf)
    x = x / _scale(x)
    parts = np.concatenate([x[:, :half], x[:, x.shape[1] - half:]], axis=0)
    within = parts.var(axis=1, ddof=1).mean(axis=0)
    between = parts.mean(axis=1).var(axis=0, ddof=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.sqrt((within * (half - 1) / half + between) / within)
    return np.where(within > 0, ratio, np.where(between > 0, np.inf, 1.0))


def binned_error(series: np.ndarray, units: np.ndarray | None = None) -> MeanEstimate:
    """`mean_error` of long series at the cost of their bins: tau and the number of draws are still those of draws."""
    if series.shape[1] <= MAX_BINS:
        return mean_error(series, units)
    scale = _scale(series)
    binned = mean_error(bin_means(series, MAX_BINS), units)
    error = binned.error / scale
    total = float(series.shape[0] * series.shape[1])
    # Squares of very large values would leave the range of doubles; a constant has no time, and a tau of one half.
    variance = (series.std(axis=(0, 1)) / scale) ** 2
    effective = np.where(error > 0, variance / np.where(error > 0, error**2, 1.0), total)
    tau = np.where(effective > 0, total / (2.0 * np.where(effective > 0, effective, 1.0)), 0.5)
    return MeanEstimate(mean=series.mean(axis=(0, 1)), error=binned.error, tau=tau, effective=effective)


def halves_apart(series: np.ndarray, units: np.ndarray | None = None) -> np.ndarray:
    """Mean of the first half of (R, T, ...) series less that of the second, in standard deviations; NaN if not known.

    Each half has its own error, which a difference between them does not make larger.
    """
    half = series.shape[1] // 2
    if half == 0:
        return np.full(series.shape[2:], np.nan)
    first, second = mean_error(series[:, :half], units), mean_error(series[:, series.shape[1] - half:], units)
    error = np.hypot(first.error, second.error)
    return np.where(error > 0, (first.mean - second.mean) / np.where(error > 0, error, 1.0), np.nan)
