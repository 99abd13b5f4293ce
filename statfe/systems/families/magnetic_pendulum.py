"""A pendulum with friction over magnets: fixed points with basins that interlace."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from statfe.spec import Option
from statfe.systems.system import Family, Symmetry, System, constant_divergence

REFERENCE = ("H.-O. Peitgen, H. Jurgens and D. Saupe, Chaos and Fractals (1992), section 12.8; "
             "A. E. Motter et al., Phys. Rev. Lett. 111, 194101 (2013)")
OPTIONS = (
    Option("magnets", "int", 3, "number of magnets, on a circle of radius 1", minimum=1, maximum=100),
    Option("omega", "float", 0.5, "frequency of the pendulum without magnets"),
    Option("friction", "float", 0.2, "friction"),
    Option("pull", "float", 1.0, "strength of the magnets; negative pushes"),
    Option("height", "float", 0.3, "distance of the pendulum from the plane of the magnets", minimum=1e-6))


def rhs(_t: float, x: np.ndarray, p: np.ndarray, out: np.ndarray) -> None:
    """dv/dt = -omega^2 r - friction v - pull sum_k (r - r_k) / (|r - r_k|^2 + height^2)^{3/2}, dr/dt = v."""
    a = -p[0] * p[0] * x[0] - p[1] * x[2]
    b = -p[0] * p[0] * x[1] - p[1] * x[3]
    for k in range((p.size - 4) // 2):
        dx, dy = x[0] - p[4 + 2 * k], x[1] - p[5 + 2 * k]
        square = dx * dx + dy * dy + p[3] * p[3]
        force = p[2] / (square * np.sqrt(square))
        a = a - force * dx
        b = b - force * dy
    out[0], out[1], out[2], out[3] = x[2], x[3], a, b


def jacobian(_t: float, x: np.ndarray, p: np.ndarray, out: np.ndarray) -> None:
    """Of `rhs`."""
    for i in range(4):
        for j in range(4):
            out[i, j] = 0.0
    out[0, 2], out[1, 3] = 1.0, 1.0
    out[2, 0], out[3, 1] = -p[0] * p[0], -p[0] * p[0]
    out[2, 2], out[3, 3] = -p[1], -p[1]
    for k in range((p.size - 4) // 2):
        dx, dy = x[0] - p[4 + 2 * k], x[1] - p[5 + 2 * k]
        square = dx * dx + dy * dy + p[3] * p[3]
        force = p[2] / (square * np.sqrt(square))
        bend = 3.0 * force / square
        out[2, 0] += bend * dx * dx - force
        out[3, 1] += bend * dy * dy - force
        out[2, 1] += bend * dx * dy
    out[3, 0] = out[2, 1]


def turn(magnets: int) -> np.ndarray:
    """Positions and velocities turned from one magnet to the next, shape (4, 4)."""
    angle = 2.0 * np.pi / magnets
    plane = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.kron(np.eye(2), plane)


def build(options: Mapping[str, Any]) -> System:
    """The pendulum over magnets at the corners of a regular polygon, the first at (1, 0)."""
    count = options["magnets"]
    angles = 2.0 * np.pi * np.arange(count) / count
    places = {f"{axis}{k + 1}": float(value) for k in range(count)
              for axis, value in (("x", np.cos(angles[k])), ("y", np.sin(angles[k])))}
    numbers = {name: options[name] for name in ("omega", "friction", "pull", "height")}
    return System(
        name="magnetic-pendulum", title="Magnetic pendulum", kind="flow", coordinates=("x", "y", "vx", "vy"),
        parameters={**numbers, **places}, rhs=rhs, jacobian=jacobian, dt=0.01, period=6.0, transient=100.0,
        start=np.array([0.8, 0.1, 0.0, 0.0]), box=np.array([[-2.0, 2.0], [-2.0, 2.0], [0.0, 0.0], [0.0, 0.0]]),
        bound=1e3, reference=REFERENCE,
        symmetries=(Symmetry("turn to the next magnet", turn(count)), Symmetry("mirror", np.diag([1.0, -1, 1, -1]))),
        known=(constant_divergence(-2.0 * options["friction"], "-2 friction"),))


FAMILY = Family(
    name="magnetic-pendulum", group="flow",
    summary="a pendulum over magnets comes to rest near one of them; riddled basins",
    options=OPTIONS, build=build, reference=REFERENCE,
    facts=("sum of exponents -2 friction, exactly",
           "three fixed points attract a third of the starts each, by symmetry",
           "the box starts at rest in a square, which has not the symmetry of the triangle"))
