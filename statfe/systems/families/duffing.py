"""The forced oscillator of Duffing."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from statfe.spec import Option
from statfe.systems.system import SPROTT, Family, Known, System, constant_divergence, usual

REFERENCE = "G. Duffing, Erzwungene Schwingungen (1918); P. Holmes, Phil. Trans. R. Soc. A 292, 419 (1979)"
KNOWN = (Known("exponents", (0.1571, 0.0, -0.4071), SPROTT, 2e-3), Known("kaplan_yorke", 2.3859, SPROTT, 1e-2))
OPTIONS = (
    Option("delta", "float", 0.25, "friction"),
    Option("alpha", "float", -1.0, "stiffness at 0; negative makes two wells"),
    Option("beta", "float", 1.0, "stiffening"),
    Option("gamma", "float", 0.4, "amplitude of the force"),
    Option("omega", "float", 1.0, "frequency of the force", minimum=1e-9))


def rhs(_t: float, x: np.ndarray, p: np.ndarray, out: np.ndarray) -> None:
    """dx/dt = v, dv/dt = -delta v - alpha x - beta x^3 + gamma cos(phase), dphase/dt = omega."""
    out[0] = x[1]
    out[1] = -p[0] * x[1] - p[1] * x[0] - p[2] * x[0] * x[0] * x[0] + p[3] * np.cos(x[2])
    out[2] = p[4]


def jacobian(_t: float, x: np.ndarray, p: np.ndarray, out: np.ndarray) -> None:
    """Of `rhs`."""
    out[0, 0], out[0, 1], out[0, 2] = 0.0, 1.0, 0.0
    out[1, 0], out[1, 1], out[1, 2] = -p[1] - 3.0 * p[2] * x[0] * x[0], -p[0], -p[3] * np.sin(x[2])
    out[2, 0], out[2, 1], out[2, 2] = 0.0, 0.0, 0.0


def build(options: Mapping[str, Any]) -> System:
    """The system with its published exponents where the parameters are the usual ones."""
    turn = 2.0 * math.pi / options["omega"]
    published = KNOWN if usual(options, OPTIONS) else ()
    rule = constant_divergence(-options["delta"], "-delta")
    return System(
        name="duffing", title="Duffing oscillator", kind="flow", coordinates=("x", "v", "phase"),
        parameters=dict(options), rhs=rhs, jacobian=jacobian, dt=turn / 400.0, period=turn, transient=50.0 * turn,
        start=np.array([0.2, 0.0, 0.0]), box=np.array([[-2.0, 2.0], [-2.0, 2.0], [0.0, 0.0]]),
        bound=1e3, reference=REFERENCE,
        angles=(2,), known=(*published, rule))


FAMILY = Family(
    name="duffing", group="forced", summary="a mass in one or two wells, shaken; strange or periodic",
    options=OPTIONS, build=build, reference=REFERENCE,
    facts=("sum of exponents -delta, exactly",
           "gamma=0.2: the wells keep a limit cycle each; gamma=0: two fixed points of (x, v), the phase is idle",
           "x to -x with half a turn of the phase is a symmetry, which is not linear",
           "the box starts all at phase 0: basins are those of one moment of the force"))
