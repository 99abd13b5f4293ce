"""Thermodynamic limits written out from their formulas: nested quadratures, a partial differential equation, tables."""

from __future__ import annotations

import itertools
import math

import numpy as np
from scipy.integrate import quad


def normal(nodes: int) -> tuple[np.ndarray, np.ndarray]:
    """Gauss-Hermite nodes and weights of an average over a normal number."""
    z, w = np.polynomial.hermite_e.hermegauss(nodes)
    return z, w / w.sum()


def average(function, mean: float, deviation: float) -> float:
    """E f(mean + deviation z) by adaptive quadrature."""
    def integrand(z: float) -> float:
        return math.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi) * function(mean + deviation * z)

    kink = -mean / deviation
    points = sorted({max(-9.0, min(9.0, p)) for p in (kink - 0.1, kink, kink + 0.1, 0.0)})
    return quad(integrand, -10.0, 10.0, points=points, limit=400, epsabs=1e-13, epsrel=1e-12)[0]


def log_mean_z(model, couplings: np.ndarray, weights: np.ndarray, beta: float) -> float:
    """ln of the mean of Z over rows of couplings, one for each bond of `model`, shape (m, n_bonds)."""
    states = np.array(list(itertools.product((-1, 1), repeat=model.n_sites)))
    exponents = beta * (couplings @ (states[:, model.rows] * states[:, model.cols]).T + states @ model.fields)
    return math.log(float(weights @ np.exp(exponents).sum(axis=1)))


def log_2cosh(x: float) -> float:
    return abs(x) + math.log1p(math.exp(-2.0 * abs(x)))


def sk_replica_symmetric(beta: float, field: float, q: float) -> float:
    """beta f of Sherrington and Kirkpatrick at any q, as in their paper."""
    return -0.25 * beta**2 * (1.0 - q) ** 2 - average(
        lambda y: log_2cosh(beta * y), field, math.sqrt(q)) if q else -0.25 * beta**2 - log_2cosh(beta * field)


def parisi_by_nested_averages(beta: float, field: float, q: list[float], x: list[float], nodes: int = 60) -> float:
    """-beta f of Parisi's recursion: one Gauss-Hermite sum inside the other. x are the break points m_1 ... m_k."""
    z, w = normal(nodes)

    def inner(level: int, y: np.ndarray) -> np.ndarray:
        """The function at overlap q_level, of fields y times beta."""
        if level == len(q) - 1:
            return np.logaddexp(y, -y)
        deviation = beta * math.sqrt(q[level + 1] - q[level])
        values = inner(level + 1, y[..., None] + deviation * z)
        m = x[level]
        top = values.max(axis=-1, keepdims=True)
        return top[..., 0] + np.log(np.exp(m * (values - top)) @ w) / m

    first = float(w @ inner(0, beta * (field + math.sqrt(q[0]) * z)))
    breaks = sum(m * (q[i + 1] ** 2 - q[i] ** 2) for i, m in enumerate(x))
    return first - 0.25 * beta**2 * breaks + 0.25 * beta**2 * (1.0 - q[-1]) ** 2


