"""A pendulum over magnets on a circle."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from statfe.spec import Option
from statfe.systems.system import Family, Symmetry, System

REFERENCE = "Peitgen, Jurgens and Saupe, Chaos and Fractals (1992), section 12.8; Motter et al., PRL 111, 194101 (2013)"


def rhs(_t: float, x: np.ndarray, p: np.ndarray, out: np.ndarray) -> None:
    """d^2 r/dt^2 = -omega^2 r - alpha dr/dt - strength sum_k (r - r_k) / (|r - r_k|^2 + d^2)^(3/2)."""
    count = int(p[4])
    ax = -p[0] * p[0] * x[0] - p[1] * x[2]
    ay = -p[0] * p[0] * x[1] - p[1] * x[3]
    for k in range(count):
        angle = 2.0 * math.pi * k / count
        dx, dy = x[0] - math.cos(angle), x[1] - math.sin(angle)
        square = dx * dx + dy * dy + p[2] * p[2]
        pull = p[3] / (square * math.sqrt(square))
        ax -= pull * dx
        ay -= pull * dy
    out[0] = x[2]
    out[1] = x[3]
    out[2] = ax
    out[3] = ay


def jacobian(_t: float, x: np.ndarray, p: np.ndarray, out: np.ndarray) -> None:
    """Of `rhs`."""
    for i in range(4):
        for j in range(4):
            out[i, j] = 0.0
    out[0, 2], out[1, 3] = 1.0, 1.0
    out[2, 2], out[3, 3] = -p[1], -p[1]
    out[2, 0], out[3, 1] = -p[0] * p[0], -p[0] * p[0]
    count = int(p[4])
    for k in range(count):
        angle = 2.0 * math.pi * k / count
        dx, dy = x[0] - math.cos(angle), x[1] - math.sin(angle)
        square = dx * dx + dy * dy + p[2] * p[2]
        pull = p[3] / (square * math.sqrt(square))
        out[2, 0] -= pull * (1.0 - 3.0 * dx * dx / square)
        out[3, 1] -= pull * (1.0 - 3.0 * dy * dy / square)
        cross = 3.0 * pull * dx * dy / square
        out[2, 1] += cross
        out[3, 0] += cross


def build(options: Mapping[str, Any]) -> System:
    """Magnets on the unit circle, the first at angle 0."""
    count = options["magnets"]
    angle = 2.0 * math.pi / count
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    parameters = {name: options[name] for name in ("omega", "alpha", "d", "strength")}
    return System(
        name=FAMILY.name, title="Magnetic pendulum", kind="flow", coordinates=("x", "y", "u", "v"),
        parameters={**parameters, "magnets": float(count)}, rhs=rhs, jacobian=jacobian, dt=0.01, period=3.0,
        transient=200.0, start=np.array([0.5, 0.8, 0.0, 0.0]),
        box=np.array([[-2.0, 2.0], [-2.0, 2.0], [0.0, 0.0], [0.0, 0.0]]), bound=1e3, reference=REFERENCE,
        symmetries=(Symmetry("turn by one magnet", np.kron(np.eye(2), turn)),
                    Symmetry("reflection", np.diag([1.0, -1.0, 1.0, -1.0]))))


FAMILY = Family(
    name="magnetic-pendulum", group="flow",
    summary="comes to rest at one of the magnets; fractal edges between their basins",
    options=(Option("magnets", "int", 3, "magnets on the unit circle", minimum=1, maximum=100),
             Option("omega", "float", 0.5, "frequency of the pendulum"), Option("alpha", "float", 0.2, "friction"),
             Option("d", "float", 0.3, "height over the magnets", minimum=1e-6),
             Option("strength", "float", 1.0, "of the magnets")),
    build=build, reference=REFERENCE, facts=("basins of all magnets have equal shares, by symmetry",
                                             "sum of exponents -2 alpha, exactly"))
