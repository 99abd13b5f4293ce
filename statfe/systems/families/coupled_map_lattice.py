"""The lattice of coupled maps of Kaneko."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from statfe.spec import Option
from statfe.systems.system import Family, Symmetry, System

REFERENCE = "K. Kaneko, Prog. Theor. Phys. 72, 480 (1984); Physica D 34, 1 (1989), eq. (1)"
OPTIONS = (
    Option("n", "int", 32, "number of sites", minimum=3, maximum=100_000),
    Option("a", "float", 1.9, "fold of each map", minimum=0.0, maximum=2.0),
    Option("epsilon", "float", 0.3, "coupling to the neighbours", minimum=0.0, maximum=1.0))


def rhs(_t: float, x: np.ndarray, p: np.ndarray, out: np.ndarray) -> None:
    """x_i' = (1 - epsilon) f(x_i) + (epsilon / 2) (f(x_{i-1}) + f(x_{i+1})) on a circle, f(x) = 1 - a x^2."""
    n = x.size
    keep, give = 1.0 - p[1], 0.5 * p[1]
    out[0] = 1.0 - p[0] * (keep * x[0] * x[0] + give * (x[n - 1] * x[n - 1] + x[1] * x[1]))
    for i in range(1, n - 1):
        out[i] = 1.0 - p[0] * (keep * x[i] * x[i] + give * (x[i - 1] * x[i - 1] + x[i + 1] * x[i + 1]))
    out[n - 1] = 1.0 - p[0] * (keep * x[n - 1] * x[n - 1] + give * (x[n - 2] * x[n - 2] + x[0] * x[0]))


def jacobian(_t: float, x: np.ndarray, p: np.ndarray, out: np.ndarray) -> None:
    """Of `rhs`."""
    n = x.size
    for i in range(n):
        for j in range(n):
            out[i, j] = 0.0
    for i in range(n):
        before, after = (i - 1) % n, (i + 1) % n
        out[i, i] = -2.0 * p[0] * (1.0 - p[1]) * x[i]
        out[i, before] = -p[0] * p[1] * x[before]
        out[i, after] = -p[0] * p[1] * x[after]


def tangent(_t: float, x: np.ndarray, p: np.ndarray, v: np.ndarray, out: np.ndarray) -> None:
    """`jacobian` times `v`, in n operations instead of n^2."""
    n = x.size
    own, near = -2.0 * p[0] * (1.0 - p[1]), -p[0] * p[1]
    out[0] = own * x[0] * v[0] + near * (x[n - 1] * v[n - 1] + x[1] * v[1])
    for i in range(1, n - 1):
        out[i] = own * x[i] * v[i] + near * (x[i - 1] * v[i - 1] + x[i + 1] * v[i + 1])
    out[n - 1] = own * x[n - 1] * v[n - 1] + near * (x[n - 2] * v[n - 2] + x[0] * v[0])


def build(options: Mapping[str, Any]) -> System:
    """The lattice; the start is uneven, for an even one stays even."""
    n = options["n"]
    return System(
        name="coupled-map-lattice", title="Coupled map lattice", kind="map",
        coordinates=tuple(f"x{i + 1}" for i in range(n)), parameters={"a": options["a"], "epsilon": options["epsilon"]},
        rhs=rhs, jacobian=jacobian, tangent=tangent, dt=1.0, period=1.0, transient=5000.0,
        start=0.9 * np.sin(1.0 + 2.4 * np.arange(n)), box=np.tile([-1.0, 1.0], (n, 1)), bound=10.0,
        reference=REFERENCE,
        symmetries=(Symmetry("shift by a site", np.roll(np.eye(n), 1, axis=0)), Symmetry("mirror", np.eye(n)[::-1])))


FAMILY = Family(
    name="coupled-map-lattice", group="lattice", summary="logistic maps on a ring; frozen patterns, waves, turbulence",
    options=OPTIONS, build=build, reference=REFERENCE,
    facts=("epsilon=0: n logistic maps; a=2 gives each the exponent ln 2",
           "all in step: exponents l + ln |1 - epsilon (1 - cos(2 pi k / n))|, with l that of one map",
           "states stay in [1 - a, 1]"))
