"""The logistic map."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from statfe.spec import Option
from statfe.systems.system import Family, Known, System

REFERENCE = "R. M. May, Nature 261, 459 (1976), eq. (3)"


def rhs(_t: float, x: np.ndarray, p: np.ndarray, out: np.ndarray) -> None:
    """x' = r x (1 - x)."""
    out[0] = p[0] * x[0] * (1.0 - x[0])


def jacobian(_t: float, x: np.ndarray, p: np.ndarray, out: np.ndarray) -> None:
    """Of `rhs`."""
    out[0, 0] = p[0] * (1.0 - 2.0 * x[0])


def build(options: Mapping[str, Any]) -> System:
    """The system with the parameters of `options`."""
    usual = options["r"] == 4.0
    return System(
        name=FAMILY.name, title="Logistic map", kind="map", coordinates=("x",), parameters=dict(options),
        rhs=rhs, jacobian=jacobian, dt=1.0, period=1.0, transient=1000.0,
        start=np.array([0.3]), box=np.array([[0.0, 1.0]]),
        bound=10.0, reference=REFERENCE,
        known=(Known("exponents", (math.log(2.0),), "conjugate to the tent map"),) if usual else ())


FAMILY = Family(
    name="logistic", group="map",
    summary="the population of one season from that before",
    options=(Option("r", "float", 4.0, "growth"),),
    build=build, reference=REFERENCE,
    facts=("r = 4: exponent ln 2, exactly",
           "period doubling up to r = 3.5699"))
