"""The flow A of Sprott: an oscillator with the thermostat of Nose and Hoover."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from statfe.spec import Option
from statfe.systems.system import SPROTT, Family, Known, Symmetry, System, usual

REFERENCE = "J. C. Sprott, Phys. Rev. E 50, R647 (1994), case A; W. G. Hoover, Phys. Rev. A 31, 1695 (1985)"
KNOWN = (Known("exponents", (0.0139, 0.0, -0.0139), SPROTT, 5e-4),)
OPTIONS = (
    Option("a", "float", 1.0, "temperature of the thermostat"),)


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
    """The system with its published exponents where the parameters are the usual ones."""
    return System(
        name="sprott-a", title="Sprott A", kind="flow", coordinates=("x", "y", "z"), parameters=dict(options),
        rhs=rhs, jacobian=jacobian, dt=0.02, period=6.0, transient=0.0, start=np.array([0.0, 5.0, 0.0]),
        box=np.array([[-3.0, 3.0], [-3.0, 3.0], [-3.0, 3.0]]), bound=1e3, reference=REFERENCE,
        symmetries=(Symmetry("half turn about z", np.diag([-1.0, -1.0, 1.0])),),
        known=KNOWN if usual(options, OPTIONS) else ())


FAMILY = Family(
    name="sprott-a", group="flow", summary="a conservative flow without attractors: tori in a thin chaotic sea",
    options=OPTIONS, build=build, reference=REFERENCE,
    facts=("exponents pair: the flow turned in time is the flow seen in a mirror",
           "mean of z is 0: the volume is kept on average, not everywhere",
           "the default start lies in the chaotic sea; others lie on tori"))
