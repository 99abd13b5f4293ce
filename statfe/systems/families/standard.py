"""The standard map of Chirikov."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from statfe.spec import Option
from statfe.systems.system import Family, System

REFERENCE = "B. V. Chirikov, Phys. Rep. 52, 263 (1979), eq. (1.2)"


def rhs(_t: float, x: np.ndarray, p: np.ndarray, out: np.ndarray) -> None:
    """p' = p + K sin q, q' = q + p', both on the circle."""
    kick = x[1] + p[0] * math.sin(x[0])
    out[0] = (x[0] + kick) % (2.0 * math.pi)
    out[1] = kick % (2.0 * math.pi)


def jacobian(_t: float, x: np.ndarray, p: np.ndarray, out: np.ndarray) -> None:
    """Of `rhs`."""
    turn = p[0] * math.cos(x[0])
    out[0, 0], out[0, 1] = 1.0 + turn, 1.0
    out[1, 0], out[1, 1] = turn, 1.0


def build(options: Mapping[str, Any]) -> System:
    """The system with the parameters of `options`."""
    return System(
        name=FAMILY.name, title="Standard map", kind="map", coordinates=("q", "p"), parameters=dict(options),
        rhs=rhs, jacobian=jacobian, dt=1.0, period=1.0, transient=1000.0,
        start=np.array([1.0, 0.6]), box=np.array([[0.0, 2.0 * math.pi], [0.0, 2.0 * math.pi]]),
        bound=1e3, reference=REFERENCE,
        angles=(0, 1))


FAMILY = Family(
    name="standard", group="map",
    summary="a kicked rotor; tori and chaos side by side",
    options=(Option("K", "float", 6.0, "strength of the kicks"),),
    build=build, reference=REFERENCE,
    facts=("area is kept: exponents pair, no attractor",
           "large K: the exponent is ln(K / 2) (Chirikov 1979)"))
