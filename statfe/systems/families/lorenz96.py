"""The ring of Lorenz, 1996."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from statfe.spec import Option
from statfe.systems.system import Family, Known, System

REFERENCE = "E. N. Lorenz, in Predictability (ECMWF, 1996), eq. (1); Lorenz and Emanuel, J. Atmos. Sci. 55, 399 (1998)"


def rhs(_t: float, x: np.ndarray, p: np.ndarray, out: np.ndarray) -> None:
    """dx_i/dt = (x_{i+1} - x_{i-2}) x_{i-1} - x_i + F on a ring."""
    n = x.size
    for i in range(n):
        after = x[i + 1] if i + 1 < n else x[0]
        out[i] = (after - x[i - 2]) * x[i - 1] - x[i] + p[0]  # negative indices go round the ring


def jacobian(_t: float, x: np.ndarray, p: np.ndarray, out: np.ndarray) -> None:
    """Of `rhs`."""
    n = x.size
    for i in range(n):
        for j in range(n):
            out[i, j] = 0.0
    for i in range(n):
        after = (i + 1) % n
        out[i, i] -= 1.0
        out[i, after] += x[i - 1]
        out[i, i - 2] -= x[i - 1]
        out[i, i - 1] += x[after] - x[i - 2]


def build(options: Mapping[str, Any]) -> System:
    """A ring of n sites."""
    n, force = options["n"], options["F"]
    start = np.full(n, force)
    start[0] += 0.5
    usual = (n, force) == (40, 8.0)
    return System(
        name=FAMILY.name, title="Lorenz 1996", kind="flow", coordinates=tuple(f"x{i}" for i in range(n)),
        parameters={"F": force}, rhs=rhs, jacobian=jacobian, dt=0.01, period=1.0, transient=50.0, start=start,
        box=np.tile([-5.0, 10.0], (n, 1)), bound=1e3, reference=REFERENCE,
        known=(Known("largest_exponent", 1.68, "Karimi and Paul, Chaos 20, 043105 (2010)", 0.03),
               Known("kaplan_yorke", 27.1, "Karimi and Paul, Chaos 20, 043105 (2010)", 0.3)) if usual else ())


FAMILY = Family(
    name="lorenz96", group="lattice", summary="weather on a circle of latitude, in any dimension",
    options=(Option("n", "int", 40, "sites of the ring", minimum=4, maximum=10**6), Option("F", "float", 8.0, "force")),
    build=build, reference=REFERENCE,
    facts=("sum of exponents -n, exactly", "F = 8: chaos for n >= 5 or so; F < 8/9: the fixed point x = F attracts"))
