"""The band of Rossler."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from statfe.spec import Option
from statfe.systems.system import Family, Known, System

REFERENCE = "O. E. Rossler, Phys. Lett. A 57, 397 (1976), eq. (2)"


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
    """The system with the parameters of `options`."""
    usual = (options["a"], options["b"], options["c"]) == (0.2, 0.2, 5.7)
    return System(
        name=FAMILY.name, title="Rossler 1976", kind="flow", coordinates=("x", "y", "z"), parameters=dict(options),
        rhs=rhs, jacobian=jacobian, dt=0.01, period=5.88, transient=200.0,
        start=np.array([-6.0, -6.0, 0.1]), box=np.array([[-8.0, 8.0], [-8.0, 8.0], [0.0, 1.0]]),
        bound=1e3, reference=REFERENCE,
        known=(Known("exponents", (0.0714, 0.0, -5.3943), "Sprott (2003), appendix A", 3e-4),
               Known("kaplan_yorke", 2.0132, "Sprott (2003), appendix A", 2e-4)) if usual else ())


FAMILY = Family(
    name="rossler", group="flow",
    summary="one band that folds once a turn",
    options=(Option("a", "float", 0.2, "growth of the spiral"),
             Option("b", "float", 0.2, "source of the fold"),
             Option("c", "float", 5.7, "threshold of the fold")),
    build=build, reference=REFERENCE,
    facts=("period doubling as c grows, chaos from c = 4.2",))
