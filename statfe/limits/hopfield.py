"""The Hopfield network with p = alpha N random patterns: replica-symmetric theory of Amit, Gutfreund and Sompolinsky.

With C = beta (1 - q), D = 1 - C and s^2 = alpha r, and y = s z + m xi + h the field of a spin (z normal, xi = +-1 its
bit of the one pattern that may be condensed),

    f = alpha/2 + m^2/2 + (alpha/2) (T ln D - q / D) + s^2 C / 2 - E[T ln 2 cosh(y / T)],                          (1)
    m = E[xi tanh(y / T)],   q = E[tanh^2(y / T)],   s D = sqrt(alpha q).                                         (2)

Three phases: a paramagnet (m = q = 0) above T = 1 + sqrt(alpha), a spin glass (m = 0 < q), and retrieval (m > 0), which
at T = 0 exists up to alpha = .138 and is the lowest up to alpha = .051. The lowest of the solutions is taken. It is
stable against replica-symmetry breaking where 1 - alpha beta^2 E[cosh^-4(y / T)] / D^2 >= 0.

As alpha -> 0, (1) is the mean-field theory of one condensed pattern, that of Curie and Weiss.
Source: D. J. Amit, H. Gutfreund and H. Sompolinsky, Ann. Phys. 173, 30 (1987); Phys. Rev. Lett. 55, 1530 (1985).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq, minimize_scalar

from statfe.limits.gaussian import field_averages
from statfe.limits.limit import Limit

#: Noise s is sought between these multiples of sqrt(alpha), on so many points.
LOWEST, HIGHEST, POINTS = 1e-3, 1e3, 120
#: Overlaps m are sought on this grid where a field is on.
OVERLAPS = np.concatenate([np.linspace(1.0, 0.05, 39), np.geomspace(0.05, 1e-6, 12)[1:]])
SMALLEST = 1e-9


@dataclass(frozen=True)
class _State:
    """Averages at given m and s."""

    m: float
    s: float
    pull: float
    magnetization: float
    free: float
    response: float
    response2: float


class _Equations:
    """(2) at one temperature, field and load."""

    def __init__(self, temperature: float, field: float, alpha: float) -> None:
        self.temperature, self.field, self.alpha = temperature, abs(field), alpha

    def state(self, m: float, s: float) -> _State:
        """Averages over z and xi; `pull` is E[xi tanh]."""
        up = field_averages(m + self.field, s, self.temperature)
        if not self.field or m == 0.0:  # both bits feel the same, up to a sign
            sign = 1.0 if not self.field else 0.0
            return _State(m, s, sign * up.tanh, 0.0 if not self.field else up.tanh, up.free, up.response, up.response2)
        down = field_averages(m - self.field, s, self.temperature)
        return _State(m, s, 0.5 * (up.tanh + down.tanh), 0.5 * (up.tanh - down.tanh), 0.5 * (up.free + down.free),
                      0.5 * (up.response + down.response), 0.5 * (up.response2 + down.response2))

    def overlap(self, s: float) -> float:
        """The largest m >= 0 with m = E[xi tanh]; 0 where there is no other."""
        def excess(m: float) -> float:
            return self.state(m, s).pull / m - 1.0

        if not self.field:  # E tanh is concave, so there is one root at most
            return _root(excess, SMALLEST, 1.0) if excess(SMALLEST) > 0.0 else 0.0
        above = 1.0
        for m in OVERLAPS[1:]:
            if excess(m) > 0.0:
                return _root(excess, float(m), above)
            above = float(m)
        return 0.0

    def noise_excess(self, state: _State) -> float:
        """s D - sqrt(alpha q)."""
        q = max(1.0 - self.temperature * state.response, 0.0)
        return state.s * (1.0 - state.response) - math.sqrt(self.alpha * q)


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    return float(brentq(function, low, high, xtol=1e-15, rtol=8.9e-16))


def replica_symmetric(beta: float, alpha: float, field: float = 0.0) -> Limit:
    """The lowest solution of (2); beta = infinity is the limit T -> 0."""
    if beta == 0.0:
        return Limit(
            family="hopfield", solution="rs", beta=beta, field=field, free_energy=-math.inf, beta_f=-math.log(2.0),
            energy=0.0, entropy=math.log(2.0), stability=1.0,
            order={"m": 0.0, "q": 0.0, "r": 0.0, "magnetization": 0.0, "phase": "paramagnet"})
    equations = _Equations(1.0 / beta, field, alpha)
    found = {"glass": _glass(equations), "retrieval": _retrieval(equations)}
    values = {name: _free_energy(equations, state) for name, state in found.items() if state is not None}
    name = min(values, key=lambda key: values[key])
    state = found[name]
    assert state is not None
    return _limit(equations, beta, field, state, values)


def retrieves(beta: float, alpha: float) -> bool:
    """Whether there is a solution with m > 0, lowest or not."""
    return _retrieval(_Equations(1.0 / beta, 0.0, alpha)) is not None


def retrieval_overlap(beta: float, alpha: float) -> float:
    """m of the solution with m > 0, lowest or not; 0 where there is none."""
    state = _retrieval(_Equations(1.0 / beta, 0.0, alpha))
    return 0.0 if state is None else state.m


def _glass(equations: _Equations) -> _State:
    """The solution with m = 0; s = 0 in the paramagnet."""
    T, alpha = equations.temperature, equations.alpha
    if not equations.field and 1.0 + math.sqrt(alpha) <= T:
        return equations.state(0.0, 0.0)

    def excess(s: float) -> float:
        return equations.noise_excess(equations.state(0.0, s))

    low, high = SMALLEST, math.sqrt(alpha)
    while excess(high) < 0.0:
        high *= 2.0
    if excess(low) >= 0.0:  # within rounding of the transition
        return equations.state(0.0, 0.0 if T > 0.0 else low)
    return equations.state(0.0, _root(excess, low, high))


def _retrieval(equations: _Equations) -> _State | None:
    """The solution with m > 0 and the least noise s, or None."""
    def state(s: float) -> _State:
        return equations.state(equations.overlap(s), s)

    def excess(s: float) -> float:
        return equations.noise_excess(state(s))

    grid, values = math.sqrt(equations.alpha) * np.geomspace(LOWEST, HIGHEST, POINTS), []
    for k, s in enumerate(grid):
        here = state(float(s))
        if here.m == 0.0:
            break
        values.append(equations.noise_excess(here))
        if values[-1] > 0.0:
            return state(_root(excess, float(grid[k - 1]), float(s))) if k else None
    if len(values) < 2:
        return None
    # The two solutions may lie between neighbouring points, near the end of retrieval.
    top = int(np.argmax(values))
    low, high = float(grid[max(top - 1, 0)]), float(grid[min(top + 1, len(grid) - 1)])
    best = float(minimize_scalar(lambda s: -excess(s), bounds=(low, high), method="bounded",
                                 options={"xatol": 1e-10}).x)
    if excess(best) <= 0.0 or equations.overlap(best) == 0.0:
        return None
    return state(_root(excess, low, best))


def _free_energy(equations: _Equations, state: _State) -> float:
    """Equation (1)."""
    T, alpha, C = equations.temperature, equations.alpha, state.response
    D, q = 1.0 - C, 1.0 - T * C
    return (0.5 * alpha + 0.5 * state.m**2 + 0.5 * alpha * (T * math.log(D) - q / D) + 0.5 * state.s**2 * C
            - state.free)


def _limit(equations: _Equations, beta: float, field: float, state: _State, values: dict[str, float]) -> Limit:
    """Everything at the chosen solution; the energy is the derivative at fixed m, q and s."""
    T, alpha, C = equations.temperature, equations.alpha, state.response
    D, q, f = 1.0 - C, 1.0 - T * C, _free_energy(equations, state)
    energy = (0.5 * alpha - 0.5 * state.m**2 - 0.5 * alpha * (1.0 / D + q * C / D**2)
              - equations.field * state.magnetization)
    entropy = beta * (energy - f) if T > 0.0 else -0.5 * alpha * (math.log(D) + C / D)
    stability = 1.0 - alpha * state.response2 / (T * D * D) if T > 0.0 else -math.inf
    phase = "retrieval" if state.m > 0.0 else "spin glass" if state.s > 0.0 else "paramagnet"
    order = {
        "m": state.m, "q": q, "r": state.s**2 / alpha, "phase": phase,
        "magnetization": math.copysign(state.magnetization, field) if field else 0.0,
        **{f"{name}_free_energy": value for name, value in values.items()}}
    return Limit(
        family="hopfield", solution="rs", beta=beta, field=field, free_energy=f, beta_f=beta * f, energy=energy,
        entropy=entropy, stability=stability, order=order)
