"""Two layers of spins: those of the small one are drawn one by one, the large one is summed out of moves and weights.

With the laws of `statfe.kernels.layers`, x_i = c [h_L + W s]_i + d a_i, p_i = 1 / (1 + exp(-2 x_i)) and q_i = 1 - p_i,
turning spin j over multiplies f(s) by

    exp(-2 (c h_j + d a_j) s_j - 2 c sum_i W_ij) prod_i (lo_i + hi_i g_ij),    g_ij = exp(4 c W_ij),                (1)

where (lo, hi) is (p, q) for s_j = 1 and (q, p) for s_j = -1; after it lo_i is lo_i / (lo_i + hi_i g_ij). No
exponential is needed, and the small layer is not held in place by a large one that was drawn from it (J. Liu, J. Am.
Stat. Assoc. 89, 958, 1994). A sweep goes up or down the spins, with equal chances: it satisfies detailed balance.
"""

from __future__ import annotations

import numpy as np

from statfe._jit import njit
from statfe.kernels.exponential import exp_block, product_block, sum_block
from statfe.kernels.layers import BLOCK, FACTORS
from statfe.kernels.rng import advance

#: Rows of the large layer are a multiple of this; those added have neither couplings nor fields.
SEGMENTS = 8


@njit
def _inputs(columns, large, spins, b, field):
    """field = h_L + W s for chain b."""
    field[:] = large
    for j in range(len(columns)):
        column = columns[j]
        s = spins[j, b]
        for i in range(len(field)):
            field[i] += s * column[i]


@njit
def _linear(law, small, small_tilts, spins, b):
    """(c h_S + d a_S).s of chain b."""
    total = 0.0
    for j in range(len(small)):
        total += (law[0] * small[j] + law[1] * small_tilts[j]) * spins[j, b]
    return total


@njit
def _chances(law, field, tilts, up, down, room):
    """up = p and down = q under `law`; returns sum_i ln 2 cosh x_i."""
    size = len(field)
    doubled, scale, powers = room[0], room[1], room[2]
    for i in range(size):
        doubled[i] = 2.0 * (law[0] * field[i] + law[1] * tilts[i])
    for i in range(size):
        up[i] = -abs(doubled[i])
    exp_block(up, size, scale, powers)
    total = -0.5 * sum_block(up, size)
    for i in range(size):
        scale[i] = 1.0 + powers[i]
    for i in range(size):
        high = 1.0 / scale[i]
        low = powers[i] * high
        up[i] = high if doubled[i] >= 0.0 else low
        down[i] = low if doubled[i] >= 0.0 else high
    for first in range(0, size, FACTORS):
        total += np.log(product_block(scale[first:first + FACTORS], min(FACTORS, size - first)))
    return total


@njit
def _product(lo, hi, g, out):
    """prod_i (lo_i + hi_i g_i)."""
    n = len(lo) // SEGMENTS
    for k in range(n):
        a = (lo[k] + hi[k] * g[k]) * (lo[k + n] + hi[k + n] * g[k + n])
        b = (lo[k + 2 * n] + hi[k + 2 * n] * g[k + 2 * n]) * (lo[k + 3 * n] + hi[k + 3 * n] * g[k + 3 * n])
        c = (lo[k + 4 * n] + hi[k + 4 * n] * g[k + 4 * n]) * (lo[k + 5 * n] + hi[k + 5 * n] * g[k + 5 * n])
        d = (lo[k + 6 * n] + hi[k + 6 * n] * g[k + 6 * n]) * (lo[k + 7 * n] + hi[k + 7 * n] * g[k + 7 * n])
        out[k] = (a * b) * (c * d)
    return product_block(out, n)


@njit
def _turn(s, column, g, field, lo, hi):
    """What a spin with value s leaves behind when it turns over."""
    for i in range(len(field)):
        field[i] -= 2.0 * s * column[i]
    for i in range(len(lo)):
        other = hi[i] * g[i]
        share = 1.0 / (lo[i] + other)
        lo[i] *= share
        hi[i] = other * share


