"""The network of graded neurons of Hopfield in continuous time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from statfe.models.families.hopfield import draw_patterns
from statfe.spec import Option
from statfe.systems.system import Family, Symmetry, System

REFERENCE = "J. J. Hopfield, Proc. Natl. Acad. Sci. USA 81, 3088 (1984), eq. (5)"
OPTIONS = (
    Option("n", "int", 100, "number of neurons", minimum=2, maximum=10_000),
    Option("patterns", "int", 5, "number of stored patterns", minimum=1, maximum=1000),
    Option("gain", "float", 4.0, "slope of a neuron's answer", minimum=0.0),
    Option("seed", "int", 1, "seed of the patterns; those of the model hopfield with the same seed", minimum=0))


def rhs(_t: float, x: np.ndarray, p: np.ndarray, out: np.ndarray) -> None:
    """du_i/dt = -u_i + sum_j T_ij V_j with V = tanh(gain u), T_ij = (1/n) sum_mu xi_i xi_j and T_ii = 0."""
    n = x.size
    count = (p.size - 1) // n
    answer = np.empty(n)
    for i in range(n):
        answer[i] = np.tanh(p[0] * x[i])
        out[i] = -x[i]
    for k in range(count):
        overlap = 0.0
        for i in range(n):
            overlap += p[1 + k * n + i] * answer[i]
        for i in range(n):
            xi = p[1 + k * n + i]
            out[i] += xi * (overlap - xi * answer[i]) / n


def jacobian(_t: float, x: np.ndarray, p: np.ndarray, out: np.ndarray) -> None:
    """Of `rhs`."""
    n = x.size
    count = (p.size - 1) // n
    for j in range(n):
        answer = np.tanh(p[0] * x[j])
        slope = p[0] * (1.0 - answer * answer)
        for i in range(n):
            coupling = 0.0
            for k in range(count):
                coupling += p[1 + k * n + i] * p[1 + k * n + j] / n
            out[i, j] = coupling * slope
        out[j, j] = -1.0


def tangent(_t: float, x: np.ndarray, p: np.ndarray, v: np.ndarray, out: np.ndarray) -> None:
    """`jacobian` times `v` by the overlaps, in n * patterns operations instead of n^2."""
    n = x.size
    count = (p.size - 1) // n
    change = np.empty(n)
    for i in range(n):
        answer = np.tanh(p[0] * x[i])
        change[i] = p[0] * (1.0 - answer * answer) * v[i]
        out[i] = -v[i]
    for k in range(count):
        overlap = 0.0
        for i in range(n):
            overlap += p[1 + k * n + i] * change[i]
        for i in range(n):
            xi = p[1 + k * n + i]
            out[i] += xi * (overlap - xi * change[i]) / n


def build(options: Mapping[str, Any]) -> System:
    """The network; its memories lie near +-(the patterns)."""
    n, count = options["n"], options["patterns"]
    patterns = draw_patterns(count, n, options["seed"]).astype(np.float64)
    stored = {f"xi{k + 1}_{i + 1}": float(patterns[k, i]) for k in range(count) for i in range(n)}
    return System(
        name="hopfield-network", title="Hopfield network", kind="flow",
        coordinates=tuple(f"u{i + 1}" for i in range(n)),
        parameters={"gain": options["gain"], **stored}, rhs=rhs, jacobian=jacobian, tangent=tangent, dt=0.05,
        period=1.0, transient=50.0, start=0.5 * patterns[0], box=np.tile([-1.0, 1.0], (n, 1)),
        bound=1e3, reference=REFERENCE,
        symmetries=(Symmetry("all signs turned round", -np.eye(n)),))


FAMILY = Family(
    name="hopfield-network", group="lattice",
    summary="associative memory with graded answers; every attractor is a fixed point",
    options=OPTIONS, build=build, reference=REFERENCE,
    facts=("couplings are symmetric: the energy of Hopfield's eq. (7) falls, so all attractors are fixed points",
           "sum of exponents -n: couplings have no diagonal",
           "gain < 1 over the largest eigenvalue of T: only u = 0 attracts",
           "random starts also end in mixtures of patterns"))
