"""How the error a site changes with the number of spins: error a site ~ N^x.

x = 0: the error of F is extensive, as F is. x < 0: it vanishes a site, so the method is exact as N grows. x > 0: the
error outgrows F and the method is not size-extensive. The error of x is that of the fit, from the scatter over disorder
where there is any, else from how far the sizes lie off the line.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from statfe.disorder.self_averaging import fit_power
from statfe.scoring.verdict import SIGMAS

EXTENSIVE, VANISHING, GROWING, EXACT, UNDECIDED = "extensive", "vanishing", "growing", "exact", "undecided"
#: An exponent this close to 0 is 0 in practice; it is called so only where 2 errors leave no room for `CLEAR`.
FLAT, CLEAR = 0.1, 0.5
#: A size is fitted where its |error| is at least this many times the noise of one.
ABOVE_NOISE = 3.0


@dataclass(frozen=True, kw_only=True)
class Growth:
    """error a site ~ N^`exponent` +- `error` for one method at one beta, over `sizes` sizes; NaN where not fitted."""

    template: str
    method: str
    beta: float
    sizes: int
    exponent: float
    error: float
    verdict: str


def growth_of(template: str, method: str, beta: float, points: Sequence[tuple[int, float, float, float, int]]
              ) -> Growth:
    """Fit the law to (n_sites, |error| a site, its standard error, noise of one, realisations) of each size."""
    def found(verdict: str, exponent: float = math.nan, error: float = math.nan, sizes: int = 0) -> Growth:
        return Growth(template=template, method=method, beta=beta, sizes=sizes, exponent=exponent, error=error,
                      verdict=verdict)

    if points and all(size == 0.0 for _, size, _, _, _ in points):
        return found(EXACT, sizes=len(points))
    clear = [p for p in points if p[1] > ABOVE_NOISE * p[3] / math.sqrt(p[4])]
    n, sizes, errors = (np.array([p[k] for p in clear], dtype=np.float64) for k in range(3))
    # Few realisations know their own scatter badly: all sizes share one, relative to their error.
    count = np.array([p[4] for p in clear], dtype=np.float64)
    relative = math.sqrt(float(np.mean(count * (errors / sizes) ** 2))) if len(clear) else 0.0
    scatter = relative > 0.0
    law = fit_power(n, sizes, sizes * relative / np.sqrt(count) if scatter else sizes)
    if law is None:
        return found(UNDECIDED, sizes=len(clear))
    # How far the sizes lie off the line; NaN for two.
    off_line = math.sqrt(law.chi_square) if law.chi_square >= 0.0 else math.nan
    error = law.error * (float(np.fmax(1.0, off_line)) if scatter else off_line)
    verdict = UNDECIDED if math.isnan(error) else _verdict(law.exponent, error)
    return found(verdict, law.exponent, error, len(clear))


def _verdict(exponent: float, error: float) -> str:
    if abs(exponent) > max(SIGMAS * error, FLAT):
        return GROWING if exponent > 0 else VANISHING
    return EXTENSIVE if abs(exponent) + 2.0 * error < CLEAR else UNDECIDED