@njit
def _sweep(law, part, columns, factors, shifts, small, small_tilts, spins, b, states, field, up, down, out):
    """Draw every spin of the small layer of chain b given the others, by (1); returns the change of ln f."""
    S, L = columns.shape
    word, s0, s1, s2, s3 = advance(states[b], states[BLOCK + b], states[2 * BLOCK + b], states[3 * BLOCK + b])
    backward = (word >> np.uint64(63)) == 1
    gained = 0.0
    for k in range(S):
        j = S - 1 - k if backward else k
        s = spins[j, b]
        lo, hi = (up, down) if s > 0.0 else (down, up)
        change = shifts[j] - 2.0 * s * (law[0] * small[j] + law[1] * small_tilts[j])
        for first in range(0, L, part):
            last = min(first + part, L)
            change += np.log(_product(lo[first:last], hi[first:last], factors[j, first:last], out))
        word, s0, s1, s2, s3 = advance(s0, s1, s2, s3)
        u = (word >> np.uint64(11)) * 1.1102230246251565e-16
        if u * (1.0 + np.exp(-change)) < 1.0:
            gained += change
            spins[j, b] = -s
            _turn(s, columns[j], factors[j], field, lo, hi)
    states[b] = s0
    states[BLOCK + b] = s1
    states[2 * BLOCK + b] = s2
    states[3 * BLOCK + b] = s3
    return gained


@njit
def _prepare(law, columns, factors, shifts, room):
    """g_ij and -2 c sum_i W_ij of (1)."""
    size = columns.shape[1]
    for j in range(len(columns)):
        total = 0.0
        for i in range(size):
            total += columns[j, i]
            room[0, i] = 4.0 * law[0] * columns[j, i]
        shifts[j] = -2.0 * law[0] * total
        exp_block(room[0], size, room[1], factors[j])


@njit
def flip_walk(laws, moves, part, chains, columns, large, large_tilts, small, small_tilts, spins, states, log_ratio,
              marks):
    """Steps of the chains of a block through `laws` in order: the ratio to the next, and `moves` sweeps there.

    Parameters
    ----------
    laws
        Shape (T, 2).
    part
        Rows whose factors in (1) are multiplied before a logarithm is taken; a multiple of `SEGMENTS`.
    chains
        Chains of this block, at most 64; the others are left alone.
    columns
        W transposed, shape (S, L), with L a multiple of `SEGMENTS`.
    large, large_tilts, small, small_tilts
        Fields h_L, a_L, h_S, a_S.
    spins, states
        As in `statfe.kernels.layers.step_block`; both are changed.
    log_ratio
        Shape (64,); what the walk adds to it is the change of ln f_t over its steps.
    marks
        Output, shape (T, 64): the log ratio on arrival at each law, before any move.
    """
    S, L = columns.shape
    fields, known = np.empty((chains, L)), np.empty(chains)
    factors, shifts = np.empty((S, L)), np.empty(S)
    room, up, down = np.empty((3, L)), np.empty(L), np.empty(L)
    marks[0] = log_ratio
    for b in range(chains):
        _inputs(columns, large, spins, b, fields[b])
        known[b] = _chances(laws[0], fields[b], large_tilts, up, down, room)
        known[b] += _linear(laws[0], small, small_tilts, spins, b)
    for t in range(1, len(laws)):
        law = laws[t]
        if moves > 0:
            _prepare(law, columns, factors, shifts, room)
        for b in range(chains):
            now = _chances(law, fields[b], large_tilts, up, down, room)
            now += _linear(law, small, small_tilts, spins, b)
            log_ratio[b] += now - known[b]
            marks[t, b] = log_ratio[b]
            for _ in range(moves):
                now += _sweep(law, part, columns, factors, shifts, small, small_tilts, spins, b, states, fields[b], up,
                              down, room[0])
            known[b] = now
