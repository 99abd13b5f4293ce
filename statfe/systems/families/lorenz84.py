"""The low-order circulation of Lorenz: coexisting attractors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from statfe.spec import Option
from statfe.systems.system import Family, System

REFERENCE = ("E. N. Lorenz, Tellus A 36, 98 (1984), eqs (1)-(3); "
             "multistability: J. G. Freire et al., Chaos 18, 033121 (2008)")
OPTIONS = (
    Option("F", "float", 6.886, "forcing of the westerly wind"),
    Option("G", "float", 1.347, "forcing of the waves"),
    Option("a", "float", 0.255, "damping of the wind"),
    Option("b", "float", 4.0, "displacement of the waves"))


def rhs(_t: float, x: np.ndarray, p: np.ndarray, out: np.ndarray) -> None:
    """dx/dt = -y^2 - z^2 - a x + a F, dy/dt = x y - b x z - y + G, dz/dt = b x y + x z - z."""
    F, G, a, b = p[0], p[1], p[2], p[3]
    out[0] = -x[1] * x[1] - x[2] * x[2] - a * x[0] + a * F
    out[1] = x[0] * x[1] - b * x[0] * x[2] - x[1] + G
    out[2] = b * x[0] * x[1] + x[0] * x[2] - x[2]


def jacobian(_t: float, x: np.ndarray, p: np.ndarray, out: np.ndarray) -> None:
    """Of `rhs`."""
    a, b = p[2], p[3]
    out[0, 0], out[0, 1], out[0, 2] = -a, -2.0 * x[1], -2.0 * x[2]
    out[1, 0], out[1, 1], out[1, 2] = x[1] - b * x[2], x[0] - 1.0, -b * x[0]
    out[2, 0], out[2, 1], out[2, 2] = b * x[1] + x[2], b * x[0], x[0] - 1.0


def build(options: Mapping[str, Any]) -> System:
    """The system; which of its attractors a start reaches is a matter of the start."""
    return System(
        name="lorenz84", title="Lorenz 1984", kind="flow", coordinates=("x", "y", "z"), parameters=dict(options),
        rhs=rhs, jacobian=jacobian, dt=0.01, period=1.6, transient=200.0, start=np.array([0.42, 0.93, -0.2]),
        box=np.array([[-1.0, 3.0], [-3.0, 3.0], [-3.0, 3.0]]), bound=1e3, reference=REFERENCE)


FAMILY = Family(
    name="lorenz84", group="flow",
    summary="westerly wind and waves; a fixed point, a cycle and a strange attractor side by side",
    options=OPTIONS, build=build, reference=REFERENCE,
    facts=("sum of exponents -a - 2 + 2 <x>",
           "the default parameters have a fixed point, a limit cycle and a strange attractor",
           "F=8, G=1, a=0.25: the strange attractor of 1984",))
