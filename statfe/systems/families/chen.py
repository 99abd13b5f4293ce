"""The system of Chen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from statfe.spec import Option
from statfe.systems.system import SPROTT, Family, Known, Symmetry, System, constant_divergence, usual

REFERENCE = "G. Chen and T. Ueta, Int. J. Bifurcation Chaos 9, 1465 (1999), eq. (1)"
KNOWN = (Known("exponents", (2.0272, 0.0, -12.0272), SPROTT, 5e-3), Known("kaplan_yorke", 2.1686, SPROTT, 1e-3))
OPTIONS = (
    Option("a", "float", 35.0, "as sigma of Lorenz"),
    Option("b", "float", 3.0, "as beta of Lorenz"),
    Option("c", "float", 28.0, "growth"))


def rhs(_t: float, x: np.ndarray, p: np.ndarray, out: np.ndarray) -> None:
    """dx/dt = a (y - x), dy/dt = (c - a) x - x z + c y, dz/dt = x y - b z."""
    out[0] = p[0] * (x[1] - x[0])
    out[1] = (p[2] - p[0]) * x[0] - x[0] * x[2] + p[2] * x[1]
    out[2] = x[0] * x[1] - p[1] * x[2]


def jacobian(_t: float, x: np.ndarray, p: np.ndarray, out: np.ndarray) -> None:
    """Of `rhs`."""
    out[0, 0], out[0, 1], out[0, 2] = -p[0], p[0], 0.0
    out[1, 0], out[1, 1], out[1, 2] = p[2] - p[0] - x[2], p[2], -x[0]
    out[2, 0], out[2, 1], out[2, 2] = x[1], x[0], -p[1]


def build(options: Mapping[str, Any]) -> System:
    """The system with its published exponents where the parameters are the usual ones."""
    published = KNOWN if usual(options, OPTIONS) else ()
    rule = constant_divergence(options["c"] - options["a"] - options["b"], "c - a - b")
    return System(
        name="chen", title="Chen", kind="flow", coordinates=("x", "y", "z"), parameters=dict(options),
        rhs=rhs, jacobian=jacobian, dt=0.002, period=0.4, transient=20.0, start=np.array([-10.0, 0.0, 37.0]),
        box=np.array([[-20.0, 20.0], [-20.0, 20.0], [5.0, 40.0]]), bound=1e4, reference=REFERENCE,
        symmetries=(Symmetry("half turn about z", np.diag([-1.0, -1.0, 1.0])),),
        known=(*published, rule))


FAMILY = Family(
    name="chen", group="flow", summary="a relative of the Lorenz system that it cannot be turned into",
    options=OPTIONS, build=build, reference=REFERENCE,
    facts=("sum of exponents c - a - b, exactly",))
