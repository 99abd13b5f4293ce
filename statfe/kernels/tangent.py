"""A state and k tangent vectors stepped together; templates, compiled for each law by `statfe._jit.instance`.

The tangent step is the exact derivative of the step of the state: each stage of the integrator is differentiated, so
the vectors follow what is computed and not only what is meant. Vectors are the columns of `v`, shape (dimension, k).
The names below that raise are stand-ins that say the signature.
"""

from __future__ import annotations

import math

import numpy as np

from statfe._jit import njit


def rhs(t: float, x: np.ndarray, p: np.ndarray, out: np.ndarray) -> None:
    """Stand-in: the law of motion."""
    raise NotImplementedError


def jacobian(t: float, x: np.ndarray, p: np.ndarray, out: np.ndarray) -> None:
    """Stand-in: its derivative."""
    raise NotImplementedError


def tangent(t: float, x: np.ndarray, p: np.ndarray, v: np.ndarray, out: np.ndarray) -> None:
    """Stand-in: the derivative applied to one vector."""
    raise NotImplementedError


def pull(t: float, x: np.ndarray, v: np.ndarray, p: np.ndarray, jac: np.ndarray, whole: bool, out: np.ndarray) -> float:
    """Stand-in: `out` = J(x) `v`; the trace of J, or 0 where it costs more and is not asked for."""
    raise NotImplementedError


def step(t: float, dt: float, x: np.ndarray, v: np.ndarray, p: np.ndarray, table: np.ndarray, whole: bool,
         work: np.ndarray, pulled: np.ndarray, jac: np.ndarray) -> float:
    """Stand-in: `x` and `v` a time `dt` later, in place; the logarithm of the change of volume by the trace."""
    raise NotImplementedError


def pull_matrix(t: float, x: np.ndarray, v: np.ndarray, p: np.ndarray, jac: np.ndarray, whole: bool,
                out: np.ndarray) -> float:
    """By the whole Jacobian; zeros in it cost nothing."""
    n, k = v.shape
    jacobian(t, x, p, jac)
    trace = 0.0
    for i in range(n):
        trace += jac[i, i]
        for m in range(k):
            out[i, m] = 0.0
        for j in range(n):
            slope = jac[i, j]
            if slope != 0.0:
                for m in range(k):
                    out[i, m] += slope * v[j, m]
    return trace


def pull_vectors(t: float, x: np.ndarray, v: np.ndarray, p: np.ndarray, jac: np.ndarray, whole: bool,
                 out: np.ndarray) -> float:
    """By the law of the derivative along one vector; two rows of `jac` are room, after the Jacobian if `whole`."""
    n, k = v.shape
    top = n if whole else 0
    one, image = jac[top], jac[top + 1]
    for m in range(k):
        for i in range(n):
            one[i] = v[i, m]
        tangent(t, x, p, one, image)
        for i in range(n):
            out[i, m] = image[i]
    trace = 0.0
    if whole:
        jacobian(t, x, p, jac[:n])
        for i in range(n):
            trace += jac[i, i]
    return trace


@njit
def ahead(x: np.ndarray, v: np.ndarray, h: float, slope: np.ndarray, pulled: np.ndarray, y: np.ndarray,
           w: np.ndarray) -> None:
    """``y = x + h slope`` and ``w = v + h pulled``."""
    for i in range(x.size):
        y[i] = x[i] + h * slope[i]
        for m in range(v.shape[1]):
            w[i, m] = v[i, m] + h * pulled[i, m]


def rk4_tangent(t: float, dt: float, x: np.ndarray, v: np.ndarray, p: np.ndarray, table: np.ndarray, whole: bool,
                work: np.ndarray, pulled: np.ndarray, jac: np.ndarray) -> float:
    """The classical Runge-Kutta step and its derivative."""
    n, k = v.shape
    k1, k2, k3, k4, y = work[0], work[1], work[2], work[3], work[4]
    q1, q2, q3, q4, w = pulled[0], pulled[1], pulled[2], pulled[3], pulled[4]
    rhs(t, x, p, k1)
    volume = pull(t, x, v, p, jac, whole, q1)
    ahead(x, v, 0.5 * dt, k1, q1, y, w)
    rhs(t + 0.5 * dt, y, p, k2)
    volume += 2.0 * pull(t + 0.5 * dt, y, w, p, jac, whole, q2)
    ahead(x, v, 0.5 * dt, k2, q2, y, w)
    rhs(t + 0.5 * dt, y, p, k3)
    volume += 2.0 * pull(t + 0.5 * dt, y, w, p, jac, whole, q3)
    ahead(x, v, dt, k3, q3, y, w)
    rhs(t + dt, y, p, k4)
    volume += pull(t + dt, y, w, p, jac, whole, q4)
    for i in range(n):
        x[i] += dt / 6.0 * (k1[i] + 2.0 * k2[i] + 2.0 * k3[i] + k4[i])
        for m in range(k):
            v[i, m] += dt / 6.0 * (q1[i, m] + 2.0 * q2[i, m] + 2.0 * q3[i, m] + q4[i, m])
    return dt / 6.0 * volume


