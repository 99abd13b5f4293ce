"""The delay equation of Mackey and Glass as a map of its history."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from statfe.spec import Option
from statfe.systems.system import GRASSBERGER, Family, Known, System, usual

REFERENCE = "M. C. Mackey and L. Glass, Science 197, 287 (1977), eq. (4b); J. D. Farmer, Physica D 4, 366 (1982)"
KNOWN = (Known("kaplan_yorke", 2.13, GRASSBERGER, 0.03), Known("correlation_dimension", 1.95, GRASSBERGER, 0.03))
OPTIONS = (
    Option("tau", "float", 17.0, "delay", minimum=1e-6),
    Option("beta", "float", 0.2, "production"),
    Option("gamma", "float", 0.1, "decay"),
    Option("power", "float", 10.0, "steepness of the answer", minimum=0.0),
    Option("points", "int", 50, "steps to a delay; the state has one number more", minimum=4, maximum=100_000))


def rhs(_t: float, x: np.ndarray, p: np.ndarray, out: np.ndarray) -> None:
    """One Runge-Kutta step of dy/dt = beta y(t - tau) / (1 + y(t - tau)^power) - gamma y.

    `x` holds y(t), y(t - h), ..., y(t - tau) with h = tau / points. The delayed value at half a step is that of the
    cubic through the four oldest values, so the local error is of order h^5 and the method of order 4.
    """
    n = x.size - 1
    h = p[0] / n
    early, late = x[n], x[n - 1]
    half = 0.3125 * x[n] + 0.9375 * x[n - 1] - 0.3125 * x[n - 2] + 0.0625 * x[n - 3]
    first = p[1] * early / (1.0 + early ** p[3])
    middle = p[1] * half / (1.0 + half ** p[3])
    last = p[1] * late / (1.0 + late ** p[3])
    y = x[0]
    k1 = first - p[2] * y
    k2 = middle - p[2] * (y + 0.5 * h * k1)
    k3 = middle - p[2] * (y + 0.5 * h * k2)
    k4 = last - p[2] * (y + h * k3)
    for i in range(n, 0, -1):
        out[i] = x[i - 1]
    out[0] = y + h / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4)


def jacobian(_t: float, x: np.ndarray, p: np.ndarray, out: np.ndarray) -> None:
    """Of `rhs`; only the first row is not a shift."""
    n = x.size - 1
    for i in range(n + 1):
        for j in range(n + 1):
            out[i, j] = 0.0
    for i in range(1, n + 1):
        out[i, i - 1] = 1.0
    h = p[0] / n
    z = h * p[2]
    half = 0.3125 * x[n] + 0.9375 * x[n - 1] - 0.3125 * x[n - 2] + 0.0625 * x[n - 3]
    power = x[n] ** p[3]
    first = p[1] * (1.0 + (1.0 - p[3]) * power) / ((1.0 + power) * (1.0 + power))
    power = half ** p[3]
    middle = p[1] * (1.0 + (1.0 - p[3]) * power) / ((1.0 + power) * (1.0 + power))
    power = x[n - 1] ** p[3]
    last = p[1] * (1.0 + (1.0 - p[3]) * power) / ((1.0 + power) * (1.0 + power))
    # the step is linear in y and in the three delayed slopes
    first = first * h / 6.0 * (1.0 - z + 0.5 * z * z - 0.25 * z * z * z)
    middle = middle * h / 6.0 * (4.0 - 2.0 * z + 0.5 * z * z)
    last = last * h / 6.0
    out[0, 0] = 1.0 - z + z * z / 2.0 - z * z * z / 6.0 + z * z * z * z / 24.0
    out[0, n] += first + 0.3125 * middle
    out[0, n - 1] += last + 0.9375 * middle
    out[0, n - 2] += -0.3125 * middle
    out[0, n - 3] += 0.0625 * middle


def tangent(_t: float, x: np.ndarray, p: np.ndarray, v: np.ndarray, out: np.ndarray) -> None:
    """`jacobian` times `v`: a shift and the derivative of one Runge-Kutta step."""
    n = x.size - 1
    h = p[0] / n
    half = 0.3125 * x[n] + 0.9375 * x[n - 1] - 0.3125 * x[n - 2] + 0.0625 * x[n - 3]
    half_v = 0.3125 * v[n] + 0.9375 * v[n - 1] - 0.3125 * v[n - 2] + 0.0625 * v[n - 3]
    power = x[n] ** p[3]
    first = p[1] * (1.0 + (1.0 - p[3]) * power) / ((1.0 + power) * (1.0 + power)) * v[n]
    power = half ** p[3]
    middle = p[1] * (1.0 + (1.0 - p[3]) * power) / ((1.0 + power) * (1.0 + power)) * half_v
    power = x[n - 1] ** p[3]
    last = p[1] * (1.0 + (1.0 - p[3]) * power) / ((1.0 + power) * (1.0 + power)) * v[n - 1]
    y = v[0]
    k1 = first - p[2] * y
    k2 = middle - p[2] * (y + 0.5 * h * k1)
    k3 = middle - p[2] * (y + 0.5 * h * k2)
    k4 = last - p[2] * (y + h * k3)
    for i in range(n, 0, -1):
        out[i] = v[i - 1]
    out[0] = y + h / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4)


def build(options: Mapping[str, Any]) -> System:
    """The map; one step takes tau / points units of time."""
    points, tau = options["points"], options["tau"]
    names = ("y", *(f"y_{i}" for i in range(1, points + 1)))
    return System(
        name="mackey-glass", title="Mackey-Glass", kind="map", coordinates=names,
        parameters={name: options[name] for name in ("tau", "beta", "gamma", "power")}, rhs=rhs, jacobian=jacobian,
        tangent=tangent, dt=tau / points, period=3.0 * tau, transient=100.0 * tau, start=np.full(points + 1, 1.2),
        box=np.tile([0.4, 1.4], (points + 1, 1)), bound=1e3, reference=REFERENCE,
        known=KNOWN if usual(options, OPTIONS) else ())


FAMILY = Family(
    name="mackey-glass", group="delay", summary="blood cells made with a delay; more dimensions as the delay grows",
    options=OPTIONS, build=build, reference=REFERENCE,
    facts=("order 4 in the step tau / points", "coordinates are y now, one step ago, ..., a delay ago",
           "power=10, beta=0.2, gamma=0.1: fixed point to tau = 4.53, cycles to 13.3, then doublings; chaos from 16.8",
           "one exponent is 0, as the equation is autonomous in continuous time"))
