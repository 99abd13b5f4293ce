"""The phase oscillators of Kuramoto, all coupled to all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.special import ndtri

from statfe.spec import Option
from statfe.systems.system import Family, Symmetry, System

REFERENCE = ("Y. Kuramoto, Chemical Oscillations, Waves, and Turbulence (1984), section 5.4; "
             "O. V. Popovych et al., Phys. Rev. E 71, 065201 (2005)")
#: Up to so many oscillators the Jacobian times all vectors costs less than the sines of every vector.
FEW = 64
OPTIONS = (
    Option("n", "int", 20, "number of oscillators", minimum=2, maximum=100_000),
    Option("K", "float", 1.0, "coupling"),
    Option("frequencies", "str", "uniform", "how the natural frequencies spread", ("uniform", "lorentz", "normal")),
    Option("spread", "float", 1.0, "half width of the frequencies; the deviation of normal ones", minimum=0.0))


def rhs(_t: float, x: np.ndarray, p: np.ndarray, out: np.ndarray) -> None:
    """d theta_i / dt = omega_i + (K / n) sum_j sin(theta_j - theta_i), in n operations by the mean field."""
    n = x.size
    c, s = 0.0 * x[0], 0.0 * x[0]
    for i in range(n):
        c = c + np.cos(x[i])
        s = s + np.sin(x[i])
    for i in range(n):
        out[i] = p[1 + i] + p[0] / n * (s * np.cos(x[i]) - c * np.sin(x[i]))


def jacobian(_t: float, x: np.ndarray, p: np.ndarray, out: np.ndarray) -> None:
    """Of `rhs`."""
    n = x.size
    for i in range(n):
        out[i, i] = 0.0
    for i in range(n):
        for j in range(i):
            pull = p[0] / n * np.cos(x[j] - x[i])
            out[i, j] = out[j, i] = pull
            out[i, i] -= pull
            out[j, j] -= pull


def tangent(_t: float, x: np.ndarray, p: np.ndarray, v: np.ndarray, out: np.ndarray) -> None:
    """`jacobian` times `v`, in n operations instead of n^2: sums over the mean field and its change."""
    n = x.size
    c, s, cv, sv = 0.0 * x[0], 0.0 * x[0], 0.0 * x[0], 0.0 * x[0]
    for i in range(n):
        c = c + np.cos(x[i])
        s = s + np.sin(x[i])
        cv = cv + np.cos(x[i]) * v[i]
        sv = sv + np.sin(x[i]) * v[i]
    for i in range(n):
        out[i] = p[0] / n * (np.cos(x[i]) * (cv - c * v[i]) + np.sin(x[i]) * (sv - s * v[i]))


def natural_frequencies(n: int, kind: str, spread: float) -> np.ndarray:
    """The quantiles at (i - 1/2) / n of a distribution around 0, shape (n,): no two samples differ by chance."""
    share = (np.arange(n) + 0.5) / n
    quantiles = {
        "uniform": 2.0 * share - 1.0, "lorentz": np.tan(np.pi * (share - 0.5)), "normal": ndtri(share)}[kind]
    # exactly odd, so that the symmetry and the mean of 0 hold to the last bit
    return np.asarray(0.5 * spread * (quantiles - quantiles[::-1]), dtype=np.float64)


def build(options: Mapping[str, Any]) -> System:
    """The oscillators in the frame that turns with their mean."""
    n = options["n"]
    omegas = natural_frequencies(n, options["frequencies"], options["spread"])
    fastest = max(float(np.max(np.abs(omegas))) + abs(options["K"]), 1e-3)
    return System(
        name="kuramoto", title="Kuramoto", kind="flow", coordinates=tuple(f"phase{i + 1}" for i in range(n)),
        parameters={"K": options["K"], **{f"omega{i + 1}": float(w) for i, w in enumerate(omegas)}},
        rhs=rhs, jacobian=jacobian, tangent=tangent if n > FEW else None, dt=0.05 / fastest,
        period=2.0 * np.pi / max(options["spread"], 0.1), transient=200.0,
        start=2.0 * np.pi * ((np.arange(n) + 0.5) * 0.6180339887498949 % 1.0) - np.pi,
        box=np.tile([-np.pi, np.pi], (n, 1)), bound=1e9, reference=REFERENCE, angles=tuple(range(n)),
        symmetries=(Symmetry("signs and order turned round", -np.eye(n)[::-1]),))


FAMILY = Family(
    name="kuramoto", group="lattice",
    summary="oscillators with frequencies of their own that pull each other into step",
    options=OPTIONS, build=build, reference=REFERENCE,
    facts=("a shift of all phases is a symmetry: one exponent is 0 beside that of time",
           "the mean of the frequencies is 0 and the sum of the phases is kept, before it is wrapped",
           "many oscillators lock from K = 2 spread (lorentz), 4 spread / pi (uniform), spread sqrt(8 / pi) (normal)",
           "spread=0: a gradient flow; all in step is the attractor for K > 0"))
