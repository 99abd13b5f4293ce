"""The galaxy of Henon and Heiles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from statfe.spec import Option
from statfe.systems.system import Family, Symmetry, System

REFERENCE = "M. Henon and C. Heiles, Astron. J. 69, 73 (1964), eq. (11)"


def rhs(_t: float, x: np.ndarray, p: np.ndarray, out: np.ndarray) -> None:
    """H = (u^2 + v^2) / 2 + (x^2 + y^2) / 2 + x^2 y - y^3 / 3, with momenta u and v."""
    out[0] = x[2]
    out[1] = x[3]
    out[2] = -x[0] - 2.0 * p[0] * x[0] * x[1]
    out[3] = -x[1] - p[0] * (x[0] * x[0] - x[1] * x[1])


def jacobian(_t: float, x: np.ndarray, p: np.ndarray, out: np.ndarray) -> None:
    """Of `rhs`."""
    for i in range(4):
        for j in range(4):
            out[i, j] = 0.0
    out[0, 2], out[1, 3] = 1.0, 1.0
    out[2, 0], out[2, 1] = -1.0 - 2.0 * p[0] * x[1], -2.0 * p[0] * x[0]
    out[3, 0], out[3, 1] = -2.0 * p[0] * x[0], -1.0 + 2.0 * p[0] * x[1]


def energy(x: np.ndarray, p: np.ndarray) -> float:
    """H."""
    return float(0.5 * (x[2]**2 + x[3]**2 + x[0]**2 + x[1]**2) + p[0] * (x[0]**2 * x[1] - x[1]**3 / 3.0))


def build(options: Mapping[str, Any]) -> System:
    """The system with the parameters of `options`."""
    return System(
        name=FAMILY.name, title="Henon-Heiles", kind="flow", coordinates=("x", "y", "u", "v"), parameters=dict(options),
        rhs=rhs, jacobian=jacobian, dt=0.02, period=6.28, transient=0.0,
        start=np.array([0.0, 0.1, 0.5, 0.0]), box=np.array([[-0.5, 0.5], [-0.5, 0.5], [-0.5, 0.5], [-0.5, 0.5]]),
        bound=10.0, reference=REFERENCE,
        conserved=energy, momenta=(2, 3),
        symmetries=(Symmetry("reflection of x", np.diag([-1.0, 1.0, -1.0, 1.0])),))


FAMILY = Family(
    name="henon-heiles", group="hamiltonian",
    summary="a star in a potential of threefold symmetry; it may leave above E = 1/6",
    options=(Option("strength", "float", 1.0, "of the cubic terms"),),
    build=build, reference=REFERENCE,
    facts=("no attractor: volume is kept",
           "E > 1/6: escapes through three gates"))
