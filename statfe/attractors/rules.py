"""Rules that exponents and trajectories must obey whatever their values: a number, what is allowed, a verdict."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from statfe.attractors.tangent import Growth
from statfe.systems.system import System

#: Sum of exponents against the mean trace, relative; the zero exponent; energy, relative to its own size.
TRACE, ZERO, ENERGY = 1e-3, 5e-3, 1e-5
#: Pairing: sums of paired exponents against the largest.
PAIRING = 1e-3


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
    found = [trace_rule(system, growth, exponents)]
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
    """The conserved quantity does not drift, relative to its size."""
    name, worst = "conserved quantity does not drift", 0.0
    if system.conserved is None:
        raise ValueError(f"{system.name} has no conserved quantity")
    for path in growth.ends:
        values = np.array([system.conserved(x, system.p) for x in path])
        worst = max(worst, float(np.max(np.abs(values - values[0])) / max(abs(values[0]), 1e-3)))
    return _rule(name, worst, ENERGY, f"halve dt={growth.plan.dt:g}")


def failures(rules: Sequence[Rule]) -> str:
    """One line for all rules that failed; "" when none did."""
    return "; ".join(f"{r.name}: {r.value:.2g}, allowed {r.allowed:.2g}: {r.message}" for r in rules
                     if r.passed is False)
