"""How far a series in lambda converges: the modulus of its nearest singularity, measured from its first terms.

For spins exp(-f(lambda)) = <exp(-lambda V)>_q is entire, a finite sum of exponentials, and the singularities of f are
its zeros z. They are also the zeros of

    G_p(lambda) = exp(-sum_{k > p} t_k lambda^k) = prod_z E_p(lambda / z)^(multiplicity),  p >= 1,              (1)

with Weierstrass' factors E_p(x) = (1 - x) exp(x + x^2/2 + ... + x^p/p), as k t_k = sum_z z^-k for k >= 2. The first n
terms give G_p through lambda^n, and the nearest zero of that polynomial is the estimate. p = n - 1 is the root test
|t_n|^(-1/n), p = 1 the zeros of a Taylor polynomial; in between the exponent has taken off what is smooth, and the
polynomial still sees interference of zeros. Where many sites have nearly the same zeros (1) is taken of
MOST_SITES of them.

Where f' is a simple fraction, near-diagonal Pade approximants of sum_k k t_k lambda^(k-2) agree on their nearest pole,
which is then the estimate: many copies of one small system.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from statfe.series.cumulant_resummation import compressed, degrees, lambda_poles, pade, vanishing

#: Fewest terms that say anything.
LEAST_ORDER = 4
#: Genus p of the products that are tried.
GENERA = (2, 3, 4)
#: More sites than these count as copies of so many.
MOST_SITES = 16
#: Pade approximants that agree so well are believed.
AGREEMENT = 0.02
#: Shares of the largest coefficient below which the last ones of a polynomial are 0.
NEGLIGIBLE = 1e-14


class Radius(NamedTuple):
    """A radius of convergence, its uncertainty, and by what it was measured; NaN and "" where nothing can be said."""

    value: float
    error: float
    by: str


UNKNOWN = Radius(math.nan, math.nan, "")


def radius(terms: np.ndarray, rounding: np.ndarray, n_sites: int) -> Radius:
    """The radius of convergence in lambda of sum_k t_k lambda^k, from the first terms.

    The uncertainty is half the range of several estimates; n terms also cannot tell zeros apart whose moduli differ by
    less than a share 1 / n. Zeros that show only at higher orders, such as those of long cycles, cannot be seen.
    """
    if len(terms) < LEAST_ORDER or not np.all(np.isfinite(terms)):
        return UNKNOWN
    vanish = vanishing(terms, rounding)
    if np.all(vanish[1:]):
        return Radius(math.inf, 0.0, "no terms beyond the first")
    known = np.where(vanish, 0.0, terms)
    # Terms of all sizes: lambda is taken in units in which the largest root test is 1.
    orders = np.arange(1, len(terms) + 1)
    unit = 1.0 / float(np.max(np.abs(known[1:]) ** (1.0 / orders[1:])))
    scaled = known * unit ** orders
    found = _by_pade(scaled, vanish) or _by_products(scaled, min(1.0, MOST_SITES / n_sites))
    return found._replace(value=found.value * unit, error=found.error * unit)


def _by_products(terms: np.ndarray, share: float) -> Radius:
    """From the polynomials of (1) with all terms, and with all but the last that does not vanish."""
    last = int(np.flatnonzero(terms)[-1]) + 1
    best, fewer = _nearest_zeros(terms[:last], share), _nearest_zeros(terms[:last - 1], share)
    if not best:
        return UNKNOWN
    value = math.exp(float(np.mean(np.log(best[:2]))))
    spread = 0.5 * (max(best + fewer) - min(best + fewer))
    return Radius(value, math.hypot(spread, value / last), "products")


def _nearest_zeros(terms: np.ndarray, share: float) -> list[float]:
    """Modulus of the nearest zero of the polynomial of each genus below the order, lowest genus first."""
    found = []
    for genus in GENERA:
        polynomial = _product(np.where(np.arange(1, len(terms) + 1) > genus, share * terms, 0.0))
        size = np.flatnonzero(np.abs(polynomial) > NEGLIGIBLE)
        if size[-1] > 0:
            found.append(float(np.min(np.abs(np.polynomial.polynomial.polyroots(polynomial[:size[-1] + 1])))))
    return found


def _product(terms: np.ndarray) -> np.ndarray:
    """Coefficients 0 to n of exp(-sum_k t_k x^k): m c_m = -sum_k k t_k c_{m-k}."""
    n = len(terms)
    c = np.zeros(n + 1)
    c[0] = 1.0
    slopes = -np.arange(1, n + 1) * terms
    for m in range(1, n + 1):
        c[m] = float(np.dot(slopes[:m], c[m - 1::-1])) / m
    return c


def _by_pade(terms: np.ndarray, vanish: np.ndarray) -> Radius | None:
    """The nearest pole of near-diagonal approximants of f', where all agree on it; None where they do not."""
    slopes = np.arange(1, len(terms) + 1) * terms
    series, stride = compressed(slopes[1:], vanish[1:])
    moduli = []
    for top, bottom in degrees(len(series)):
        fraction = pade(series, top, bottom) if bottom > 0 else None
        if fraction is None or len(fraction.poles) == 0:
            return None
        moduli.append(float(np.min(np.abs(lambda_poles(fraction.poles, stride)))))
    if len(moduli) < 3 or max(moduli) - min(moduli) > AGREEMENT * moduli[0]:
        return None
    return Radius(moduli[0], max(moduli) - min(moduli), "Pade")
