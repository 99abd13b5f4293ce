"""Sums over samples for the multistate Bennett acceptance ratio of one energy at many beta.

The log weight of state k in a sample of energy E is f_k - beta_k E. The true beta F is concave in beta, and so is the
estimate, at the solution and after any self-consistent step, since f_k = -ln sum_n w_n exp(-beta_k E_n) with positive
w_n is. The states that matter for a sample then are a window around the best one, found by climbing, and the window
moves to lower beta as the energy grows; the rest are below exp(-CUT) and skipped. A start or a Newton step need not be
concave: all states are then looked at. Samples are taken `BLOCK` at a time, so that the exponentials vectorise.
"""

from __future__ import annotations

import math

import numpy as np

from statfe._jit import njit
from statfe.kernels.exponential import exp_block

#: ln of the smallest relative weight kept: in sums that make numbers, and in series that make errors.
CUT, SERIES_CUT = 45.0, 25.0
#: Samples whose exponentials are made at once.
BLOCK = 64


@njit
def window(energy, betas, log_n_f, start, cut):
    """(best, first, last) of the states within `cut` of the best, for a concave f; `start` is a guess of the best."""
    K = len(betas)
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
    while first > 0 and log_n_f[first - 1] - betas[first - 1] * energy > top - cut:
        first -= 1
    last = best + 1
    while last < K and log_n_f[last] - betas[last] * energy > top - cut:
        last += 1
    return best, first, last


@njit
def memberships(energies, count, betas, log_n_f, start, concave, cut, x, scale, p, top, total):
    """p_k(E) = N_k exp(f_k - beta_k E) / sum_l N_l exp(f_l - beta_l E) of energies[:count] (at most `BLOCK`).

    Shirts and Chodera (2008), eq. 9 times N_k. State first + i of sample t is p[t * (last - first) + i]. The logarithm
    of the denominator is top[t] + ln total[t]. Returns (best, first, last); `start` is a guess of the best state.

    Parameters
    ----------
    log_n_f
        ln N_k + f_k, shape (K,).
    concave
        Whether that is concave in beta.
    x, scale, p
        Room, float64, at least BLOCK * K.
    top, total
        Room, float64, at least BLOCK.
    """
    K = len(betas)
    low, high = energies[0], energies[0]
    for t in range(1, count):
        low, high = min(low, energies[t]), max(high, energies[t])
    best, first, last = start, 0, K
    if concave:
        best, first, last = window(high, betas, log_n_f, start, cut)
        best, _, last = window(low, betas, log_n_f, best, cut)
    width = last - first
    for t in range(count):
        row, e, largest = t * width, energies[t], -np.inf
        for i in range(width):
            x[row + i] = log_n_f[first + i] - betas[first + i] * e
        for i in range(width):
            largest = max(largest, x[row + i])
        for i in range(width):
            x[row + i] -= largest
        top[t] = largest
    exp_block(x, count * width, scale, p)
    for t in range(count):
        row, s = t * width, 0.0
        for i in range(width):
            s += p[row + i]
        total[t] = s
        inverse = 1.0 / s
        for i in range(width):
            p[row + i] *= inverse
    return best, first, last


@njit
def self_consistent_step(energies, counts, betas, log_n_f, concave, out):
    """out[k] = -ln sum_n c_n exp(-beta_k E_n) / D_n, with D_n over all states (Shirts and Chodera 2008, eq. 11).

    It lowers the objective from any f, and its result is concave in beta.
    """
    K = len(betas)
    x, scale, p = np.empty(BLOCK * K), np.empty(BLOCK * K), np.empty(BLOCK * K)
    denominator, sums = np.empty(BLOCK), np.empty(BLOCK)
    top, total = np.full(K, -np.inf), np.zeros(K)
    best = K // 2
    for n in range(0, len(energies), BLOCK):
        size = min(BLOCK, len(energies) - n)
        best, _, _ = memberships(
            energies[n:n + size], size, betas, log_n_f, best, concave, CUT, x, scale, p, denominator, sums)
        for t in range(size):
            log_d = denominator[t] + math.log(sums[t])
            for k in range(K):
                term = -betas[k] * energies[n + t] - log_d
                if term > top[k]:
                    total[k] = total[k] * math.exp(top[k] - term) + counts[n + t]
                    top[k] = term
                elif term > top[k] - CUT:
                    total[k] += counts[n + t] * math.exp(term - top[k])
    for k in range(K):
        out[k] = -top[k] - math.log(total[k])


