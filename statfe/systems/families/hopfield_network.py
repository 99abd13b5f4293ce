"""Hopfield's network of graded neurons in continuous time."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from statfe.models.families.hopfield import draw_patterns
from statfe.spec import Option
from statfe.systems.system import Family, Symmetry, System

REFERENCE = "J. J. Hopfield, Proc. Natl. Acad. Sci. 81, 3088 (1984), eq. (5)"


def rhs(_t: float, x: np.ndarray, p: np.ndarray, out: np.ndarray) -> None:
    """du_i/dt = -u_i + sum_{j != i} J_ij tanh(gain u_j), J_ij = (1/n) sum_mu xi_i xi_j; p = gain, patterns, xi."""
    n, count = x.size, int(p[1])
    for i in range(n):
        out[i] = -x[i] - count / n * math.tanh(p[0] * x[i])
    for m in range(count):
        first = 2 + m * n
        overlap = 0.0
        for j in range(n):
            overlap += p[first + j] * math.tanh(p[0] * x[j])
        for i in range(n):
            out[i] += p[first + i] * overlap / n


def jacobian(_t: float, x: np.ndarray, p: np.ndarray, out: np.ndarray) -> None:
    """Of `rhs`."""
    n, count = x.size, int(p[1])
    for j in range(n):
        y = math.tanh(p[0] * x[j])
        slope = p[0] * (1.0 - y * y) / n
        for i in range(n):
            bond = 0.0
            if i != j:
                for m in range(count):
                    bond += p[2 + m * n + i] * p[2 + m * n + j]
            out[i, j] = bond * slope
        out[j, j] -= 1.0


def build(options: Mapping[str, Any]) -> System:
    """The patterns are those of the spin model ``hopfield`` with the same n, patterns and seed."""
    n, count = options["n"], options["patterns"]
    xi = draw_patterns(count, n, options["seed"]).astype(np.float64)
    parameters = {"gain": options["gain"], "patterns": float(count)}
    parameters.update({f"xi{m}_{i}": xi[m, i] for m in range(count) for i in range(n)})
    return System(
        name=FAMILY.name, title="Hopfield network", kind="flow", coordinates=tuple(f"u{i}" for i in range(n)),
        parameters=parameters, rhs=rhs, jacobian=jacobian, dt=0.05, period=1.0, transient=100.0,
        start=0.5 * xi[0], box=np.tile([-1.0, 1.0], (n, 1)), bound=1e3, reference=REFERENCE,
        symmetries=(Symmetry("flip of all", -np.eye(n)),))


FAMILY = Family(
    name="hopfield-network", group="flow",
    summary="graded neurons that settle in stored patterns or in mixtures of them",
    options=(Option("n", "int", 100, "neurons", minimum=2, maximum=10_000),
             Option("patterns", "int", 5, "stored patterns", minimum=1, maximum=1000),
             Option("gain", "float", 4.0, "slope of the neurons", minimum=0.0),
             Option("seed", "int", 1, "of the patterns", minimum=0)),
    build=build, reference=REFERENCE,
    facts=("symmetric couplings: an energy falls, so all attractors are fixed points",
           "gain < 1: only the origin attracts, as n grows"))
