"""A trajectory seen as cells of a grid, and how fast two neighbours part; templates, compiled for each law.

`step`, `rhs` and `jacobian` below are stand-ins that say the signature; an instance puts a system in their place.
"""

from __future__ import annotations

import math

import numpy as np

from statfe._jit import njit

TURN = 2.0 * math.pi
#: Odd numbers of the finaliser of splitmix64, which spreads the bits of a key.
SPREAD_1, SPREAD_2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
GOLDEN = np.uint64(0x9E3779B97F4A7C15)
S30, S27, S31 = np.uint64(30), np.uint64(27), np.uint64(31)


def step(t: float, dt: float, x: np.ndarray, p: np.ndarray, work: np.ndarray) -> None:
    """Stand-in: `x` a time `dt` later, in place."""
    raise NotImplementedError


def rhs(t: float, x: np.ndarray, p: np.ndarray, out: np.ndarray) -> None:
    """Stand-in: the law of motion."""
    raise NotImplementedError


def jacobian(t: float, x: np.ndarray, p: np.ndarray, out: np.ndarray) -> None:
    """Stand-in: the Jacobian of the law."""
    raise NotImplementedError


def linearise(states: np.ndarray, p: np.ndarray, values: np.ndarray, slopes: np.ndarray) -> None:
    """The law and its Jacobian at each state, into arrays (count, dimension) and (count, dimension, dimension)."""
    for k in range(states.shape[0]):
        rhs(0.0, states[k], p, values[k])
        jacobian(0.0, states[k], p, slopes[k])


@njit
def cell_key(x, origin, width, circle):
    """64 bits that name the cell of `x`; 0 is left free. Two cells of 10^6 share a key with probability 3e-8."""
    key = GOLDEN
    for i in range(x.size):
        offset = x[i] - origin[i]
        if circle[i]:
            offset -= TURN * math.floor(offset / TURN)
        key ^= np.uint64(np.int64(math.floor(offset / width[i])))
        key = (key ^ (key >> S30)) * SPREAD_1
        key = (key ^ (key >> S27)) * SPREAD_2
        key = (key ^ (key >> S31)) + GOLDEN
    return key if key != np.uint64(0) else GOLDEN


@njit
def count_key(key, keys, counts):
    """Count one visit in an open table whose size is a power of two; whether the key is new."""
    mask = np.uint64(keys.size - 1)
    place = key & mask
    while keys[place] != np.uint64(0) and keys[place] != key:
        place = (place + np.uint64(1)) & mask
    fresh = keys[place] == np.uint64(0)
    keys[place] = key
    counts[place] += 1
    return fresh


def window(x: np.ndarray, stride: float, samples: int, dt: float, p: np.ndarray, bound: float, circle: np.ndarray,
           origin: np.ndarray, width: np.ndarray, keys: np.ndarray, counts: np.ndarray, sums: np.ndarray,
           marks: np.ndarray, work: np.ndarray) -> tuple[int, int]:
    """Advance `x` by `samples` samples, count the cells it visits and sum up where it was.

    Parameters
    ----------
    x
        State, shape (dimension,); on return the last one, beyond the bound where it escaped.
    stride
        Steps between samples on average: sample k comes after floor((k + 1) stride) steps, so that an irrational
        stride meets every phase of an oscillation.
    circle
        Coordinates that are angles, bool, shape (dimension,); they have no bound.
    origin, width
        Corner and size of the cells, shape (dimension,).
    keys, counts
        Table of cells, zero at first, of a size that is a power of two and at least twice `samples`; empty: no
        cells are counted.
    sums
        Shape (7, dimension), on return: least, greatest, sum, sum of squares about the first sample, sum of squared
        steps between samples, and the sums of cosines and of sines for angles.
    marks
        Shape (2, dimension), on return: the first and the last sample.

    Returns
    -------
    tuple
        Samples made (fewer than asked: it escaped), and how many of those in the second half fell into cells that
        were not seen before.
    """
    n = x.size
    first, last = marks[0], marks[1]
    late, done = 0, 0
    for k in range(samples):
        target = math.floor((k + 1) * stride)
        while done < target:
            step(done * dt, dt, x, p, work)
            done += 1
            for i in range(n):
                # written so that a nan is outside too
                if not circle[i] and not abs(x[i]) <= bound:
                    return k, late
        if keys.size > 0 and count_key(cell_key(x, origin, width, circle), keys, counts) and 2 * k >= samples:
            late += 1
        for i in range(n):
            if k == 0:
                first[i] = x[i]
                sums[0, i], sums[1, i] = x[i], x[i]
                for row in range(2, 7):
                    sums[row, i] = 0.0
            else:
                sums[4, i] += (x[i] - last[i]) ** 2
            sums[0, i], sums[1, i] = min(sums[0, i], x[i]), max(sums[1, i], x[i])
            sums[2, i] += x[i] - first[i]
            sums[3, i] += (x[i] - first[i]) ** 2
            if circle[i]:
                sums[5, i] += math.cos(x[i])
                sums[6, i] += math.sin(x[i])
            last[i] = x[i]
    for i in range(n):
        sums[2, i] += samples * first[i]
    return samples, late


def part(x: np.ndarray, y: np.ndarray, dt: float, p: np.ndarray, steps: int, near: float, circle: np.ndarray,
         scale: np.ndarray, logs: np.ndarray, work: np.ndarray) -> int:
    """How fast two neighbours part: ln of the growth of their distance in each block of `steps` steps.

    After a block the second one is put back to the distance `near`, measured in units of `scale`; the method of
    G. Benettin, L. Galgani and J.-M. Strelcyn, Phys. Rev. A 14, 2338 (1976).

    Returns
    -------
    int
        Blocks done; fewer than ``logs.size`` when a state became non-finite.
    """
    n = x.size
    for b in range(logs.size):
        for _ in range(steps):
            step(0.0, dt, x, p, work)
            step(0.0, dt, y, p, work)
        total = 0.0
        for i in range(n):
            apart = y[i] - x[i]
            if circle[i]:
                apart -= TURN * math.floor(apart / TURN + 0.5)
            y[i] = apart
            total += (apart / scale[i]) ** 2
        distance = math.sqrt(total)
        if not (distance > 0.0 and distance < np.inf):
            return b
        logs[b] = math.log(distance / near)
        for i in range(n):
            y[i] = x[i] + y[i] * (near / distance)
    return logs.size
