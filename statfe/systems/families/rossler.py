"""The Rossler system."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from statfe.spec import Option
from statfe.systems.system import SPROTT, Family, Known, System, usual

REFERENCE = "O. E. Rossler, Phys. Lett. A 57, 397 (1976), eq. (2)"
KNOWN = (Known("exponents", (0.0714, 0.0, -5.3943), SPROTT, 5e-4), Known("kaplan_yorke", 2.0132, SPROTT, 2e-4))
OPTIONS = (
    Option("a", "float", 0.2, "growth of the spiral"),
    Option("b", "float", 0.2, "lift"),
    Option("c", "float", 5.7, "height of the fold"))


def rhs(_t: float, x: np.ndarray, p: np.ndarray, out: np.ndarray) -> None:
    """dx/dt = -y - z, dy/dt = x + a y, dz/dt = b + z (x - c)."""
    out[0] = -x[1] - x[2]
    out[1] = x[0] + p[0] * x[1]
    out[2] = p[1] + x[2] * (x[0] - p[2])


def jacobian(_t: float, x: np.ndarray, p: np.ndarray, out: np.ndarray) -> None:
    """Of `rhs`."""
    out[0, 0], out[0, 1], out[0, 2] = 0.0, -1.0, -1.0
    out[1, 0], out[1, 1], out[1, 2] = 1.0, p[0], 0.0
    out[2, 0], out[2, 1], out[2, 2] = x[2], 0.0, x[0] - p[2]


def build(options: Mapping[str, Any]) -> System:
    """The system with its published exponents where the parameters are the usual ones."""
    return System(
        name="rossler", title="Rossler", kind="flow", coordinates=("x", "y", "z"), parameters=dict(options),
        rhs=rhs, jacobian=jacobian, dt=0.01, period=5.86, transient=300.0, start=np.array([-9.0, 0.0, 0.0]),
        box=np.array([[-8.0, 8.0], [-8.0, 8.0], [0.0, 1.0]]), bound=1e3, reference=REFERENCE,
        known=KNOWN if usual(options, OPTIONS) else ())


FAMILY = Family(
    name="rossler", group="flow", summary="one spiral folded over; a strange attractor with a single lobe",
    options=OPTIONS, build=build, reference=REFERENCE,
    facts=("sum of exponents a - c + <x>",
           "starts far out run away to infinity"))
