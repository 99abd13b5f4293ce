"""The labyrinth of Thomas."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from statfe.spec import Option
from statfe.systems.system import SPROTT, Family, Known, Symmetry, System, constant_divergence, usual

REFERENCE = "R. Thomas, Int. J. Bifurcation Chaos 9, 1889 (1999)"
KNOWN = (Known("exponents", (0.0349, 0.0, -0.5749), SPROTT, 5e-4), Known("kaplan_yorke", 2.0607, SPROTT, 1e-3))
OPTIONS = (
    Option("b", "float", 0.18, "friction"),)


def rhs(_t: float, x: np.ndarray, p: np.ndarray, out: np.ndarray) -> None:
    """dx/dt = sin y - b x, and so on round the circle x, y, z."""
    out[0] = np.sin(x[1]) - p[0] * x[0]
    out[1] = np.sin(x[2]) - p[0] * x[1]
    out[2] = np.sin(x[0]) - p[0] * x[2]


def jacobian(_t: float, x: np.ndarray, p: np.ndarray, out: np.ndarray) -> None:
    """Of `rhs`."""
    out[0, 0], out[0, 1], out[0, 2] = -p[0], np.cos(x[1]), 0.0
    out[1, 0], out[1, 1], out[1, 2] = 0.0, -p[0], np.cos(x[2])
    out[2, 0], out[2, 1], out[2, 2] = np.cos(x[0]), 0.0, -p[0]


def build(options: Mapping[str, Any]) -> System:
    """The system with its published exponents where the parameters are the usual ones."""
    published = KNOWN if usual(options, OPTIONS) else ()
    rule = constant_divergence(-3.0 * options["b"], "-3 b")
    return System(
        name="thomas", title="Thomas labyrinth", kind="flow", coordinates=("x", "y", "z"), parameters=dict(options),
        rhs=rhs, jacobian=jacobian, dt=0.05, period=14.0, transient=1000.0, start=np.array([0.1, 0.0, 0.0]),
        box=np.array([[-4.0, 4.0], [-4.0, 4.0], [-4.0, 4.0]]), bound=1e3, reference=REFERENCE,
        symmetries=(Symmetry("cyclic exchange", np.roll(np.eye(3), 1, axis=1)), Symmetry("inversion", -np.eye(3))),
        known=(*published, rule))


FAMILY = Family(
    name="thomas", group="flow",
    summary="a particle with friction in a cubic lattice of forces; a symmetric strange attractor",
    options=OPTIONS, build=build, reference=REFERENCE,
    facts=("sum of exponents -3 b, exactly",
           "b = 0: conservative walk through the labyrinth"))