@njit
def objective_terms(energies, counts, betas, log_n_f, concave, total, hessian):
    """Add up sum_n c_n p_k(E_n) into `total` (K,) and sum_n c_n (delta_kl p_k - p_k p_l) into `hessian` (K, K).

    Returns sum_n c_n ln sum_k N_k exp(f_k - beta_k E_n), the first term of the convex objective whose minimum over
    f is the estimate (Shirts and Chodera 2008, eqs. C3 to C9; Geyer 1994).
    """
    K = len(betas)
    x, scale, p = np.empty(BLOCK * K), np.empty(BLOCK * K), np.empty(BLOCK * K)
    top, sums = np.empty(BLOCK), np.empty(BLOCK)
    value = 0.0
    best = K // 2
    for n in range(0, len(energies), BLOCK):
        size = min(BLOCK, len(energies) - n)
        best, first, last = memberships(
            energies[n:n + size], size, betas, log_n_f, best, concave, CUT, x, scale, p, top, sums)
        width = last - first
        for t in range(size):
            c, row = counts[n + t], t * width
            value += c * (top[t] + math.log(sums[t]))
            for i in range(width):
                total[first + i] += c * p[row + i]
            for i in range(width):
                weight = c * p[row + i]
                hessian[first + i, first + i] += weight
                for j in range(i + 1):
                    hessian[first + i, first + j] -= weight * p[row + j]
    for k in range(K):
        for m in range(k):
            hessian[m, k] = hessian[k, m]
    return value


@njit
def membership_table(energies, betas, log_n_f, concave, out):
    """out[n, k] = p_k(E_n), shape (L, K)."""
    K = len(betas)
    x, scale, p = np.empty(BLOCK * K), np.empty(BLOCK * K), np.empty(BLOCK * K)
    top, sums = np.empty(BLOCK), np.empty(BLOCK)
    best = K // 2
    out[:] = 0.0
    for n in range(0, len(energies), BLOCK):
        size = min(BLOCK, len(energies) - n)
        best, first, last = memberships(
            energies[n:n + size], size, betas, log_n_f, best, concave, SERIES_CUT, x, scale, p, top, sums)
        for t in range(size):
            for i in range(last - first):
                out[n + t, first + i] = p[t * (last - first) + i]


@njit
def score_bins(energies, centre, betas, log_n_f, concave, per_bin, out):
    """out[b, i] += sum over the draws t of bin b and the states k of p_i(E[t, k] - centre), for energies (T, K)."""
    K = len(betas)
    x, scale, p = np.empty(BLOCK * K), np.empty(BLOCK * K), np.empty(BLOCK * K)
    top, sums, e = np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK)
    for n in range(0, out.shape[0] * per_bin, BLOCK):
        size = min(BLOCK, out.shape[0] * per_bin - n)
        best = 0
        for k in range(K):
            for t in range(size):
                e[t] = energies[n + t, k] - centre
            best, first, last = memberships(
                e, size, betas, log_n_f, best, concave, SERIES_CUT, x, scale, p, top, sums)
            for t in range(size):
                b, row = (n + t) // per_bin, t * (last - first)
                for i in range(last - first):
                    out[b, first + i] += p[row + i]


@njit
def gather_bins(index, table, per_bin, out):
    """out[b, i] += sum over the draws t of bin b and the rungs k of table[index[t, k], i], for indices (T, K)."""
    K = out.shape[1]
    for t in range(out.shape[0] * per_bin):
        b = t // per_bin
        for k in range(index.shape[1]):
            level = index[t, k]
            for i in range(K):
                out[b, i] += table[level, i]


@njit
def distinct(energies, levels, index):
    """Number the distinct energies: index[n] is the place of energies[n] in `levels`, in the order of first sight.

    Returns how many there are, or -1 where they are more than `levels` has room for. No energy may be -0.0.
    """
    room = 8
    while room < 4 * len(levels):
        room *= 2
    slots = np.full(room, -1, dtype=np.int32)
    bits = energies.view(np.uint64)
    mask = np.uint64(room - 1)
    found = 0
    for n in range(len(energies)):
        hashed = bits[n] * np.uint64(0x9E3779B97F4A7C15)
        place = (hashed >> np.uint64(32)) & mask
        while slots[place] >= 0 and levels[slots[place]] != energies[n]:
            place = (place + np.uint64(1)) & mask
        if slots[place] < 0:
            if found == len(levels):
                return -1
            levels[found] = energies[n]
            slots[place] = found
            found += 1
        index[n] = slots[place]
    return found


@njit
def chebyshev_moments(energies, low, inverse_width, out):
    """out[b, n] += sum of T_n(t) over the energies in bin b, where t runs over -1 to 1 in a bin; `out` is (bins, m)."""
    bins, m = out.shape
    for i in range(len(energies)):
        u = (energies[i] - low) * inverse_width
        b = min(int(u), bins - 1)
        t = 2.0 * (u - b) - 1.0
        before, now, twice = 1.0, t, 2.0 * t
        out[b, 0] += 1.0
        for n in range(1, m):
            out[b, n] += now
            before, now = now, twice * now - before


@njit
def power_bins(x, mean, inverse_sigma, per_bin, out):
    """out[n, b] = mean of z^(n+1) over the draws of bin b, z = (x - mean) / sigma, for x (T,) and `out` (4, bins)."""
    for b in range(out.shape[1]):
        one, two, three, four = 0.0, 0.0, 0.0, 0.0
        for t in range(b * per_bin, (b + 1) * per_bin):
            z = (x[t] - mean) * inverse_sigma
            z2 = z * z
            one += z
            two += z2
            three += z2 * z
            four += z2 * z2
        out[0, b] = one / per_bin
        out[1, b] = two / per_bin
        out[2, b] = three / per_bin
        out[3, b] = four / per_bin
