"""Laws of motion from a user's own file: derivatives by differences, and whether they compile."""

from __future__ import annotations

import hashlib
import re
import types
from collections.abc import Callable
from typing import Any

import numpy as np

from statfe._jit import instance, law

#: Relative step of central differences: the cube root of the rounding error, where it balances the curvature.
STEP = 6e-6


def rhs(t: float, x: np.ndarray, p: np.ndarray, out: np.ndarray) -> None:
    """Stand-in: the law of motion."""
    raise NotImplementedError


#: Stand-in: typical size of each coordinate, shape (dimension,).
sizes = np.ones(1)


def jacobian(t: float, x: np.ndarray, p: np.ndarray, out: np.ndarray) -> None:
    """Central differences of `rhs`; relative accuracy about 1e-10 where the law is smooth on the scale of `sizes`."""
    n = x.size
    y, above, below = x.copy(), np.empty(n), np.empty(n)
    for j in range(n):
        h = STEP * max(sizes[j], abs(x[j]))
        up, down = x[j] + h, x[j] - h
        y[j] = up
        rhs(t, y, p, above)
        y[j] = down
        rhs(t, y, p, below)
        y[j] = x[j]
        for i in range(n):
            out[i, j] = (above[i] - below[i]) / (up - down)


def differences(function: Callable[..., Any], typical: np.ndarray) -> Callable[..., None]:
    """The law `jacobian` for one right-hand side; a plain function, as `statfe._jit.law` takes it.

    Parameters
    ----------
    typical
        Size of each coordinate, shape (dimension,): steps are a share of it, or of the coordinate where that is larger.
    """
    one: Any = instance(jacobian, rhs=law(function)).py_func
    held = np.array(typical, dtype=np.float64)
    made: Any = types.FunctionType(one.__code__, {**one.__globals__, "sizes": held}, one.__name__)
    # its name tells its compiled code from that with other sizes
    made.__qualname__ = f"{one.__qualname__}_{hashlib.sha256(held.tobytes()).hexdigest()[:12]}"
    made.__module__ = one.__module__
    return made


def by_differences(function: Callable[..., Any]) -> bool:
    """Whether a Jacobian was made by `differences`."""
    return getattr(function, "__module__", "") == __name__


def compile_error(function: Callable[..., Any], matrix: bool = False) -> str:
    """Why numba cannot compile a law, on one line; empty if it can."""
    try:
        law(function).compile(f"(float64, float64[::1], float64[::1], float64[{':, ' if matrix else ''}::1])")
    except Exception as error:  # of many kinds, all of them the law's
        plain = re.sub(r"\x1b\[[0-9;]*m", "", str(error))
        lines = [line.strip() for line in plain.splitlines() if line.strip()]
        said = [line for line in lines if not line.startswith(("Failed in nopython", "File ", "During:"))]
        place = re.search(r"line (\d+)", plain)
        return (f"line {place[1]}: " if place else "") + (said[0] if said else lines[0]).rstrip(".:")
    return ""
