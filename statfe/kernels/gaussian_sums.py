"""Sums of Gaussians over unevenly spaced points."""

from __future__ import annotations

import math

from statfe._jit import njit


@njit
def gaussian_sums(targets, sources, first, second, deviation, reach, out):
    """out[i] = sum_j (first[j], second[j]) exp(-(targets[i] - sources[j])^2 / (2 deviation^2)) over |...| <= reach.

    Parameters
    ----------
    targets, sources
        Points in rising order, shapes (n,) and (m,).
    first, second
        Two sets of weights of the sources, shape (m,).
    out
        The two sums, shape (n, 2).
    """
    scale = 0.5 / (deviation * deviation)
    low = 0
    for i in range(len(targets)):
        y = targets[i]
        while low < len(sources) and sources[low] < y - reach:
            low += 1
        a = 0.0
        b = 0.0
        j = low
        while j < len(sources) and sources[j] <= y + reach:
            d = sources[j] - y
            g = math.exp(-scale * d * d)
            a += first[j] * g
            b += second[j] * g
            j += 1
        out[i, 0] = a
        out[i, 1] = b
