"""The Lorenz system of 1996: weather on a circle of latitude."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from statfe.spec import Option
from statfe.systems.system import Family, Known, Symmetry, System, constant_divergence, usual

REFERENCE = "E. N. Lorenz, Predictability: a problem partly solved (ECMWF 1996), eq. (1)"
EMANUEL = "E. N. Lorenz and K. A. Emanuel, J. Atmos. Sci. 55, 399 (1998), section 2"
KNOWN = (Known("kaplan_yorke", 27.1, EMANUEL, 0.2),)
OPTIONS = (
    Option("n", "int", 40, "number of sites", minimum=4, maximum=10_000),
    Option("F", "float", 8.0, "forcing"))


def rhs(_t: float, x: np.ndarray, p: np.ndarray, out: np.ndarray) -> None:
    """dx_i/dt = (x_{i+1} - x_{i-2}) x_{i-1} - x_i + F on a circle."""
    n = x.size
    out[0] = (x[1] - x[n - 2]) * x[n - 1] - x[0] + p[0]
    out[1] = (x[2] - x[n - 1]) * x[0] - x[1] + p[0]
    for i in range(2, n - 1):
        out[i] = (x[i + 1] - x[i - 2]) * x[i - 1] - x[i] + p[0]
    out[n - 1] = (x[0] - x[n - 3]) * x[n - 2] - x[n - 1] + p[0]


def jacobian(_t: float, x: np.ndarray, p: np.ndarray, out: np.ndarray) -> None:
    """Of `rhs`."""
    n = x.size
    for i in range(n):
        for j in range(n):
            out[i, j] = 0.0
    for i in range(n):
        after, before, second = (i + 1) % n, (i - 1) % n, (i - 2) % n
        out[i, i] = -1.0
        out[i, after] = x[before]
        out[i, before] = x[after] - x[second]
        out[i, second] = -x[before]


def tangent(_t: float, x: np.ndarray, p: np.ndarray, v: np.ndarray, out: np.ndarray) -> None:
    """`jacobian` times `v`, in n operations instead of n^2."""
    n = x.size
    out[0] = (v[1] - v[n - 2]) * x[n - 1] + (x[1] - x[n - 2]) * v[n - 1] - v[0]
    out[1] = (v[2] - v[n - 1]) * x[0] + (x[2] - x[n - 1]) * v[0] - v[1]
    for i in range(2, n - 1):
        out[i] = (v[i + 1] - v[i - 2]) * x[i - 1] + (x[i + 1] - x[i - 2]) * v[i - 1] - v[i]
    out[n - 1] = (v[0] - v[n - 3]) * x[n - 2] + (x[0] - x[n - 3]) * v[n - 2] - v[n - 1]


def build(options: Mapping[str, Any]) -> System:
    """The system of `n` sites; the start is rest but for one site."""
    n, forcing = options["n"], options["F"]
    start = np.full(n, forcing)
    start[0] += 0.01
    width = max(abs(forcing), 1.0)
    return System(
        name="lorenz96", title="Lorenz 1996", kind="flow", coordinates=tuple(f"x{i + 1}" for i in range(n)),
        parameters={"F": forcing}, rhs=rhs, jacobian=jacobian, tangent=tangent, dt=0.01, period=1.7, transient=50.0,
        start=start, box=np.tile([-width, width], (n, 1)), bound=1e4, reference=REFERENCE,
        symmetries=(Symmetry("shift by a site", np.roll(np.eye(n), 1, axis=0)),),
        known=(*(KNOWN if usual(options, OPTIONS) else ()), constant_divergence(-float(n), "-n")))


FAMILY = Family(
    name="lorenz96", group="lattice", summary="weather on a circle of latitude; chaos of any dimension",
    options=OPTIONS, build=build, reference=REFERENCE,
    facts=("sum of exponents -n, exactly", "the quadratic part keeps the energy sum x^2 / 2",
           "rest, all x = F, is stable for -1/2 < F < 8/9",
           "far from the threshold exponents and dimension grow in proportion to n"))