def parisi_by_pde(beta: float, slopes, q_max: float, points: int = 401) -> float:
    """-f without a field for beta x(q) = slopes(q) below q_max: Parisi's equation on a grid, Runge-Kutta in q.

    d psi / dq = -(1/2) (psi'' + beta x(q) psi'^2) from psi(q_max, y) = T ln 2 cosh(y / T) + (1 - q_max) / (2 T) down to
    q = 0, with differences of sixth order; then psi(0, 0) - (1/2) int beta x(q) q dq.
    """
    y = np.linspace(-6.0, 6.0, points)
    dy = y[1] - y[0]
    odd, even = np.array([1, -9, 45, 0, -45, 9, -1]), np.array([2, -27, 270, -490, 270, -27, 2])
    psi = np.logaddexp(beta * y, -beta * y) / beta + 0.5 * beta * (1.0 - q_max)

    def speed(q: float, f: np.ndarray) -> np.ndarray:
        beyond = dy * np.arange(1.0, 4.0)
        padded = np.concatenate([f[0] + beyond[::-1], f, f[-1] + beyond])
        first = np.convolve(padded, odd, "valid") / (60.0 * dy)
        second = np.convolve(padded, even, "valid") / (180.0 * dy**2)
        return 0.5 * (second + slopes(q) * first**2)

    steps = math.ceil(q_max / (0.6 * dy**2))  # the limit of stability is 0.9
    dq = q_max / steps
    penalty = 0.0
    for k in range(steps):
        q = q_max - k * dq
        a = speed(q, psi)
        b = speed(q - 0.5 * dq, psi + 0.5 * dq * a)
        c = speed(q - 0.5 * dq, psi + 0.5 * dq * b)
        d = speed(q - dq, psi + dq * c)
        psi = psi + dq / 6.0 * (a + 2.0 * b + 2.0 * c + d)
        middle, low = q - 0.5 * dq, q - dq
        penalty += dq / 6.0 * (slopes(q) * q + 4.0 * slopes(middle) * middle + slopes(low) * low)
    return float(psi[points // 2]) - 0.5 * penalty - 0.25 * beta * (1.0 - q_max**2)


def hopfield_beta_f(beta: float, alpha: float, m: float, q: float, r: float) -> float:
    """beta f of Amit, Gutfreund and Sompolinsky, at any m, q and r."""
    D = 1.0 - beta * (1.0 - q)
    free = average(lambda y: log_2cosh(beta * y), m, math.sqrt(alpha * r)) if r else log_2cosh(beta * m)
    return (beta * 0.5 * (alpha + m * m) + 0.5 * alpha * (math.log(D) - beta * q / D)
            + 0.5 * alpha * beta**2 * r * (1.0 - q) - free)


def star_log_z(K: np.ndarray, x: np.ndarray, H: float) -> tuple[float, list[float], float, list[float]]:
    """A site and its neighbours with cavity fields x: ln Z of the site and of each bond, m, and <s s_k>.

    By summing over all spins; bond k alone has the field of the site without neighbour k.
    """
    c = len(K)

    def weight(spins: tuple[int, ...], members: range | list[int]) -> float:
        s = spins[0]
        factors = [math.exp(K[k] * s * t + x[k] * t) / (2.0 * math.cosh(x[k]))
                   for k, t in zip(members, spins[1:], strict=True)]
        return math.exp(s * H) * math.prod(factors)

    states = list(itertools.product((-1, 1), repeat=c + 1))
    weights = [weight(s, range(c)) for s in states]
    Z = sum(weights)
    m = sum(w * s[0] for w, s in zip(weights, states, strict=True)) / Z
    like = [sum(w * s[0] * s[1 + k] for w, s in zip(weights, states, strict=True)) / Z for k in range(c)]
    bonds = []
    for k in range(c):
        others = [j for j in range(c) if j != k]
        without = sum(weight(s, others) for s in itertools.product((-1, 1), repeat=c))
        bonds.append(math.log(Z / without))
    return math.log(Z), bonds, m, like


def regular_graph_beta_f(beta: float, degree: int, p: float, field: float, points: int = 401) -> float:
    """beta f of +-J couplings on a regular graph: the law of cavity fields as a table, iterated."""
    K, H = beta, beta * field
    span = abs(H) + (degree + 1) * K
    grid = np.linspace(-span, span, points)
    step = grid[1] - grid[0]

    def deposit(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
        place = (values - grid[0]) / step
        low = np.clip(place.astype(int), 0, points - 2)
        share = np.clip(place - low, 0.0, 1.0)
        return np.bincount(low, weights * (1 - share), points) + np.bincount(low + 1, weights * share, points)

    def summed(law: np.ndarray, terms: int) -> tuple[np.ndarray, np.ndarray]:
        """The law of H plus `terms` messages, as values and weights."""
        u = np.arctanh(np.tanh(K) * np.tanh(grid))
        values, weights = np.array([H]), np.ones(1)
        for _ in range(terms):
            values = np.concatenate([np.add.outer(values, sign * u).ravel() for sign in (1, -1)])
            weights = np.concatenate([np.multiply.outer(weights, share * law).ravel() for share in (p, 1 - p)])
            weights = deposit(values, weights)
            values = grid
        return values, weights

    law = deposit(np.array([H + 0.1]), np.ones(1))
    for _ in range(25):
        law = summed(law, degree - 1)[1]
    values, weights = summed(law, degree)
    u = np.arctanh(np.tanh(K) * np.tanh(grid))
    log_site = degree * float(law @ np.log(np.cosh(K) / np.cosh(u))) + float(weights @ np.log(2 * np.cosh(values)))
    t = np.tanh(grid)
    pairs = np.multiply.outer(t, t)
    log_bond = math.log(math.cosh(K)) + sum(
        share * float(law @ np.log1p(sign * math.tanh(K) * pairs) @ law) for sign, share in ((1, p), (-1, 1 - p)))
    return -log_site + 0.5 * degree * log_bond
