"""Pairs of points: how many lie at which distance, and the nearest ones, without pairs that are close in time."""

from __future__ import annotations

import math

import numpy as np

from statfe._jit import njit


@njit
def count_pairs(points: np.ndarray, places: np.ndarray, blocks: np.ndarray, first: int, last: int, theiler: int,
                widest: float, per_octave: int, counts: np.ndarray) -> None:
    """Add the pairs (i, j > i) with i in [first, last) to a histogram of the logarithm of their distance.

    Parameters
    ----------
    points
        shape (N, dimension).
    places
        Time of each point in samples; points of different trajectories lie further apart than `theiler`. int64, (N,).
    blocks
        Block of each point, int64, (N,).
    theiler
        Pairs with ``|place_i - place_j| <= theiler`` are left out (Theiler, Phys. Rev. A 34, 2427 (1986)).
    widest
        Largest distance of two points. Bin b holds distances in (widest 2^-((b+1)/m), widest 2^-(b/m)], m =
        `per_octave`; the last bin also all below.
    counts
        shape (blocks, bins): pairs by the block of j. One call serves points i of one block.
    """
    n, size = points.shape
    bins = counts.shape[1]
    square = 1.0 / (widest * widest)
    for i in range(first, last):
        for j in range(i + 1, n):
            if abs(places[j] - places[i]) <= theiler:
                continue
            distance = 0.0
            for c in range(size):
                step = points[i, c] - points[j, c]
                distance += step * step
            share = distance * square
            b = bins - 1
            if share > 0.0:
                b = min(int(max(-0.5 * per_octave * math.log2(share), 0.0)), bins - 1)
            counts[blocks[j], b] += 1


@njit
def nearest(points: np.ndarray, places: np.ndarray, first: int, last: int, theiler: int, out: np.ndarray) -> None:
    """Squared distances to the k nearest points of each i in [first, last), nearest first, into `out` (N, k).

    Points closer in time than `theiler` samples are no neighbours; infinity where there are too few.
    """
    n, size = points.shape
    k = out.shape[1]
    for i in range(first, last):
        own = out[i]
        own[:] = math.inf
        for j in range(n):
            if abs(places[j] - places[i]) <= theiler:
                continue
            distance = 0.0
            for c in range(size):
                step = points[i, c] - points[j, c]
                distance += step * step
            if distance < own[k - 1]:
                slot = k - 1
                while slot > 0 and own[slot - 1] > distance:
                    own[slot] = own[slot - 1]
                    slot -= 1
                own[slot] = distance


@njit
def recurrences(points: np.ndarray, square: float, theiler: int, lines: np.ndarray) -> tuple[int, int, int]:
    """Diagonal lines of the recurrence plot of one stretch of a trajectory, and its return times.

    Parameters
    ----------
    points
        shape (N, dimension), in the order of time.
    square
        Two points recur where their squared distance is at most this.
    theiler
        Diagonals up to this one are left out.
    lines
        Number of diagonal lines by length, shape (N + 1,).

    Returns
    -------
    tuple
        Sum of first return times in samples (from a point, out of its neighbourhood, and back), how many there are,
        and how many points did not come back.
    """
    n, size = points.shape
    for lag in range(theiler + 1, n):
        length = 0
        for i in range(n - lag):
            distance = 0.0
            for c in range(size):
                step = points[i, c] - points[i + lag, c]
                distance += step * step
            if distance <= square:
                length += 1
            elif length > 0:
                lines[length] += 1
                length = 0
        if length > 0:
            lines[length] += 1
    total, returns, lost = 0, 0, 0
    for i in range(n // 2):
        left = False
        back = 0
        for j in range(i + 1, n):
            distance = 0.0
            for c in range(size):
                step = points[i, c] - points[j, c]
                distance += step * step
            if distance > square:
                left = True
            elif left:
                back = j - i
                break
        if back > 0:
            total += back
            returns += 1
        else:
            lost += 1
    return total, returns, lost
