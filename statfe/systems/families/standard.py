"""The standard map of Chirikov."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from statfe.spec import Option
from statfe.systems.system import SPROTT, Family, Known, Symmetry, System, constant_divergence, usual

REFERENCE = "B. V. Chirikov, Phys. Rep. 52, 263 (1979), eq. (1.3)"
KNOWN = (Known("exponents", (0.10497, -0.10497), SPROTT, 2e-3),)
#: Kicks from which islands are too small to matter.
LARGE = 8.0
TURN = 2.0 * math.pi
OPTIONS = (
    Option("K", "float", 1.0, "strength of the kicks"),)


def rhs(_t: float, x: np.ndarray, p: np.ndarray, out: np.ndarray) -> None:
    """momentum' = momentum + K sin(angle), angle' = angle + momentum', both modulo 2 pi."""
    momentum = x[1] + p[0] * np.sin(x[0])
    out[0] = (x[0] + momentum) % TURN
    out[1] = momentum % TURN


def jacobian(_t: float, x: np.ndarray, p: np.ndarray, out: np.ndarray) -> None:
    """Of `rhs`."""
    slope = p[0] * np.cos(x[0])
    out[0, 0], out[0, 1] = 1.0 + slope, 1.0
    out[1, 0], out[1, 1] = slope, 1.0


def build(options: Mapping[str, Any]) -> System:
    """The map with the exponents of its chaotic sea: published where K is 1, by a rule where K is large."""
    published, K = KNOWN if usual(options, OPTIONS) else (), options["K"]
    if K >= LARGE:
        # the mean of ln |2 + K cos(angle)| over an even sea; what it leaves out was measured as 0.5 to 1.6 over K^2
        growth = math.log(K / 2.0)
        published = (Known("exponents", (growth, -growth), "ln(K / 2): " + REFERENCE, 2.0 / K**2),)
    return System(
        name="standard", title="Standard map", kind="map", coordinates=("angle", "momentum"), parameters=dict(options),
        rhs=rhs, jacobian=jacobian, dt=1.0, period=1.0, transient=0.0, start=np.array([0.0, 6.0]),
        box=np.array([[0.0, TURN], [0.0, TURN]]), bound=1e3, reference=REFERENCE,
        angles=(0, 1), symmetries=(Symmetry("half turn", -np.eye(2)),),
        known=(*published, constant_divergence(0.0, "ln 1: the map keeps areas")))


FAMILY = Family(
    name="standard", group="map", summary="a rotor that is kicked; islands in a chaotic sea",
    options=OPTIONS, build=build, reference=REFERENCE,
    facts=("K > 0.971635: no torus bars the way in momentum",
           "large K: the exponent tends to ln(K / 2), with errors of order 1 / K^2",
           "K=1: the sea is sticky, means settle slowly",
           "the default start lies in the chaotic sea"))
