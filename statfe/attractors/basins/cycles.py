"""Limit cycles: the period by return to a plane across the flow, and the multipliers over one period.

A map of short steps, such as a delay equation, moves along curves, and its period need not be a multiple of the step:
between steps its states are those of the polynomial through their neighbours. So are those of a stiff flow: modes that
follow the others are right to the order of the step, and another step would move them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from statfe.attractors.basins.ground import Ground
from statfe.attractors.march import march
from statfe.attractors.superstable import flattened_along
from statfe.systems.system import System, glides

#: Characteristic times that a return may take, and the longest cycle of a map.
LONGEST, LONGEST_MAP = 60.0, 1024
#: Distance in extents of a return; returns that are nearer than this need no second look.
CLOSE, EXACT = 2e-3, 1e-6
#: Times round that tell a cycle from a near return, and the growth of the distance that a cycle may show.
ROUNDS, DRIFT = 4, 1.5
#: Steps of the differences behind multipliers, in extents.
SHIFT = 1e-6
#: Times round after which a slow approach to a cycle is over.
ODD = 25
#: Steps that a polynomial goes through, and the weights of its slope at the first of them.
NODES, SLOPE = 6, np.array([-137.0 / 60.0, 5.0, -5.0, 10.0 / 3.0, -1.25, 0.2])


@dataclass(frozen=True, eq=False)
class Cycle:
    """A closed orbit: its period, states along it (count, dimension), and the growth rate of the other directions."""

    period: float
    states: np.ndarray
    growth: float


def find_cycle(ground: Ground, x: np.ndarray) -> Cycle | None:
    """The closed orbit through `x`, or None where the motion does not come back."""
    return _flow_cycle(ground, x) if glides(ground.system) else _map_cycle(ground, x)


def _map_cycle(ground: Ground, x: np.ndarray) -> Cycle | None:
    states = march(ground.system, x[None], 2 * LONGEST_MAP).states[0]
    apart = ground.distance(states[:LONGEST_MAP], x)
    near = np.flatnonzero(apart < CLOSE)
    for k in near:
        period = int(k) + 1
        orbit = states[:period]
        rate = _rate(ground, orbit)
        if apart[k] < EXACT or _closes(ground, x, states, period, rate):
            return Cycle(period * ground.system.dt, orbit, rate / ground.system.dt)
    return None


def _rate(ground: Ground, orbit: np.ndarray) -> float:
    """Growth a step about a cycle of a map, by the product of its Jacobians; minus infinity where all is flat."""
    if flattened_along(ground.system, orbit) == orbit.shape[1]:
        return -math.inf
    product = np.eye(orbit.shape[1])
    for slopes in ground.linear(orbit)[1]:
        product = slopes @ product
    with np.errstate(divide="ignore"):
        return float(np.log(np.max(np.abs(np.linalg.eigvals(product)))) / len(orbit))


def _closes(ground: Ground, x: np.ndarray, states: np.ndarray, period: int, rate: float) -> bool:
    """Whether the states after `x`, which come back nearly, come nearer each time as the cycle attracts."""
    first, again = (float(ground.distance(states[n * period - 1], x)) for n in (1, 2))
    last = float(ground.distance(states[-1], states[-1 - period]))
    # a cycle twice as long, just after it was born, comes by near its start half way, for ever
    half = again < first / DRIFT and last > 0.5 * first
    left = math.exp(min(rate, 0.0) * (len(states) - period))
    return again <= DRIFT * first and not half and last <= max(2.0 * left * first, EXACT)


def nearest_return(ground: Ground, x: np.ndarray) -> tuple[float, float]:
    """Period and distance of the first return that is too near for a torus; zeros where there is none.

    On a torus the n-th return is seldom nearer than some 1 / n; here it is `CLOSE` / n at most.
    """
    if not glides(ground.system):
        distances = ground.distance(march(ground.system, x[None], LONGEST_MAP).states[0], x)
        near = np.flatnonzero(distances * (1 + np.arange(LONGEST_MAP)) < CLOSE)
        return (float((near[0] + 1) * ground.system.dt), float(distances[near[0]])) if len(near) else (0.0, 0.0)
    for n, (period, apart) in enumerate(_returns(ground, ground.rest(x))):
        if apart * (n + 1) < CLOSE:
            return period, apart
    return 0.0, 0.0


def _flow_cycle(ground: Ground, x: np.ndarray) -> Cycle | None:
    x = ground.rest(x)
    for period, apart in _returns(ground, x):
        if apart < EXACT or (apart < CLOSE and _comes_back(ground, x, period, apart)):
            return _closed(ground, x, period)
    return None


def _returns(ground: Ground, x: np.ndarray) -> Iterator[tuple[float, float]]:
    """Times and distances of the crossings of the plane through `x` across the flow, near `x`."""
    system = ground.system
    steps = round(LONGEST * system.period / system.dt)
    states = np.concatenate([x[None], march(system, x[None], steps).states[0]])
    normal = np.where(ground.idle, 0.0, _velocity(ground, x)) / ground.extent**2
    norm = np.linalg.norm(normal)
    if not np.isfinite(states[-1]).all() or not norm > 0.0:
        return
    # far crossings and those on the other side of a circle do not count
    side = ground.apart(states, x) @ (normal / norm)
    for k in np.flatnonzero((side[:-1] < 0.0) & (side[1:] >= 0.0)).tolist():
        # one step is short: a jump from one side of the circle to the other is not a crossing
        if ground.distance(states[k], x) <= 0.25:
            yield (_crossing_between(ground, states, k, x, normal / norm) if _one_step(system) else
                   _crossing(ground, states[k], k, x, normal / norm))


def _one_step(system: System) -> bool:
    """Whether states are those of steps of one length."""
    return system.kind == "map" or system.stiff is not None


def _velocity(ground: Ground, x: np.ndarray) -> np.ndarray:
    """Velocity of a flow, or of the curve along which states of one step lie."""
    system = ground.system
    if not _one_step(system):
        return system.velocity(x)
    ahead = march(system, x[None], NODES - 1).states[0]
    return np.asarray(SLOPE[1:] @ ground.apart(ahead, x) / system.dt)


def _crossing_between(ground: Ground, states: np.ndarray, k: int, x: np.ndarray,
                      normal: np.ndarray) -> tuple[float, float]:
    """As `_crossing` after state k of steps of one length; 0 for distances that polynomials cannot tell."""
    first = max(0, min(k - NODES // 2 + 1, len(states) - NODES))
    away = ground.apart(states[first:first + NODES], x)
    side = away @ normal
    left, right = float(k - first), float(k - first + 1)
    for _ in range(40):
        middle = 0.5 * (left + right)
        left, right = (middle, right) if _lagrange(middle) @ side < 0.0 else (left, middle)
    place, coarse = _lagrange(right) @ away, _lagrange(right - 1.0, NODES - 2) @ away[1:-1]
    apart, unsure = (float(np.max(np.abs(v) / ground.extent)) for v in (place, place - coarse))
    return (first + right) * ground.system.dt, apart if apart > unsure else 0.0


def _lagrange(place: float, count: int = NODES) -> np.ndarray:
    """Weights of the values at 0, 1, ... `count` - 1 for the value at `place` of the polynomial through them."""
    nodes, own = np.arange(count), np.eye(count, dtype=bool)
    return np.asarray(np.prod(np.where(own, 1.0, place - nodes), axis=1)
                      / np.prod(np.where(own, 1.0, nodes[:, None] - nodes), axis=1))


def _crossing(ground: Ground, a: np.ndarray, k: int, x: np.ndarray, normal: np.ndarray) -> tuple[float, float]:
    """Time and distance of a crossing in the step after `a`, by secants on the length of that step."""
    left, right = 0.0, ground.system.dt
    for _ in range(40):
        middle = 0.5 * (left + right)
        b = march(ground.system, a[None], 1, dt=middle).states[0, 0]
        if ground.apart(b, x) @ normal < 0.0:
            left = middle
        else:
            right = middle
    b = march(ground.system, a[None], 1, dt=right).states[0, 0]
    return k * ground.system.dt + right, float(ground.distance(b, x))


def _comes_back(ground: Ground, x: np.ndarray, period: float, apart: float) -> bool:
    """Whether the distance after several periods has not grown, as on a torus it does."""
    later = float(ground.distance(_after(ground, x[None], ROUNDS * period)[0], x))
    if later < apart / DRIFT:
        # as near a cycle twice as long, just after it was born: then odd rounds stay away
        return bool(ground.distance(_after(ground, x[None], ODD * period)[0], x) <= 0.75 * apart)
    return later <= DRIFT * apart


def _after(ground: Ground, states: np.ndarray, time: float) -> np.ndarray:
    """States after a time that need not be a multiple of the step."""
    if _one_step(ground.system):
        whole = max(math.floor(time / ground.system.dt) - NODES // 2 + 1, 0)
        nodes = march(ground.system, states, 1, every=whole).states if whole else states[:, None]
        nodes = np.concatenate([nodes, march(ground.system, nodes[:, -1], NODES - 1).states], axis=1)
        away = ground.apart(nodes, nodes[:, :1])
        return np.asarray(nodes[:, 0] + np.einsum("k,rkn->rn", _lagrange(time / ground.system.dt - whole), away))
    steps = max(1, math.ceil(time / ground.system.dt))
    return march(ground.system, states, 1, every=steps, dt=time / steps).states[:, 0]


def _closed(ground: Ground, x: np.ndarray, period: float) -> Cycle:
    """The orbit, and the largest Floquet multiplier but the one along the flow, from finite differences."""
    system, n = ground.system, len(x)
    steps = max(1, math.ceil(period / system.dt))
    if _one_step(system):
        states = np.concatenate([march(system, x[None], steps - 1).states[0], _after(ground, x[None], period)])
    else:
        states = march(system, x[None], steps, dt=period / steps).states[0]
    # five points: what grows a hundredfold on its way round bends too much for two
    size = SHIFT * ground.extent
    shifts = np.concatenate([m * np.diag(size) for m in (1.0, -1.0, 2.0, -2.0)])
    ends = _after(ground, x + shifts, period).reshape(4, n, n)
    near, far = ground.apart(ends[0], ends[1]), ground.apart(ends[2], ends[3])
    monodromy = ((8.0 * near - far) / (12.0 * size[:, None])).T / ground.extent[:, None] * ground.extent
    # the velocity is mapped to itself; what is across it has the other multipliers; an idle clock keeps its shift
    moving = np.flatnonzero(~ground.idle)
    along = (_velocity(ground, x) / ground.extent)[moving]
    across = np.linalg.qr(np.column_stack([along, np.eye(len(moving))]))[0][:, 1:]
    rest = np.abs(np.linalg.eigvals(across.T @ monodromy[np.ix_(moving, moving)] @ across))
    growth = math.log(max(float(rest.max()), 1e-300)) / period if len(rest) else 0.0
    return Cycle(period, states, growth)
