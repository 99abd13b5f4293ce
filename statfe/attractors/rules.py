"""Rules that exponents and trajectories must obey whatever their values: a number, what is allowed, a verdict."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from statfe.attractors.tangent import Growth, grow, plan_growth
from statfe.systems.system import System

#: Sum of exponents against the mean trace, relative; the zero exponent; energy, relative to its own size.
TRACE, ZERO, ENERGY = 1e-3, 5e-3, 1e-5
#: Pairing: sums of paired exponents against the largest.
PAIRING = 1e-3
#: Step times the largest stiff rate at which Runge-Kutta contracts truly to 1e-3, and steps of such a check.
RESOLVED, STEPS = 0.4, 2048


@dataclass(frozen=True)
class Rule:
    """One rule that was checked.

    Attributes
    ----------
    value
        What was found; nan where the rule could not be checked.
    allowed
        The largest absolute value that passes.
    passed
        True, False, or None where the rule does not apply; the message says why.
    message
        What to change when it failed.
    """

    name: str
    value: float
    allowed: float
    passed: bool | None
    message: str = ""

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"name": self.name, "value": self.value, "allowed": self.allowed, "passed": self.passed,
                "message": self.message}


def _rule(name: str, value: float, allowed: float, change: str) -> Rule:
    # written so that a nan fails
    passed = bool(abs(value) <= allowed)
    return Rule(name, value, allowed, passed, "" if passed else change)


def check_rules(system: System, growth: Growth, exponents: np.ndarray, resting: bool = False) -> list[Rule]:
    """All rules that hold for a system of this kind.

    Parameters
    ----------
    exponents
        Shape (count,), largest first.
    resting
        The motion ends at a fixed point: then no exponent need be zero.
    """
    whole = growth.plan.count == system.dimension or system.stiff is None or resting
    found = [trace_rule(system, growth, exponents) if whole else stiff_trace_rule(system, growth)]
    if system.kind == "flow":
        found.append(zero_rule(growth, exponents, resting))
    if system.momenta:
        found.append(pairing_rule(system, growth, exponents))
    if system.conserved is not None:
        found.append(energy_rule(system, growth))
    return found


def trace_rule(system: System, growth: Growth, exponents: np.ndarray) -> Rule:
    """Sum of all exponents = mean trace of the Jacobian along the same trajectory (maps: mean ln |det J|).

    The difference is relative to the trace; to the largest exponent in systems that keep volumes.
    """
    name = "sum of exponents = mean trace"
    if len(exponents) < system.dimension:
        return Rule(name, math.nan, TRACE, None,
                    f"needs all {system.dimension} exponents, here are the {len(exponents)} leading ones")
    trace, total, largest = float(np.mean(growth.traces)), float(np.sum(exponents)), float(np.max(np.abs(exponents)))
    scale = abs(trace) if abs(trace) > 1e-3 * largest else largest
    value = (total - trace) / scale if scale > 0.0 else total - trace
    return _rule(name, value, TRACE, f"the tangent step and the trace disagree; halve dt={growth.plan.dt:g}")


def stiff_trace_rule(system: System, growth: Growth) -> Rule:
    """The rule of the trace for a stiff system: Runge-Kutta steps that resolve it, a few from the ends of the run.

    The rule holds over any time, so that few small steps suffice.
    """
    assert system.stiff is not None
    dt = RESOLVED / float(np.max(np.abs(system.stiff(system.p))))
    plan = plan_growth(system, system.dimension, dt=dt, integrator="rk4", transient=0.0, length=STEPS * dt)
    return trace_of(system, grow(system, plan, growth.ends[:, -1]))


def trace_of(system: System, growth: Growth) -> Rule:
    """`trace_rule` of a run with all exponents."""
    return trace_rule(system, growth, growth.rates.mean(axis=(0, 1)))


def zero_rule(growth: Growth, exponents: np.ndarray, resting: bool) -> Rule:
    """A flow that does not rest has an exponent zero, along its velocity (Haken, Phys. Lett. A 94, 71 (1983))."""
    name = "an exponent is zero"
    if resting:
        return Rule(name, math.nan, ZERO, None, "the motion ends at a fixed point, which need not have one")
    if exponents[-1] > ZERO:
        return Rule(name, math.nan, ZERO, None, f"the {len(exponents)} leading exponents are all positive; "
                                                "ask for more of them")
    nearest = float(exponents[np.argmin(np.abs(exponents))])
    return _rule(name, nearest, ZERO, f"average over longer than {growth.plan.length:g}, or halve "
                                      f"dt={growth.plan.dt:g}")


def pairing_rule(system: System, growth: Growth, exponents: np.ndarray) -> Rule:
    """Exponents of a Hamiltonian system come in pairs of opposite sign; those near zero as well as time can tell."""
    name = "exponents in pairs"
    if len(exponents) < system.dimension:
        return Rule(name, math.nan, PAIRING, None, f"needs all {system.dimension} exponents")
    worst = float(np.max(np.abs(exponents + exponents[::-1])))
    return _rule(name, worst, max(PAIRING * float(np.max(np.abs(exponents))), 0.1 * growth.plan.drift),
                 "the step is not symplectic enough; halve dt")


def energy_rule(system: System, growth: Growth) -> Rule:
    """The conserved quantity does not drift, relative to what it would vary by if the coordinates were independent."""
    name, worst = "conserved quantity does not drift", 0.0
    if system.conserved is None:
        raise ValueError(f"{system.name} has no conserved quantity")
    for path in growth.ends:
        values = np.array([system.conserved(x, system.p) for x in path])
        worst = max(worst, float(np.max(np.abs(values - values[0]))))
    size = _size(system, growth.ends.reshape(-1, system.dimension))
    return _rule(name, worst / size if size > 0.0 else worst, ENERGY, f"halve dt={growth.plan.dt:g}")


def _size(system: System, states: np.ndarray) -> float:
    """Root of the sum over coordinates of (slope of the conserved quantity times the coordinate's spread) squared."""
    assert system.conserved is not None
    some, spread = states[:: max(1, len(states) // 20)], states.std(axis=0)
    total = 0.0
    for x in some:
        for i in np.flatnonzero(spread > 0.0):
            step = np.zeros(len(x))
            step[i] = 1e-4 * spread[i]
            ends = system.conserved(x + step, system.p), system.conserved(x - step, system.p)
            total += ((ends[0] - ends[1]) / 2e-4) ** 2
    return float(np.sqrt(total / len(some)))


def failures(rules: Sequence[Rule]) -> str:
    """One line for all rules that failed; "" when none did."""
    return "; ".join(f"{r.name}: {r.value:.2g}, allowed {r.allowed:.2g}: {r.message}" for r in rules
                     if r.passed is False)
