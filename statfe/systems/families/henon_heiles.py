"""The galactic potential of Henon and Heiles."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from statfe.spec import Option
from statfe.systems.system import Family, Symmetry, System, constant_divergence

REFERENCE = "M. Henon and C. Heiles, Astron. J. 69, 73 (1964), eq. (11)"
OPTIONS = (
    Option("lam", "float", 1.0, "strength of the cubic part"),)


def rhs(_t: float, x: np.ndarray, p: np.ndarray, out: np.ndarray) -> None:
    """H = (px^2 + py^2 + x^2 + y^2) / 2 + lam (x^2 y - y^3 / 3); dx/dt = dH/dpx, dpx/dt = -dH/dx, and so with y."""
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
    """H of `rhs`."""
    return float(0.5 * (x @ x) + p[0] * (x[0] * x[0] * x[1] - x[1] ** 3 / 3.0))


def build(options: Mapping[str, Any]) -> System:
    """The system with its energy and the symmetries of the triangle."""
    third = np.array([[-0.5, -math.sqrt(0.75)], [math.sqrt(0.75), -0.5]])
    mirror = np.diag([-1.0, 1.0])
    return System(
        name="henon-heiles", title="Henon-Heiles", kind="flow", coordinates=("x", "y", "px", "py"),
        parameters=dict(options), rhs=rhs, jacobian=jacobian, dt=0.02, period=2.0 * math.pi, transient=0.0,
        start=np.array([0.0, -0.25, 0.42, 0.0]), box=np.array([[-0.6, 0.6], [-0.5, 0.9], [-0.4, 0.4], [-0.4, 0.4]]),
        bound=10.0, reference=REFERENCE,
        symmetries=(Symmetry("third of a turn", np.kron(np.eye(2), third)),
                    Symmetry("mirror", np.kron(np.eye(2), mirror))),
        conserved=energy, momenta=(2, 3), known=(constant_divergence(0.0, "0: Hamiltonian"),))


FAMILY = Family(
    name="henon-heiles", group="hamiltonian",
    summary="a star in a galaxy; tori and chaos at one energy, escapes above 1/6",
    options=OPTIONS, build=build, reference=REFERENCE,
    facts=("lam=1: orbits stay inside for energies below 1/6 and may escape by three ways above",
           "exponents pair: +l and -l; two are 0",
           "the default start has energy 0.1247, where half of the surface is chaotic",))