def map_tangent(t: float, dt: float, x: np.ndarray, v: np.ndarray, p: np.ndarray, table: np.ndarray, whole: bool,
                work: np.ndarray, pulled: np.ndarray, jac: np.ndarray) -> float:
    """One step of a map; the volume by ln |det J|, where it is asked for."""
    n, k = v.shape
    pull(t, x, v, p, jac, whole, pulled[0])
    rhs(t, x, p, work[0])
    for i in range(n):
        x[i] = work[0, i]
        for m in range(k):
            v[i, m] = pulled[0, i, m]
    return log_determinant(jac, n) if whole else 0.0


def yoshida4_tangent(t: float, dt: float, x: np.ndarray, v: np.ndarray, p: np.ndarray, table: np.ndarray,
                     whole: bool, work: np.ndarray, pulled: np.ndarray, jac: np.ndarray) -> float:
    """Three leapfrogs (Yoshida, Phys. Lett. A 150, 262 (1990)) and their derivative, which keeps volumes exactly.

    Rows of `table`: 1 at momenta, 1 at positions.
    """
    n, k = v.shape
    outer = 1.0 / (2.0 - 2.0 ** (1.0 / 3.0))
    for stage in range(3):
        h = ((1.0 - 2.0 * outer) if stage == 1 else outer) * dt
        for part in range(3):
            # half a kick, a drift, half a kick
            share = h if part == 1 else 0.5 * h
            moved = table[1] if part == 1 else table[0]
            rhs(t, x, p, work[0])
            pull(t, x, v, p, jac, False, pulled[0])
            for i in range(n):
                if moved[i] != 0.0:
                    x[i] += share * work[0, i]
                    for m in range(k):
                        v[i, m] += share * pulled[0, i, m]
    return 0.0


def etdrk4_tangent(t: float, dt: float, x: np.ndarray, v: np.ndarray, p: np.ndarray, table: np.ndarray, whole: bool,
                   work: np.ndarray, pulled: np.ndarray, jac: np.ndarray) -> float:
    """Exponential time differencing (Cox and Matthews 2002, eqs 26-29) and its derivative.

    Rows of `table`, shape (7, dimension): L, exp(L h), exp(L h / 2), Q, f1, f2, f3.
    """
    n, k = v.shape
    linear, whole_h, half_h, q, f1, f2, f3 = table[0], table[1], table[2], table[3], table[4], table[5], table[6]
    n0, na, nb, nc, a, y = work[0], work[1], work[2], work[3], work[4], work[5]
    p0, pa, pb, pc, va, w = pulled[0], pulled[1], pulled[2], pulled[3], pulled[4], pulled[5]
    volume = bent(t, x, v, p, linear, whole, jac, n0, p0)
    for i in range(n):
        a[i] = half_h[i] * x[i] + q[i] * n0[i]
        for m in range(k):
            va[i, m] = half_h[i] * v[i, m] + q[i] * p0[i, m]
    volume += 2.0 * bent(t + 0.5 * dt, a, va, p, linear, whole, jac, na, pa)
    for i in range(n):
        y[i] = half_h[i] * x[i] + q[i] * na[i]
        for m in range(k):
            w[i, m] = half_h[i] * v[i, m] + q[i] * pa[i, m]
    volume += 2.0 * bent(t + 0.5 * dt, y, w, p, linear, whole, jac, nb, pb)
    for i in range(n):
        y[i] = half_h[i] * a[i] + q[i] * (2.0 * nb[i] - n0[i])
        for m in range(k):
            w[i, m] = half_h[i] * va[i, m] + q[i] * (2.0 * pb[i, m] - p0[i, m])
    volume += bent(t + dt, y, w, p, linear, whole, jac, nc, pc)
    for i in range(n):
        x[i] = whole_h[i] * x[i] + f1[i] * n0[i] + 2.0 * f2[i] * (na[i] + nb[i]) + f3[i] * nc[i]
        for m in range(k):
            v[i, m] = (whole_h[i] * v[i, m] + f1[i] * p0[i, m] + 2.0 * f2[i] * (pa[i, m] + pb[i, m])
                       + f3[i] * pc[i, m])
    return dt / 6.0 * volume


