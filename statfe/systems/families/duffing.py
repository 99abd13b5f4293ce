"""The forced oscillator of Duffing."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from statfe.spec import Option
from statfe.systems.system import Family, System

REFERENCE = "G. Duffing, Erzwungene Schwingungen (1918); F. C. Moon and P. J. Holmes, J. Sound Vib. 65, 275 (1979)"


def rhs(_t: float, x: np.ndarray, p: np.ndarray, out: np.ndarray) -> None:
    """dx/dt = v, dv/dt = -delta v - alpha x - beta x^3 + gamma cos(phi), dphi/dt = omega."""
    out[0] = x[1]
    out[1] = -p[0] * x[1] - p[1] * x[0] - p[2] * x[0] * x[0] * x[0] + p[3] * math.cos(x[2])
    out[2] = p[4]


def jacobian(_t: float, x: np.ndarray, p: np.ndarray, out: np.ndarray) -> None:
    """Of `rhs`."""
    out[0, 0], out[0, 1], out[0, 2] = 0.0, 1.0, 0.0
    out[1, 0], out[1, 1], out[1, 2] = -p[1] - 3.0 * p[2] * x[0] * x[0], -p[0], -p[3] * math.sin(x[2])
    out[2, 0], out[2, 1], out[2, 2] = 0.0, 0.0, 0.0


def build(options: Mapping[str, Any]) -> System:
    """The system with the parameters of `options`."""
    return System(
        name=FAMILY.name, title="Duffing", kind="flow", coordinates=("x", "v", "phi"), parameters=dict(options),
        rhs=rhs, jacobian=jacobian, dt=0.01, period=2.0 * math.pi / options["omega"], transient=200.0,
        start=np.array([1.0, 0.0, 0.0]), box=np.array([[-2.0, 2.0], [-2.0, 2.0], [0.0, 2.0 * math.pi]]),
        bound=1e3, reference=REFERENCE,
        angles=(2,))


FAMILY = Family(
    name="duffing", group="forced",
    summary="a particle in two wells, damped and driven",
    options=(Option("delta", "float", 0.3, "friction"),
             Option("alpha", "float", -1.0, "stiffness"),
             Option("beta", "float", 1.0, "cubic stiffness"),
             Option("gamma", "float", 0.5, "force"),
             Option("omega", "float", 1.2, "frequency of the force")),
    build=build, reference=REFERENCE,
    facts=("sum of exponents -delta, exactly",
           "gamma = 0: two wells at x = +-1"))
