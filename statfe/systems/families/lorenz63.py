"""The Lorenz system of 1963."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from statfe.spec import Option
from statfe.systems.system import GRASSBERGER, SPROTT, Family, Known, Symmetry, System, constant_divergence, usual

REFERENCE = "E. N. Lorenz, J. Atmos. Sci. 20, 130 (1963), eqs (25)-(27)"
KNOWN = (Known("exponents", (0.9056, 0.0, -14.5723), SPROTT, 5e-4), Known("kaplan_yorke", 2.062, SPROTT, 1e-3),
         Known("correlation_dimension", 2.05, GRASSBERGER, 0.01))
OPTIONS = (
    Option("sigma", "float", 10.0, "Prandtl number"),
    Option("rho", "float", 28.0, "Rayleigh number over its critical value"),
    Option("beta", "float", 8 / 3, "aspect of the rolls"))


def rhs(_t: float, x: np.ndarray, p: np.ndarray, out: np.ndarray) -> None:
    """dx/dt = sigma (y - x), dy/dt = x (rho - z) - y, dz/dt = x y - beta z."""
    out[0] = p[0] * (x[1] - x[0])
    out[1] = x[0] * (p[1] - x[2]) - x[1]
    out[2] = x[0] * x[1] - p[2] * x[2]


def jacobian(_t: float, x: np.ndarray, p: np.ndarray, out: np.ndarray) -> None:
    """Of `rhs`."""
    out[0, 0], out[0, 1], out[0, 2] = -p[0], p[0], 0.0
    out[1, 0], out[1, 1], out[1, 2] = p[1] - x[2], -1.0, -x[0]
    out[2, 0], out[2, 1], out[2, 2] = x[1], x[0], -p[2]


def build(options: Mapping[str, Any]) -> System:
    """The system with its published exponents where the parameters are the usual ones."""
    published = KNOWN if usual(options, OPTIONS) else ()
    rule = constant_divergence(-options["sigma"] - 1.0 - options["beta"], "-(sigma + 1 + beta)")
    return System(
        name="lorenz63", title="Lorenz 1963", kind="flow", coordinates=("x", "y", "z"), parameters=dict(options),
        rhs=rhs, jacobian=jacobian, dt=0.005, period=0.75, transient=30.0, start=np.array([1.0, 1.0, 20.0]),
        box=np.array([[-20.0, 20.0], [-25.0, 25.0], [0.0, 50.0]]), bound=1e4, reference=REFERENCE,
        symmetries=(Symmetry("half turn about z", np.diag([-1.0, -1.0, 1.0])),),
        known=(*published, rule))


FAMILY = Family(
    name="lorenz63", group="flow", summary="convection in three modes; a strange attractor with two wings",
    options=OPTIONS, build=build, reference=REFERENCE,
    facts=("sum of exponents -(sigma + 1 + beta), exactly", "rho < 24.06: fixed points attract, with transient chaos"))
