"""The cyclically symmetric system of Thomas."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from statfe.spec import Option
from statfe.systems.system import Family, Known, Symmetry, System

REFERENCE = "R. Thomas, Int. J. Bifurcation Chaos 9, 1889 (1999), eq. (6)"


def rhs(_t: float, x: np.ndarray, p: np.ndarray, out: np.ndarray) -> None:
    """dx/dt = sin y - b x, and the same with x, y, z in turn."""
    out[0] = math.sin(x[1]) - p[0] * x[0]
    out[1] = math.sin(x[2]) - p[0] * x[1]
    out[2] = math.sin(x[0]) - p[0] * x[2]


def jacobian(_t: float, x: np.ndarray, p: np.ndarray, out: np.ndarray) -> None:
    """Of `rhs`."""
    out[0, 0], out[0, 1], out[0, 2] = -p[0], math.cos(x[1]), 0.0
    out[1, 0], out[1, 1], out[1, 2] = 0.0, -p[0], math.cos(x[2])
    out[2, 0], out[2, 1], out[2, 2] = math.cos(x[0]), 0.0, -p[0]


def build(options: Mapping[str, Any]) -> System:
    """The system with the parameters of `options`."""
    usual = options["b"] == 0.18
    return System(
        name=FAMILY.name, title="Thomas", kind="flow", coordinates=("x", "y", "z"), parameters=dict(options),
        rhs=rhs, jacobian=jacobian, dt=0.05, period=10.0, transient=500.0,
        start=np.array([0.1, 0.0, 0.3]), box=np.array([[-4.0, 4.0], [-4.0, 4.0], [-4.0, 4.0]]),
        bound=1e3, reference=REFERENCE,
        symmetries=(Symmetry("cyclic", np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])),
                    Symmetry("inversion", -np.eye(3))),
        known=(Known("exponents", (0.0349, 0.0, -0.5749), "Sprott (2003), appendix A", 3e-4),) if usual else ())


FAMILY = Family(
    name="thomas", group="flow",
    summary="labyrinth of feedback loops, symmetric in its coordinates",
    options=(Option("b", "float", 0.18, "friction"),),
    build=build, reference=REFERENCE,
    facts=("sum of exponents -3 b, exactly",
           "b = 0: conservative, a walk through a labyrinth"))
