"""Lyapunov exponents of a system, with errors, the rules they must obey, and the dimension that follows.

The method of Benettin et al., Meccanica 15, 9 (1980): tangent vectors are followed along trajectories and made
orthonormal in turns; what they grow by are the exponents. Errors are those of means over blocks of all trajectories
(`statfe.attractors.blocks`). A result that fails a rule, whose halves disagree, whose errors grow with the blocks
(`statfe.attractors.lingering`), or which has too few independent windows is `not_converged`, and says what to change.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from statfe.attractors.blocks import block_error
from statfe.attractors.invariant import Invariant, unsupported
from statfe.attractors.kaplan_yorke import dimension
from statfe.attractors.lingering import lingers
from statfe.attractors.marginal import doubts
from statfe.attractors.record import RESTS, sizes
from statfe.attractors.rules import TRACE, ZERO, Rule, check_rules, failures
from statfe.attractors.superstable import flattened, message
from statfe.attractors.tangent import Growth, Plan, cost_of, grow, plan_growth
from statfe.result import Status
from statfe.stats import halves_apart
from statfe.systems.system import System, glides, holds_torus, idle_clocks

#: Fewest independent windows behind an error, and how far the halves of a run may differ, in standard deviations.
LEAST_WINDOWS, MOST_APART = 20.0, 4.5
#: An exponent is told from zero at so many standard deviations.
SIGMAS = 3.0
#: and by so much growth in a characteristic time.
LEAST = 1e-4
#: Longest second run for a `target`, as a multiple of the first, and the most work of one.
MORE, MOST_WORK = 12.0, 1.5e10
#: A first look at whether the motion rests takes this share of the steps, without vectors but one.
LOOK = 1 / 32
#: Coordinates from which that look pays.
MANY = 16


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
    lingering
        Why means along this motion need longer runs than errors tell, "" where they do not.
    """

    exponents: Invariant
    kaplan_yorke: Invariant
    entropy: Invariant
    motion: str
    rules: tuple[Rule, ...]
    growth: Growth
    lingering: str = ""


def lyapunov(
    system: System, count: int | None = None, starts: np.ndarray | None = None, seed: int = 0, workers: int = 1,
    target: float | None = None, **options: Any,
) -> Exponents:
    """The `count` leading exponents of a system; all of them, up to 64, when not given.

    Parameters
    ----------
    starts
        Where trajectories begin, shape (trajectory, dimension); the system's own start when not given.
    target
        Error of the largest exponent that is wanted, relative to it: where the run of a chaotic system does not reach
        it, a second one is as long as it must be, up to `MORE` times.
    **options
        Of `statfe.attractors.tangent.plan_growth`: `length`, `scale`, `dt`, `trajectories`, `transient`, `integrator`.
    """
    plan = plan_growth(system, count, **options)
    # all eigenvalues cost nothing more
    kept = system.dimension if count is None else plan.count
    resting = _look(system, plan, starts, seed, workers) if system.dimension > MANY else None
    found = of_growth(system, grow(system, plan, starts, seed, workers)) if resting is None else of_growth(
        system, dataclasses.replace(resting, plan=dataclasses.replace(resting.plan, count=kept)))
    if found.motion == "fixed point" and found.growth.plan.count < kept:
        return of_growth(system, dataclasses.replace(
            found.growth, plan=dataclasses.replace(found.growth.plan, count=kept)))
    if target is None or found.motion != "chaotic":
        return found
    short = (float(found.exponents.error[0]) / (target * float(found.exponents.value[0]))) ** 2
    steps = plan.trajectories * plan.windows * plan.turns
    more = min(1.2 * short, MORE, MOST_WORK / (steps * cost_of(system, plan.count)))
    if more <= 1.2:
        return found
    return of_growth(system, grow(system, dataclasses.replace(plan, turns=round(plan.turns * more)), starts, seed,
                                  workers))


def _look(system: System, plan: Plan, starts: np.ndarray | None, seed: int, workers: int) -> Growth | None:
    """A short run where the motion ends at rest in a fixed point that attracts: a longer one would say the same."""
    short = dataclasses.replace(plan, count=1, turns=max(1, math.ceil(plan.turns * LOOK)))
    growth = grow(system, short, starts, seed, workers)
    if np.isfinite(growth.escaped) or not rests(system, growth):
        return None
    eigenvalues = np.linalg.eigvals(system.jacobian_at(growth.ends[0, -1]))
    pulls = eigenvalues.real < 0.0 if system.kind == "flow" else np.abs(eigenvalues) < 1.0
    return growth if bool(pulls.all()) else None


