"""Slow twins of the integrators, from their textbook forms."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.linalg import expm

#: Kutta's tableau.
A = np.array([[0, 0, 0, 0], [0.5, 0, 0, 0], [0, 0.5, 0, 0], [0, 0, 1, 0]])
B = np.array([1, 2, 2, 1]) / 6
#: Yoshida's coefficients of kicks and drifts, written out as four kicks and three drifts.
CUBE = 2.0 ** (1.0 / 3.0)
KICKS = np.array([1.0, 1.0 - CUBE, 1.0 - CUBE, 1.0]) / (2.0 * (2.0 - CUBE))
DRIFTS = np.array([1.0, -CUBE, 1.0]) / (2.0 - CUBE)


def plain(template: Callable[..., Any], **parts: Any) -> Callable[..., Any]:
    """A template with its parts, in plain Python."""
    return types.FunctionType(template.__code__, {**template.__globals__, **parts}, template.__name__)


def rk4(f: Callable[[np.ndarray], np.ndarray], x: np.ndarray, dt: float, steps: int) -> np.ndarray:
    """Runge-Kutta by its tableau."""
    for _ in range(steps):
        k = np.zeros((4, len(x)))
        for i in range(4):
            k[i] = f(x + dt * A[i] @ k)
        x = x + dt * B @ k
    return x


def yoshida4(force: Callable[[np.ndarray], np.ndarray], q: np.ndarray, momentum: np.ndarray, dt: float,
             steps: int) -> tuple[np.ndarray, np.ndarray]:
    """For H = momentum^2 / 2 + U(q), force = -grad U."""
    for _ in range(steps):
        for k in range(4):
            momentum = momentum + KICKS[k] * dt * force(q)
            if k < 3:
                q = q + DRIFTS[k] * dt * momentum
    return q, momentum


def phi(z: float) -> np.ndarray:
    """e^z, phi_1, phi_2, phi_3 from one matrix exponential: phi_k = (phi_{k-1} - 1/(k-1)!) / z."""
    matrix = np.diag([1.0, 1.0, 1.0], 1)
    matrix[0, 0] = z
    return expm(matrix)[0]


def etdrk4(linear: np.ndarray, n: Callable[[np.ndarray], np.ndarray], x: np.ndarray, dt: float,
           steps: int) -> np.ndarray:
    """Cox and Matthews' scheme by phi functions (Hochbruck and Ostermann, Acta Numerica 19, 209 (2010), eq. (2.42))."""
    e, _, p2, p3 = np.array([phi(dt * rate) for rate in linear]).T
    p1 = np.array([phi(dt * rate)[1] for rate in linear])
    half, q = np.array([phi(dt * rate / 2)[:2] for rate in linear]).T
    for _ in range(steps):
        a = half * x + dt / 2 * q * n(x)
        b = half * x + dt / 2 * q * n(a)
        c = half * a + dt / 2 * q * (2 * n(b) - n(x))
        x = e * x + dt * ((p1 - 3 * p2 + 4 * p3) * n(x) + (2 * p2 - 4 * p3) * (n(a) + n(b)) + (4 * p3 - p2) * n(c))
    return x
