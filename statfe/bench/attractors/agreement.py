"""Do two integrators agree? Exponents and the Kaplan-Yorke dimension of one system by two ways to make steps.

The two runs share the law and the starts; chaos takes them apart, so their errors add in squares. Each pair is two
different formulas for a step, one formula with the step halved, or fixed steps and scipy's adaptive DOP853.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from statfe.attractors.exponents import Exponents, lyapunov, of_growth
from statfe.attractors.tangent_reference import reference_growth
from statfe.systems.catalogue import build_system
from statfe.systems.system import System

#: Two numbers agree within so many joint errors; a pair has up to seven numbers, and one in 400 passes by chance.
SIGMAS = 3.0
#: The joint error of the largest exponent over it, above which a pair could not tell a wrong integrator.
SHARP = 0.1
#: Differences that are rounding, of the largest exponent in size.
ROUNDING = 1e-6


@dataclass(frozen=True)
class Way:
    """How steps are made: an integrator of fixed steps, or ``DOP853``; the system's own step where `dt` is None."""

    integrator: str
    length: float
    dt: float | None = None

    def measure(self, system: System, count: int | None, seed: int, workers: int, scale: float) -> Exponents:
        """Exponents this way."""
        if self.integrator == "DOP853":
            return of_growth(system, reference_growth(system, scale * self.length, seed=seed))
        return lyapunov(system, count, seed=seed, workers=workers, length=scale * self.length, dt=self.dt,
                        integrator=self.integrator)


@dataclass(frozen=True)
class Pair:
    """Two ways to follow one system."""

    system: str
    first: Way
    second: Way
    count: int | None = None


#: The pairs of the table.
PAIRS = (
    Pair("lorenz63", Way("rk4", 20000.0), Way("rk4", 20000.0, dt=0.0025)),
    Pair("lorenz63", Way("rk4", 20000.0), Way("DOP853", 600.0)),
    Pair("henon-heiles", Way("yoshida4", 160000.0), Way("rk4", 160000.0)),
    Pair("double-pendulum", Way("rk4", 9000.0), Way("rk4", 9000.0, dt=0.0008)),
    Pair("kuramoto-sivashinsky", Way("etdrk4", 6000.0), Way("rk4", 6000.0, dt=0.015), count=6),
)


@dataclass(frozen=True)
class Difference:
    """One number, measured two ways.

    Attributes
    ----------
    values, errors
        By the first and by the second way.
    rounding
        A distance that is none.
    """

    quantity: str
    values: tuple[float, float]
    errors: tuple[float, float]
    rounding: float = 0.0

    @property
    def sigmas(self) -> float:
        """Distance in joint errors."""
        distance, size = abs(self.values[0] - self.values[1]), math.hypot(*self.errors)
        if distance <= self.rounding:
            return 0.0
        return distance / size if size > 0.0 else math.inf

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"quantity": self.quantity, "values": list(self.values), "errors": list(self.errors),
                "sigmas": self.sigmas}


@dataclass(frozen=True)
class Agreement:
    """What two ways say of one system.

    Attributes
    ----------
    steps
        Of both ways: the step of time, or the time between two orthonormalisations of DOP853.
    differences
        Of every exponent and of the dimension; none where a run has no numbers.
    message
        Why there are none, or "".
    """

    system: str
    integrators: tuple[str, str]
    steps: tuple[float, float]
    lengths: tuple[float, float]
    differences: tuple[Difference, ...] = ()
    message: str = ""
    seconds: float = field(default=math.nan, compare=False)

    @property
    def sigmas(self) -> float:
        """The largest distance in joint errors."""
        return max((d.sigmas for d in self.differences), default=math.nan)

    @property
    def power(self) -> float:
        """Joint error of the largest exponent over its size: differences much smaller than this are not seen."""
        if not self.differences:
            return math.nan
        first = self.differences[0]
        return math.hypot(*first.errors) / max(abs(first.values[0]), 1e-300)

    @property
    def agree(self) -> bool:
        """Whether all numbers are within `SIGMAS`, and the errors small enough to tell."""
        # written so that a nan fails
        return bool(self.sigmas <= SIGMAS and self.power <= SHARP)

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"system": self.system, "integrators": list(self.integrators), "steps": list(self.steps),
                "lengths": list(self.lengths), "differences": [d.to_dict() for d in self.differences],
                "sigmas": self.sigmas, "power": self.power, "agree": self.agree, "message": self.message,
                "seconds": self.seconds}


def agreement(pair: Pair, seed: int, workers: int = 1, scale: float = 1.0) -> Agreement:
    """Measure a system both ways."""
    began = time.perf_counter()
    return compare(build_system(pair.system), pair, seed, workers, scale, began)


def compare(system: System, pair: Pair, seed: int, workers: int = 1, scale: float = 1.0,
            began: float = math.nan) -> Agreement:
    """`agreement` of a system that is built."""
    found = [way.measure(system, pair.count, seed, workers, scale) for way in (pair.first, pair.second)]
    plans = [f.growth.plan for f in found]
    differences = differences_of(*found)
    message = "" if differences else "; ".join(f.exponents.message for f in found if f.exponents.message)
    return Agreement(pair.system, (plans[0].integrator, plans[1].integrator), (plans[0].dt, plans[1].dt),
                     (plans[0].length, plans[1].length), tuple(differences), message, time.perf_counter() - began)


def differences_of(first: Exponents, second: Exponents) -> Iterable[Difference]:
    """Of every exponent, and of the dimension where both have one."""
    a, b = first.exponents, second.exponents
    if not (np.isfinite(a.value).all() and np.isfinite(b.value).all()):
        return []
    rounding = ROUNDING * float(np.max(np.abs(a.value)))
    found = [Difference(f"exponent {k + 1}", (float(a.value[k]), float(b.value[k])),
                        (float(a.error[k]), float(b.error[k])), rounding) for k in range(len(a.value))]
    a, b = first.kaplan_yorke, second.kaplan_yorke
    if math.isfinite(float(a.value)) and math.isfinite(float(b.value)):
        found.append(Difference("kaplan_yorke", (float(a.value), float(b.value)), (float(a.error), float(b.error)),
                                ROUNDING))
    return found
