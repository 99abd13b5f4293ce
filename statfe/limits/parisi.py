"""The Parisi functional of the SK model at k steps of replica-symmetry breaking, with its derivatives.

Overlaps q_0 < q_1 < ... < q_k and slopes a_1 < ... < a_k stand for the order parameter: beta x(q) = a_l between
q_(l-1) and q_l, 0 below q_0, beta above q_k. With T = 1 / beta, psi_k(y) = T ln 2 cosh(y / T) and z normal,

    psi_(l-1)(y) = (1 / a_l) ln E exp[a_l psi_l(y + sqrt(q_l - q_(l-1)) z)],                                    (1)
    -f = E psi_0(h + sqrt(q_0) z) - (1/4) sum_l a_l (q_l^2 - q_(l-1)^2) + (beta / 4) (1 - q_k)^2.               (2)

At T = 0, psi_k(y) = |y|, q_k = 1, and the last term is gone. For every choice of q and a the f of (2) is a lower bound
of the free energy a site averaged over the disorder, at any N (Guerra 2003); its largest value is the limit of large N
(Talagrand 2006). As a functional of x(q), -f is strictly convex (Auffinger and Chen 2015).

Derivatives. Let X be the field that (1) weighs: from h + sqrt(q_0) z on, a step from y to y' has the probability of the
Gaussian times exp(a_l [psi_l(y') - psi_(l-1)(y)]). With u_l = psi_l', a_0 = 0 and a_(k+1) = beta,

    d(-f) / dq_l = -(1/2) (a_(l+1) - a_l) (E u_l^2 - q_l),                                                     (3)
    d(-f) / da_l = (1 / a_l) (E psi_l - E psi_(l-1)) - (1/4) (q_l^2 - q_(l-1)^2).                              (4)

Numbers. All is scaled by T, so that T = 0 is one case among others. psi_l with l < k lives on an even grid, where
the trapezoid rule is exact to rounding for a Gaussian several points wide. psi_k may bend within T, so the integral
over it has its own nodes.

Sources: G. Parisi, J. Phys. A 13, 1101 (1980); F. Guerra, Commun. Math. Phys. 233, 1 (2003); M. Talagrand, Ann. Math.
163, 221 (2006); A. Auffinger and W.-K. Chen, Commun. Math. Phys. 335, 1429 (2015).
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np

from statfe.kernels.gaussian_sums import gaussian_sums

#: Grid points a deviation of the narrowest Gaussian; half the width of the grid and of a Gaussian, in deviations.
POINTS, WIDTH = 3.0, 8.5
#: Nodes of a panel of the innermost integral, and the longest panel in deviations of its Gaussian.
NODES, PANEL = 16, 4.0
#: Most grid points; exponents beyond this many would overflow.
MOST_POINTS, MOST_EXPONENT = 3000, 600.0


class OutOfRangeError(ArithmeticError):
    """Overlaps too close together, or slopes too steep, for the grid."""


@dataclass(frozen=True)
class Steps:
    """Where the order parameter stands: q_0 ... q_k, shape (k + 1,), and a_1 ... a_k, shape (k,)."""

    q: np.ndarray
    a: np.ndarray

    @property
    def count(self) -> int:
        """k."""
        return len(self.a)


@dataclass(frozen=True)
class Point:
    """The functional at one choice of `Steps`.

    Attributes
    ----------
    value
        -f of (2).
    slope_q, slope_a
        (3) and (4); the first of `slope_q` is 0 where q_0 = 0.
    magnetization
        E u_0.
    response
        E[1 - u_k^2] / T, which tends to twice the density of X at 0 as T -> 0.
    response2
        E[(1 - u_k^2)^2] / T, which tends to 4/3 of that density.
    spin_entropy
        Mean entropy of a spin in the field X at q_k.
    """

    value: float
    slope_q: np.ndarray
    slope_a: np.ndarray
    magnetization: float
    response: float
    response2: float
    spin_entropy: float


@dataclass(frozen=True)
class _Level:
    """psi_l and u_l on the grid, and S of `_down`, the sum under the logarithm."""

    psi: np.ndarray
    u: np.ndarray
    total: np.ndarray


@functools.cache
def _legendre() -> tuple[np.ndarray, np.ndarray]:
    x, w = np.polynomial.legendre.leggauss(NODES)
    return 0.5 * (x + 1.0), 0.5 * w


def _panels(half: float, deviation: float, temperature: float) -> tuple[np.ndarray, np.ndarray]:
    """Nodes in rising order and weights on [-half, half], dense where |y| is a few T."""
    edges = [0.0]
    while edges[-1] < half:
        step = PANEL * deviation
        if temperature > 0.0:
            step = min(step, max(2.0 * temperature, edges[-1]))
        edges.append(min(half, edges[-1] + step))
    x, w = _legendre()
    lengths = np.diff(edges)[:, None]
    nodes = (np.array(edges[:-1])[:, None] + lengths * x).ravel()
    weights = (lengths * w).ravel()
    return np.concatenate([-nodes[::-1], nodes]), np.concatenate([weights[::-1], weights])


def _final(y: np.ndarray, temperature: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """psi_k, u_k, 1 - u_k^2 and the entropy of a spin in the fields `y`."""
    size = np.abs(y)
    if temperature == 0.0:
        return size, np.sign(y), np.zeros_like(y), np.zeros_like(y)
    x = size / temperature
    e = np.exp(-2.0 * x)
    entropy = np.log1p(e) + 2.0 * x * e / (1.0 + e)
    return size + temperature * np.log1p(e), np.tanh(y / temperature), 4.0 * e / (1.0 + e) ** 2, entropy


class Functional:
    """(2) to (4) at one temperature T >= 0 and field."""

    def __init__(self, temperature: float, field: float) -> None:
        self.temperature = temperature
        self.field = field

    def __call__(self, steps: Steps) -> Point:
        """Value and derivatives at `steps`, which has at least one step.

        Raises
        ------
        OutOfRangeError
            Where the grid would need too many points, or an exponent overflows.
        """
        return _Evaluation(self.temperature, self.field, steps).point()


class _Evaluation:
    """One evaluation: the grid, down from psi_k to psi_0, and back up with the law of X."""

    def __init__(self, temperature: float, field: float, steps: Steps) -> None:
        self.temperature, self.field, self.steps = temperature, field, steps
        variances = np.diff(steps.q)
        if np.any(variances <= 0.0) or np.any(steps.a <= 0.0) or not np.all(np.isfinite(steps.a)):
            raise OutOfRangeError("overlaps and slopes must rise")
        self.deviations = np.sqrt(variances)
        drift = float(np.sum(steps.a * variances))
        half = WIDTH * math.sqrt(steps.q[-1]) + drift
        narrowest = float(self.deviations.min())
        if steps.q[0] > 0.0:
            narrowest = min(narrowest, math.sqrt(steps.q[0]))
        self.step = narrowest / POINTS
        n = math.ceil(half / self.step)
        if n > MOST_POINTS or steps.a[-1] * (half + abs(field)) > MOST_EXPONENT:
            raise OutOfRangeError("overlaps too close, or slopes too steep")
        # The field is a point of the grid, so that the law of X may start there.
        self.grid = field + self.step * np.arange(-n, n + 1)
        self.nodes, self.weights = _panels(abs(field) + half + WIDTH * self.deviations[-1], self.deviations[-1],
                                           temperature)

    def point(self) -> Point:
        """Down and up."""
        steps, T = self.steps, self.temperature
        psi, u, rest, entropy = _final(self.nodes, T)
        levels = [self._first(psi, u)]
        for n in range(steps.count - 1, 0, -1):  # from psi_n to psi_(n-1)
            levels.append(self._down(levels[-1], steps.a[n - 1], self.deviations[n - 1]))
        levels.reverse()
        law = self._start()
        mean_psi, squares = [], []
        magnetization = float(law @ levels[0].u)
        for n, level in enumerate(levels):
            mean_psi.append(float(law @ level.psi))
            squares.append(float(law @ level.u**2))
            if n < steps.count - 1:
                law = self._up(law, level, levels[n + 1], steps.a[n], self.deviations[n])
        law, density = self._last(law, levels[-1], psi)
        mean_psi.append(float(law @ psi))
        response = 2.0 * density if T == 0.0 else float(law @ rest) / T
        response2 = 4.0 / 3.0 * density if T == 0.0 else float(law @ rest**2) / T
        value, slope_q, slope_a = self._derivatives(np.array(mean_psi), np.array(squares), response)
        return Point(float(value), slope_q, slope_a, magnetization, response, response2, float(law @ entropy))

    def _derivatives(
        self, mean_psi: np.ndarray, squares: np.ndarray, response: float
    ) -> tuple[float, np.ndarray, np.ndarray]:
        """Equations (2) to (4) from the averages."""
        q, a, T = self.steps.q, self.steps.a, self.temperature
        blocks = np.diff(q * q)
        value = mean_psi[0] - 0.25 * float(a @ blocks)
        slope_a = np.diff(mean_psi) / a - 0.25 * blocks
        slope_q = np.zeros(len(q))
        slope_q[:-1] = -0.5 * np.diff(a, prepend=0.0) * (squares - q[:-1])
        if T > 0.0:
            c = (1.0 - q[-1]) / T
            value += 0.25 * T * c * c
            slope_q[-1] = -0.5 * (1.0 - a[-1] * T) * (c - response)
        if q[0] == 0.0:
            slope_q[0] = 0.0
        return value, slope_q, slope_a

    def _gaussian(self, deviation: float, a: float) -> np.ndarray:
        """A Gaussian on grid points about its centre, wide enough for the tilt exp(a |y|); sums to 1."""
        n = math.ceil((WIDTH + a * deviation) * deviation / self.step)
        taps = np.exp(-0.5 * (self.step / deviation * np.arange(-n, n + 1)) ** 2)
        return taps / taps.sum()

    def _first(self, psi: np.ndarray, u: np.ndarray) -> _Level:
        """psi_(k-1) from the nodes."""
        a, deviation = self.steps.a[-1], self.deviations[-1]
        top = float(psi.max())
        weights = self.weights * np.exp(a * (psi - top)) / (deviation * math.sqrt(2.0 * math.pi))
        sums = np.empty((len(self.grid), 2))
        gaussian_sums(self.grid, self.nodes, weights, weights * u, deviation, (WIDTH + a * deviation) * deviation, sums)
        return _Level(top + np.log(sums[:, 0]) / a, sums[:, 1] / sums[:, 0], sums[:, 0])

    def _down(self, level: _Level, a: float, deviation: float) -> _Level:
        """Equation (1) on the grid; beyond its ends psi goes on as a straight line."""
        taps = self._gaussian(deviation, a)
        n = len(taps) // 2
        beyond = self.step * np.arange(1, n + 1)
        psi = np.concatenate([
            level.psi[0] - level.u[0] * beyond[::-1], level.psi, level.psi[-1] + level.u[-1] * beyond])
        u = np.concatenate([np.full(n, level.u[0]), level.u, np.full(n, level.u[-1])])
        top = float(level.psi.max())
        weights = np.exp(a * (psi - top))
        total = np.convolve(weights, taps, "valid")
        return _Level(top + np.log(total) / a, np.convolve(weights * u, taps, "valid") / total, total)

    def _start(self) -> np.ndarray:
        """The law of X at q_0, on the grid."""
        if self.steps.q[0] == 0.0:
            law = np.zeros(len(self.grid))
            law[len(self.grid) // 2] = 1.0
            return law
        law = np.exp(-0.5 * (self.grid - self.field) ** 2 / self.steps.q[0])
        return law / law.sum()

    def _up(self, law: np.ndarray, below: _Level, above: _Level, a: float, deviation: float) -> np.ndarray:
        """The law of X one step further; `below.total` belongs to the same step."""
        taps = self._gaussian(deviation, a)
        n = len(taps) // 2
        source = np.convolve(np.pad(law / below.total, n), taps, "valid")
        return source * np.exp(a * (above.psi - float(above.psi.max())))

    def _last(self, law: np.ndarray, below: _Level, psi: np.ndarray) -> tuple[np.ndarray, float]:
        """The law of X at q_k, on the nodes; and its density at zero, where psi = 0 as is right at T = 0."""
        a, deviation = self.steps.a[-1], self.deviations[-1]
        source = law / below.total
        reach = (WIDTH + a * deviation) * deviation
        sums = np.empty((len(self.nodes), 2))
        gaussian_sums(self.nodes, self.grid, source, source, deviation, reach, sums)
        norm = 1.0 / (deviation * math.sqrt(2.0 * math.pi))
        top = float(psi.max())
        zero = np.empty((1, 2))
        gaussian_sums(np.zeros(1), self.grid, source, source, deviation, reach, zero)
        density = float(zero[0, 0]) * norm * math.exp(-a * top)
        return norm * self.weights * np.exp(a * (psi - top)) * sums[:, 0], density
