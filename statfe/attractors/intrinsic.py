"""Two estimators of intrinsic dimension from nearest neighbours.

``intrinsic_mle``: Levina and Bickel (2005), eq. (8), with inverses averaged over points as MacKay and Ghahramani (2005)
advise, mean over k = 10 .. 20. ``intrinsic_two_nn``: Facco et al., Sci. Rep. 7, 12140 (2017): the ratio of the two
nearest distances, fitted without its largest tenth. Both see the smallest scales that the points reach: noise that
is larger than these fills all coordinates, and near an edge there are fewer neighbours, which pulls them down.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from statfe.attractors.correlation import jackknife
from statfe.attractors.invariant import Invariant, unsupported
from statfe.attractors.record import Cloud
from statfe.executors import map_tasks
from statfe.kernels.pairs import nearest

MLE, TWO_NN = "intrinsic_mle", "intrinsic_two_nn"
#: Neighbours of the first estimator; share of the ratios that the second one discards; fewest points.
FROM, TO, DISCARDED, LEAST = 10, 20, 0.1, 500
#: Largest change of the first estimate over its range of k, relative.
UNEVEN = 0.1


def neighbours(cloud: Cloud, count: int = TO, workers: int = 1) -> np.ndarray:
    """Distances to the nearest `count` points outside the Theiler window, shape (N, count)."""
    out = np.empty((len(cloud.points), count))
    edges = np.searchsorted(cloud.blocks, np.arange(cloud.count + 1))

    def task(b: int) -> None:
        nearest(cloud.points, cloud.places, int(edges[b]), int(edges[b + 1]), cloud.apart, out)

    map_tasks(task, range(cloud.count), workers)
    return np.sqrt(out)


def intrinsic_dimensions(cloud: Cloud, workers: int = 1) -> list[Invariant]:
    """Both estimates with block errors."""
    n = len(cloud.points)
    if n < LEAST:
        return [unsupported(name, f"{n} points are too few; give {LEAST} or more") for name in (MLE, TWO_NN)]
    if cloud.still:
        return [Invariant(name, np.array(0.0), np.array(0.0), stats={"motion": "fixed point"})
                for name in (MLE, TWO_NN)]
    far = neighbours(cloud, TO, workers)
    if not np.isfinite(far).all():
        text = f"points with fewer than {TO} neighbours outside the Theiler window; give a longer record"
        return [unsupported(name, text) for name in (MLE, TWO_NN)]
    same = float(np.mean(far[:, 0] <= 1e-12 * cloud.size))
    if same > 0.01:
        text = (f"{same:.0%} of the points lie on another one: a periodic orbit of a map (dimension 0), or values "
                "rounded to a grid; give values with more digits")
        return [unsupported(name, text) for name in (MLE, TWO_NN)]
    # the few others that do have no scale of their own to tell of
    apart = far[:, 0] > 1e-12 * cloud.size
    far, cloud = far[apart], dataclasses.replace(
        cloud, points=cloud.points[apart], places=cloud.places[apart], blocks=cloud.blocks[apart])
    return [_within(cloud, found) for found in _of_one_scale(_mle(cloud, far), _two_nn(cloud, far))]


def _of_one_scale(mle: Invariant, two_nn: Invariant) -> list[Invariant]:
    """Both as they are, or taken back where the dimension changes from one scale to the next, as with noise."""
    change = 2.0 * mle.stats["scale_error"] / float(mle.value)
    if change <= UNEVEN:
        return [mle, two_nn]
    text = (f"changes by {change:.0%} between {FROM} and {TO} neighbours, as it does where noise is as large as their "
            "distance; give more points, or less noise")
    return [dataclasses.replace(found, status="not_converged", message=text) for found in (mle, two_nn)]


def _within(cloud: Cloud, found: Invariant) -> Invariant:
    """Beyond 2 log10 N no dimension can be told from a larger one."""
    limit = 2.0 * math.log10(len(cloud.points))
    if float(found.value) <= limit:
        return found
    return unsupported(found.name, f"{float(found.value):.1f} is more than {len(cloud.points)} points can show "
                                   f"(2 log10 N = {limit:.1f}); give more points")


def mle_inverses(far: np.ndarray) -> np.ndarray:
    """Mean inverse of the estimate at each point for each k in FROM .. TO, shape (N, TO - FROM + 1).

    1 / m_k = sum_{j < k} ln(T_k / T_j) / (k - 1): its mean over points has no bias (MacKay and Ghahramani).
    """
    logs = np.log(far)
    sums = np.cumsum(logs, axis=1)
    columns = []
    for k in range(FROM, far.shape[1] + 1):
        columns.append((logs[:, k - 1] * (k - 1) - sums[:, k - 2]) / (k - 1))
    return np.stack(columns, axis=1)


def _mle(cloud: Cloud, far: np.ndarray) -> Invariant:
    inverses = mle_inverses(far)
    sums = np.zeros((cloud.count, inverses.shape[1]))
    np.add.at(sums, cloud.blocks, inverses)
    sizes = np.bincount(cloud.blocks)[:, None]

    def estimate(mean: np.ndarray) -> np.ndarray:
        return np.asarray((1.0 / mean).mean(axis=-1))

    value = float(estimate(sums.sum(axis=0) / sizes.sum()))
    left = estimate((sums.sum(axis=0) - sums) / (sizes.sum() - sizes))
    by_k = 1.0 / (sums.sum(axis=0) / sizes.sum())
    scale = 0.5 * abs(float(by_k[0] - by_k[-1]))
    block = float(jackknife(left))
    return Invariant(MLE, np.array(value), np.array(math.hypot(block, scale)),
                     stats={"block_error": block, "scale_error": scale, "first_k": FROM, "last_k": TO})


def two_nn_slope(ratios: np.ndarray) -> float:
    """Slope through the origin of -ln(1 - F) over ln of the ratios, without the largest tenth."""
    ordered = np.sort(ratios)
    n = len(ordered)
    kept = int((1.0 - DISCARDED) * n)
    x = np.log(ordered[:kept])
    y = -np.log1p(-np.arange(1, kept + 1) / (n + 1.0))
    return float(x @ y / (x @ x))


def _two_nn(cloud: Cloud, far: np.ndarray) -> Invariant:
    ratios = far[:, 1] / far[:, 0]
    value = two_nn_slope(ratios)
    left = np.array([two_nn_slope(ratios[cloud.blocks != b]) for b in range(cloud.count)])
    return Invariant(TWO_NN, np.array(value), jackknife(left), stats={"discarded": DISCARDED})
