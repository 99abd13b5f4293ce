"""The forced oscillator of van der Pol."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from statfe.spec import Option
from statfe.systems.system import Family, System

REFERENCE = "B. van der Pol, Phil. Mag. 3, 65 (1927); Sprott, Chaos and Time-Series Analysis (2003), section A.5.1"


def rhs(_t: float, x: np.ndarray, p: np.ndarray, out: np.ndarray) -> None:
    """dx/dt = v, dv/dt = -x + mu (1 - x^2) v + A cos(phi), dphi/dt = omega."""
    out[0] = x[1]
    out[1] = -x[0] + p[0] * (1.0 - x[0] * x[0]) * x[1] + p[1] * math.cos(x[2])
    out[2] = p[2]


def jacobian(_t: float, x: np.ndarray, p: np.ndarray, out: np.ndarray) -> None:
    """Of `rhs`."""
    out[0, 0], out[0, 1], out[0, 2] = 0.0, 1.0, 0.0
    out[1, 0], out[1, 1] = -1.0 - 2.0 * p[0] * x[0] * x[1], p[0] * (1.0 - x[0] * x[0])
    out[1, 2] = -p[1] * math.sin(x[2])
    out[2, 0], out[2, 1], out[2, 2] = 0.0, 0.0, 0.0


def build(options: Mapping[str, Any]) -> System:
    """The system with the parameters of `options`."""
    return System(
        name=FAMILY.name, title="van der Pol", kind="flow", coordinates=("x", "v", "phi"), parameters=dict(options),
        rhs=rhs, jacobian=jacobian, dt=0.005, period=2.0 * math.pi / options["omega"], transient=200.0,
        start=np.array([1.0, 0.0, 0.0]), box=np.array([[-3.0, 3.0], [-5.0, 5.0], [0.0, 2.0 * math.pi]]),
        bound=1e3, reference=REFERENCE,
        angles=(2,))


FAMILY = Family(
    name="van-der-pol", group="forced",
    summary="a relaxation oscillator, driven",
    options=(Option("mu", "float", 5.0, "nonlinear damping"),
             Option("A", "float", 5.0, "force"),
             Option("omega", "float", 2.466, "frequency of the force")),
    build=build, reference=REFERENCE,
    facts=("A = 0: one limit cycle",))
