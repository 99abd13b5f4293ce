"""Systems whose invariants are known exactly, as plain laws; several share one law, for each is compiled."""

from __future__ import annotations

import math

import numpy as np

from statfe.systems.system import System


def made(name, kind, rhs, jacobian, start, dt=0.01, parameters=None, **more):
    """A system with ordinary bounds; `more` are fields of `System`."""
    start = np.asarray(start, dtype=np.float64)
    fields = {
        "period": 1.0 if kind == "flow" else dt, "transient": 20.0, "bound": 1e6, "reference": "test",
        "box": np.stack([start - 1.0, start + 1.0], axis=1), **more}
    return System(
        name=name, title=name, kind=kind, coordinates=tuple(f"x{k}" for k in range(len(start))),
        parameters=parameters or {}, rhs=rhs, jacobian=jacobian, dt=dt, start=start, **fields)


def plane(_t, x, p, out):
    """p0 = 0: Arnold's cat map. 1: a baker's map of strips p1, 1 - p1 and heights p2, p3. 2: logistic, and y by p2."""
    a, b = x[0], x[1]
    if p[0] == 0.0:
        out[0] = (2.0 * a + b) % 1.0
        out[1] = (a + b) % 1.0
    elif p[0] == 1.0:
        out[0] = a / p[1] if a < p[1] else (a - p[1]) / (1.0 - p[1])
        out[1] = p[2] * b if a < p[1] else 1.0 - p[3] + p[3] * b
    else:
        out[0] = p[1] * a * (1.0 - a)
        out[1] = p[2] * b


def plane_jacobian(_t, x, p, out):
    out[0, 1] = out[1, 0] = 0.0
    if p[0] == 0.0:
        out[0, 0], out[0, 1], out[1, 0], out[1, 1] = 2.0, 1.0, 1.0, 1.0
    elif p[0] == 1.0:
        out[0, 0] = 1.0 / p[1] if x[0] < p[1] else 1.0 / (1.0 - p[1])
        out[1, 1] = p[2] if x[0] < p[1] else p[3]
    else:
        out[0, 0], out[1, 1] = p[1] * (1.0 - 2.0 * x[0]), p[2]


def plane_map(which, a=0.0, b=0.0, c=0.0, start=(0.4472135954, 0.5477225575)):
    return made("plane", "map", plane, plane_jacobian, start, dt=1.0,
                parameters={"which": float(which), "a": a, "b": b, "c": c})


def turning(_t, x, p, out):
    """dr/dt = p0 r (1 - p3 r^2), angle at speed p1; and z by p2: a limit cycle, or a linear flow where p3 = 0."""
    s = p[0] * (1.0 - p[3] * (x[0] * x[0] + x[1] * x[1]))
    out[0] = s * x[0] - p[1] * x[1]
    out[1] = p[1] * x[0] + s * x[1]
    out[2] = p[2] * x[2] + x[0]


def turning_jacobian(_t, x, p, out):
    s = p[0] * (1.0 - p[3] * (x[0] * x[0] + x[1] * x[1]))
    g = 2.0 * p[0] * p[3]
    out[0, 0], out[0, 1], out[0, 2] = s - g * x[0] * x[0], -p[1] - g * x[0] * x[1], 0.0
    out[1, 0], out[1, 1], out[1, 2] = p[1] - g * x[0] * x[1], s - g * x[1] * x[1], 0.0
    out[2, 0], out[2, 1], out[2, 2] = 1.0, 0.0, p[2]


def turning_along(_t, x, v, p, out):
    """`turning_jacobian` along one vector."""
    s = p[0] * (1.0 - p[3] * (x[0] * x[0] + x[1] * x[1]))
    g = 2.0 * p[0] * p[3] * (x[0] * v[0] + x[1] * v[1])
    out[0] = s * v[0] - g * x[0] - p[1] * v[1]
    out[1] = p[1] * v[0] + s * v[1] - g * x[1]
    out[2] = v[0] + p[2] * v[2]


def flow(pull=0.5, speed=2 * math.pi, damp=-3.0, bend=1.0, **more):
    """Exponents 0, -2 pull, damp of a limit cycle; pull, pull, damp of a linear flow, bend = 0."""
    return made("turning", "flow", turning, turning_jacobian, [1.0, 0.2, 0.3],
                parameters={"pull": pull, "speed": speed, "damp": damp, "bend": bend}, **more)


def wells(_t, x, _p, out):
    """Henon and Heiles: positions, then momenta."""
    out[0], out[1] = x[2], x[3]
    out[2] = -x[0] - 2.0 * x[0] * x[1]
    out[3] = -x[1] - x[0] * x[0] + x[1] * x[1]


def wells_jacobian(_t, x, _p, out):
    out[:, :] = 0.0
    out[0, 2] = out[1, 3] = 1.0
    out[2, 0], out[2, 1] = -1.0 - 2.0 * x[1], -2.0 * x[0]
    out[3, 0], out[3, 1] = -2.0 * x[0], -1.0 + 2.0 * x[1]


def wells_energy(x, _p):
    return 0.5 * (x[0]**2 + x[1]**2 + x[2]**2 + x[3]**2) + x[0]**2 * x[1] - x[1]**3 / 3.0


def hamiltonian():
    """Henon-Heiles in its chaotic sea."""
    return made("wells", "flow", wells, wells_jacobian, [0.0, -0.15, 0.49, 0.0], dt=0.05, conserved=wells_energy,
                momenta=(2, 3), period=6.0)
