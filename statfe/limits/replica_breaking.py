"""The best k-step solution of the SK model: the Parisi functional, minimised over its overlaps and slopes.

The error of the free energy falls about as 1 / k^4 with the number of steps k: at T = 0 the ground-state energy is
-.7979 (k = 0, replica symmetric), -.76526, -.76361, -.76331, ... and -.76317 for k -> infinity. Every one is a lower
bound of the average over the disorder (see `statfe.limits.parisi`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import OptimizeResult, minimize

from statfe.limits.gaussian import field_averages
from statfe.limits.limit import Limit
from statfe.limits.parisi import Functional, Point, Steps
from statfe.limits.parisi_objective import Objective
from statfe.limits.sk import at_temperature, free_spins, replica_symmetric
from statfe.spec import Option

#: Most iterations at one k, and the gradient that ends them, in units of the scale of -f.
ITERATIONS, GRADIENT = 60, 1e-8
#: Chord steps after the trust region.
CHORDS = 4
#: What may be left to gain in -f.
TOLERANCE = 1e-9
#: More steps than could be resolved are not missed where the last ones gained less than `SMALL`: some 4% of a gain is
#: what is left. They are not tried where the last ones gained `NOTHING`.
SMALL, NOTHING = 1e-5, 1e-8
#: All steps may be too small to be resolved: just below the AT line, above this eigenvalue of the replica-symmetric
#: solution; and in strong fields, where `_Glass.gain` is below this.
UNRESOLVED, WEAK = -1e-3, 1e-6
#: Steps of the solutions that lead to one with many: each starts from the one before.
LADDER = (1, 2, 3, 5, 8)


#: The option that callers have for Parisi's solution.
STEPS = Option("steps", "int", 4, "steps of replica-symmetry breaking", minimum=1, maximum=12)


def broken(solution: str, beta: float, field: float = 0.0, steps: int = 4) -> Limit:
    """The best solution with `steps` steps, 1 for ``1rsb``; the replica-symmetric one where that is stable.

    beta = infinity is the limit T -> 0.
    """
    if beta == 0.0:
        return free_spins(solution, beta, field)
    symmetric = replica_symmetric(beta, field)
    if symmetric.stability >= 0.0:
        return _as(solution, symmetric, steps=0, q=[symmetric.order["q"]], x=[], left=0.0)
    glass = _glass(beta, abs(field), symmetric)
    found, gain = (None, 0.0) if glass.gain < NOTHING else _climb(glass, _ladder(steps))
    if found is None and (symmetric.stability > UNRESOLVED or glass.gain < WEAK):
        return _as(solution, symmetric, steps=0, q=[symmetric.order["q"]], x=[], left=0.0)
    if found is None or found.left > TOLERANCE or (found.steps.count < steps and gain > SMALL):
        return _failed(solution, beta, field, found)
    return _limit(solution, beta, field, found)


@dataclass(frozen=True)
class _Glass:
    """Where the symmetry breaks: temperature and field, what replica symmetry gives, and the scales of the glass.

    Attributes
    ----------
    freezing
        Temperature T_AT of the AT line in this field.
    response
        c = beta (1 - q); about c T_AT is the share of spins whose fields are below T_AT.
    gain
        c T_AT^2: breaking gains some tenth of this in f, as only those spins notice it.
    """

    temperature: float
    field: float
    free_energy: float
    q: float
    freezing: float
    response: float

    @property
    def gain(self) -> float:
        """c T_AT^2."""
        return self.response * self.freezing**2


def _glass(beta: float, field: float, symmetric: Limit) -> _Glass:
    T, q = 1.0 / beta, float(symmetric.order["q"])
    return _Glass(T, field, symmetric.free_energy, q, at_temperature(field),
                  field_averages(field, math.sqrt(q), T).response)


def _climb(glass: _Glass, ladder: list[int]) -> tuple[Minimum | None, float]:
    """The last solution that was found on the way up, and how much -f fell at the last step of the ladder."""
    found: Minimum | None = None
    value, gain = -glass.free_energy, math.inf
    for count in ladder:
        better = _minimise(glass, count, found)
        if better is None or better.left > TOLERANCE:
            return found or better, gain
        gain = value - better.point.value
        if found is None or gain > 0.0:
            found, value = better, better.point.value
        if gain < NOTHING:
            break
    return found, gain


@dataclass(frozen=True)
class Minimum:
    """A minimum of -f: where, what, and how much is left to gain by the quadratic model there."""

    steps: Steps
    point: Point
    left: float


def _ladder(steps: int) -> list[int]:
    return [*(k for k in LADDER if k < steps), steps]


def _minimise(glass: _Glass, count: int, before: Minimum | None) -> Minimum | None:
    """The minimum with `count` steps, from that with fewer; None where its gaps are too small to be resolved."""
    objective = Objective(
        Functional(glass.temperature, glass.field), -glass.free_energy, glass.q**3 * min(1.0, glass.gain))
    starts = _starts(glass) if before is None else [_refined(before.steps, count, glass.temperature)]
    packed = [x for x in map(objective.pack, starts) if math.isfinite(objective.value(x))]
    found = [_descend(objective, x) for x in packed]
    # Equal overlaps give the replica-symmetric value, so no minimum lies above it.
    better = [m for m in found if m.point.value < -glass.free_energy]
    return min(better, key=lambda m: m.point.value, default=None)


def _descend(objective: Objective, x: np.ndarray) -> Minimum:
    """The minimum below `x`."""
    run = minimize(
        objective.value, x, jac=objective.gradient, hess=objective.hessian, method="trust-exact",
        options={"gtol": GRADIENT, "maxiter": ITERATIONS, "initial_trust_radius": 1.0, "max_trust_radius": 3.0})
    x, left = _polish(objective, run)
    steps = objective.unpack(x)
    return Minimum(steps, objective.functional(steps), left * objective.scale)


def _polish(objective: Objective, run: OptimizeResult) -> tuple[np.ndarray, float]:
    """Newton's steps with the last Hessian, which rounding of -f does not stop; and what they say is left to gain."""
    x, H = run.x, objective.hessian(run.x)
    values, vectors = np.linalg.eigh(H)
    inverse = vectors @ np.diag(1.0 / np.maximum(np.abs(values), 1e-12 * np.abs(values).max())) @ vectors.T
    g = objective.gradient(x)
    for _ in range(CHORDS):
        new = x - inverse @ g
        slope = objective.gradient(new)
        if not math.isfinite(objective.value(new)) or np.linalg.norm(slope) >= np.linalg.norm(g):
            break
        x, g = new, slope
    return x, 0.5 * float(g @ inverse @ g)


