"""The cyclically symmetric flow of Halvorsen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from statfe.spec import Option
from statfe.systems.system import SPROTT, Family, Known, Symmetry, System, constant_divergence, usual

REFERENCE = "Arne Dehli Halvorsen, in J. C. Sprott, Chaos and Time-Series Analysis (Oxford 2003), appendix A.5"
KNOWN = (Known("exponents", (0.7899, 0.0, -4.5999), SPROTT, 5e-4), Known("kaplan_yorke", 2.1717, SPROTT, 1e-3))
OPTIONS = (
    Option("a", "float", 1.27, "friction"),)


def rhs(_t: float, x: np.ndarray, p: np.ndarray, out: np.ndarray) -> None:
    """dx/dt = -a x - 4 y - 4 z - y^2, and so on round the circle x, y, z."""
    out[0] = -p[0] * x[0] - 4.0 * x[1] - 4.0 * x[2] - x[1] * x[1]
    out[1] = -p[0] * x[1] - 4.0 * x[2] - 4.0 * x[0] - x[2] * x[2]
    out[2] = -p[0] * x[2] - 4.0 * x[0] - 4.0 * x[1] - x[0] * x[0]


def jacobian(_t: float, x: np.ndarray, p: np.ndarray, out: np.ndarray) -> None:
    """Of `rhs`."""
    a = -p[0]
    out[0, 0], out[0, 1], out[0, 2] = a, -4.0 - 2.0 * x[1], -4.0
    out[1, 0], out[1, 1], out[1, 2] = -4.0, a, -4.0 - 2.0 * x[2]
    out[2, 0], out[2, 1], out[2, 2] = -4.0 - 2.0 * x[0], -4.0, a


def build(options: Mapping[str, Any]) -> System:
    """The system with its published exponents where the parameters are the usual ones."""
    published = KNOWN if usual(options, OPTIONS) else ()
    rule = constant_divergence(-3.0 * options["a"], "-3 a")
    return System(
        name="halvorsen", title="Halvorsen", kind="flow", coordinates=("x", "y", "z"), parameters=dict(options),
        rhs=rhs, jacobian=jacobian, dt=0.005, period=1.5, transient=50.0, start=np.array([-5.0, 0.0, 0.0]),
        box=np.array([[-6.0, 2.0], [-6.0, 2.0], [-6.0, 2.0]]), bound=1e3, reference=REFERENCE,
        symmetries=(Symmetry("cyclic exchange", np.roll(np.eye(3), 1, axis=1)),),
        known=(*published, rule))


FAMILY = Family(
    name="halvorsen", group="flow", summary="three coordinates in a circle; a symmetric strange attractor",
    options=OPTIONS, build=build, reference=REFERENCE,
    facts=("sum of exponents -3 a, exactly",
           "many starts run away to infinity"))
