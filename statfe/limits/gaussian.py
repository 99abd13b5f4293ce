"""Averages of tanh and its relatives over a Gaussian field, to rounding error at any temperature, T = 0 included.

A spin in the field y has T ln 2 cosh(y / T) = |y| + T ln(1 + exp(-2 |y| / T)). For a wide Gaussian the first part is
integrated in closed form, and the rest lives where |y| is a few T; for a narrow one the whole is smooth.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np
from scipy.special import erf

#: Beyond this many T, exp(-2 |y| / T) is below rounding; and the nodes of Gauss and Legendre up to there.
REACH, NODES = 19.0, 96
#: A Gaussian is wide where its deviation exceeds this many T.
WIDE = 2.0
#: Range and step of the trapezoid rule for a narrow one: tanh has its poles pi T / 2 off the axis, 0.78 deviations.
RANGE, STEP = 9.0, 0.09


@dataclass(frozen=True)
class FieldAverages:
    """Averages over y = mean + deviation * z, z normal; t = tanh(y / T).

    Attributes
    ----------
    free
        E[T ln 2 cosh(y / T)].
    tanh
        E[t].
    response
        E[1 - t^2] / T, which stays finite as T -> 0.
    response2
        E[(1 - t^2)^2] / T.
    """

    free: float
    tanh: float
    response: float
    response2: float

    def square(self, temperature: float) -> float:
        """E[t^2]."""
        return 1.0 - temperature * self.response


@functools.cache
def _legendre() -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights on [0, REACH]."""
    x, w = np.polynomial.legendre.leggauss(NODES)
    return 0.5 * REACH * (x + 1.0), 0.5 * REACH * w


@functools.cache
def _normal() -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights of an average over a normal number."""
    z = np.arange(-RANGE, RANGE + STEP / 2, STEP)
    w = np.exp(-0.5 * z * z)
    return z, w / w.sum()


def field_averages(mean: float, deviation: float, temperature: float) -> FieldAverages:
    """The averages for T >= 0 and deviation >= 0; a deviation of 0 needs T > 0."""
    if deviation > WIDE * temperature:
        return _wide(mean, deviation, temperature)
    z, w = _normal()
    x = (mean + deviation * z) / temperature
    e = np.exp(-2.0 * np.abs(x))
    slope = 4.0 * e / (1.0 + e) ** 2
    return FieldAverages(
        temperature * float(w @ (np.abs(x) + np.log1p(e))), float(w @ np.tanh(x)), float(w @ slope) / temperature,
        float(w @ slope**2) / temperature)


def _wide(mean: float, deviation: float, temperature: float) -> FieldAverages:
    """|y| and its sign in closed form, the rest by quadrature over x = |y| / T."""
    x, w = _legendre()
    scale = 1.0 / (deviation * math.sqrt(2.0 * math.pi))
    up, down = (scale * np.exp(-0.5 * ((s * temperature * x - mean) / deviation) ** 2) for s in (1.0, -1.0))
    e = np.exp(-2.0 * x)
    slope = 4.0 * e / (1.0 + e) ** 2
    ratio = mean / deviation
    absolute = (mean * erf(ratio / math.sqrt(2.0))
                + deviation * math.sqrt(2.0 / math.pi) * math.exp(-0.5 * ratio * ratio))
    both = (up + down) * w
    return FieldAverages(
        float(absolute + temperature**2 * (both @ np.log1p(e))),
        float(erf(ratio / math.sqrt(2.0)) - temperature * (((up - down) * w) @ (2.0 * e / (1.0 + e)))),
        float(both @ slope), float(both @ slope**2))
