"""The waves of Rabinovich and Fabrikant."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from statfe.spec import Option
from statfe.systems.system import SPROTT, Family, Known, Symmetry, System, constant_divergence, usual

REFERENCE = "M. I. Rabinovich and A. L. Fabrikant, Sov. Phys. JETP 50, 311 (1979)"
KNOWN = (Known("exponents", (0.1981, 0.0, -0.6581), SPROTT, 5e-3), Known("kaplan_yorke", 2.3010, SPROTT, 1e-2))
OPTIONS = (
    Option("gamma", "float", 0.87, "growth of the waves"),
    Option("alpha", "float", 1.1, "damping"))


def rhs(_t: float, x: np.ndarray, p: np.ndarray, out: np.ndarray) -> None:
    """dx/dt = y (z - 1 + x^2) + gamma x, dy/dt = x (3 z + 1 - x^2) + gamma y, dz/dt = -2 z (alpha + x y)."""
    square = x[0] * x[0]
    out[0] = x[1] * (x[2] - 1.0 + square) + p[0] * x[0]
    out[1] = x[0] * (3.0 * x[2] + 1.0 - square) + p[0] * x[1]
    out[2] = -2.0 * x[2] * (p[1] + x[0] * x[1])


def jacobian(_t: float, x: np.ndarray, p: np.ndarray, out: np.ndarray) -> None:
    """Of `rhs`."""
    square = x[0] * x[0]
    out[0, 0], out[0, 1], out[0, 2] = 2.0 * x[0] * x[1] + p[0], x[2] - 1.0 + square, x[1]
    out[1, 0], out[1, 1], out[1, 2] = 3.0 * x[2] + 1.0 - 3.0 * square, p[0], 3.0 * x[0]
    out[2, 0], out[2, 1], out[2, 2] = -2.0 * x[2] * x[1], -2.0 * x[2] * x[0], -2.0 * (p[1] + x[0] * x[1])


def build(options: Mapping[str, Any]) -> System:
    """The system with its published exponents where the parameters are the usual ones."""
    published = KNOWN if usual(options, OPTIONS) else ()
    rule = constant_divergence(2.0 * (options["gamma"] - options["alpha"]), "2 (gamma - alpha)")
    return System(
        name="rabinovich-fabrikant", title="Rabinovich-Fabrikant", kind="flow", coordinates=("x", "y", "z"),
        parameters=dict(options), rhs=rhs, jacobian=jacobian, dt=0.005, period=6.0, transient=300.0,
        start=np.array([-1.0, 0.0, 0.5]), box=np.array([[-1.5, 1.5], [-1.5, 1.5], [0.0, 1.5]]),
        bound=1e3, reference=REFERENCE,
        symmetries=(Symmetry("half turn about z", np.diag([-1.0, -1.0, 1.0])),),
        known=(*published, rule))


FAMILY = Family(
    name="rabinovich-fabrikant", group="flow", summary="waves in a medium out of equilibrium; sharp bursts",
    options=OPTIONS, build=build, reference=REFERENCE,
    facts=("sum of exponents 2 (gamma - alpha), exactly",
           "z keeps its sign",
           "some starts run away to infinity"))
