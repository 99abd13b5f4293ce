"""The Sherrington-Kirkpatrick model without broken replica symmetry: annealed, replica symmetric, and the AT line.

J_ij ~ N(0, 1/N), a uniform field h. All formulas are for f = -lim E[ln Z] / (beta N), T = 1 / beta.

The annealed free energy is -ln E[Z] / (beta N); by Jensen's inequality a lower bound of the average of f. The
replica-symmetric one,

    -f = E[T ln 2 cosh((h + sqrt(q) z) / T)] + (beta / 4) (1 - q)^2,   q = E tanh^2((h + sqrt(q) z) / T),        (1)

is a lower bound of the average too (Guerra 2001), at every N. It is stable where

    1 - beta^2 E[cosh^-4((h + sqrt(q) z) / T)] >= 0                                                            (2)

(de Almeida and Thouless 1978), and for h = 0 the true one where beta <= 1. At T = 0 its entropy is
-(1/4) lim [beta (1 - q)]^2, which is -1 / (2 pi) for h = 0: negative, so wrong.

Sources: D. Sherrington and S. Kirkpatrick, Phys. Rev. Lett. 35, 1792 (1975); J. R. L. de Almeida and D. J. Thouless,
J. Phys. A 11, 983 (1978); F. Guerra, Fields Inst. Commun. 30, 161 (2001).
"""

from __future__ import annotations

import math

from scipy.optimize import brentq

from statfe.limits.gaussian import FieldAverages, field_averages
from statfe.limits.limit import Limit

#: Smallest overlap that is told from zero.
TINY = 1e-13
#: Accuracy of roots.
ROOT = 1e-15


def free_spins(solution: str, beta: float, field: float) -> Limit:
    """beta = 0: every model is free there, whatever its couplings."""
    return Limit(
        family="sk", solution=solution, beta=beta, field=field, free_energy=-math.inf, beta_f=-math.log(2.0),
        energy=0.0, entropy=math.log(2.0), stability=1.0, bound="lower_bound", order={"q": 0.0, "m": 0.0})


def annealed(beta: float, field: float = 0.0) -> Limit:
    """-beta f = ln 2 cosh(beta h) + beta^2 / 4."""
    if beta == 0.0:
        return free_spins("annealed", beta, field)
    if math.isinf(beta):
        return _annealed_ground_state(field)
    x = beta * field
    beta_f = -(abs(x) + math.log1p(math.exp(-2.0 * abs(x)))) - 0.25 * beta * beta
    energy = -field * math.tanh(x) - 0.5 * beta
    return Limit(
        family="sk", solution="annealed", beta=beta, field=field, free_energy=beta_f / beta, beta_f=beta_f,
        energy=energy, entropy=beta * energy - beta_f, bound="lower_bound", order={"m": math.tanh(x)})


def _annealed_ground_state(field: float) -> Limit:
    return Limit(
        family="sk", solution="annealed", beta=math.inf, field=field, free_energy=math.nan, beta_f=math.nan,
        energy=math.nan, entropy=math.nan, status="diverged",
        message="the annealed free energy goes to minus infinity with beta; use --solution parisi")


def overlap(temperature: float, field: float) -> float:
    """The solution q of (1): unique for h != 0 and, for h = 0, the larger one below T = 1."""
    if temperature == 0.0:
        return 1.0
    if field == 0.0 and temperature >= 1.0:
        return 0.0

    def excess(q: float) -> float:
        return field_averages(field, math.sqrt(q), temperature).square(temperature) / q - 1.0

    if excess(TINY) <= 0.0:  # within rounding of the transition
        return 0.0
    return float(brentq(excess, TINY, 1.0, xtol=ROOT, rtol=8.9e-16))


def replica_symmetric(beta: float, field: float = 0.0) -> Limit:
    """Equations (1) and (2); beta = infinity is the limit T -> 0."""
    if beta == 0.0:
        return free_spins("rs", beta, field)
    T = 1.0 / beta
    q = overlap(T, field)
    found = field_averages(field, math.sqrt(q), T)
    c = found.response  # beta (1 - q)
    f = -found.free - 0.25 * T * c * c
    # d(beta f) / d beta at fixed q, as (1) is stationary in q.
    energy = -field * found.tanh - 0.5 * c * (1.0 + q)
    entropy = beta * (energy - f) if T > 0.0 else -0.25 * c * c
    return Limit(
        family="sk", solution="rs", beta=beta, field=field, free_energy=f, beta_f=beta * f, energy=energy,
        entropy=entropy, stability=_stability(found, T), bound="lower_bound", order={"q": q, "m": found.tanh})


def _stability(found: FieldAverages, temperature: float) -> float:
    """The eigenvalue (2); minus infinity at T = 0."""
    return 1.0 - found.response2 / temperature if temperature > 0.0 else -math.inf


def at_eigenvalue(temperature: float, field: float) -> float:
    """The eigenvalue (2) at T > 0."""
    found = field_averages(field, math.sqrt(overlap(temperature, field)), temperature)
    return _stability(found, temperature)


def at_field(temperature: float) -> float:
    """The field h >= 0 where the replica-symmetric solution becomes stable, for 0 < T; zero from T = 1 up."""
    if temperature >= 1.0:
        return 0.0
    low = high = max((4.0 / 3.0 * (1.0 - temperature) ** 3) ** 0.5, 1e-9)
    while at_eigenvalue(temperature, low) > 0.0:
        low *= 0.5
    while at_eigenvalue(temperature, high) < 0.0:
        high *= 2.0
    return float(brentq(lambda h: at_eigenvalue(temperature, h), low, high, xtol=1e-14))


def at_temperature(field: float) -> float:
    """The temperature where the replica-symmetric solution becomes stable in the field h; 0 where it is below 1e-13."""
    if field == 0.0:
        return 1.0
    low = 1.0
    while at_eigenvalue(low, abs(field)) > 0.0:
        low *= 0.5
        if low < TINY:
            return 0.0
    return float(brentq(lambda t: at_eigenvalue(t, abs(field)), low, min(1.0, 2.0 * low), xtol=1e-15))
