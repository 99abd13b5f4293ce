"""Light in a ring cavity: the map of Ikeda."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from statfe.spec import Option
from statfe.systems.system import Family, Known, System

REFERENCE = "K. Ikeda, Opt. Commun. 30, 257 (1979); Hammel, Jones and Moloney, J. Opt. Soc. Am. B 2, 552 (1985)"


def rhs(_t: float, x: np.ndarray, p: np.ndarray, out: np.ndarray) -> None:
    """z' = R + u z exp(i (a - b / (1 + |z|^2))), with z = x + i y."""
    turn = p[2] - p[3] / (1.0 + x[0] * x[0] + x[1] * x[1])
    c, s = math.cos(turn), math.sin(turn)
    first = p[1] + p[0] * (x[0] * c - x[1] * s)
    out[1] = p[0] * (x[0] * s + x[1] * c)
    out[0] = first


def jacobian(_t: float, x: np.ndarray, p: np.ndarray, out: np.ndarray) -> None:
    """Of `rhs`."""
    size = 1.0 + x[0] * x[0] + x[1] * x[1]
    turn = p[2] - p[3] / size
    c, s = math.cos(turn), math.sin(turn)
    slope = 2.0 * p[3] / (size * size)
    dx, dy = slope * x[0], slope * x[1]
    across, along = -(x[0] * s + x[1] * c), x[0] * c - x[1] * s
    out[0, 0], out[0, 1] = p[0] * (c + across * dx), p[0] * (-s + across * dy)
    out[1, 0], out[1, 1] = p[0] * (s + along * dx), p[0] * (c + along * dy)


def build(options: Mapping[str, Any]) -> System:
    """The system with the parameters of `options`."""
    usual = (options["u"], options["R"], options["a"], options["b"]) == (0.9, 1.0, 0.4, 6.0)
    return System(
        name=FAMILY.name, title="Ikeda map", kind="map", coordinates=("x", "y"), parameters=dict(options),
        rhs=rhs, jacobian=jacobian, dt=1.0, period=1.0, transient=1000.0,
        start=np.array([0.1, 0.1]), box=np.array([[-1.0, 2.0], [-2.0, 1.0]]),
        bound=1e3, reference=REFERENCE,
        known=(Known("exponents", (0.5076, -0.7183), "Sprott (2003), appendix A", 2e-3),) if usual else ())


FAMILY = Family(
    name="ikeda", group="map",
    summary="light that goes round a ring with a nonlinear medium",
    options=(Option("u", "float", 0.9, "loss a turn"),
             Option("R", "float", 1.0, "light that enters"),
             Option("a", "float", 0.4, "detuning"),
             Option("b", "float", 6.0, "strength of the medium")),
    build=build, reference=REFERENCE,
    facts=("sum of exponents 2 ln u, exactly",))
