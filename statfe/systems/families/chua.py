"""The circuit of Chua with its piecewise linear diode."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from statfe.spec import Option
from statfe.systems.system import Family, Symmetry, System

REFERENCE = "T. Matsumoto, L. O. Chua and M. Komuro, IEEE Trans. Circuits Syst. 32, 797 (1985), eq. (1.1)"


def rhs(_t: float, x: np.ndarray, p: np.ndarray, out: np.ndarray) -> None:
    """dx/dt = alpha (y - x - g), dy/dt = x - y + z, dz/dt = -beta y; g = m1 x + (m0 - m1) (|x + 1| - |x - 1|) / 2."""
    diode = p[3] * x[0] + 0.5 * (p[2] - p[3]) * (abs(x[0] + 1.0) - abs(x[0] - 1.0))
    out[0] = p[0] * (x[1] - x[0] - diode)
    out[1] = x[0] - x[1] + x[2]
    out[2] = -p[1] * x[1]


def jacobian(_t: float, x: np.ndarray, p: np.ndarray, out: np.ndarray) -> None:
    """Of `rhs`, away from the corners |x| = 1 of the diode."""
    slope = p[2] if abs(x[0]) < 1.0 else p[3]
    out[0, 0], out[0, 1], out[0, 2] = -p[0] * (1.0 + slope), p[0], 0.0
    out[1, 0], out[1, 1], out[1, 2] = 1.0, -1.0, 1.0
    out[2, 0], out[2, 1], out[2, 2] = 0.0, -p[1], 0.0


def build(options: Mapping[str, Any]) -> System:
    """The double scroll at the usual parameters."""
    return System(
        name=FAMILY.name, title="Chua circuit", kind="flow", coordinates=("x", "y", "z"), parameters=dict(options),
        rhs=rhs, jacobian=jacobian, dt=0.005, period=2.5, transient=100.0, start=np.array([0.7, 0.0, 0.0]),
        box=np.array([[-2.0, 2.0], [-0.4, 0.4], [-3.0, 3.0]]), bound=1e3, reference=REFERENCE,
        symmetries=(Symmetry("inversion", -np.eye(3)),))


FAMILY = Family(
    name="chua", group="flow", summary="an electric circuit with a double scroll",
    options=(Option("alpha", "float", 9.0, "ratio of the capacitors"), Option("beta", "float", 100 / 7, "of the coil"),
             Option("m0", "float", -8 / 7, "inner slope of the diode"), Option("m1", "float", -5 / 7, "outer slope")),
    build=build, reference=REFERENCE,
    facts=("the double scroll coexists with a large unstable cycle; starts far out escape",))
