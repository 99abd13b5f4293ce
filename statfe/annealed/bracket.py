"""Walks up and walks down the same path: two bounds that hold on average, and Bennett's estimate between them.

With a = ln of the weight of a walk up, and b of one down from an exact sample of the target,

    E[-a] >= -ln(Z / Z_0) >= E[b]                                     (Jensen; Grosse, Ghahramani and Adams 2015, eq. 7)

and, as walks down are the reversal of walks up, p_up(walk) / p_down(walk) = (Z / Z_0) exp(-a) (Crooks 1999), from which
Bennett's acceptance ratio makes the estimate with the least variance (Shirts et al. 2003).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy.optimize
from scipy.special import expit

from statfe.estimators.log_weights import student_factor

#: Errors that an end is drawn out by: each then fails in 2.3% of all cases at most, and both together in less than 5%.
WIDEN = 2.0


@dataclass(frozen=True)
class Bracket:
    """Bounds on -ln(Z / Z_0), and the estimate between them.

    Attributes
    ----------
    upper, lower
        Means of -a and of b, with their standard errors.
    value, error
        Bennett's estimate of -ln(Z / Z_0).
    effective
        Walks that look as if they might go the other way: the effective number, or twice the sum of their chances
        where that is less; the smaller of both directions. Half of the walks have a chance of 1/2 in equilibrium.
    """

    upper: float
    upper_error: float
    lower: float
    lower_error: float
    value: float
    error: float
    effective: float

    @property
    def low(self) -> float:
        """Where the bracket begins: the bounds hold for expectations, so an end is only known within its error."""
        return self.lower - WIDEN * self.lower_error

    @property
    def high(self) -> float:
        """Where it ends; in at least 95% of all cases the truth is between `low` and `high`."""
        return self.upper + WIDEN * self.upper_error


def bracket(up: np.ndarray, down: np.ndarray, groups: np.ndarray | None = None) -> Bracket:
    """The bracket of ln weights `up`, shape (n,), and `down`, shape (m,).

    Parameters
    ----------
    groups
        Group of each walk down where the samples that they start from depend on each other.
    """
    upper, lower = -float(up.mean()), float(down.mean())
    value, error, effective = _bennett(up, down, groups)
    return Bracket(upper, _error_of_sum(up, None) / len(up), lower, _error_of_sum(down, groups) / len(down), value,
                   error, effective)


def _bennett(up: np.ndarray, down: np.ndarray, groups: np.ndarray | None) -> tuple[float, float, float]:
    shift = math.log(len(down) / len(up))

    def chances(C: float) -> tuple[np.ndarray, np.ndarray]:
        """Chance that each walk up came from the walks down, and the other way, for ln(Z / Z_0) = C."""
        return expit(up - C + shift), expit(C + down - shift)

    def excess(C: float) -> float:
        g, h = chances(C)
        return float(g.sum() - h.sum())

    ends = np.concatenate([up, -down])
    if not np.isfinite(ends).all():
        return math.nan, math.nan, 0.0
    C = scipy.optimize.brentq(excess, ends.min() - 50.0, ends.max() + 50.0, xtol=1e-12)
    g, h = chances(C)
    slope = float(np.sum(g * (1.0 - g)) + np.sum(h * (1.0 - h)))
    if slope <= 0.0:
        return -C, math.inf, 0.0
    error = math.hypot(_error_of_sum(g, None), _error_of_sum(h, groups)) / slope
    # Chances that are all alike and next to nothing are no overlap: Bennett's equation then has a root in the gap.
    return -C, error, min(_kish(g), _kish(h), 2.0 * float(g.sum()), 2.0 * float(h.sum()))


def _kish(x: np.ndarray) -> float:
    squares = float(np.sum(x * x))
    return float(x.sum()) ** 2 / squares if squares > 0.0 else 0.0


def _error_of_sum(x: np.ndarray, groups: np.ndarray | None) -> float:
    """Standard error of the sum of `x`, whose values depend on each other within groups."""
    centred = x - x.mean()
    if groups is not None:
        centred = np.bincount(groups, weights=centred)
    n = len(centred)
    if n < 2:
        return math.inf
    error = math.sqrt(n / (n - 1) * float(np.sum(centred**2)))
    return error * student_factor(n)