def _starts(glass: _Glass) -> list[Steps]:
    """One step about the replica-symmetric overlap: for strong breaking, and for weak breaking near the AT line."""
    temperature, q = glass.temperature, glass.q
    if temperature < 0.5 * glass.freezing and (temperature == 0.0 or glass.field > 0.0):
        # Far below the line overlaps and slopes have the scale of the glass, whatever T.
        lower = 1.0 - 0.5 * min(1.0, glass.response * glass.freezing)
        return [Steps(np.array([lower, q + 0.2 * (1.0 - q)]), np.array([0.8 / glass.freezing]))]
    wide = Steps(np.array([0.8 * q, q + 0.2 * min(q, 1.0 - q)]), np.array([0.8 * q / (1.0 + temperature * q)]))
    gap = 0.1 * min(q, 1.0 - q)
    near = Steps(np.array([q - gap, q + gap]), np.array([min(0.5, q) / temperature]))
    return [wide, near] if glass.field else [wide]


def _refined(steps: Steps, count: int, temperature: float) -> Steps:
    """The staircase with `count` steps that follows `steps`: q and a read against l / k, with guesses at the ends."""
    q, a, k = steps.q, steps.a, steps.count
    new_q = np.interp(_middles(count + 1), _ends(k + 1), np.concatenate([
        [max(0.5 * q[0], 1.5 * q[0] - 0.5 * q[1])], q, [q[-1] + 1e-3 * (1.0 - q[-1])]]))
    if temperature == 0.0:
        new_q[-1] = 1.0
    steepest = 1.5 * a[-1] - 0.5 * (a[-2] if k > 1 else 0.0)
    if temperature > 0.0:
        steepest = min(float(steepest), 0.5 * (float(a[-1]) + 1.0 / temperature))
    gentlest = max(0.1 * a[0], 1.5 * a[0] - 0.5 * a[1]) if k > 1 else 0.5 * a[0]
    return Steps(new_q, np.interp(_middles(count), _ends(k), np.concatenate([[gentlest], a, [steepest]])))


def _middles(count: int) -> np.ndarray:
    return (np.arange(count) + 0.5) / count


def _ends(count: int) -> np.ndarray:
    return np.concatenate([[0.0], _middles(count), [1.0]])


def _as(solution: str, symmetric: Limit, *, steps: int, q: list[float], x: list[float], left: float) -> Limit:
    """The replica-symmetric result as the best of solutions that may break the symmetry."""
    order = {**symmetric.order, "q_mean": symmetric.order["q"], "steps": steps, "overlaps": q, "breaks": x,
             "left_to_gain": left}
    return replace(symmetric, solution=solution, order=order)


def _limit(solution: str, beta: float, field: float, found: Minimum) -> Limit:
    """Everything from the minimum; the entropy is the derivative over T at fixed q and a, where -f is stationary."""
    T, point, q, a = 1.0 / beta, found.point, found.steps.q, found.steps.a
    c = point.response  # beta (1 - q_k), without the cancellation
    m = math.copysign(point.magnetization, field) if field else 0.0
    f, entropy = -point.value, point.spin_entropy - 0.25 * c * c
    order = {
        "q": float(q[-1]), "q_mean": float(q[-1] - T * (a @ np.diff(q))), "m": m, "steps": found.steps.count,
        "overlaps": q.tolist(), "breaks": (T * a).tolist() if T > 0.0 else [], "left_to_gain": found.left}
    if T == 0.0:
        order["slopes"] = a.tolist()
    return Limit(
        family="sk", solution=solution, beta=beta, field=field, free_energy=f, beta_f=beta * f, energy=f + T * entropy,
        entropy=entropy,
        stability=1.0 - point.response2 / T if T > 0.0 else -math.inf, bound="lower_bound", order=order)


def _failed(solution: str, beta: float, field: float, found: Minimum | None) -> Limit:
    reached = {"steps": found.steps.count, "reached": -found.point.value, "left_to_gain": found.left} if found else {}
    return Limit(
        family="sk", solution=solution, beta=beta, field=field, free_energy=math.nan, beta_f=math.nan, energy=math.nan,
        entropy=math.nan, bound="", status="not_converged", order=reached,
        message="the Parisi functional was not minimised; take fewer steps, or solution rs")
