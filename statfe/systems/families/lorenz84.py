"""The atmosphere of Lorenz, 1984."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from statfe.spec import Option
from statfe.systems.system import Family, System

REFERENCE = "E. N. Lorenz, Tellus A 36, 98 (1984), eqs (1)-(3)"


def rhs(_t: float, x: np.ndarray, p: np.ndarray, out: np.ndarray) -> None:
    """dx/dt = -y^2 - z^2 - a x + a F, dy/dt = x y - b x z - y + G, dz/dt = b x y + x z - z."""
    out[0] = -x[1] * x[1] - x[2] * x[2] - p[0] * x[0] + p[0] * p[2]
    out[1] = x[0] * x[1] - p[1] * x[0] * x[2] - x[1] + p[3]
    out[2] = p[1] * x[0] * x[1] + x[0] * x[2] - x[2]


def jacobian(_t: float, x: np.ndarray, p: np.ndarray, out: np.ndarray) -> None:
    """Of `rhs`."""
    out[0, 0], out[0, 1], out[0, 2] = -p[0], -2.0 * x[1], -2.0 * x[2]
    out[1, 0], out[1, 1], out[1, 2] = x[1] - p[1] * x[2], x[0] - 1.0, -p[1] * x[0]
    out[2, 0], out[2, 1], out[2, 2] = p[1] * x[1] + x[2], p[1] * x[0], x[0] - 1.0


def build(options: Mapping[str, Any]) -> System:
    """The system with the parameters of `options`."""
    return System(
        name=FAMILY.name, title="Lorenz 1984", kind="flow", coordinates=("x", "y", "z"), parameters=dict(options),
        rhs=rhs, jacobian=jacobian, dt=0.01, period=1.6, transient=200.0,
        start=np.array([1.0, 1.0, 0.0]), box=np.array([[-3.0, 3.0], [-3.0, 3.0], [-3.0, 3.0]]),
        bound=1e3, reference=REFERENCE)


FAMILY = Family(
    name="lorenz84", group="flow",
    summary="westerlies and eddies; several attractors at once",
    options=(Option("a", "float", 0.25, "damping of the current"),
             Option("b", "float", 4.0, "displacement of the waves"),
             Option("F", "float", 6.886, "symmetric heating"),
             Option("G", "float", 1.347, "asymmetric heating")),
    build=build, reference=REFERENCE,
    facts=("F = 6.886, G = 1.347: a fixed point, a limit cycle and a strange attractor "
           "(Freire et al., Chaos 18, 033121 (2008))",))