def of_growth(system: System, growth: Growth) -> Exponents:
    """Exponents from a run."""
    count, units = growth.plan.count, "1/time"
    if np.isfinite(growth.escaped):
        text = (f"a trajectory left the bound {system.bound:g} or became non-finite within {growth.escaped:g} units of "
                "time; use a smaller dt, another start, or parameters with an attractor")
        return _nothing(text, growth)
    if rests(system, growth):
        return _resting(system, growth)
    flat = flattened(system, growth.ends[0, -1]) if (growth.rates.mean(axis=(0, 1)) < 0.0).all() else 0
    if count > system.dimension - flat:
        return _superstable(system, growth, flat)
    if not np.isfinite(growth.rates).all():
        change = "ask for fewer of them" if count > 1 else "take another start or change a parameter a little"
        return _nothing(f"the derivative of the law is singular or not finite along the motion; {change}", growth)
    found = block_error(growth.rates)
    order = np.argsort(-found.mean, kind="stable")
    value, error = found.mean[order], found.error[order]
    # near zero, growth in proportion to time cannot be told from an exponent
    unsure = np.abs(value) <= SIGMAS * np.hypot(error, growth.plan.drift)
    error = np.where(unsure, np.hypot(error, growth.plan.drift), error)
    rules = tuple(check_rules(system, growth, value))
    zeroed = zeros_set(system, value)
    positive = zeroed > _near(system, error)
    lingering = lingers(growth.rates[:, :, order[positive]], _keeps(growth, value))
    status, message = _status(growth, value, error, found.effective, rules, lingering)
    exponents = Invariant("exponents", value, error, status, message, units,
                          {"tau": found.tau[order], "length": growth.plan.length, "dt": growth.plan.dt})
    whole = count == system.dimension
    motion = motion_of(system, zeroed, error)
    doubt = doubts(system, growth.ends) if motion == "torus" else ""
    motion = "" if doubt else motion
    if doubt or motion == "torus" or (motion == "periodic" and system.kind == "map"):
        # rates that are not told from zero are directions along the motion: their signs are chance
        zeroed = np.where(np.abs(zeroed) <= _near(system, error), 0.0, zeroed)
    entropy = _inherit(_entropy(growth.rates[:, :, order], zeroed, whole, units), status, message)
    if doubt:
        ky = unsupported("kaplan_yorke", doubt)
    elif (motion == "" and system.kind == "map") or (
            motion == "torus" and whole and not zeroed.any() and not _keeps(growth, value)):
        ky = unsupported("kaplan_yorke", "no exponent is told from zero, as near a bifurcation; average over longer, "
                                         "or change a parameter a little")
    elif whole and motion != "chaotic" and _keeps(growth, value):
        ky = unsupported("kaplan_yorke", "volumes are kept and no exponent is positive, so exponents do not tell the "
                                         "dimension; see the correlation dimension")
    else:
        # an idle clock takes no part in the motion: its zero is no direction of it
        idle = np.flatnonzero(np.abs(zeroed) <= _near(system, error))[:len(idle_clocks(system))]
        order, zeroed = np.delete(order, idle), np.delete(zeroed, idle)
        filled = whole and (_keeps(growth, value) or (system.kind == "map" and float(np.mean(growth.traces)) > 0.0))
        ky = _inherit(dimension(growth.rates[:, :, order], zeroed, whole, filled), status, message)
    return Exponents(exponents, ky, entropy, motion, rules, growth, lingering)


def _nothing(text: str, growth: Growth) -> Exponents:
    """No numbers, and why."""
    return Exponents(unsupported("exponents", text, "1/time", growth.plan.count), unsupported("kaplan_yorke", text),
                     unsupported("entropy", text, "1/time"), "", (), growth)


