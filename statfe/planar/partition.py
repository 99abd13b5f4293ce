"""ln Z of a drawn model, computed in several ways until two of them agree.

A way is an order of elimination, a reference state and a precision: double, double-double (31 digits), or decimals of
50 digits and more. Rounding errors of two ways have nothing in common, so the difference measures them. Where digits
cancel (at low temperature the matrix has eigenvalues as small as exp(-2 beta J r), with r the length of the domain
walls that lift a degeneracy), two ways of few digits differ and the next precision decides.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from statfe.kernels.fronts import dense_pfaffian, parity, take_out
from statfe.planar.decimals import log_pfaffian_sum
from statfe.planar.dissection import Fronts, dissect, pattern
from statfe.planar.embedding import Drawing
from statfe.planar.reference_state import satisfied_tree, walls
from statfe.planar.terminals import Terminals, terminals

#: Two ways agree where ln Z differs by less than this, relative to ln Z (at least N ln 2 without fields).
TOLERANCE = 1e-13
#: A pivot is safe where no entry of its row is larger by more than ten.
THRESHOLD = 0.1
#: Entries below 2^-1000 leave the range of doubles, and a product of pivots this small may have lost some.
SMALLEST = 1e-280
#: Least share of the largest Pfaffian of four that their mean may be, in double and in double-double precision.
LEAST_SHARE = {False: 1e-3, True: 1e-15}
#: Digits of the decimals, and multiplications beyond which they would take more than a minute or so.
DIGITS = (50, 100, 200, 400, 800, 1600)
MAX_DECIMAL_WORK = 5e6


@dataclass(frozen=True, eq=False)
class Way:
    """An order of elimination and a reference state."""

    fronts: Fronts
    walls: np.ndarray


@dataclass(frozen=True, eq=False)
class Plan:
    """All that the temperatures share.

    Attributes
    ----------
    signs
        Sign of each bond's entry, one row a spin structure: one row on the sphere, four on the torus.
    cut
        Bonds that are held back to the end: those of the loops.
    """

    drawing: Drawing
    skew: Terminals
    row: np.ndarray
    col: np.ndarray
    signs: np.ndarray
    cut: np.ndarray
    ways: tuple[Way, Way]


@dataclass(frozen=True)
class Found:
    """ln Z, and how far to trust it.

    Attributes
    ----------
    log_z
        NaN where no two ways agree.
    difference
        Relative difference of the best two ways.
    digits
        Decimal digits that the arithmetic of the result carried.
    ways
        Number of ways that were tried.
    """

    log_z: float
    difference: float
    digits: int
    ways: int


def plan(drawing: Drawing) -> Plan:
    """Signs, orders and reference states of a drawn model."""
    surface = drawing.surface
    skew = terminals(surface)
    row, col = pattern(skew)
    cut = np.concatenate([*drawing.loops, np.empty(0, dtype=np.int64)]).astype(np.int64)
    signs = skew.signs[None]
    for loop in drawing.loops:
        turned = signs.copy()
        turned[:, loop] *= -1.0
        signs = np.concatenate([signs, turned])
    last = np.concatenate([2 * cut, 2 * cut + 1])
    # Two reference states that share no bond on purpose: one of low energy, one that knows nothing.
    states = satisfied_tree(surface), np.ones(surface.n_sites, dtype=np.int8)
    ways = [Way(dissect(surface, skew, last, turned=k == 1), walls(surface, states[k])) for k in range(2)]
    return Plan(drawing, skew, row, col, signs, cut, (ways[0], ways[1]))


def log_z(made: Plan, beta: float) -> Found:
    """ln Z at one beta: the first value that an earlier one confirms."""
    values: list[float] = []
    best, digits = math.inf, 0
    for value, digits in _attempts(made, beta):
        gaps = [abs(value - other) / max(1.0, abs(value)) for other in values]
        best = min([best, *(gap for gap in gaps if not math.isnan(gap))])
        values.append(value)
        if best <= TOLERANCE:
            return Found(value + made.drawing.log_factor, best, digits, len(values))
    return Found(math.nan, best, digits, len(values))


def _attempts(made: Plan, beta: float) -> Iterator[tuple[float, int]]:
    """(ln Z of the surface, digits of the arithmetic) in ways of more and more digits."""
    yield binary_log_z(made, 0, beta, wide=False), 16
    yield binary_log_z(made, 1, beta, wide=True), 31
    yield binary_log_z(made, 0, beta, wide=True), 31
    if made.ways[0].fronts.work + len(made.cut) ** 3 <= MAX_DECIMAL_WORK:
        for k, digits in enumerate(DIGITS):
            way = made.ways[k % 2]
            blur = blurs(made.skew.n, 4 + k)
            log_sum = log_pfaffian_sum(
                made.skew, made.signs, made.cut, way.fronts, way.walls, beta, digits, blur)
            yield _with_energy(log_sum, way, beta), digits


def blurs(n: int, attempt: int) -> np.ndarray:
    """Factors from 1 to 2 for the rows of an attempt: each entry then has all its digits, and rounding is seen.

    Without them a glass with one abs(J) has entries that are powers of one number: where digits are lost, numbers
    cancel to zero exactly and all ways agree on what is left. Z is a sum of positive products of entries, so that a
    relative change of each entry by 1e-16 changes Z by no more than that times the number of factors.
    """
    return np.random.default_rng(attempt).uniform(1.0, 2.0, n)


def _with_energy(log_sum: float, way: Way, beta: float) -> float:
    """Eqs. (1) and (2) of `terminals`: 2 exp(-beta sum_e k_e) times the Pfaffian."""
    return math.log(2.0) + math.fsum([*(-beta * way.walls).tolist(), log_sum])


def binary_log_z(made: Plan, which: int, beta: float, wide: bool) -> float:
    """ln Z of the surface in double or double-double precision; NaN where no digit is left.

    Parameters
    ----------
    which
        The way, 0 or 1.
    """
    way, n_inner = made.ways[which], len(made.skew.inner)
    exponents, scales = _balanced(made, way, beta)
    blur = blurs(made.skew.n, 2 * which + wide)
    sizes = np.exp2(exponents) * blur[made.row] * blur[made.col]
    values = sizes.copy()
    values[n_inner:] *= made.signs[0]
    values[n_inner + made.cut] = 0.0
    f = way.fronts
    pivots, order, hi, lo = take_out(
        f.own_ptr, f.own, f.rim_ptr, f.rim, f.children, f.entry_ptr, f.entries, made.row, made.col, values, wide,
        THRESHOLD)
    if len(pivots) and not np.min(np.abs(pivots)) > SMALLEST:
        return math.nan
    logs = np.log(np.abs(pivots))
    sign = parity(order) * (-1.0) ** np.count_nonzero(pivots < 0)
    total = _structures(made, order[2 * len(pivots):], sizes[n_inner + made.cut], hi, lo, wide)
    if not sign * total[0] > 0:
        return math.nan
    log_sum = math.fsum(
        [*logs.tolist(), total[1], *(scales * math.log(2.0)).tolist(), *(-np.log(blur)).tolist()])
    return _with_energy(log_sum, way, beta)


def _balanced(made: Plan, way: Way, beta: float) -> tuple[np.ndarray, np.ndarray]:
    """log2 of the entries, and of the powers of two taken out of rows and columns so that all are at most 1 or so."""
    logs = np.concatenate([np.zeros(len(made.skew.inner)), (2.0 * beta / math.log(2.0)) * way.walls])
    scales = np.zeros(made.skew.n)
    for _ in range(4):
        rest = logs - scales[made.row] - scales[made.col]
        most = np.full(made.skew.n, -np.inf)
        np.maximum.at(most, made.row, rest)
        np.maximum.at(most, made.col, rest)
        scales += 0.5 * most
    scales = np.rint(scales)
    return logs - scales[made.row] - scales[made.col], scales


def _structures(
    made: Plan, left: np.ndarray, sizes: np.ndarray, hi: np.ndarray, lo: np.ndarray, wide: bool
) -> tuple[float, float]:
    """Sign (0 where too many digits cancel) and ln of the mean over spin structures of sign(empty subgraph) Pf(rest).

    The sign of the order of elimination is left to the caller.
    On the torus each Pfaffian counts every even subgraph with a sign; those that wind cancel in the mean of the four,
    so that only domain walls are left.
    """
    where = np.zeros(made.skew.n, dtype=np.int64)
    where[left] = np.arange(len(left))
    one, two = where[2 * made.cut], where[2 * made.cut + 1]
    flip = np.where(one < two, 1.0, -1.0)
    i, j = np.minimum(one, two), np.maximum(one, two)
    terms: list[tuple[float, float, int]] = []
    for signs in made.signs:
        high, low = hi.copy(), lo.copy()
        old, new = high[i, j], flip * signs[made.cut] * sizes
        high[i, j] = old + new
        if wide:
            moved = high[i, j] - old
            low[i, j] += (old - (high[i, j] - moved)) + (new - moved)
        x, y, exponent = dense_pfaffian(high, low, wide)
        empty = float(np.prod(signs))
        terms.append((empty * x, empty * y, exponent))
    return _mean(terms, LEAST_SHARE[wide])


def _mean(terms: list[tuple[float, float, int]], least: float) -> tuple[float, float]:
    """Sign and ln |mean| of numbers (high + low) 2^exponent; sign 0 where it is less than `least` of the largest."""
    top = max((e for x, _, e in terms if x != 0.0), default=0)
    parts = [math.ldexp(part, e - top) for x, y, e in terms for part in (x, y)]
    mean = math.fsum(parts) / len(terms)
    if abs(mean) <= least * max(map(abs, parts)):
        return 0.0, -math.inf
    return math.copysign(1.0, mean), math.log(abs(mean)) + top * math.log(2.0)
