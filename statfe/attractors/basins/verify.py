"""Whether a candidate is an attractor, and of which sort.

Copies of it, nudged a little, are followed for longer than it took to find it. All must stay: else it was a saddle, or
a chaotic transient. Volumes must shrink along them: else there is no attractor. Then it is classified: a fixed point by
its eigenvalues; else strange where neighbours part exponentially, a limit cycle where the motion closes, a torus where
neither is so.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from statfe.attractors.basins.cycles import Cycle, find_cycle, nearest_return
from statfe.attractors.basins.exponent import Exponent, largest_exponent
from statfe.attractors.basins.ground import Ground
from statfe.attractors.basins.points import FixedPoint, point_like, polish
from statfe.attractors.basins.volume import contraction
from statfe.systems.system import glides, holds_torus

#: Copies that are followed; for how many times the length of the search, and how many characteristic times at least.
COPIES, LONGER, LEAST_PERIODS = 8, 4.0, 100.0
#: Points kept of each attractor that is no point or cycle.
POINTS = 1024
#: Length of a look at runs that are about to leave, as a share of that at an attractor; how many are looked at.
SHORT_LOOK, LOOKS = 0.25, 4
#: A second look at an exponent that is not clearly zero or positive takes so many times longer.
SECOND_LOOK = 6.0
#: Growth over one turn of a cycle below which it has no sign.
NEUTRAL_CYCLE = 1e-5
#: Distance from a cycle, as a share of its size, or of the extent where rounding rules; e-folds, and turns at most,
#: that a run is given to come so near.
REACHED, ROUNDING, FOLDS, MOST_PERIODS = 0.03, 1e-12, 8.0, 2e4
#: Samples behind an extent; how many times that long until it is taken again; change that is none; least extent.
STEADY_SAMPLES, SETTLE, STEADY, LEAST_EXTENT = 2048, 8.0, 0.2, 1e-3
SLOW = ("the motion nearly closes and still moves on: a cycle that attracts slowly or not at all, as near a "
        "bifurcation; take a longer transient of the system, or another parameter")
CHANGES = ("the extent of a quasi-periodic motion still changes, as near a bifurcation; take a longer transient of the "
           "system, or another parameter")


@dataclass(frozen=True, eq=False)
class Finding:
    """What a candidate turned out to be.

    Attributes
    ----------
    verdict
        ``attractor``; ``saddle``: copies left it as neighbours parted; ``settling``: still on the way elsewhere;
        ``none``: volumes are kept; or ``unclear``.
    kind
        Kind of an attractor, or of a saddle as `Saddles` has it.
    stability
        As `AttractorSet` has it; the growth of a saddle.
    points
        States on it, shape (count, dimension).
    leaving
        Upper bound on the rate at which runs leave, from those that did not: 3 over the time they were followed (95%).
    """

    verdict: str
    kind: str
    state: np.ndarray
    stability: float
    points: np.ndarray
    period: float = math.nan
    exponent: Exponent = field(default_factory=lambda: Exponent(math.nan, math.nan, 0.0))
    leaving: float = math.nan
    message: str = ""


def of_point(ground: Ground, point: FixedPoint) -> Finding:
    """A fixed point: its eigenvalues say what it is."""
    here = point.state[None]
    if point.neutral(ground):
        return Finding("unclear", "fixed point", point.state, point.growth, here,
                       message="a fixed point has an eigenvalue of zero: it may lie on a line of fixed points, or a "
                               "bifurcation may be near; change a parameter a little")
    if point.unstable:
        kind = "saddle point" if point.unstable < len(point.state) else "repelling point"
        return Finding("saddle", kind, point.state, point.growth, here)
    exponent = Exponent(point.growth, 0.0, math.inf)
    return Finding("attractor", "fixed point", point.state, point.growth, here, exponent=exponent, leaving=0.0)


def examine(ground: Ground, states: np.ndarray, time: float, stays: Callable[[np.ndarray], bool], seed: int) -> Finding:
    """A candidate that is not a fixed point.

    Parameters
    ----------
    states
        Last states of runs that led there, shape (count, dimension).
    time
        How long the longest search among them looked at it.
    stays
        Whether a state still belongs to the candidate.
    """
    copies = [ground.nudge(states[k % len(states)], seed, k) for k in range(COPIES)]
    follow = max(LONGER * time, LEAST_PERIODS * ground.system.period)
    ends = [ground.follow(x, follow) for x in copies]
    left = sum(not (w.complete and stays(w.state)) for w in ends)
    if left:
        # one run may leave before its neighbours have parted: several are asked
        looks = [largest_exponent(ground, x, seed, longer=SHORT_LOOK) for x in states[:LOOKS]]
        parts = max(looks, key=lambda e: e.value if e.value == e.value else math.inf)
        verdict = "settling" if parts.value <= 0.0 or parts.zero else "saddle"
        return Finding(verdict, "transient", states[0], left / (COPIES * follow), states[:1], exponent=parts)
    x = ground.rest(ends[0].state)
    volumes = contraction(ground, np.array([w.state for w in ends]))
    if volumes.kept and ground.lossy:
        return Finding("unclear", "unclear", x, math.nan, x[None], message="volumes shrink on the way to a motion that "
                       "keeps them: a bifurcation is near; change a parameter a little")
    if volumes.kept:
        return Finding("none", "", x, math.nan, x[None], message="volumes are kept along the motion")
    return _at_rest(ground, x) or _classified(ground, x, seed, 3.0 / (COPIES * follow))


def _at_rest(ground: Ground, x: np.ndarray) -> Finding | None:
    """A stable fixed point that the motion still comes nearer to; None where there is none."""
    window = ground.window(x, 256, cells=False)
    if point_like(ground, window) and (point := polish(ground, x)) is not None:
        nearer = ground.distance(window.state, point.state) < ground.distance(x, point.state)
        if not point.unstable and (nearer or ground.distance(x, point.state) < 1e-9):
            return of_point(ground, point)
    return None


def _classified(ground: Ground, x: np.ndarray, seed: int, leaving: float) -> Finding:
    exponent = largest_exponent(ground, x, seed)
    cycle = None if exponent.positive else find_cycle(ground, x)
    if cycle is not None and not reached(ground, x, cycle):
        # from nearer: as long as the distance needs to become small
        time = min(FOLDS / max(abs(cycle.growth), 1e-300), MOST_PERIODS * cycle.period)
        x = ground.rest(ground.follow(x, time).state)
        cycle = find_cycle(ground, x)
        if cycle is None or not reached(ground, x, cycle):
            return Finding("unclear", "unclear", x, exponent.value, x[None], exponent=exponent, leaving=leaving,
                           message=SLOW)
    if cycle is None and not exponent.positive:
        exponent = largest_exponent(ground, x, seed, longer=SECOND_LOOK)
    if cycle is not None:
        # the multipliers of a cycle are its exponents, beside the zero along a curve; neighbours at a distance err
        largest = max(cycle.growth, 0.0) if glides(ground.system) else cycle.growth
        exact = Exponent(largest, 0.0, math.inf)
        return _of_cycle(cycle, exact, leaving)
    points = _points(ground, x)
    kind = "strange" if exponent.positive else "torus" if exponent.zero and holds_torus(ground.system) else ""
    if exponent.value < 0.0 and not exponent.zero:
        return Finding("settling", "transient", x, exponent.value, points, exponent=exponent)
    if kind == "torus" and (doubt := _doubt(ground, x)):
        return Finding("unclear", "unclear", x, exponent.value, points, exponent=exponent, leaving=leaving,
                       message=doubt)
    if not kind:
        return Finding("unclear", "unclear", x, exponent.value, points, exponent=exponent, leaving=leaving,
                       message="the motion neither closes nor parts nor stays quasi-periodic, as near a bifurcation; "
                               "take a longer transient, a smaller step or another parameter")
    return Finding("attractor", kind, x, exponent.value, points, exponent=exponent, leaving=leaving)


def reached(ground: Ground, x: np.ndarray, cycle: Cycle) -> bool:
    """Whether the fixed point of the return is near `x`, against the size of the cycle.

    One turn takes the state nearer by its distance times (1 - multiplier), to first order.
    """
    apart = float(ground.distance(cycle.states[-1], x))
    shrinks = -math.expm1(min(-abs(cycle.growth) * cycle.period, 0.0))
    size = float(ground.distance(cycle.states, x).max()) if len(cycle.states) > 1 else 1.0
    return apart <= REACHED * size * shrinks or apart <= ROUNDING


def _doubt(ground: Ground, x: np.ndarray) -> str:
    """What speaks against a torus: on one, the motion neither closes nor changes its extent."""
    if nearest_return(ground, x)[0]:
        return SLOW
    first = ground.window(x, STEADY_SAMPLES, cells=False)
    later = ground.follow(first.state, SETTLE * STEADY_SAMPLES * ground.stride * ground.system.dt)
    last = ground.window(later.state, STEADY_SAMPLES, cells=False)
    before, after = (np.where(ground.circle, 0.0, w.high - w.low) / ground.extent for w in (first, last))
    changed = float(np.max(np.abs(after - before) / np.maximum(np.maximum(before, after), LEAST_EXTENT)))
    return CHANGES if changed > STEADY else ""


def _of_cycle(cycle: Cycle, exponent: Exponent, leaving: float) -> Finding:
    state = cycle.states[-1]
    if cycle.growth > 0.0 and cycle.growth * cycle.period > 1e-3:
        return Finding("saddle", "transient", state, cycle.growth, cycle.states, cycle.period)
    kept = cycle.states[:: max(1, len(cycle.states) // POINTS)]
    if abs(cycle.growth) * cycle.period < NEUTRAL_CYCLE:
        return Finding("unclear", "limit cycle", state, cycle.growth, kept, cycle.period, exponent, leaving,
                       message="a cycle has a second multiplier of size one: it may be one of a family of cycles, none "
                               "of which attracts, or a bifurcation may be near; change a parameter a little")
    return Finding("attractor", "limit cycle", state, cycle.growth, kept, cycle.period, exponent, leaving)


def _points(ground: Ground, x: np.ndarray) -> np.ndarray:
    found = np.empty((POINTS, len(x)))
    for k in range(POINTS):
        window = ground.window(x, 1, cells=False, stride=max(1.0, ground.stride * 3.7) if
                               ground.system.kind == "flow" else 1.0)
        found[k] = x = window.state
    return np.array([ground.rest(state) for state in found])
