"""The map of Ikeda: light in a ring cavity."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from statfe.spec import Option
from statfe.systems.system import SPROTT, Family, Known, System, constant_divergence, usual

REFERENCE = ("K. Ikeda, H. Daido and O. Akimoto, Phys. Rev. Lett. 45, 709 (1980); "
             "S. M. Hammel et al., J. Opt. Soc. Am. B 2, 552 (1985)")
KNOWN = (Known("exponents", (0.5076, -0.7183), SPROTT, 2e-3), Known("kaplan_yorke", 1.7067, SPROTT, 3e-3))
OPTIONS = (
    Option("u", "float", 0.9, "share of light that stays"),
    Option("kick", "float", 1.0, "light that is fed in"),
    Option("detuning", "float", 0.4, "phase of the empty cavity"),
    Option("bend", "float", 6.0, "phase by the light itself"))


def rhs(_t: float, x: np.ndarray, p: np.ndarray, out: np.ndarray) -> None:
    """z' = kick + u z exp(i t) with z = x + i y and t = detuning - bend / (1 + |z|^2)."""
    angle = p[2] - p[3] / (1.0 + x[0] * x[0] + x[1] * x[1])
    c, s = np.cos(angle), np.sin(angle)
    a, b = x[0], x[1]
    out[0] = p[1] + p[0] * (a * c - b * s)
    out[1] = p[0] * (a * s + b * c)


def jacobian(_t: float, x: np.ndarray, p: np.ndarray, out: np.ndarray) -> None:
    """Of `rhs`."""
    scale = 1.0 / (1.0 + x[0] * x[0] + x[1] * x[1])
    angle = p[2] - p[3] * scale
    c, s = np.cos(angle), np.sin(angle)
    re, im = p[0] * (x[0] * c - x[1] * s), p[0] * (x[0] * s + x[1] * c)
    turn = 2.0 * p[3] * scale * scale
    out[0, 0], out[0, 1] = p[0] * c - im * turn * x[0], -p[0] * s - im * turn * x[1]
    out[1, 0], out[1, 1] = p[0] * s + re * turn * x[0], p[0] * c + re * turn * x[1]


def build(options: Mapping[str, Any]) -> System:
    """The system with its published exponents where the parameters are the usual ones."""
    published = KNOWN if usual(options, OPTIONS) else ()
    u = abs(options["u"])
    rule = (constant_divergence(2.0 * math.log(u), "2 ln |u|, the change of area"),) if u > 0.0 else ()
    return System(
        name="ikeda", title="Ikeda map", kind="map", coordinates=("x", "y"), parameters=dict(options),
        rhs=rhs, jacobian=jacobian, dt=1.0, period=1.0, transient=1000.0, start=np.array([0.1, 0.1]),
        box=np.array([[-1.0, 2.0], [-2.0, 1.5]]), bound=1e3, reference=REFERENCE,
        known=(*published, *rule))


FAMILY = Family(
    name="ikeda", group="map",
    summary="light that runs round a ring with a crystal; a strange attractor beside a fixed point",
    options=OPTIONS, build=build, reference=REFERENCE,
    facts=("sum of exponents 2 ln |u|, exactly",
           "u=0.9: a fixed point near (2.97, 4.15) attracts as well"))
