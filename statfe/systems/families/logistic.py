"""The logistic map."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from statfe.spec import Option
from statfe.systems.system import Family, Known, System

REFERENCE = "R. M. May, Nature 261, 459 (1976), eq. (3)"
OPTIONS = (
    Option("r", "float", 4.0, "growth", minimum=0.0, maximum=4.0),)


def rhs(_t: float, x: np.ndarray, p: np.ndarray, out: np.ndarray) -> None:
    """x' = r x (1 - x)."""
    out[0] = p[0] * x[0] * (1.0 - x[0])


def jacobian(_t: float, x: np.ndarray, p: np.ndarray, out: np.ndarray) -> None:
    """Of `rhs`."""
    out[0, 0] = p[0] * (1.0 - 2.0 * x[0])


def build(options: Mapping[str, Any]) -> System:
    """The map; its exponent is known where it is conjugate to a tent."""
    exact = (Known("exponents", (math.log(2.0),), "conjugate to the tent map: ln 2, exactly"),)
    return System(
        name="logistic", title="Logistic map", kind="map", coordinates=("x",), parameters=dict(options),
        rhs=rhs, jacobian=jacobian, dt=1.0, period=1.0, transient=1000.0, start=np.array([0.1]),
        box=np.array([[0.0, 1.0]]), bound=10.0, reference=REFERENCE,
        known=exact if options["r"] == 4.0 else ())


FAMILY = Family(
    name="logistic", group="map", summary="the parabola; periods that double on the way to chaos",
    options=OPTIONS, build=build, reference=REFERENCE,
    facts=("r=4: exponent ln 2, invariant density 1 / (pi sqrt(x (1 - x)))",
           "r=3.5699456: the end of the first doublings"))
