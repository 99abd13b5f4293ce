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
#: Kicks from which islands are small: what they add was found to be at most so much over K^2, next to accelerators.
LARGE, ISLANDS = 8.0, 0.6
#: Kicks where islands hardly matter, and how far the rule is trusted there; 4e8 steps of a program that shares
#: nothing with this one give 1.61997 +- 0.00005 at K = 10, where the rule says 1.61985.
QUIET = {10.0: 2e-4}
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


def exponent_of(K: float) -> float:
    """ln(K / 2) + 1 / (K^2 - 4), the exponent of a sea without islands, up to terms of order 1 / K^4.

    The angle of a vector grows by r in a step, and by r' = 2 + K cos(angle) - 1 / r in the next. If the angle is even
    and owes nothing to r, the mean of ln |r'| is ln(K / 2) wherever |2 - 1 / r| < K, and larger by
    arccosh(|2 - 1 / r| / K) elsewhere. There r is near 0, where its density is 1 / (pi sqrt(K^2 - 4)), and the
    integral of the arccosh over r is pi / sqrt(K^2 - 4).
    """
    return math.log(K / 2.0) + 1.0 / (K * K - 4.0)


def build(options: Mapping[str, Any]) -> System:
    """The map with the exponents of its chaotic sea: published where K is 1, by a rule where K is large."""
    published, K = KNOWN if usual(options, OPTIONS) else (), options["K"]
    if K >= LARGE:
        growth = exponent_of(K)
        published = (Known("exponents", (growth, -growth), "ln(K / 2): " + REFERENCE + "; and 1 / (K^2 - 4): next term "
                           "for even angles", QUIET.get(K, ISLANDS / K**2)),)
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
           "large K: the exponent is near ln(K / 2) + 1 / (K^2 - 4), a little more where islands are",
           "K=1: the sea is sticky, means settle slowly",
           "the default start lies in the chaotic sea"))
