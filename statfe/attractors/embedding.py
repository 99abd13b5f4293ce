"""Delay embedding of one measured coordinate, and the usual ways to choose delay and dimension from the data.

Takens, Lect. Notes Math. 898, 366 (1981): (s(t), s(t + tau), ..., s(t + (m - 1) tau)) is an embedding of the attractor
for almost every s once m exceeds twice its dimension. The delay is the first minimum of the average mutual information
(Fraser and Swinney, Phys. Rev. A 33, 1134 (1986)), the dimension the first with few false nearest neighbours (Kennel,
Brown and Abarbanel, Phys. Rev. A 45, 3403 (1992)).
"""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from statfe.errors import UsageError

#: Cells of the histograms of the mutual information, each axis, at most.
CELLS = 32
#: A minimum is one when the information then rises by this share of its start: smaller steps up are those of the cells.
RISE = 0.01
#: A neighbour is false when the next coordinate is this much further than the distance, eq. (4) of Kennel et al.
RATIO = 10.0
#: or when the distance grows beyond this many standard deviations, eq. (5).
SIZE = 2.0
#: Share of false neighbours that is taken for none.
FALSE_SHARE = 0.01
#: Points whose neighbours are looked at, at most.
POINTS = 4000


def delay_vectors(series: np.ndarray, delay: int, dimension: int) -> np.ndarray:
    """Rows (s_n, s_{n + delay}, ...), shape (..., time - (dimension - 1) delay, dimension); the last axis is time.

    Raises
    ------
    UsageError
        The record is too short for one row.
    """
    count = series.shape[-1] - (dimension - 1) * delay
    if count < 1:
        raise UsageError(
            f"{series.shape[-1]} samples are too few for {dimension} delays of {delay}: at least "
            f"{(dimension - 1) * delay + 1} are needed; take more samples, a shorter delay or fewer dimensions")
    return np.stack([series[..., k * delay: k * delay + count] for k in range(dimension)], axis=-1)


def mutual_information(series: np.ndarray, longest: int) -> np.ndarray:
    """Average mutual information of s_n and s_{n + k} in nats, for k = 0 .. `longest`.

    Parameters
    ----------
    series
        shape (trajectory, time); finite.

    Notes
    -----
    Cells hold equal shares of the points, (points / 5)^(1/3) a side at most `CELLS`; for n points the plug-in sum is
    too large by about (cells - 1)^2 / (2 n) (Miller and Madow), which is taken off.
    """
    points = series.size
    side = int(np.clip((points / 5.0) ** (1.0 / 3.0), 4, CELLS))
    order = np.empty(points, dtype=np.int64)
    order[np.argsort(series, axis=None, kind="stable")] = np.arange(points)
    cell = (order * side // points).reshape(series.shape)
    found = np.empty(longest + 1)
    for k in range(longest + 1):
        a, b = cell[:, : series.shape[1] - k].ravel(), cell[:, k:].ravel()
        joint = np.bincount(a * side + b, minlength=side * side).reshape(side, side) / a.size
        product = joint.sum(axis=1)[:, None] * joint.sum(axis=0)[None, :]
        here = joint > 0.0
        found[k] = np.sum(joint[here] * np.log(joint[here] / product[here])) - (side - 1) ** 2 / (2.0 * a.size)
    return found


def choose_delay(series: np.ndarray, longest: int) -> tuple[int, str]:
    """A delay in samples, and how it was found in words.

    The first minimum of the mutual information; where there is none up to `longest`, the first delay at which it has
    fallen to 1/e of its value at 0, or `longest`.
    """
    longest = min(longest, series.shape[1] // 4)
    if longest < 1:
        raise UsageError(f"{series.shape[1]} samples are too few to choose a delay from; give it, or take more samples")
    found = mutual_information(series, longest)
    low = 0
    for k in range(1, longest + 1):
        if found[k] < found[low]:
            low = k
        elif low and found[k] > found[low] + RISE * found[0]:
            return low, f"first minimum of the average mutual information, {found[low]:.3g} nats at {low} samples"
    below = np.flatnonzero(found < found[0] / np.e)
    k = int(below[0]) if below.size else longest
    return max(k, 1), f"the mutual information has no minimum up to {longest} samples; 1/e of its start or the longest"


def false_neighbours(series: np.ndarray, delay: int, dimension: int) -> float:
    """Share of nearest neighbours in `dimension` delays that `dimension` + 1 delays tell apart.

    Parameters
    ----------
    series
        shape (trajectory, time). Neighbours closer in time than one delay on the same trajectory do not count.
    """
    rows = delay_vectors(series, delay, dimension + 1)
    count = rows.shape[1]
    flat = rows.reshape(-1, dimension + 1)
    size = max(float(series.std()), np.finfo(float).tiny)
    chosen = np.unique(np.linspace(0, len(flat) - 1, min(POINTS, len(flat))).astype(np.int64))
    near = min(2 * delay + 2, len(flat))
    found = cKDTree(flat[:, :dimension]).query(flat[chosen, :dimension], k=near)
    distances, neighbours = np.asarray(found[0]), np.asarray(found[1])
    same = (neighbours // count == chosen[:, None] // count) & (np.abs(neighbours - chosen[:, None]) < delay)
    usable = ~same & (distances > 0.0)
    first = usable.argmax(axis=1)
    rows_with = usable.any(axis=1)
    if not rows_with.any():
        return 0.0
    index = np.arange(len(chosen))[rows_with]
    distance = distances[index, first[rows_with]]
    other = neighbours[index, first[rows_with]]
    growth = np.abs(flat[chosen[rows_with], dimension] - flat[other, dimension])
    false = (growth > RATIO * distance) | (np.hypot(distance, growth) > SIZE * size)
    return float(false.mean())


def choose_dimension(series: np.ndarray, delay: int, largest: int = 10) -> tuple[int, str]:
    """An embedding dimension, and how it was found in words.

    Raises
    ------
    UsageError
        False neighbours stay above 1% up to `largest` dimensions: noise, or a motion of high dimension.
    """
    shares = []
    for dimension in range(1, largest + 1):
        if series.shape[1] - dimension * delay < 1:
            break
        shares.append(false_neighbours(series, delay, dimension))
        if shares[-1] < FALSE_SHARE:
            return dimension, f"first with less than {FALSE_SHARE:.0%} false nearest neighbours ({shares[-1]:.2%})"
    told = ", ".join(f"{share:.1%}" for share in shares) or "none could be tried"
    raise UsageError(
        f"no dimension up to {largest} has less than {FALSE_SHARE:.0%} false nearest neighbours ({told}): the motion "
        "is of high dimension, noisy, or the record too short; give the dimension yourself, or take more samples")
