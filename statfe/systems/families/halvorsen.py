"""The cyclically symmetric system of Halvorsen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from statfe.spec import Option
from statfe.systems.system import Family, Known, Symmetry, System

REFERENCE = "J. C. Sprott, Chaos and Time-Series Analysis (2003), Table A.4, after A. Halvorsen"


def rhs(_t: float, x: np.ndarray, p: np.ndarray, out: np.ndarray) -> None:
    """dx/dt = -a x - 4 y - 4 z - y^2, and the same with x, y, z in turn."""
    out[0] = -p[0] * x[0] - 4.0 * x[1] - 4.0 * x[2] - x[1] * x[1]
    out[1] = -p[0] * x[1] - 4.0 * x[2] - 4.0 * x[0] - x[2] * x[2]
    out[2] = -p[0] * x[2] - 4.0 * x[0] - 4.0 * x[1] - x[0] * x[0]


def jacobian(_t: float, x: np.ndarray, p: np.ndarray, out: np.ndarray) -> None:
    """Of `rhs`."""
    out[0, 0], out[0, 1], out[0, 2] = -p[0], -4.0 - 2.0 * x[1], -4.0
    out[1, 0], out[1, 1], out[1, 2] = -4.0, -p[0], -4.0 - 2.0 * x[2]
    out[2, 0], out[2, 1], out[2, 2] = -4.0 - 2.0 * x[0], -4.0, -p[0]


def build(options: Mapping[str, Any]) -> System:
    """The system with the parameters of `options`."""
    usual = options["a"] == 1.27
    return System(
        name=FAMILY.name, title="Halvorsen", kind="flow", coordinates=("x", "y", "z"), parameters=dict(options),
        rhs=rhs, jacobian=jacobian, dt=0.005, period=1.5, transient=50.0,
        start=np.array([-5.0, 0.0, 0.0]), box=np.array([[-8.0, 4.0], [-8.0, 4.0], [-8.0, 4.0]]),
        bound=1e3, reference=REFERENCE,
        symmetries=(Symmetry("cyclic", np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])),),
        known=(Known("exponents", (0.7899, 0.0, -4.6000), "Sprott (2003), appendix A", 2e-3),) if usual else ())


FAMILY = Family(
    name="halvorsen", group="flow",
    summary="three wings, symmetric in its coordinates",
    options=(Option("a", "float", 1.27, "friction"),),
    build=build, reference=REFERENCE,
    facts=("sum of exponents -3 a, exactly",))