def bent(t: float, x: np.ndarray, v: np.ndarray, p: np.ndarray, linear: np.ndarray, whole: bool, jac: np.ndarray,
          out: np.ndarray, pulled: np.ndarray) -> float:
    """N(x) = f(x) - L x and its derivative along `v`; the trace of the Jacobian of f."""
    rhs(t, x, p, out)
    trace = pull(t, x, v, p, jac, whole, pulled)
    for i in range(x.size):
        out[i] -= linear[i] * x[i]
        for m in range(v.shape[1]):
            pulled[i, m] -= linear[i] * v[i, m]
    return trace


@njit
def orthonormalise(v: np.ndarray, shares: np.ndarray, grown: np.ndarray) -> None:
    """Modified Gram-Schmidt on the columns; ln of the diagonal of R is added to `grown`, shape (k,)."""
    n, k = v.shape
    for j in range(k):
        square = 0.0
        for i in range(n):
            square += v[i, j] * v[i, j]
        norm = math.sqrt(square)
        grown[j] += math.log(norm) if norm > 0.0 else -math.inf
        scale = 1.0 / norm if norm > 0.0 else 0.0
        for m in range(j + 1, k):
            shares[m] = 0.0
        for i in range(n):
            v[i, j] *= scale
            for m in range(j + 1, k):
                shares[m] += v[i, j] * v[i, m]
        for i in range(n):
            for m in range(j + 1, k):
                v[i, m] -= v[i, j] * shares[m]


@njit
def log_determinant(jac: np.ndarray, n: int) -> float:
    """ln |det| of the first `n` rows by elimination with pivots; `jac` is lost."""
    total = 0.0
    for c in range(n):
        best = c
        for i in range(c + 1, n):
            if abs(jac[i, c]) > abs(jac[best, c]):
                best = i
        if jac[best, c] == 0.0:
            return -math.inf
        for j in range(c, n):
            jac[c, j], jac[best, j] = jac[best, j], jac[c, j]
        total += math.log(abs(jac[c, c]))
        for i in range(c + 1, n):
            factor = jac[i, c] / jac[c, c]
            if factor != 0.0:
                for j in range(c + 1, n):
                    jac[i, j] -= factor * jac[c, j]
    return total


def grow(x: np.ndarray, v: np.ndarray, t: float, dt: float, p: np.ndarray, table: np.ndarray, whole: bool,
         turn: int, turns: int, bound: float, measured: np.ndarray, grown: np.ndarray, volume: np.ndarray,
         ends: np.ndarray, work: np.ndarray, pulled: np.ndarray, jac: np.ndarray) -> int:
    """Follow one trajectory with its tangent vectors, made orthonormal every `turn` steps.

    Parameters
    ----------
    x, v
        State (dimension,) and vectors (dimension, k); on return the last ones.
    whole
        Whether the change of volume is wanted.
    turn, turns
        Steps between two orthonormalisations, and how many of those make a window.
    bound, measured
        As in `statfe.kernels.march.march`.
    grown
        Logarithms of growth over each window, shape (windows, k).
    volume
        Logarithm of the change of volume over each window by the trace of the Jacobian, shape (windows,).
    ends
        State at the end of each window, shape (windows, dimension).
    work, pulled, jac
        Room, shapes (6, dimension), (6, dimension, k) and (dimension + 2, dimension); two rows of `jac` suffice for a
        law along vectors that is not `whole`.

    Returns
    -------
    int
        Windows finished; fewer than asked when the trajectory escaped or became non-finite.
    """
    n, k = v.shape
    shares = np.empty(k)
    for w in range(grown.shape[0]):
        for j in range(k):
            grown[w, j] = 0.0
        volume[w] = 0.0
        for _ in range(turns):
            for _ in range(turn):
                volume[w] += step(t, dt, x, v, p, table, whole, work, pulled, jac)
                t += dt
            for i in range(n):
                # written so that a nan is outside too
                if not abs(x[i]) <= bound and (measured[i] or not math.isfinite(x[i])):
                    return w
            orthonormalise(v, shares, grown[w])
        for i in range(n):
            ends[w, i] = x[i]
    return grown.shape[0]
