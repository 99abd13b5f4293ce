"""Case A of Sprott: the conservative oscillator of Nose and Hoover."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from statfe.spec import Option
from statfe.systems.system import Family, Known, Symmetry, System

REFERENCE = "J. C. Sprott, Phys. Rev. E 50, R647 (1994), case A; W. G. Hoover, Phys. Rev. A 31, 1695 (1985)"


def rhs(_t: float, x: np.ndarray, p: np.ndarray, out: np.ndarray) -> None:
    """dx/dt = y, dy/dt = -x + y z, dz/dt = a - y^2."""
    out[0] = x[1]
    out[1] = -x[0] + x[1] * x[2]
    out[2] = p[0] - x[1] * x[1]


def jacobian(_t: float, x: np.ndarray, p: np.ndarray, out: np.ndarray) -> None:
    """Of `rhs`."""
    out[0, 0], out[0, 1], out[0, 2] = 0.0, 1.0, 0.0
    out[1, 0], out[1, 1], out[1, 2] = -1.0, x[2], x[1]
    out[2, 0], out[2, 1], out[2, 2] = 0.0, -2.0 * x[1], 0.0


def build(options: Mapping[str, Any]) -> System:
    """The system with the parameters of `options`."""
    usual = options["a"] == 1.0
    return System(
        name=FAMILY.name, title="Sprott A (Nose-Hoover)", kind="flow",
        coordinates=("x", "y", "z"), parameters=dict(options),
        rhs=rhs, jacobian=jacobian, dt=0.01, period=5.6, transient=100.0,
        start=np.array([0.0, 5.0, 0.0]), box=np.array([[-3.0, 3.0], [-3.0, 3.0], [-3.0, 3.0]]),
        bound=1e3, reference=REFERENCE,
        symmetries=(Symmetry("half turn about z", np.diag([-1.0, -1.0, 1.0])),),
        known=(Known("exponents", (0.0138, 0.0, -0.0138), "Sprott (2003), appendix A", 6e-4),) if usual else ())


FAMILY = Family(
    name="sprott-a", group="flow",
    summary="no attractor: a chaotic sea beside tori",
    options=(Option("a", "float", 1.0, "temperature of the thermostat"),),
    build=build, reference=REFERENCE,
    facts=("conservative on average: sum of exponents 0, by reversibility; no attractor",))
