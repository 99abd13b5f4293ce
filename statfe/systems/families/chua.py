"""The circuit of Chua in dimensionless form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from statfe.spec import Option
from statfe.systems.system import SPROTT, Family, Known, Symmetry, System, usual

REFERENCE = "T. Matsumoto, IEEE Trans. Circuits Syst. 31, 1055 (1984)"
KNOWN = (Known("exponents", (0.3271, 0.0, -2.5197), SPROTT, 5e-4), Known("kaplan_yorke", 2.1298, SPROTT, 1e-3))
OPTIONS = (
    Option("alpha", "float", 9.0, "ratio of the capacitors"),
    Option("beta", "float", 100 / 7, "strength of the coil"),
    Option("inner", "float", -8 / 7, "slope of the diode near 0"),
    Option("outer", "float", -5 / 7, "slope of the diode beyond 1"))


def rhs(_t: float, x: np.ndarray, p: np.ndarray, out: np.ndarray) -> None:
    """dx/dt = alpha (y - x - f(x)), dy/dt = x - y + z, dz/dt = -beta y.

    f has slope `inner` up to |x| = 1 and slope `outer` beyond.
    """
    current = p[3] * x[0] + 0.5 * (p[2] - p[3]) * (abs(x[0] + 1.0) - abs(x[0] - 1.0))
    out[0] = p[0] * (x[1] - x[0] - current)
    out[1] = x[0] - x[1] + x[2]
    out[2] = -p[1] * x[1]


def jacobian(_t: float, x: np.ndarray, p: np.ndarray, out: np.ndarray) -> None:
    """Of `rhs`."""
    slope = p[2] if abs(x[0]) < 1.0 else p[3]
    out[0, 0], out[0, 1], out[0, 2] = -p[0] * (1.0 + slope), p[0], 0.0
    out[1, 0], out[1, 1], out[1, 2] = 1.0, -1.0, 1.0
    out[2, 0], out[2, 1], out[2, 2] = 0.0, -p[1], 0.0


def build(options: Mapping[str, Any]) -> System:
    """The system with its published exponents where the parameters are the usual ones."""
    return System(
        name="chua", title="Chua circuit", kind="flow", coordinates=("x", "y", "z"), parameters=dict(options),
        rhs=rhs, jacobian=jacobian, dt=0.005, period=2.6, transient=100.0, start=np.array([0.1, 0.0, 0.6]),
        box=np.array([[-1.5, 1.5], [-0.2, 0.2], [-1.5, 1.5]]), bound=1e3, reference=REFERENCE,
        symmetries=(Symmetry("inversion", -np.eye(3)),), known=KNOWN if usual(options, OPTIONS) else ())


FAMILY = Family(
    name="chua", group="flow", summary="an electric circuit with a bent resistor; the double scroll",
    options=OPTIONS, build=build, reference=REFERENCE,
    facts=("the law has corners at |x| = 1, where fixed steps lose order",
           "large starts run away to infinity",))
