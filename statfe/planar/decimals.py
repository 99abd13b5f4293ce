"""The Pfaffian in decimal arithmetic of any number of digits: slow, and for where double-double is not enough.

The same elimination as the kernels', row by row in Python: one multiplication takes a tenth of a microsecond at 50
digits. Exponents have no limit, so that any temperature can be reached.
"""

from __future__ import annotations

import math
from decimal import ROUND_HALF_EVEN, Context, Decimal, Overflow, localcontext

import numpy as np

from statfe.kernels.fronts import parity
from statfe.planar.dissection import Fronts
from statfe.planar.terminals import Terminals

#: No exponent that a sum over bonds may reach is cut off.
LARGEST = 10**17
#: Digits that must be left of the mean of the four Pfaffians.
SPARE = 20
Row = dict[int, Decimal]


class Matrix:
    """A sparse skew-symmetric matrix, both halves held, from which pairs of rows are taken out."""

    def __init__(self, rows: dict[int, Row]) -> None:
        self.rows = rows
        self.log, self.sign = Decimal(0), 1
        self.order: list[int] = []

    def add(self, i: int, j: int, value: Decimal) -> None:
        """Add to the entry (i, j) and its mirror image."""
        one, two = self.rows[i], self.rows[j]
        one[j] = one.get(j, Decimal(0)) + value
        two[i] = -one[j]

    def take_out(self, i: int, j: int) -> None:
        """C_ab -= (u_a v_b - v_a u_b) / a_ij for the rows u of i and v of j."""
        u, v = self.rows.pop(i), self.rows.pop(j)
        pivot = u.pop(j)
        v.pop(i)
        self.log += abs(pivot).ln()
        self.sign *= -1 if pivot < 0 else 1
        self.order += [i, j]
        zero = Decimal(0)
        touched = sorted({*u, *v})
        scaled = {a: u.get(a, zero) / pivot for a in touched}
        for a in touched:
            self.rows[a].pop(i, None)
            self.rows[a].pop(j, None)
        for k, a in enumerate(touched):
            row, left, right = self.rows[a], scaled[a], v.get(a, zero)
            for b in touched[k + 1:]:
                value = row.get(b, zero) - (left * v.get(b, zero) - right * scaled[b])
                row[b] = value
                self.rows[b][a] = -value

    def partner(self, i: int, among: set[int]) -> int | None:
        """The row of `among` with the largest entry in row i, if it is a safe pivot (see `eliminate`)."""
        row = self.rows[i]
        inside = [(abs(x), -k) for k, x in row.items() if k in among and x]
        if not inside:
            return None
        size, name = max(inside)
        return -name if 10 * size >= max(abs(x) for x in row.values()) else None


def log_pfaffian_sum(
    skew: Terminals, signs: np.ndarray, cut: np.ndarray, fronts: Fronts, walls: np.ndarray, beta: float, digits: int,
    blur: np.ndarray,
) -> float:
    """ln of the mean over spin structures of the Pfaffians, each signed so that it counts the empty subgraph as 1.

    Parameters
    ----------
    signs
        One row of bond signs a spin structure, shape (n_structures, n_bonds).
    cut
        Bonds whose signs differ between structures.
    walls
        k_e of each bond.
    digits
        Decimal digits of the arithmetic.
    blur
        Factor of each row, which fills its entries with digits (see `partition.blurs`).

    Returns
    -------
    float
        NaN where all digits are lost.
    """
    with localcontext(Context(prec=digits, rounding=ROUND_HALF_EVEN, Emax=LARGEST, Emin=-LARGEST)):
        try:
            factor = [Decimal(x).sqrt() for x in blur.tolist()]
            strengths = [
                (2 * Decimal(beta) * Decimal(k)).exp() * factor[2 * e] * factor[2 * e + 1]
                for e, k in enumerate(walls.tolist())]
        except Overflow:
            return math.nan
        matrix = Matrix({t: {} for t in range(skew.n)})
        held = set(cut.tolist())
        for a, b in skew.inner.tolist():
            matrix.add(a, b, factor[a] * factor[b])
        for e, (sign, strength) in enumerate(zip(signs[0].tolist(), strengths, strict=True)):
            if e not in held:
                matrix.add(2 * e, 2 * e + 1, strength * int(sign))
        _eliminate(matrix, fronts)
        terms = [_dense(matrix, cut.tolist(), strengths, structure) for structure in signs]
        mean = sum(terms, Decimal(0)) / len(terms)
        least = max(abs(term) for term in terms).scaleb(SPARE - digits)
        return float(mean.ln() - sum(x.ln() for x in factor)) if mean > least else math.nan


def _eliminate(matrix: Matrix, fronts: Fronts) -> None:
    """All fronts but the last; rows without a safe pivot are handed up."""
    waiting: list[set[int]] = []
    for k in range(len(fronts.children) - 1):
        open_rows = set(fronts.own[fronts.own_ptr[k]:fronts.own_ptr[k + 1]].tolist())
        for _ in range(fronts.children[k]):
            open_rows |= waiting.pop()
        progress = True
        while progress:
            progress = False
            for i in sorted(open_rows):
                if i in open_rows and (j := matrix.partner(i, open_rows)) is not None:
                    matrix.take_out(i, j)
                    open_rows -= {i, j}
                    progress = True
        waiting.append(open_rows)


def _dense(matrix: Matrix, cut: list[int], strengths: list[Decimal], signs: np.ndarray) -> Decimal:
    """The Pfaffian of what is left, with its held bonds, times those taken out and the sign of the empty subgraph."""
    rest = Matrix({i: dict(row) for i, row in matrix.rows.items()})
    rest.log, rest.sign, rest.order = matrix.log, matrix.sign, list(matrix.order)
    for e in cut:
        rest.add(2 * e, 2 * e + 1, strengths[e] * int(signs[e]))
    while rest.rows:
        i = min(rest.rows)
        inside = [(abs(x), -k) for k, x in rest.rows[i].items() if x]
        if not inside:
            return Decimal(0)
        rest.take_out(i, -max(inside)[1])
    sign = rest.sign * parity(np.array(rest.order, dtype=np.int64)) * int(np.prod(signs))
    return sign * rest.log.exp()
