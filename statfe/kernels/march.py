"""Steps of a flow or a map and the loop that repeats them; templates, compiled for each law by `statfe._jit.instance`.

`rhs` and `step` below are stand-ins that say the signature; an instance puts the law in their place.
"""

from __future__ import annotations

import numpy as np


def rhs(t: float, x: np.ndarray, p: np.ndarray, out: np.ndarray) -> None:
    """Stand-in: the law of motion."""
    raise NotImplementedError


def step(t: float, dt: float, x: np.ndarray, p: np.ndarray, work: np.ndarray) -> None:
    """Stand-in: `x` a time `dt` later, in place."""
    raise NotImplementedError


def rk4_step(t: float, dt: float, x: np.ndarray, p: np.ndarray, work: np.ndarray) -> None:
    """One classical Runge-Kutta step in place; `work` has shape (5, dimension)."""
    n = x.size
    k1, k2, k3, k4, y = work[0], work[1], work[2], work[3], work[4]
    rhs(t, x, p, k1)
    for i in range(n):
        y[i] = x[i] + 0.5 * dt * k1[i]
    rhs(t + 0.5 * dt, y, p, k2)
    for i in range(n):
        y[i] = x[i] + 0.5 * dt * k2[i]
    rhs(t + 0.5 * dt, y, p, k3)
    for i in range(n):
        y[i] = x[i] + dt * k3[i]
    rhs(t + dt, y, p, k4)
    for i in range(n):
        x[i] += dt / 6.0 * (k1[i] + 2.0 * k2[i] + 2.0 * k3[i] + k4[i])


def map_step(t: float, dt: float, x: np.ndarray, p: np.ndarray, work: np.ndarray) -> None:
    """One step of a map in place; `work` has shape (5, dimension)."""
    rhs(t, x, p, work[0])
    for i in range(x.size):
        x[i] = work[0, i]


def march(x: np.ndarray, t: float, dt: float, p: np.ndarray, every: int, bound: float, measured: np.ndarray,
          out: np.ndarray, work: np.ndarray) -> int:
    """Advance one trajectory and keep each `every`-th state.

    Parameters
    ----------
    x
        State, shape (dimension,); on return the last one.
    bound
        The trajectory has escaped when one of the coordinates named in `measured` (bool, (dimension,)) is further out.
    out
        Kept states, shape (samples, dimension).

    Returns
    -------
    int
        Number of states kept; fewer than asked when the trajectory escaped or became non-finite.
    """
    n = x.size
    for s in range(out.shape[0]):
        for k in range(every):
            step(t + k * dt, dt, x, p, work)
        t += every * dt
        for i in range(n):
            # written so that a nan is outside too
            if measured[i] and not abs(x[i]) <= bound:
                return s
            out[s, i] = x[i]
    return out.shape[0]
