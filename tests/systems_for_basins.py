"""Flows whose attractors and basins are known exactly; one law for all, so that it is compiled once."""

from __future__ import annotations

import math

import numpy as np

from statfe.systems.system import Symmetry, System

#: Angle of the normal of the separatrix of `gradient`.
TILT = 0.4


def rhs(_t: float, x: np.ndarray, p: np.ndarray, out: np.ndarray) -> None:
    """The flow number p[0] with numbers a = p[1], b = p[2]."""
    case, a, b = p[0], p[1], p[2]
    if case == 0.0:  # pitchfork in one dimension
        out[0] = a * x[0] - x[0] * x[0] * x[0]
    elif case == 1.0:  # two wells, turned by TILT: u' = a (u - u^3), w' = -b w
        c, s = math.cos(TILT), math.sin(TILT)
        u, w = c * x[0] + s * x[1], c * x[1] - s * x[0]
        du, dw = a * (u - u * u * u), -b * w
        out[0], out[1] = c * du - s * dw, s * du + c * dw
    elif case == 2.0:  # r' = 0.1 r (r^2 - 1) (a - r^2), angle' = b
        q = x[0] * x[0] + x[1] * x[1]
        g = 0.1 * (q - 1.0) * (a - q)
        out[0], out[1] = g * x[0] - b * x[1], g * x[1] + b * x[0]
    elif case == 3.0:  # r' = r (a - r^2), angle' = b
        g = a - x[0] * x[0] - x[1] * x[1]
        out[0], out[1] = g * x[0] - b * x[1], g * x[1] + b * x[0]
    elif case == 4.0:  # a rotation that keeps volumes
        out[0], out[1] = b * x[1], -b * x[0]
    elif case == 5.0:  # a saddle-node pair: escape beyond sqrt(a)
        out[0] = x[0] * x[0] - a
    elif case == 6.0:  # a drift that goes on for ever
        out[0], out[1] = 1.0 / (1.0 + x[0] * x[0]), -x[1]
    elif case == 7.0:  # a line of fixed points
        out[0], out[1] = 0.0, -x[1]
    elif case == 8.0:  # Lorenz, rho = a
        out[0], out[1] = 10.0 * (x[1] - x[0]), x[0] * (a - x[2]) - x[1]
        out[2] = x[0] * x[1] - 8.0 / 3.0 * x[2]
    elif case == 9.0:  # two wells under a force of strength b, with its phase
        out[0], out[1] = a * (x[0] - x[0] * x[0] * x[0]) + b * math.cos(x[1]), 1.0
    else:  # two oscillators of their own: a torus
        for k in range(2):
            u, v = x[2 * k], x[2 * k + 1]
            g, w = 1.0 - u * u - v * v, 1.0 if k == 0 else a
            out[2 * k], out[2 * k + 1] = g * u - w * v, g * v + w * u


def jacobian(_t: float, x: np.ndarray, p: np.ndarray, out: np.ndarray) -> None:
    """Of `rhs`; a test holds it against differences."""
    case, a, b = p[0], p[1], p[2]
    out[:, :] = 0.0
    if case == 0.0:
        out[0, 0] = a - 3.0 * x[0] * x[0]
    elif case == 1.0:
        c, s = math.cos(TILT), math.sin(TILT)
        u = c * x[0] + s * x[1]
        g = a * (1.0 - 3.0 * u * u)
        out[0, 0], out[0, 1] = c * c * g - s * s * b, c * s * (g + b)
        out[1, 0], out[1, 1] = c * s * (g + b), s * s * g - c * c * b
    elif case == 2.0 or case == 3.0:
        q = x[0] * x[0] + x[1] * x[1]
        g = 0.1 * (q - 1.0) * (a - q) if case == 2.0 else a - q
        slope = 0.2 * (a + 1.0 - 2.0 * q) if case == 2.0 else -2.0
        out[0, 0], out[0, 1] = g + slope * x[0] * x[0], slope * x[0] * x[1] - b
        out[1, 0], out[1, 1] = slope * x[0] * x[1] + b, g + slope * x[1] * x[1]
    elif case == 4.0:
        out[0, 1], out[1, 0] = b, -b
    elif case == 5.0:
        out[0, 0] = 2.0 * x[0]
    elif case == 6.0:
        out[0, 0], out[1, 1] = -2.0 * x[0] / (1.0 + x[0] * x[0]) ** 2, -1.0
    elif case == 7.0:
        out[1, 1] = -1.0
    elif case == 8.0:
        out[0, 0], out[0, 1] = -10.0, 10.0
        out[1, 0], out[1, 1], out[1, 2] = a - x[2], -1.0, -x[0]
        out[2, 0], out[2, 1], out[2, 2] = x[1], x[0], -8.0 / 3.0
    elif case == 9.0:
        out[0, 0], out[0, 1] = a * (1.0 - 3.0 * x[0] * x[0]), -b * math.sin(x[1])
    else:
        for k in range(2):
            u, v, w = x[2 * k], x[2 * k + 1], 1.0 if k == 0 else a
            g = 1.0 - u * u - v * v
            out[2 * k, 2 * k], out[2 * k, 2 * k + 1] = g - 2.0 * u * u, -2.0 * u * v - w
            out[2 * k + 1, 2 * k], out[2 * k + 1, 2 * k + 1] = -2.0 * u * v + w, g - 2.0 * v * v


NUMBERS = {"pitchfork": 0, "gradient": 1, "subcritical": 2, "hopf": 3, "rotation": 4, "escape": 5, "drift": 6,
           "line": 7, "lorenz": 8, "forced": 9, "torus": 10}


def flow(name: str, box: list[tuple[float, float]], a: float = 1.0, b: float = 1.0, **more: object) -> System:
    """The flow `name` in a box, in time units where its rates are about 1."""
    corners = np.array(box, dtype=np.float64)
    n = len(corners)
    about = {"dt": 0.05, "period": 2.0 * math.pi, "transient": 20.0, "bound": 1e3,
             "symmetries": (Symmetry("inversion", -np.eye(n)),) if name in ("pitchfork", "gradient") else (), **more}
    return System(
        name=name, title=name, kind="flow", coordinates=tuple("xyzw"[:n]),
        parameters={"case": float(NUMBERS[name]), "a": a, "b": b}, rhs=rhs, jacobian=jacobian,
        start=corners.mean(axis=1), box=corners, reference="tests", **about)


def lorenz(rho: float) -> System:
    """The Lorenz system."""
    return flow("lorenz", [(-20.0, 20.0), (-25.0, 25.0), (0.0, 50.0)], rho, dt=0.01, period=0.75, transient=30.0,
                symmetries=(Symmetry("half turn", np.diag([-1.0, -1.0, 1.0])),))
