"""The waves of Rabinovich and Fabrikant."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from statfe.spec import Option
from statfe.systems.system import Family, Symmetry, System

REFERENCE = "M. I. Rabinovich and A. L. Fabrikant, Sov. Phys. JETP 50, 311 (1979)"


def rhs(_t: float, x: np.ndarray, p: np.ndarray, out: np.ndarray) -> None:
    """dx/dt = y (z - 1 + x^2) + gamma x, dy/dt = x (3 z + 1 - x^2) + gamma y, dz/dt = -2 z (alpha + x y)."""
    square = x[0] * x[0]
    out[0] = x[1] * (x[2] - 1.0 + square) + p[1] * x[0]
    out[1] = x[0] * (3.0 * x[2] + 1.0 - square) + p[1] * x[1]
    out[2] = -2.0 * x[2] * (p[0] + x[0] * x[1])


def jacobian(_t: float, x: np.ndarray, p: np.ndarray, out: np.ndarray) -> None:
    """Of `rhs`."""
    out[0, 0], out[0, 1], out[0, 2] = 2.0 * x[0] * x[1] + p[1], x[2] - 1.0 + x[0] * x[0], x[1]
    out[1, 0], out[1, 1], out[1, 2] = 3.0 * x[2] + 1.0 - 3.0 * x[0] * x[0], p[1], 3.0 * x[0]
    out[2, 0], out[2, 1], out[2, 2] = -2.0 * x[2] * x[1], -2.0 * x[2] * x[0], -2.0 * (p[0] + x[0] * x[1])


def build(options: Mapping[str, Any]) -> System:
    """The system with the parameters of `options`."""
    return System(
        name=FAMILY.name, title="Rabinovich-Fabrikant", kind="flow",
        coordinates=("x", "y", "z"), parameters=dict(options),
        rhs=rhs, jacobian=jacobian, dt=0.002, period=2.0, transient=300.0,
        start=np.array([-1.0, 0.0, 0.5]), box=np.array([[-1.5, 1.5], [-1.5, 1.5], [0.0, 1.5]]),
        bound=1e3, reference=REFERENCE,
        symmetries=(Symmetry("half turn about z", np.diag([-1.0, -1.0, 1.0])),))


FAMILY = Family(
    name="rabinovich-fabrikant", group="flow",
    summary="modulated waves in a medium that is not in equilibrium; sensitive to its parameters",
    options=(Option("alpha", "float", 1.1, "damping"),
             Option("gamma", "float", 0.87, "growth")),
    build=build, reference=REFERENCE,
    facts=("sum of exponents 2 (gamma - alpha), exactly (the products of x and y cancel)",))
