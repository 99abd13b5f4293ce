"""Typical sizes of coordinates, for the steps of a Jacobian by differences; found at the start of a system.

A step must be short against the lengths on which the law bends, and long against rounding. For each coordinate the
difference of two steps tells the first, the size of the law the second; the box is tried first, then powers of ten.
"""

from __future__ import annotations

import numpy as np

from statfe.kernels.user_laws import STEP
from statfe.systems.system import System

#: Error of a column, relative to its largest entry, with which a size is taken without looking further.
ENOUGH = 1e-8
#: Sizes that are tried: powers of ten up to these.
LEAST, MOST = -15, 12
ROUNDING = 4.0 * float(np.finfo(float).eps)


def typical_sizes(system: System, boxed: bool) -> np.ndarray:
    """Size of each coordinate, shape (dimension,); 1 where that will do and no box says otherwise.

    Parameters
    ----------
    boxed
        Whether the box is the user's own.
    """
    first = np.abs(system.box).max(axis=1) if boxed else np.ones(system.dimension)
    first = np.where(first > 0.0, first, 1.0)
    return np.array([_size(system, j, float(first[j])) for j in range(system.dimension)])


def _size(system: System, j: int, first: float) -> float:
    best, least = first, np.inf
    for tried in (first, *(10.0**k for k in sorted(range(LEAST, MOST + 1), key=abs))):
        error = _error(system, j, tried)
        if error <= ENOUGH:
            return tried
        if error < least:
            best, least = tried, error
    return best


def _error(system: System, j: int, size: float) -> float:
    """Estimate of the relative error of column `j`: a quarter of the step, and rounding."""
    step = STEP * size
    try:
        (slope, law_size), (finer, _) = _column(system, j, step), _column(system, j, 0.25 * step)
    except Exception:  # the law's own: `check_laws` runs it again, and says what is wrong with it
        return float(np.inf)
    largest = float(np.max(np.abs(slope)))
    if not (np.isfinite(slope).all() and np.isfinite(finer).all()):
        return float(np.inf)
    error = float(np.max(np.abs(slope - finer))) + ROUNDING * law_size / step
    return error / largest if largest > 0.0 else error


def _column(system: System, j: int, step: float) -> tuple[np.ndarray, float]:
    """Central difference, shape (dimension,), and the largest value of the law that went into it."""
    ends = []
    with np.errstate(all="ignore"):
        for sign in (1.0, -1.0):
            x = np.array(system.start, dtype=np.float64)
            x[j] += sign * step
            ends.append((x[j], system.velocity(x)))
        (up, above), (down, below) = ends
        return (above - below) / (up - down), float(np.max(np.abs([above, below])))
