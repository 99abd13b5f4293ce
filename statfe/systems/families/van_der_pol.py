"""The forced oscillator of van der Pol."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from statfe.spec import Option
from statfe.systems.system import SPROTT, Family, Known, System, usual

REFERENCE = ("B. van der Pol and J. van der Mark, Nature 120, 363 (1927); "
             "U. Parlitz and W. Lauterborn, Phys. Rev. A 36, 1428 (1987)")
KNOWN = (Known("exponents", (0.1932, 0.0, -2.0614), SPROTT, 5e-3), Known("kaplan_yorke", 2.0937, SPROTT, 5e-3))
OPTIONS = (
    Option("mu", "float", 3.0, "gain at small amplitude"),
    Option("amplitude", "float", 5.0, "amplitude of the force"),
    Option("omega", "float", 1.788, "frequency of the force", minimum=1e-9))


def rhs(_t: float, x: np.ndarray, p: np.ndarray, out: np.ndarray) -> None:
    """dx/dt = v, dv/dt = mu (1 - x^2) v - x + amplitude cos(phase), dphase/dt = omega."""
    out[0] = x[1]
    out[1] = p[0] * (1.0 - x[0] * x[0]) * x[1] - x[0] + p[1] * np.cos(x[2])
    out[2] = p[2]


def jacobian(_t: float, x: np.ndarray, p: np.ndarray, out: np.ndarray) -> None:
    """Of `rhs`."""
    out[0, 0], out[0, 1], out[0, 2] = 0.0, 1.0, 0.0
    out[1, 0], out[1, 1] = -2.0 * p[0] * x[0] * x[1] - 1.0, p[0] * (1.0 - x[0] * x[0])
    out[1, 2] = -p[1] * np.sin(x[2])
    out[2, 0], out[2, 1], out[2, 2] = 0.0, 0.0, 0.0


def build(options: Mapping[str, Any]) -> System:
    """The system with its published exponents where the parameters are the usual ones."""
    turn = 2.0 * math.pi / options["omega"]
    return System(
        name="van-der-pol", title="van der Pol oscillator", kind="flow", coordinates=("x", "v", "phase"),
        parameters=dict(options), rhs=rhs, jacobian=jacobian, dt=turn / 800.0, period=turn, transient=50.0 * turn,
        start=np.array([-1.9, 0.0, 0.0]), box=np.array([[-3.0, 3.0], [-5.0, 5.0], [0.0, 0.0]]),
        bound=1e3, reference=REFERENCE,
        angles=(2,), known=KNOWN if usual(options, OPTIONS) else ())


FAMILY = Family(
    name="van-der-pol", group="forced", summary="a clock that is pushed: locking, tori and chaos",
    options=OPTIONS, build=build, reference=REFERENCE,
    facts=("sum of exponents mu (1 - <x^2>)",
           "amplitude=0: one limit cycle, and the phase runs beside it",
           "x to -x with half a turn of the phase is a symmetry, which is not linear"))
