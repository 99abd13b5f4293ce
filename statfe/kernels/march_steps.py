"""Steps beyond Runge-Kutta: symplectic ones, and exponential time differencing; templates as in `march.py`.

What a step must know besides the law lies in the first rows of `work`; `statfe.attractors.integrators` fills them.
"""

from __future__ import annotations

import numpy as np

#: Yoshida, Phys. Lett. A 150, 262 (1990): leapfrogs of w_1, w_0, w_1 steps, w_1 = 1 / (2 - 2^(1/3)), w_0 = 1 - 2 w_1.
OUTER = 1.0 / (2.0 - 2.0 ** (1.0 / 3.0))
INNER = 1.0 - 2.0 * OUTER


def rhs(t: float, x: np.ndarray, p: np.ndarray, out: np.ndarray) -> None:
    """Stand-in: the law of motion."""
    raise NotImplementedError


def leapfrog_step(t: float, dt: float, x: np.ndarray, p: np.ndarray, work: np.ndarray) -> None:
    """Half a kick, a drift, half a kick (Stoermer and Verlet); order two.

    `work` has shape (3, dimension): 1 for each momentum, 1 for each position, room.
    """
    momenta, positions, f = work[0], work[1], work[2]
    rhs(t, x, p, f)
    for i in range(x.size):
        x[i] += 0.5 * dt * momenta[i] * f[i]
    rhs(t, x, p, f)
    for i in range(x.size):
        x[i] += dt * positions[i] * f[i]
    rhs(t, x, p, f)
    for i in range(x.size):
        x[i] += 0.5 * dt * momenta[i] * f[i]


def yoshida4_step(t: float, dt: float, x: np.ndarray, p: np.ndarray, work: np.ndarray) -> None:
    """Three leapfrogs, the middle one backwards; order four; `work` as in `leapfrog_step`."""
    momenta, positions, f = work[0], work[1], work[2]
    for stage in range(3):
        h = (INNER if stage == 1 else OUTER) * dt
        rhs(t, x, p, f)
        for i in range(x.size):
            x[i] += 0.5 * h * momenta[i] * f[i]
        rhs(t, x, p, f)
        for i in range(x.size):
            x[i] += h * positions[i] * f[i]
        rhs(t, x, p, f)
        for i in range(x.size):
            x[i] += 0.5 * h * momenta[i] * f[i]


def etdrk4_step(t: float, dt: float, x: np.ndarray, p: np.ndarray, work: np.ndarray) -> None:
    """Exponential time differencing with a Runge-Kutta of order four.

    Cox and Matthews, J. Comput. Phys. 176, 430 (2002), eqs (26) to (29), for f(x) = L x + N(x). `work` has shape
    (12, dimension): L, e^(L dt), e^(L dt / 2), and the coefficients Q, f1, f2, f3 of Kassam and Trefethen, SIAM J. Sci.
    Comput. 26, 1214 (2005), eq. (2.5); then room.
    """
    n = x.size
    linear, full, half, q = work[0], work[1], work[2], work[3]
    f1, f2, f3 = work[4], work[5], work[6]
    first, a, middle, b, last = work[7], work[8], work[9], work[10], work[11]
    rhs(t, x, p, first)
    for i in range(n):
        first[i] -= linear[i] * x[i]
        a[i] = half[i] * x[i] + q[i] * first[i]
    rhs(t + 0.5 * dt, a, p, middle)
    for i in range(n):
        middle[i] -= linear[i] * a[i]
        b[i] = half[i] * x[i] + q[i] * middle[i]
    rhs(t + 0.5 * dt, b, p, last)
    for i in range(n):
        last[i] -= linear[i] * b[i]
        b[i] = half[i] * a[i] + q[i] * (2.0 * last[i] - first[i])
        middle[i] += last[i]
    rhs(t + dt, b, p, last)
    for i in range(n):
        last[i] -= linear[i] * b[i]
        x[i] = full[i] * x[i] + f1[i] * first[i] + 2.0 * f2[i] * middle[i] + f3[i] * last[i]
