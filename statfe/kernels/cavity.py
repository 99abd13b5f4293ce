"""Populations of cavity fields on a random regular graph: updates, and the Bethe free energy from samples."""

from __future__ import annotations

import math

from statfe._jit import njit


@njit
def log_cosh(x):
    """ln cosh x without overflow."""
    a = abs(x)
    return a + math.log1p(math.exp(-2.0 * a)) - 0.6931471805599453


@njit
def message(K, x):
    """u with tanh u = tanh K tanh x: the field that a spin in the field x sends along a bond of strength K."""
    return 0.5 * (log_cosh(x + K) - log_cosh(x - K))


@njit
def message_slope(K, x):
    """du/dx."""
    return 0.5 * (math.tanh(x + K) - math.tanh(x - K))


@njit
def update_population(x, v, parents, K, H, tally):
    """One member after the other: x_i = H + sum_k u(K_k, x_k) over its parents; in place.

    v are squared perturbations that travel along: v_i = sum_k (du/dx_k)^2 v_k, divided by the growth so far.

    Parameters
    ----------
    parents, K
        Members and couplings beta J of each new member, shape (n, c - 1).
    tally
        Gains (0) the perturbations sent and (1) those received, float64, shape (2,).
    """
    count = parents.shape[1]
    for i in range(len(x)):
        field = H
        sent = 0.0
        received = 0.0
        for k in range(count):
            j = parents[i, k]
            slope = message_slope(K[i, k], x[j])
            field += message(K[i, k], x[j])
            sent += v[j]
            received += slope * slope * v[j]
        x[i] = field
        v[i] = received
        tally[0] += sent
        tally[1] += received


@njit
def measure_population(x, parents, K, H, out):
    """Means over sites with c neighbours drawn from the population.

    A site with messages u_k feels the field L = H + sum_k u_k, and bond k the field L - u_k from this side. With
    a_k = ln cosh K_k - ln cosh u_k, site and bonds have

        ln Z_site = sum_k a_k + ln 2 cosh L,   ln Z_k = a_k + ln 2 cosh L - ln 2 cosh(L - u_k),

    and -beta f is the mean of ln Z_site - (1/2) sum_k ln Z_k (Mezard and Parisi 2001).

    Parameters
    ----------
    parents, K
        Neighbours and couplings of each site, shape (n, c).
    out
        Means of -beta f, beta times the energy, m and m^2; float64, shape (4,).
    """
    n, count = parents.shape
    for q in range(4):
        out[q] = 0.0
    for i in range(n):
        total = H
        for k in range(count):
            total += message(K[i, k], x[parents[i, k]])
        here = log_cosh(total)
        free = here + 0.6931471805599453
        m = math.tanh(total)
        energy = -H * m
        for k in range(count):
            b = x[parents[i, k]]
            u = message(K[i, k], b)
            a = total - u
            own = log_cosh(K[i, k]) - log_cosh(u)
            free += own - 0.5 * (own + here - log_cosh(a))
            like = K[i, k] + log_cosh(a + b)
            unlike = -K[i, k] + log_cosh(a - b)
            energy -= 0.5 * K[i, k] * math.tanh(0.5 * (like - unlike))
        out[0] += free / n
        out[1] += energy / n
        out[2] += m / n
        out[3] += m * m / n
