"""What to make of the first terms of a series: where to stop, and Pade approximants.

The series is f(lambda) = -ln <exp(-lambda V)>_q = sum_k t_k lambda^k at lambda = 1. A constant added to V changes t_1
alone, so approximants are made of the rest, h(lambda) = t_2 + t_3 lambda + ...: f(1) = t_1 + h(1). Where every other
term vanishes h is a series in lambda^2, and taken as one.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

#: A pole nearer than this to the segment from 0 to 1 makes an approximant worthless: f is smooth there.
NEAR = 0.1
#: Singular values below this share of the largest are 0 (Gonnet, Guettel and Trefethen 2013).
RANK_TOLERANCE = 1e-12


class Rational(NamedTuple):
    """p(x) / q(x) with q(0) = 1; coefficients from the constant upwards."""

    numerator: np.ndarray
    denominator: np.ndarray

    def __call__(self, x: float) -> float:
        """Its value at x."""
        return float(np.polynomial.polynomial.polyval(x, self.numerator)
                     / np.polynomial.polynomial.polyval(x, self.denominator))

    @property
    def poles(self) -> np.ndarray:
        """Zeros of the denominator, complex."""
        return np.asarray(np.polynomial.polynomial.polyroots(self.denominator), dtype=complex)

    def residues(self, poles: np.ndarray) -> np.ndarray:
        """Residues at simple `poles`."""
        polynomial = np.polynomial.polynomial
        return np.asarray(polynomial.polyval(poles, self.numerator)
                          / polynomial.polyval(poles, polynomial.polyder(self.denominator)))


@dataclass(frozen=True)
class Resummed:
    """A Pade approximant at lambda = 1, or why there is none.

    Attributes
    ----------
    value
        t_1 + h(1); NaN where no approximant is sound.
    name
        Degrees of numerator and denominator of h, such as ``3/3``, in powers of lambda^stride; "" where there is none.
    stride
        2 where every other term vanishes, else 1.
    asked
        The degrees that were asked for: the fraction may be simpler.
    rejected
        Approximants that were passed over, with the pole for which they were.
    """

    value: float
    name: str
    stride: int
    asked: tuple[int, int]
    rejected: tuple[str, ...]

    @property
    def found(self) -> bool:
        """Whether there is a value."""
        return math.isfinite(self.value)


def vanishing(terms: np.ndarray, rounding: np.ndarray) -> np.ndarray:
    """Which terms are 0 but for rounding; bool. The first never is: it is no correction."""
    found = np.abs(terms) <= rounding
    found[:1] = False
    return found


def smallest_term(terms: np.ndarray, rounding: np.ndarray) -> int:
    """The order to stop at by the rule for asymptotic series: that of the smallest |t_k|, k >= 2, vanishing ones apart.

    The size of that term is the scale of the error. 1 where there are no further terms.
    """
    kept = np.flatnonzero(~vanishing(terms, rounding))[1:]
    if len(kept) == 0:
        return len(terms)
    return int(kept[np.argmin(np.abs(terms[kept]))]) + 1


def compressed(series: np.ndarray, vanish: np.ndarray) -> tuple[np.ndarray, int]:
    """(coefficients, stride): `series` as one in lambda^2 where every other coefficient vanishes."""
    if len(series) >= 3 and np.all(vanish[1::2]) and not vanish[0]:
        return series[::2], 2
    return series, 1


def pade(series: np.ndarray, top: int, bottom: int) -> Rational | None:
    """The [top/bottom] Pade approximant; of lower degrees where the series is that of a simpler fraction.

    None where there is none (a defect). Follows Gonnet, Guettel and Trefethen, SIAM Review 55, 101 (2013), algorithm 1:
    the rank of the linear system says what degrees the data bear.

    Raises
    ------
    ValueError
        If the series is shorter than top + bottom + 1.
    """
    if len(series) < top + bottom + 1:
        raise ValueError(f"[{top}/{bottom}] needs {top + bottom + 1} coefficients, got {len(series)}")
    scale = _scale(series[:top + bottom + 1])
    c = series * scale ** np.arange(len(series))
    if not np.all(np.isfinite(c)) or not np.any(c[:top + bottom + 1]):
        return None
    while bottom > 0:
        # rows k = top + 1 .. top + bottom of sum_j b_j c_{k-j} = 0
        rows = np.array([[c[k - j] if k >= j else 0.0 for j in range(bottom + 1)]
                         for k in range(top + 1, top + bottom + 1)])
        values, right = np.linalg.svd(rows)[1:]
        rank = int(np.sum(values > RANK_TOLERANCE * np.max(np.abs(c))))
        if rank == bottom:
            break
        top, bottom = max(0, top - (bottom - rank)), rank
    b = right[-1] if bottom > 0 else np.ones(1)
    if abs(b[0]) <= RANK_TOLERANCE * np.max(np.abs(b)):
        return None
    b = b / b[0]
    a = np.array([sum(b[j] * c[k - j] for j in range(min(k, bottom) + 1)) for k in range(top + 1)])
    a, b = _trimmed(a), _trimmed(b)
    return Rational(a / scale ** np.arange(len(a)), b / scale ** np.arange(len(b)))


def _trimmed(polynomial: np.ndarray) -> np.ndarray:
    """Without last coefficients that are 0 but for rounding."""
    size = np.abs(polynomial)
    there = np.flatnonzero(size > RANK_TOLERANCE * np.max(size))
    return polynomial[:there[-1] + 1] if len(there) else polynomial[:1]


def _scale(series: np.ndarray) -> float:
    """A factor of lambda that brings the first and the last coefficient that are not 0 to one size."""
    there = np.flatnonzero(series)
    if len(there) < 2:
        return 1.0
    first, last = there[0], there[-1]
    return float(np.exp((np.log(abs(series[first])) - np.log(abs(series[last]))) / (last - first)))


def degrees(length: int) -> list[tuple[int, int]]:
    """Degrees of near-diagonal approximants of a series of `length` coefficients, the best ones first.

    All coefficients are used, then all but the last.
    """
    found = []
    for total in range(length - 1, max(-1, length - 3), -1):
        half = total // 2
        found += [(total - half, half), (half, total - half)]
    return list(dict.fromkeys(found))


def at_one(terms: np.ndarray, rounding: np.ndarray) -> Resummed:
    """The Pade value of the series at lambda = 1 by the first near-diagonal approximant without a pole near [0, 1]."""
    vanish = vanishing(terms, rounding)
    if len(terms) == 1 or np.all(vanish[1:]):
        return Resummed(float(terms[0]), "0/0", 1, (0, 0), ())
    series, stride = compressed(terms[1:], vanish[1:])
    rejected = []
    for top, bottom in degrees(len(series)):
        found = pade(series, top, bottom)
        if found is None:
            rejected.append(f"[{top}/{bottom}]: it does not exist")
            continue
        pole = nearest_to_segment(lambda_poles(found.poles, stride))
        if pole is not None:
            rejected.append(f"[{top}/{bottom}]: pole at lambda = {pole:.3g}")
            continue
        value = float(terms[0]) + found(1.0)
        if math.isfinite(value):
            name = f"{len(found.numerator) - 1}/{len(found.denominator) - 1}"
            return Resummed(value, name, stride, (top, bottom), tuple(rejected))
    return Resummed(math.nan, "", stride, (0, 0), tuple(rejected))


def continued_by(chosen: Resummed) -> Callable[[np.ndarray], np.ndarray]:
    """The statistic of terms (last axis) that `chosen` is: the same approximant, whatever its poles."""

    def value(terms: np.ndarray) -> np.ndarray:
        if terms.ndim > 1:
            return np.array([value(one) for one in terms])
        fraction = pade(terms[1::chosen.stride], *chosen.asked) if len(terms) > 1 else None
        return np.asarray(terms[0] + (fraction(1.0) if fraction is not None else 0.0))

    return value


def lambda_poles(poles: np.ndarray, stride: int) -> np.ndarray:
    """Poles in lambda of a fraction in lambda^stride."""
    if stride == 1:
        return poles
    roots = np.sqrt(poles.astype(complex))
    return np.concatenate([roots, -roots])


def nearest_to_segment(poles: np.ndarray) -> complex | None:
    """The pole within `NEAR` of the segment from 0 to 1 that is nearest to it, None if there is none."""
    if len(poles) == 0:
        return None
    distances = np.abs(poles - np.clip(poles.real, 0.0, 1.0))
    nearest = int(np.argmin(distances))
    return complex(poles[nearest]) if distances[nearest] < NEAR else None