def rests(system: System, growth: Growth) -> bool:
    """Whether all trajectories stand still, to the digits that matter; windows may hold whole turns: one step too."""
    ends = growth.ends[:, growth.ends.shape[1] // 2:]
    size = sizes(system, ends)
    size[list(idle_clocks(system))] = math.inf
    if (np.ptp(ends, axis=1) > RESTS * size).any():
        return False
    x = ends[0, -1]
    moved = system.velocity(x) * system.period if system.kind == "flow" else system.velocity(x) - x
    return bool((np.abs(moved) <= RESTS * size).all())


def _resting(system: System, growth: Growth) -> Exponents:
    """Exponents at a fixed point, exactly: real parts of the eigenvalues there, or logarithms of their sizes (maps)."""
    count, jacobian = growth.plan.count, system.jacobian_at(growth.ends[0, -1])
    eigenvalues = np.linalg.eigvals(jacobian)
    flat = flattened(system, growth.ends[0, -1])
    if system.kind == "map" and (flat := max(flat, int(np.sum(eigenvalues == 0.0)))) > system.dimension - count:
        return _superstable(system, growth, flat)
    with np.errstate(divide="ignore"):
        rates = eigenvalues.real if system.kind == "flow" else np.log(np.abs(eigenvalues)) / growth.plan.dt
        volume = np.trace(jacobian) if system.kind == "flow" else np.linalg.slogdet(jacobian)[1] / growth.plan.dt
    value = np.sort(rates)[::-1][:count]
    rules = tuple(check_rules(system, dataclasses.replace(growth, traces=np.array(volume)), value, resting=True))
    zero = np.array(0.0)
    exponents = Invariant("exponents", value, np.zeros(len(value)), units="1/time")
    return Exponents(exponents, Invariant("kaplan_yorke", zero, zero), Invariant("entropy", zero, zero, units="1/time"),
                     "fixed point", rules, growth)


def _superstable(system: System, growth: Growth, flat: int) -> Exponents:
    """A cycle or a fixed point of a map with `flat` exponents of minus infinity among those that were asked for."""
    text, zero = message(flat, system.dimension), np.array(0.0)
    rule = Rule("sum of exponents = mean trace", math.nan, TRACE, None, "both are minus infinity")
    return Exponents(unsupported("exponents", text, "1/time", growth.plan.count),
                     Invariant("kaplan_yorke", zero, zero), Invariant("entropy", zero, zero, units="1/time"),
                     "fixed point" if rests(system, growth) else "periodic", (rule,), growth)


def zeros_set(system: System, value: np.ndarray) -> np.ndarray:
    """Exponents with the one zero of a flow set to zero, where the rule finds it; theory says it is exact."""
    out = value.copy()
    if system.kind == "flow":
        nearest = int(np.argmin(np.abs(value)))
        if abs(value[nearest]) <= ZERO:
            out[nearest] = 0.0
    return np.sort(out)[::-1]


def motion_of(system: System, exponents: np.ndarray, error: np.ndarray) -> str:
    """A word for the motion that does not rest, from signs that are told from zero at `SIGMAS` errors."""
    near = _near(system, error)
    if exponents[0] > near[0]:
        return "chaotic"
    zeros = int(np.sum(np.abs(exponents) <= near)) - len(idle_clocks(system))
    if glides(system):
        return "" if zeros == 0 else "periodic" if zeros == 1 else "torus" if holds_torus(system) else ""
    return "periodic" if zeros == 0 else "torus" if holds_torus(system) else ""


def _near(system: System, error: np.ndarray) -> np.ndarray:
    """Sizes up to which exponents are not told from zero."""
    return np.asarray(np.maximum(SIGMAS * error, LEAST / system.period))


def _keeps(growth: Growth, value: np.ndarray) -> bool:
    """Whether volumes are kept, everywhere or in the mean."""
    volume = block_error(growth.traces[:, :, None])
    rounding = 1e-9 * max(float(np.max(np.abs(value))), 1e-9)
    return bool(abs(volume.mean[0]) <= SIGMAS * volume.error[0] + rounding)


def _status(growth: Growth, value: np.ndarray, error: np.ndarray, effective: np.ndarray,
            rules: tuple[Rule, ...], lingering: str) -> tuple[Status, str]:
    wrong = [failures(rules)] if failures(rules) else []
    longer = f"average over longer than {growth.plan.length:g}"
    if lingering:
        wrong.append(f"{lingering}; {longer}, or drop a longer transient")
    # regular motion has few independent windows, and errors that hardly matter
    matters = error > np.maximum(1e-3 * np.abs(value), 1e-5 * float(np.max(np.abs(value))))
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
