"""Units of a restricted Boltzmann machine: probabilities of rows of inputs, draws, and exchanges between temperatures.

Single precision is for training; double precision for checks and small machines. Uniform numbers come from LANES
streams of xoshiro256++ that advance together, so that draws are the same bits whatever the products ran on.
"""

from __future__ import annotations

import math

import numpy as np

from statfe._jit import njit
from statfe.kernels.exponential import exp_block
from statfe.kernels.rng import advance

#: Streams that advance together, and how often before their words are used.
LANES, ROUNDS = 64, 16

LOG2_E, ROUND = np.float32(1.44269504), np.float32(12582912.0)
LN2_HIGH, LN2_LOW = np.float32(0.693359375), np.float32(-2.12194440e-4)
P0, P1, P2 = np.float32(1.9875691500e-4), np.float32(1.3981999507e-3), np.float32(8.3334519073e-3)
P3, P4, P5 = np.float32(4.1665795894e-2), np.float32(1.6666665459e-1), np.float32(5.0000001201e-1)
ONE, LOWEST = np.float32(1.0), np.float32(-87.0)


@njit
def probabilities_double(inputs, bias, scales, out):
    """out[r, i] = 1 / (1 + exp(-x)), x = scales[r] inputs[r, i] + bias[i]; float64, shape (rows, units)."""
    rows, units = inputs.shape
    x, work, scale, e = np.empty(units), np.empty(units), np.empty(units), np.empty(units)
    for r in range(rows):
        for i in range(units):
            x[i] = scales[r] * inputs[r, i] + bias[i]
            work[i] = -abs(x[i])
        exp_block(work, units, scale, e)
        for i in range(units):
            out[r, i] = (1.0 if x[i] >= 0.0 else e[i]) / (1.0 + e[i])


@njit
def probabilities_single(inputs, bias, scales, out):
    """`probabilities_double` in float32, within 3e-7 relative for |x| < 87: Cody and Waite, polynomial of Cephes."""
    rows, units = inputs.shape
    x, shifted, e = np.empty(units, np.float32), np.empty(units, np.float32), np.empty(units, np.float32)
    bits = shifted.view(np.int32)
    for r in range(rows):
        factor = scales[r]
        for i in range(units):
            x[i] = factor * inputs[r, i] + bias[i]
            z = max(-abs(x[i]), LOWEST)
            shifted[i] = z * LOG2_E + ROUND
            k = shifted[i] - ROUND
            f = z - k * LN2_HIGH - k * LN2_LOW
            p = ((((P0 * f + P1) * f + P2) * f + P3) * f + P4) * f + P5
            e[i] = p * f * f + f + ONE
        for i in range(units):
            bits[i] = (bits[i] << 23) + 1065353216  # the exponent field of 2^k; 127 << 23 is its bias
        for i in range(units):
            power = e[i] * shifted[i]
            out[r, i] = (ONE if x[i] >= np.float32(0.0) else power) / (ONE + power)


@njit
def fill_words(states, words):
    """Random words, one a lane at a time: len(words) is a multiple of the number of lanes."""
    s0, s1, s2, s3 = states[0], states[1], states[2], states[3]
    lanes = states.shape[1]
    for start in range(0, len(words), lanes):
        for k in range(lanes):
            words[start + k], s0[k], s1[k], s2[k], s3[k] = advance(s0[k], s1[k], s2[k], s3[k])


@njit
def _compare_double(words, probabilities, out):
    for k in range(len(out)):  # 52 random bits
        u = np.float64(words[k] >> np.uint64(12)) * 2.220446049250313e-16
        out[k] = 1.0 if u < probabilities[k] else 0.0


@njit
def _compare_single(halves, probabilities, out):
    for k in range(len(out)):
        u = np.float32(halves[k] >> np.uint32(9)) * np.float32(1.1920929e-07)
        out[k] = ONE if u < probabilities[k] else np.float32(0.0)


@njit
def draw_double(probabilities, states, out):
    """out = 1 with the given probabilities, else 0; flat float64. `states` is uint64 of shape (4, lanes)."""
    lanes = states.shape[1]
    words = np.empty(LANES // lanes * ROUNDS * lanes, np.uint64)
    for start in range(0, len(out), len(words)):
        end = min(start + len(words), len(out))
        fill_words(states, words[:-((end - start) // -lanes) * lanes])
        _compare_double(words, probabilities[start:end], out[start:end])


@njit
def draw_single(probabilities, states, out):
    """`draw_double` in float32: 23 random bits a unit, two units a word."""
    lanes = states.shape[1]
    words = np.empty(LANES // lanes * ROUNDS * lanes, np.uint64)
    halves = words.view(np.uint32)
    for start in range(0, len(out), len(halves)):
        end = min(start + len(halves), len(out))
        fill_words(states, words[:-((end - start) // (-2 * lanes)) * lanes])
        _compare_single(halves, probabilities[start:end], out[start:end])


@njit
def exchange(visible, log_ratios, states, first, accepted):
    """Swap the visible units of neighbouring levels t, t + 1 with probability min(1, exp(log_ratios[t, c])).

    Parameters
    ----------
    visible
        Shape (levels, chains, units); rows are swapped in place.
    log_ratios
        Shape (levels - 1, chains).
    states
        As in `draw_double`; one lane a pair and chain, in turn.
    first
        0 or 1: the pairs tried are (first, first + 1), (first + 2, first + 3), ...
    accepted
        Swaps of each pair, int64, shape (levels - 1,); added to.
    """
    words = np.empty(LANES, np.uint64)
    used = LANES
    for t in range(first, len(log_ratios), 2):
        for c in range(log_ratios.shape[1]):
            if used == LANES:
                fill_words(states, words)
                used = 0
            u = (words[used] >> np.uint64(11)) * 1.1102230246251565e-16
            used += 1
            if log_ratios[t, c] >= 0.0 or u < math.exp(log_ratios[t, c]):
                accepted[t] += 1
                for i in range(visible.shape[2]):
                    visible[t, c, i], visible[t + 1, c, i] = visible[t + 1, c, i], visible[t, c, i]


@njit
def momentum_step(parameters, gradient, velocity, rate, momentum):
    """velocity = momentum velocity + rate gradient, parameters += velocity; flat arrays of one type.

    `rate` and `momentum` are arrays of one number, of the same type, so that single precision stays single.
    """
    r, m = rate[0], momentum[0]
    for i in range(len(parameters)):
        velocity[i] = m * velocity[i] + r * gradient[i]
        parameters[i] += velocity[i]
