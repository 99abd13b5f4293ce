"""Correlation sum and correlation dimension (Grassberger and Procaccia, Physica D 9, 189 (1983)).

C(r) is the share of pairs of points at most r apart, pairs within the Theiler window left out; the dimension D2 is
d ln C / d ln r where that does not depend on r. The rule by which the region is chosen:

1. radii count from where `LEAST_PAIRS` pairs are closer, up to where C reaches `LARGEST`;
2. a region is a stretch of at least `OCTAVES` octaves in which every local slope, a least squares line over one
   octave, lies within `TOLERANCE` of their mean, or within two of its own errors;
3. the longest region is taken, and of equals the one at smaller radii;
4. where there is none, lines over two and four octaves are tried, with regions longer in proportion: sets with gaps at
   all scales (Cantor's) have slopes that swing with ln r.

In that region ln C = a + D2 ln r + b r^2 is fitted: on a smooth set without edges the next term is of order r^2 (Gray,
Michigan Math. J. 20, 329 (1974), for balls within the set; chords are shorter than arcs by as much). The largest radii,
which have the best statistics, are those where it matters. Sprott and Rowlands, Int. J. Bifurcation Chaos 11, 1865
(2001), extrapolate from large scales too. Fitted are the steps of ln C from radius to radius, which are nearly
independent, weighted by their jackknife variances and by `MODEL`, how far sets keep to such a law at all.

The error has three parts: the jackknife over blocks of time, half of what the term b r^2 changes, and the spread of the
slopes over all parts of the region that are half as long. There is no number without a region, from too few points,
above the limit 2 log10 N of Eckmann and Ruelle, Physica D 56, 185 (1992), or, for observations, when it fills all
coordinates: more of them might give more.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from statfe.attractors.invariant import Invariant, unsupported
from statfe.attractors.record import Cloud
from statfe.executors import map_tasks
from statfe.kernels.pairs import count_pairs

NAME = "correlation_dimension"
#: Bins an octave, and octaves below the largest distance.
PER_OCTAVE, DEPTH = 4, 24
LEAST_PAIRS, LARGEST, OCTAVES, TOLERANCE = 200, 0.05, 2.5, 0.04
#: Relative departure of the slope between two neighbouring radii from the law.
MODEL = 0.02
#: Octaves of a local slope.
SPANS = (1, 2, 4)
#: Local slopes with larger errors than this, relative, are no part of a region.
NOISY = 0.1
LEAST = 500


@dataclass(frozen=True)
class CorrelationSum:
    """The correlation sum of a cloud.

    Attributes
    ----------
    radii
        Rising, shape (radii,).
    value, error
        C(r) with its jackknife error, shape (radii,).
    slope, slope_error
        d ln C / d ln r over one octave around each radius, shape (radii,); nan at the ends.
    left_out
        C(r) without each of the blocks, shape (blocks, radii).
    pairs
        Pairs at most r apart, shape (radii,).
    """

    radii: np.ndarray
    value: np.ndarray
    error: np.ndarray
    slope: np.ndarray
    slope_error: np.ndarray
    left_out: np.ndarray
    pairs: np.ndarray


def correlation_sum(cloud: Cloud, workers: int = 1) -> CorrelationSum:
    """C(r) of all pairs of a cloud, four radii an octave."""
    points = cloud.points - cloud.points.mean(axis=0)
    widest = 2.0 * float(np.sqrt((points**2).sum(axis=1).max())) * (1.0 + 1e-12)
    bins, count = PER_OCTAVE * DEPTH, cloud.count
    counts = np.zeros((count, count, bins), dtype=np.int64)
    edges = np.searchsorted(cloud.blocks, np.arange(count + 1))

    def task(b: int) -> None:
        count_pairs(points, cloud.places, cloud.blocks, int(edges[b]), int(edges[b + 1]), cloud.apart, widest,
                    PER_OCTAVE, counts[b])

    map_tasks(task, range(count), workers)
    # bins run from large to small distances; C(r) counts all at most r
    summed = np.cumsum(counts[:, :, ::-1], axis=2).astype(np.float64)
    radii = widest * 2.0 ** (-np.arange(bins)[::-1] / PER_OCTAVE)
    whole = summed.sum(axis=(0, 1))
    touched = summed.sum(axis=0) + summed.sum(axis=1) - summed[np.arange(count), np.arange(count)]
    left = whole - touched
    with np.errstate(divide="ignore", invalid="ignore"):
        value, left_out = whole / whole[-1], left / left[:, -1:]
        logs, logs_out = np.log2(value), np.log2(left_out)
        slope, slopes_out = local_slopes(logs), local_slopes(logs_out)
    return CorrelationSum(radii, value, jackknife(left_out), slope, jackknife(slopes_out), left_out, whole)


def local_slopes(logs: np.ndarray, span: int = 1) -> np.ndarray:
    """Least squares slope over `span` octaves around each radius, from log2 C(r); nan at the ends."""
    width = span * PER_OCTAVE
    weights = np.arange(width + 1) - width / 2
    weights = PER_OCTAVE * weights / (weights @ weights)
    out = np.full(logs.shape, np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(logs, width + 1, axis=-1)
    out[..., width // 2:-(width // 2)] = windows @ weights
    return out


def jackknife(left_out: np.ndarray) -> np.ndarray:
    """Error of a statistic from its values without each block, blocks on the first axis."""
    count = len(left_out)
    with np.errstate(invalid="ignore"):
        apart = left_out - left_out.mean(axis=0)
    return np.asarray(np.sqrt((count - 1) / count * np.sum(apart**2, axis=0)))


def scaling_region(found: CorrelationSum) -> tuple[int, int] | None:
    """First and last radius of the region that the rule of this module chooses; None where there is none."""
    for span in SPANS:
        region = _region(found, span)
        if region is not None:
            return region
    return None


def _region(found: CorrelationSum, span: int) -> tuple[int, int] | None:
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = local_slopes(np.log2(found.value), span)
        error = jackknife(local_slopes(np.log2(found.left_out), span))
    half, need = span * PER_OCTAVE // 2, round(OCTAVES * span * PER_OCTAVE)
    usable = (found.pairs >= LEAST_PAIRS) & (found.value <= LARGEST)
    fine = np.zeros(len(slope), dtype=bool)
    fine[half:-half] = usable[:-2 * half] & usable[2 * half:]
    fine &= np.isfinite(slope) & (error <= np.maximum(NOISY * np.abs(slope), 0.02))
    index = np.flatnonzero(fine)
    best: tuple[int, int] | None = None
    for a in index:
        for b in index[index >= a]:
            # local slopes a .. b are those of the radii a - half .. b + half
            long = b - a + 2 * half
            if not fine[a:b + 1].all():
                break
            if long < need or (best is not None and long <= best[1] - best[0]):
                continue
            mean = slope[a:b + 1].mean()
            allowed = np.maximum(TOLERANCE * max(abs(mean), 0.25), 2.0 * error[a:b + 1])
            if np.all(np.abs(slope[a:b + 1] - mean) <= allowed):
                best = (int(a) - half, int(b) + half)
    return best


@dataclass(frozen=True)
class Fit:
    """The line through a region.

    Attributes
    ----------
    slope
        D2.
    block, bend, spread
        Parts of its error: the jackknife, half of what the term b r^2 changes, and the slopes of half regions.
    """

    slope: float
    block: float
    bend: float
    spread: float

    @property
    def error(self) -> float:
        """One standard deviation."""
        return math.hypot(self.block, self.bend, self.spread)


def fit(found: CorrelationSum, first: int, last: int) -> Fit:
    """Weighted least squares of the steps of ln C on those of ln r and r^2, between two radii."""
    here = slice(first, last + 1)
    radii = found.radii[here]
    steps, steps_out = np.diff(np.log(found.value[here])), np.diff(np.log(found.left_out[:, here]), axis=1)
    logs, squares = np.diff(np.log(radii)), np.diff((radii / radii[-1]) ** 2)
    law = MODEL * np.maximum(abs(steps.mean()), 0.25 * logs)
    weights = 1.0 / (_smooth(jackknife(steps_out) ** 2) + law**2)
    line = weights * logs / (weights * logs @ logs)
    both = np.stack([logs, squares])
    curve = np.linalg.solve(both * weights @ both.T, both * weights)
    slope, bend = curve @ steps
    rest, half = steps - bend * squares, max((last - first) // 2, 2)
    parts = [float(w @ y / (w @ x)) for w, x, y in (
        ((weights * logs)[k:k + half], logs[k:k + half], rest[k:k + half]) for k in range(len(steps) - half + 1))]
    return Fit(float(slope), float(jackknife(steps_out @ curve[0])), 0.5 * abs(float(slope - line @ steps)),
               float(np.std(parts)))


def _smooth(variances: np.ndarray) -> np.ndarray:
    """A line through the logarithms: 16 blocks give each variance to a third only."""
    logs = np.log(np.maximum(variances, 1e-30))
    x = np.arange(len(logs)) - 0.5 * (len(logs) - 1)
    return np.asarray(np.exp(logs.mean() + x * (x @ logs) / (x @ x)))


def correlation_dimension(cloud: Cloud, found: CorrelationSum) -> Invariant:
    """D2 with its error, or why there is none."""
    n = len(cloud.points)
    if n < LEAST:
        return unsupported(NAME, f"{n} points are too few; give {LEAST} or more")
    if cloud.still:
        return Invariant(NAME, np.array(0.0), np.array(0.0), stats={"motion": "fixed point"})
    region = scaling_region(found)
    if region is None:
        return unsupported(NAME, f"no region of {OCTAVES:g} octaves with one slope: {n} points are too few for this "
                                 "dimension, or noise hides it; give more points")
    first, last = region
    line = fit(found, first, last)
    value, error = line.slope, line.error
    stats = {"radius_low": float(found.radii[first]), "radius_high": float(found.radii[last]),
             "block_error": line.block, "bend_error": line.bend, "region_error": line.spread, "points": n,
             "theiler": cloud.apart}
    limit = 2.0 * math.log10(n)
    if value > limit:
        return unsupported(NAME, f"a slope of {value:.2f} is more than {n} points can show (2 log10 N = {limit:.2f}); "
                                 "give more points")
    width = cloud.points.shape[1]
    if not cloud.whole and value > width - max(0.1 * width, 2.0 * error):
        return Invariant(NAME, np.array(value), np.array(error), "not_converged",
                         f"fills all {width} coordinates, as noise does; observe more coordinates or delays",
                         stats=stats)
    return Invariant(NAME, np.array(value), np.array(error), stats=stats)
