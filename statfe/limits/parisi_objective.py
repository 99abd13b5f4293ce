"""The Parisi functional over free parameters, for a minimiser that knows no constraints."""

from __future__ import annotations

import math

import numpy as np

from statfe.limits.parisi import Functional, OutOfRangeError, Steps

#: Step of the differences that make the Hessian; largest exponent of a parameter.
DIFFERENCE, LARGEST = 1e-5, 40.0


class Objective:
    """-f, less `origin` and in units of `scale`, and its gradient, over free parameters x.

    x are logarithms of the gaps between overlaps in units of the last one, 1 - q_k, and of the gaps between slopes in
    units of the last one, beta - a_k. At T = 0 the last gap of overlaps is that below q_k = 1, and the unit of
    slopes is 1.
    """

    def __init__(self, functional: Functional, origin: float, scale: float) -> None:
        self.functional, self.origin, self.scale = functional, origin, scale
        self.temperature = functional.temperature
        self._known: tuple[np.ndarray, tuple[float, np.ndarray]] | None = None

    def pack(self, steps: Steps) -> np.ndarray:
        """The parameters of `steps`."""
        if self.temperature == 0.0:
            return np.concatenate([_logarithms(steps.q), np.log(np.diff(steps.a, prepend=0.0))])
        return np.concatenate([_logarithms(np.append(steps.q, 1.0)), _logarithms(
            np.append(self.temperature * steps.a, 1.0))])

    def unpack(self, x: np.ndarray) -> Steps:
        """The steps that parameters stand for."""
        if np.max(np.abs(x)) > LARGEST:
            raise OutOfRangeError("a gap vanishes")
        n = self._split(x)
        q = np.cumsum(_shares(x[:n]))
        if self.temperature == 0.0:
            return Steps(np.append(q, 1.0), np.cumsum(np.exp(x[n:])))
        return Steps(q, np.cumsum(_shares(x[n:])) / self.temperature)

    def _split(self, x: np.ndarray) -> int:
        """How many parameters are overlaps: one more than slopes, or as many at T = 0."""
        return (len(x) + 1) // 2

    def value(self, x: np.ndarray) -> float:
        """-f, infinite where it cannot be evaluated."""
        return self._both(x)[0]

    def gradient(self, x: np.ndarray) -> np.ndarray:
        """Its gradient."""
        return self._both(x)[1]

    def hessian(self, x: np.ndarray) -> np.ndarray:
        """By forward differences of the gradient."""
        start = self.gradient(x)
        H = np.array([(self.gradient(x + DIFFERENCE * e) - start) / DIFFERENCE for e in np.eye(len(x))])
        return 0.5 * (H + H.T)

    def _both(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        if self._known is None or not np.array_equal(x, self._known[0]):
            self._known = x.copy(), self._evaluate(x)
        return self._known[1]

    def _evaluate(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        try:
            point = self.functional(self.unpack(x))
        except OutOfRangeError:  # the trust region shrinks
            return math.inf, np.zeros_like(x)
        n = self._split(x)
        over_q = _pulled(x[:n], point.slope_q[:n])
        if self.temperature == 0.0:
            over_a = np.exp(x[n:]) * _tails(point.slope_a)
        else:
            over_a = _pulled(x[n:], point.slope_a) / self.temperature
        return (point.value - self.origin) / self.scale, np.concatenate([over_q, over_a]) / self.scale


def _logarithms(rising: np.ndarray) -> np.ndarray:
    """Logarithms of the gaps below each of `rising`, in units of the last gap."""
    gaps = np.diff(rising, prepend=0.0)
    return np.log(gaps[:-1] / gaps[-1])


def _shares(x: np.ndarray) -> np.ndarray:
    """The inverse, where the last of the rising numbers is 1: their gaps but the last one."""
    gaps = np.exp(x)
    return gaps / (1.0 + gaps.sum())


def _pulled(x: np.ndarray, slope: np.ndarray) -> np.ndarray:
    """The gradient over `x` from that over cumsum(_shares(x))."""
    shares = _shares(x)
    return shares * (_tails(slope) - float(slope @ np.cumsum(shares)))


def _tails(values: np.ndarray) -> np.ndarray:
    """sum_(l >= j) values_l."""
    return np.cumsum(values[::-1])[::-1]
