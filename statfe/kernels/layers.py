"""Two layers of spins: the small one is kept, the large one is drawn given it and summed out of every weight.

64 chains at a time, one a lane, in double precision. A law is two numbers (c, d): fields and couplings times c, and a
product trial's fields times d,

    p(s, t) ~ exp(c [h_S.s + h_L.t + t.W s] + d [a_S.s + a_L.t]),

so that what is left of it for the small layer s is

    ln f(s) = (c h_S + d a_S).s + sum_i ln 2 cosh(c [h_L + W s]_i + d a_i).

A move draws t given s and then s given t: it satisfies detailed balance for f.
"""

from __future__ import annotations

import numpy as np

from statfe._jit import njit
from statfe.kernels.exponential import exp_block
from statfe.kernels.rng import advance

#: Chains of a block, and rows of the large layer that are worked on together.
BLOCK, ROWS = 64, 8
#: Rows whose factors between 1 and 2 are multiplied before a logarithm is taken.
FACTORS = 512


@njit
def _inputs(first, rows, large, weights, small, fields):
    """fields[r B + b] = h_L + W s of `rows` rows from `first` on."""
    for r in range(rows):
        here = fields[r * BLOCK:(r + 1) * BLOCK]
        here[:] = large[first + r]
        for j in range(weights.shape[1]):
            w = weights[first + r, j]
            spins = small[j]
            for b in range(BLOCK):
                here[b] += w * spins[b]


@njit
def _arguments(law, first, rows, tilts, fields, doubled, negative):
    """doubled = 2 (c field + d tilt) and negative = -|doubled|."""
    for r in range(rows):
        shift = 2.0 * law[1] * tilts[first + r]
        scale = 2.0 * law[0]
        for k in range(r * BLOCK, (r + 1) * BLOCK):
            doubled[k] = scale * fields[k] + shift
            negative[k] = -abs(doubled[k])


@njit
def _add_cosh(rows, sign, negative, powers, factors, total):
    """total += sign |x| for |x| = -negative / 2, and factors *= 1 + exp(-2 |x|): both parts of ln 2 cosh x."""
    for r in range(rows):
        for b in range(BLOCK):
            total[b] -= sign * 0.5 * negative[r * BLOCK + b]
            factors[b] *= 1.0 + powers[r * BLOCK + b]


@njit
def _draw(rows, doubled, powers, states, spins):
    """Heat bath: +1 with probability 1 / (1 + exp(-doubled)), where powers = exp(-|doubled|)."""
    for r in range(rows):
        for b in range(BLOCK):
            word, s0, s1, s2, s3 = advance(states[b], states[BLOCK + b], states[2 * BLOCK + b], states[3 * BLOCK + b])
            states[b] = s0
            states[BLOCK + b] = s1
            states[2 * BLOCK + b] = s2
            states[3 * BLOCK + b] = s3
            u = (word >> np.uint64(11)) * 1.1102230246251565e-16
            e = powers[r * BLOCK + b]
            up = 1.0 if doubled[r * BLOCK + b] >= 0.0 else e
            spins[r * BLOCK + b] = 1.0 if u * (1.0 + e) < up else -1.0


@njit
def _gather(first, rows, weights, spins, sums):
    """sums[j] += sum over the rows of W_ij t_i."""
    for j in range(weights.shape[1]):
        here = sums[j]
        for r in range(rows):
            w = weights[first + r, j]
            row = spins[r * BLOCK:(r + 1) * BLOCK]
            for b in range(BLOCK):
                here[b] += w * row[b]


