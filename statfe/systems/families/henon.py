"""The map of Henon."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from statfe.spec import Option
from statfe.systems.system import GRASSBERGER, SPROTT, Family, Known, System, constant_divergence, usual

REFERENCE = "M. Henon, Commun. Math. Phys. 50, 69 (1976), eq. (4)"
KNOWN = (Known("exponents", (0.41922, -1.62319), SPROTT, 1e-4), Known("kaplan_yorke", 1.2583, SPROTT, 2e-4),
         Known("correlation_dimension", 1.21, GRASSBERGER, 0.01))
OPTIONS = (Option("a", "float", 1.4, "folding"), Option("b", "float", 0.3, "contraction of area"))


def rhs(_t: float, x: np.ndarray, p: np.ndarray, out: np.ndarray) -> None:
    """x' = 1 - a x^2 + y, y' = b x."""
    first = x[0]
    out[0] = 1.0 - p[0] * first * first + x[1]
    out[1] = p[1] * first


def jacobian(_t: float, x: np.ndarray, p: np.ndarray, out: np.ndarray) -> None:
    """Of `rhs`."""
    out[0, 0], out[0, 1] = -2.0 * p[0] * x[0], 1.0
    out[1, 0], out[1, 1] = p[1], 0.0


def build(options: Mapping[str, Any]) -> System:
    """The map with its published exponents where the parameters are the usual ones."""
    published = KNOWN if usual(options, OPTIONS) else ()
    b = abs(options["b"])
    rule = (constant_divergence(math.log(b), "ln |b|, the change of area"),) if b > 0.0 else ()
    return System(
        name="henon", title="Henon map", kind="map", coordinates=("x", "y"), parameters=dict(options),
        rhs=rhs, jacobian=jacobian, dt=1.0, period=1.0, transient=1000.0, start=np.array([0.1, 0.1]),
        box=np.array([[-1.0, 1.0], [-0.3, 0.3]]), bound=1e3, reference=REFERENCE,
        known=(*published, *rule))


FAMILY = Family(
    name="henon", group="map", summary="the plane stretched and folded; a strange attractor with a Cantor section",
    options=OPTIONS,
    build=build, reference=REFERENCE, facts=("sum of exponents ln |b|, exactly",))
