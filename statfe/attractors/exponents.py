"""Lyapunov exponents of a system, with errors, the rules they must obey, and the dimension that follows.

The method of Benettin et al., Meccanica 15, 9 (1980): tangent vectors are followed along trajectories and made
orthonormal in turns; what they grow by are the exponents. Errors are those of means over blocks of all trajectories
(`statfe.attractors.blocks`). A result that fails a rule, whose halves disagree, or which has too few
independent windows is `not_converged`, and says what to change.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from statfe.attractors.blocks import block_error
from statfe.attractors.invariant import Invariant, unsupported
from statfe.attractors.kaplan_yorke import dimension
from statfe.attractors.rules import ZERO, Rule, check_rules, failures
from statfe.attractors.tangent import Growth, grow, plan_growth
from statfe.result import Status
from statfe.stats import halves_apart
from statfe.systems.system import System

#: Fewest independent windows behind an error, and how far the halves of a run may differ, in standard deviations.
LEAST_WINDOWS, MOST_APART = 20.0, 4.5
#: An exponent is told from zero at so many standard deviations.
SIGMAS = 3.0
#: A motion rests where all states of a run lie within this share of their size.
RESTS = 1e-6


@dataclass(frozen=True)
class Exponents:
    """What tangent vectors say of a motion.

    Attributes
    ----------
    exponents
        Largest first; a unit of time, or a step of a map.
    kaplan_yorke
        Dimension, see `statfe.attractors.kaplan_yorke`.
    entropy
        Sum of the positive exponents: an upper bound of the entropy a unit of time, and equal to it for motions
        with a smooth measure along their unstable directions (Pesin's formula).
    motion
        ``fixed point``, ``periodic``, ``torus``, ``chaotic``, or ``""`` where there is no telling.
    rules
        All rules that were checked.
    growth
        The run behind it.
    """

    exponents: Invariant
    kaplan_yorke: Invariant
    entropy: Invariant
    motion: str
    rules: tuple[Rule, ...]
    growth: Growth


def lyapunov(
    system: System, count: int | None = None, starts: np.ndarray | None = None, seed: int = 0, workers: int = 1,
    **options: Any,
) -> Exponents:
    """The `count` leading exponents of a system; all of them, up to 64, when not given.

    Parameters
    ----------
    starts
        Where trajectories begin, shape (trajectory, dimension); the system's own start when not given.
    **options
        Of `statfe.attractors.tangent.plan_growth`: `length`, `scale`, `dt`, `trajectories`, `transient`, `integrator`.
    """
    plan = plan_growth(system, count, **options)
    return of_growth(system, grow(system, plan, starts, seed, workers))


def of_growth(system: System, growth: Growth) -> Exponents:
    """Exponents from a run."""
    count, units = growth.plan.count, "1/time"
    if np.isfinite(growth.escaped):
        text = (f"a trajectory left the bound {system.bound:g} or became non-finite within {growth.escaped:g} units of "
                "time; use a smaller dt, another start, or parameters with an attractor")
        return Exponents(unsupported("exponents", text, units, count), unsupported("kaplan_yorke", text),
                         unsupported("entropy", text, units), "", (), growth)
    found = block_error(growth.rates)
    order = np.argsort(-found.mean, kind="stable")
    value, error = found.mean[order], found.error[order]
    resting = rests(growth)
    if resting:
        value, error = at_rest(system, growth), np.zeros(count)
    rules = tuple(check_rules(system, growth, value, resting))
    status, message = _status(growth, value, error, found.effective, rules)
    if not np.isfinite(value).all():
        text = "the derivative of the law is singular: some exponents are minus infinity; ask for fewer of them"
        exponents = unsupported("exponents", text, units, count)
        return Exponents(exponents, unsupported("kaplan_yorke", text), unsupported("entropy", text, units), "",
                         rules, growth)
    zeroed = zeros_set(system, value, error, resting)
    exponents = Invariant("exponents", value, error, status, message, units,
                          {"tau": found.tau[order], "length": growth.plan.length, "dt": growth.plan.dt})
    whole = count == system.dimension
    volume = float(np.mean(growth.traces)) if whole else 0.0
    size = 1e-9 * max(float(np.max(np.abs(value))), 1e-9)
    filled = whole and (abs(volume) <= size or (volume > 0.0 and system.kind == "map")) and value[0] > size
    ky = _inherit(dimension(growth.rates[:, :, order], zeroed, whole, filled), status, message)
    entropy = _inherit(_entropy(growth.rates[:, :, order], zeroed, whole, units), status, message)
    return Exponents(exponents, ky, entropy, motion_of(system, zeroed, error, resting), rules, growth)


def rests(growth: Growth) -> bool:
    """Whether all trajectories stand still: at a fixed point, to the digits that matter."""
    ends = growth.ends[:, growth.ends.shape[1] // 2:]
    size = 1.0 + np.max(np.abs(ends))
    return bool(np.max(np.ptp(ends, axis=1)) <= RESTS * size)


def at_rest(system: System, growth: Growth) -> np.ndarray:
    """Leading exponents at a fixed point: real parts of the eigenvalues there, or logarithms of their sizes (maps)."""
    eigenvalues = np.linalg.eigvals(system.jacobian_at(growth.ends[0, -1]))
    if system.kind == "flow":
        rates = eigenvalues.real
    else:
        with np.errstate(divide="ignore"):
            rates = np.log(np.abs(eigenvalues)) / growth.plan.dt
    return np.sort(rates)[::-1][:growth.plan.count]


def zeros_set(system: System, value: np.ndarray, error: np.ndarray, resting: bool) -> np.ndarray:
    """Exponents with the one zero of a flow set to zero, where the rule finds it; theory says it is exact."""
    out = value.copy()
    if system.kind == "flow" and not resting:
        nearest = int(np.argmin(np.abs(value)))
        if abs(value[nearest]) <= ZERO:
            out[nearest] = 0.0
    return np.sort(out)[::-1]


def motion_of(system: System, exponents: np.ndarray, error: np.ndarray, resting: bool) -> str:
    """A word for the motion, from signs that are told from zero at `SIGMAS` errors."""
    if resting:
        return "fixed point"
    near = np.maximum(SIGMAS * error, 1e-4)
    if exponents[0] > near[0]:
        return "chaotic"
    zeros = int(np.sum(np.abs(exponents) <= near))
    if system.kind == "flow":
        return "" if zeros == 0 else "periodic" if zeros == 1 else "torus"
    return "periodic" if zeros == 0 else "torus"


def _status(growth: Growth, value: np.ndarray, error: np.ndarray, effective: np.ndarray,
            rules: tuple[Rule, ...]) -> tuple[Status, str]:
    wrong = [failures(rules)] if failures(rules) else []
    longer = f"average over longer than {growth.plan.length:g}"
    # regular motion has few independent windows, and errors that hardly matter
    matters = error > 1e-3 * float(np.max(np.abs(value)))
    few = float(np.min(effective[matters])) if matters.any() else math.inf
    if few < LEAST_WINDOWS:
        wrong.append(f"only {few:.0f} independent windows; {longer}")
    apart = halves_apart(growth.rates)
    spread = growth.rates.std(axis=(0, 1)) > 1e-9 * (1.0 + np.abs(growth.rates.mean(axis=(0, 1))))
    worst = float(np.max(np.abs(np.where(spread & matters & np.isfinite(apart), apart, 0.0))))
    if worst > MOST_APART:
        wrong.append(f"the halves of the run differ by {worst:.1f} standard deviations; {longer} or drop a longer "
                     "transient")
    return ("not_converged", "; ".join(wrong)) if wrong else ("converged", "")


def _entropy(rates: np.ndarray, exponents: np.ndarray, whole: bool, units: str) -> Invariant:
    positive = exponents > 0.0
    if positive.all() and not whole:
        return unsupported("entropy", f"all {len(exponents)} exponents are positive; ask for more of them", units)
    value = float(np.sum(exponents[positive]))
    error = float(block_error(rates[:, :, positive].sum(axis=2)[:, :, None]).error[0]) if positive.any() else 0.0
    return Invariant("entropy", np.array(value), np.array(error), units=units)


def _inherit(found: Invariant, status: Status, message: str) -> Invariant:
    """A number made of exponents that are not to be relied on is not either."""
    if status == "converged" or found.status != "converged":
        return found
    value = found.value if math.isfinite(float(found.value)) else np.array(math.nan)
    return Invariant(found.name, value, found.error, status, message, found.units)
