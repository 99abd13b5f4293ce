"""Sums over samples for the multistate Bennett acceptance ratio of one energy at many beta.

The log weight of state k in a sample of energy E is f_k - beta_k E. The true beta F is concave in beta, and so is the
estimate, at the solution and after any self-consistent step, since f_k = -ln sum_n w_n exp(-beta_k E_n) with positive
w_n is. The states that matter for a sample then are a window around the best one, found by climbing; the rest are
below exp(-CUT) and skipped. A start or a Newton step need not be concave: all states are then looked at.
"""

from __future__ import annotations

import math

import numpy as np

from statfe._jit import njit

#: ln of the smallest relative weight kept.
CUT = 45.0


@njit
def window(energy, betas, log_n_f, start, concave):
    """(largest log weight, first, last) of the states within CUT of the best; `start` is a guess of the best."""
    K = len(betas)
    if not concave:
        top = -np.inf
        for k in range(K):
            top = max(top, log_n_f[k] - betas[k] * energy)
        first, last = 0, K
        while first < K - 1 and log_n_f[first] - betas[first] * energy <= top - CUT:
            first += 1
        while last > first + 1 and log_n_f[last - 1] - betas[last - 1] * energy <= top - CUT:
            last -= 1
        return top, first, last
    best = start
    top = log_n_f[best] - betas[best] * energy
    moved = True
    while moved:
        moved = False
        for step in (-1, 1):
            while 0 <= best + step < K and log_n_f[best + step] - betas[best + step] * energy > top:
                best += step
                top = log_n_f[best] - betas[best] * energy
                moved = True
    first = best
    while first > 0 and log_n_f[first - 1] - betas[first - 1] * energy > top - CUT:
        first -= 1
    last = best + 1
    while last < K and log_n_f[last] - betas[last] * energy > top - CUT:
        last += 1
    return top, first, last


@njit
def membership(energy, betas, log_n_f, start, concave, p):
    """p_k = N_k exp(f_k - beta_k E) / sum_l N_l exp(f_l - beta_l E) (Shirts and Chodera 2008, eq. 9 times N_k).

    Returns (ln of the denominator, first, last) of the window of `p` that is filled; `start` is a guess of the
    best state. `log_n_f` is ln N_k + f_k, and `concave` says whether it is concave in beta.
    """
    top, first, last = window(energy, betas, log_n_f, start, concave)
    total = 0.0
    for k in range(first, last):
        p[k] = math.exp(log_n_f[k] - betas[k] * energy - top)
        total += p[k]
    for k in range(first, last):
        p[k] /= total
    return top + math.log(total), first, last


@njit
def self_consistent_step(energies, counts, betas, log_n_f, concave, out):
    """out[k] = -ln sum_n c_n exp(-beta_k E_n) / D_n, with D_n over all states (Shirts and Chodera 2008, eq. 11).

    It lowers the objective from any f, and its result is concave in beta.
    """
    K = len(betas)
    p = np.empty(K)
    top, total = np.full(K, -np.inf), np.zeros(K)
    middle = K // 2
    for n in range(len(energies)):
        log_d, first, last = membership(energies[n], betas, log_n_f, middle, concave, p)
        middle = (first + last) // 2
        for k in range(K):
            term = -betas[k] * energies[n] - log_d
            if term > top[k]:
                total[k] = total[k] * math.exp(top[k] - term) + counts[n]
                top[k] = term
            elif term > top[k] - CUT:
                total[k] += counts[n] * math.exp(term - top[k])
    for k in range(K):
        out[k] = -top[k] - math.log(total[k])


@njit
def objective_terms(energies, counts, betas, log_n_f, concave, total, hessian):
    """Add up sum_n c_n p_k(E_n) into `total` (K,) and sum_n c_n (delta_kl p_k - p_k p_l) into `hessian` (K, K).

    Returns sum_n c_n ln sum_k N_k exp(f_k - beta_k E_n), the first term of the convex objective whose minimum over
    f is the estimate (Shirts and Chodera 2008, eqs. C3 to C9; Geyer 1994).
    """
    K = len(betas)
    p = np.empty(K)
    value = 0.0
    middle = K // 2
    for n in range(len(energies)):
        log_d, first, last = membership(energies[n], betas, log_n_f, middle, concave, p)
        middle = (first + last) // 2
        c = counts[n]
        value += c * log_d
        for k in range(first, last):
            total[k] += c * p[k]
            hessian[k, k] += c * p[k]
            for m in range(first, k + 1):
                hessian[k, m] -= c * p[k] * p[m]
    for k in range(K):
        for m in range(k):
            hessian[m, k] = hessian[k, m]
    return value


@njit
def score_bins(energies, betas, log_n_f, concave, per_bin, out):
    """out[b, i] = sum over the draws t of bin b and the states k of p_i(E[t, k]), for energies of shape (T, K)."""
    K = len(betas)
    p = np.empty(K)
    for t in range(out.shape[0] * per_bin):
        b = t // per_bin
        for k in range(K):
            _, first, last = membership(energies[t, k], betas, log_n_f, k, concave, p)
            for i in range(first, last):
                out[b, i] += p[i]
