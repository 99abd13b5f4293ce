"""The plane double pendulum in canonical coordinates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from statfe.spec import Option
from statfe.systems.system import Family, Symmetry, System, constant_divergence

REFERENCE = ("L. D. Landau and E. M. Lifshitz, Mechanics (1976), section 5; "
             "T. Shinbrot et al., Am. J. Phys. 60, 491 (1992)")
OPTIONS = (
    Option("m1", "float", 1.0, "upper mass", minimum=1e-9),
    Option("m2", "float", 1.0, "lower mass", minimum=1e-9),
    Option("l1", "float", 1.0, "upper rod", minimum=1e-9),
    Option("l2", "float", 1.0, "lower rod", minimum=1e-9),
    Option("g", "float", 9.81, "gravity"))


def rhs(_t: float, x: np.ndarray, p: np.ndarray, out: np.ndarray) -> None:
    """Hamilton's equations of H = P M^{-1} P / 2 + U with the mass matrix M = [[b, c cos d], [c cos d, a]].

    Here a = m2 l2^2, b = (m1 + m2) l1^2, c = m2 l1 l2 and d = angle1 - angle2; both angles from the vertical.
    """
    m1, m2, l1, l2, g = p[0], p[1], p[2], p[3], p[4]
    a, b, c = m2 * l2 * l2, (m1 + m2) * l1 * l1, m2 * l1 * l2
    cosine, sine = np.cos(x[0] - x[1]), np.sin(x[0] - x[1])
    determinant = a * b - c * c * cosine * cosine
    rate1 = (a * x[2] - c * cosine * x[3]) / determinant
    rate2 = (b * x[3] - c * cosine * x[2]) / determinant
    # d(kinetic energy)/d(angle1) at fixed momenta
    slope = c * sine * rate1 * rate2
    out[0] = rate1
    out[1] = rate2
    out[2] = -slope - (m1 + m2) * g * l1 * np.sin(x[0])
    out[3] = slope - m2 * g * l2 * np.sin(x[1])


def jacobian(_t: float, x: np.ndarray, p: np.ndarray, out: np.ndarray) -> None:
    """Of `rhs`."""
    m1, m2, l1, l2, g = p[0], p[1], p[2], p[3], p[4]
    a, b, c = m2 * l2 * l2, (m1 + m2) * l1 * l1, m2 * l1 * l2
    cosine, sine = np.cos(x[0] - x[1]), np.sin(x[0] - x[1])
    determinant = a * b - c * c * cosine * cosine
    swell = 2.0 * c * c * cosine * sine / determinant
    rate1 = (a * x[2] - c * cosine * x[3]) / determinant
    rate2 = (b * x[3] - c * cosine * x[2]) / determinant
    turn1 = c * sine * x[3] / determinant - rate1 * swell
    turn2 = c * sine * x[2] / determinant - rate2 * swell
    inverse1, inverse2, mixed = a / determinant, b / determinant, -c * cosine / determinant
    turn = c * cosine * rate1 * rate2 + c * sine * (turn1 * rate2 + rate1 * turn2)
    push1 = c * sine * (inverse1 * rate2 + rate1 * mixed)
    push2 = c * sine * (mixed * rate2 + rate1 * inverse2)
    out[0, 0], out[0, 1], out[0, 2], out[0, 3] = turn1, -turn1, inverse1, mixed
    out[1, 0], out[1, 1], out[1, 2], out[1, 3] = turn2, -turn2, mixed, inverse2
    out[2, 0], out[2, 1] = -turn - (m1 + m2) * g * l1 * np.cos(x[0]), turn
    out[2, 2], out[2, 3] = -push1, -push2
    out[3, 0], out[3, 1] = turn, -turn - m2 * g * l2 * np.cos(x[1])
    out[3, 2], out[3, 3] = push1, push2


def energy(x: np.ndarray, p: np.ndarray) -> float:
    """H of `rhs`."""
    m1, m2, l1, l2, g = p
    mass = np.array([[(m1 + m2) * l1 * l1, 0.0], [0.0, m2 * l2 * l2]])
    mass[0, 1] = mass[1, 0] = m2 * l1 * l2 * np.cos(x[0] - x[1])
    potential = -(m1 + m2) * g * l1 * np.cos(x[0]) - m2 * g * l2 * np.cos(x[1])
    return float(0.5 * x[2:] @ np.linalg.solve(mass, x[2:]) + potential)


def build(options: Mapping[str, Any]) -> System:
    """The pendulum, let go from above the level; times are in units of sqrt(l1 / g)."""
    swing = (options["l1"] / abs(options["g"])) ** 0.5 if options["g"] else options["l1"]
    reach = options["m2"] * options["l1"] * options["l2"] / swing
    return System(
        name="double-pendulum", title="Double pendulum", kind="flow", coordinates=("angle1", "angle2", "p1", "p2"),
        parameters=dict(options), rhs=rhs, jacobian=jacobian, dt=0.005 * swing, period=7.0 * swing, transient=0.0,
        start=np.array([2.0, 2.0, 0.0, 0.0]),
        box=np.array([[-np.pi, np.pi], [-np.pi, np.pi], [-reach, reach], [-reach, reach]]), bound=1e6 * reach,
        reference=REFERENCE, angles=(0, 1), symmetries=(Symmetry("mirror", -np.eye(4)),), conserved=energy,
        known=(constant_divergence(0.0, "0: Hamiltonian"),))


FAMILY = Family(
    name="double-pendulum", group="hamiltonian",
    summary="two rods, one hung from the other; chaos that keeps its energy",
    options=OPTIONS, build=build, reference=REFERENCE,
    facts=("exponents pair: +l and -l; two are 0", "the Hamiltonian is not separable: no symplectic splitting",
           "g=0: the total angular momentum is kept, and the motion is regular"))