@njit
def step_block(weigh, move, here, there, weights, large, large_tilts, small, small_tilts, spins, states, log_ratio):
    """ln f_there(s) - ln f_here(s) for the 64 chains of a block, and then one move under `there`.

    Parameters
    ----------
    weigh, move
        Whether to do the first and the second.
    here, there
        Laws (c, d), shape (2,).
    weights
        W, shape (L, S): couplings of each spin of the large layer.
    large, large_tilts, small, small_tilts
        Fields h_L, a_L, h_S, a_S.
    spins
        The small layer, +-1, float64, shape (S, 64); changed by a move.
    states
        Random streams, one a chain, uint64, shape (4 * 64,).
    log_ratio
        Added to, shape (64,).
    """
    L, S = weights.shape
    size = ROWS * BLOCK
    fields, doubled, negative = np.empty(size), np.empty(size), np.empty(size)
    powers, room, drawn = np.empty(size), np.empty(size), np.empty(size)
    over, under = np.ones(BLOCK), np.ones(BLOCK)
    sums = np.zeros((S, BLOCK))
    for first in range(0, L, ROWS):
        rows = min(ROWS, L - first)
        _inputs(first, rows, large, weights, spins, fields)
        if weigh:
            _arguments(here, first, rows, large_tilts, fields, doubled, negative)
            exp_block(negative, rows * BLOCK, room, powers)
            _add_cosh(rows, -1.0, negative, powers, under, log_ratio)
        _arguments(there, first, rows, large_tilts, fields, doubled, negative)
        exp_block(negative, rows * BLOCK, room, powers)
        if weigh:
            _add_cosh(rows, 1.0, negative, powers, over, log_ratio)
            if (first + ROWS) % FACTORS == 0:
                log_ratio += np.log(over / under)
                over[:] = 1.0
                under[:] = 1.0
        if move:
            _draw(rows, doubled, powers, states, drawn)
            _gather(first, rows, weights, drawn, sums)
    if weigh:
        log_ratio += np.log(over / under)
        for j in range(S):
            slope = (there[0] - here[0]) * small[j] + (there[1] - here[1]) * small_tilts[j]
            for b in range(BLOCK):
                log_ratio[b] += slope * spins[j, b]
    if not move:
        return
    for j in range(S):
        for b in range(BLOCK):
            sums[j, b] += small[j]
        _arguments(there, j, 1, small_tilts, sums[j], doubled, negative)
        exp_block(negative, BLOCK, room, powers)
        _draw(1, doubled, powers, states, spins[j])


@njit
def move_block(moves, law, weights, large, large_tilts, small, small_tilts, spins, states):
    """`moves` moves under one law; see `step_block`."""
    ignored = np.zeros(BLOCK)
    for _ in range(moves):
        step_block(False, True, law, law, weights, large, large_tilts, small, small_tilts, spins, states, ignored)


@njit
def walk_block(laws, moves, mark_of, weights, large, large_tilts, small, small_tilts, spins, states, log_ratio, marks):
    """Steps through `laws` in order: the ratio to the next, `moves` moves there; see `step_block`.

    Parameters
    ----------
    laws
        Shape (T, 2).
    mark_of
        For each law the row of `marks` that takes the log ratio so far on arrival, before any move; -1 for none.
    marks
        Shape (., 64).
    """
    if mark_of[0] >= 0:
        marks[mark_of[0]] = log_ratio
    for t in range(1, len(laws)):
        # The ratio and the first move share their exponentials; on arrival means before the move, so it comes first.
        step_block(True, moves > 0, laws[t - 1], laws[t], weights, large, large_tilts, small, small_tilts, spins,
                   states, log_ratio)
        if mark_of[t] >= 0:
            marks[mark_of[t]] = log_ratio
        move_block(moves - 1, laws[t], weights, large, large_tilts, small, small_tilts, spins, states)


@njit
def enumerate_block(block, law, weights, large, large_tilts, small, small_tilts, spins, states, out):
    """ln f of the 64 states of the small layer whose number is 64 block + lane; bit j up is spin j up.

    `spins` (S, 64) and `states` are room; `out` has shape (64,).
    """
    nothing = np.zeros(2)
    for b in range(BLOCK):
        code = block * BLOCK + b
        for j in range(len(small)):
            spins[j, b] = 1.0 if (code >> j) & 1 else -1.0
    # Under (0, 0) ln f is L ln 2.
    out[:] = len(large) * np.log(2.0)
    step_block(True, False, nothing, law, weights, large, large_tilts, small, small_tilts, spins, states, out)
