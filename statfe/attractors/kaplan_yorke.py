"""Dimension of an attractor from its exponents (Kaplan and Yorke 1979), with its error by propagation."""

from __future__ import annotations

import math

import numpy as np

from statfe.attractors.blocks import block_error
from statfe.attractors.invariant import Invariant, unsupported

NAME = "kaplan_yorke"


def kaplan_yorke(exponents: np.ndarray) -> float:
    """D = j + (lambda_1 + ... + lambda_j) / |lambda_{j+1}|, j the largest number with a sum that is not negative.

    nan where the exponents given do not suffice: their sum is still positive, and there may be more of them. The
    dimension is that of the whole space where all are given and their sum is not negative; the caller knows.
    """
    sums = np.cumsum(exponents)
    if exponents[0] < 0.0:
        return 0.0
    below = np.flatnonzero(sums < 0.0)
    if not len(below):
        return math.nan
    j = int(below[0])
    return float(j + sums[j - 1] / abs(exponents[j]))


def slopes(exponents: np.ndarray) -> np.ndarray:
    """Derivatives of the dimension with the exponents, shape (count,)."""
    out = np.zeros(len(exponents))
    below = np.flatnonzero(np.cumsum(exponents) < 0.0)
    if exponents[0] >= 0.0 and len(below):
        j = int(below[0])
        out[:j] = 1.0 / abs(exponents[j])
        out[j] = np.sum(exponents[:j]) / exponents[j] ** 2
    return out


def dimension(rates: np.ndarray, exponents: np.ndarray, whole: bool, filled: bool = False) -> Invariant:
    """The dimension with its error.

    Parameters
    ----------
    rates
        Growth of each vector in each window, shape (trajectory, window, count), in the order of `exponents`.
    exponents
        Their means, largest first; those known to be zero are set to zero.
    whole
        Whether these are all exponents of the system.
    filled
        Volumes do not shrink and need not: they are kept, or the law is a map that folds. The dimension is that of
        the space, where the sum of all exponents is not negative but for rounding.
    """
    count = len(exponents)
    if whole and filled:
        return Invariant(NAME, np.array(float(count)), np.array(0.0))
    value = kaplan_yorke(exponents)
    if math.isnan(value):
        if not whole:
            return unsupported(NAME, f"the sum of the {count} leading exponents is positive; ask for more of them")
        return unsupported(NAME, "the sum of all exponents is positive: volumes grow, so there is no attractor; "
                                 "check the law, or take a longer run")
    # the error of a function of means is that of its linear part (delta method); zeros that are known have none
    series = (rates @ np.where(exponents == 0.0, 0.0, slopes(exponents)))[:, :, None]
    return Invariant(NAME, np.array(value), block_error(series).error[0])
