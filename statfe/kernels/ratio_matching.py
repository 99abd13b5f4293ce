"""All single flips of rows of 0/1 units of a restricted Boltzmann machine: conditionals, and ratio matching.

With t_i = 1 - 2 v_i the free energy of v less that of v with unit i flipped is

    delta_i = a_i t_i + sum_j ln r_ij,   r_ij = p(h_j = 0 | v) + p(h_j = 1 | v) exp(t_i W_ij),                       (1)

a sum of positive numbers, and exp(+-W) is made once: no flip needs an exponential. Logarithms are taken of products of
`group` factors, each between exp(-max abs(W)) and exp(max abs(W)), so that no product leaves the range of doubles.
"""

from __future__ import annotations

import math

import numpy as np

from statfe._jit import njit


@njit
def flip_delta(i, visible, bias, above, below, up, down, group, ratios):
    """delta_i of eq. (1) of one row; fills `ratios`, shape (n_hidden,)."""
    flip = 1.0 - 2.0 * visible[i]
    factors = up[i] if flip > 0.0 else down[i]
    n_hidden = len(above)
    for j in range(n_hidden):
        ratios[j] = below[j] + above[j] * factors[j]
    delta = flip * bias[i]
    for first in range(0, n_hidden, group):
        product = 1.0
        for j in range(first, min(first + group, n_hidden)):
            product *= ratios[j]
        delta += math.log(product)
    return delta


@njit
def log_conditionals(visible, bias, above, below, up, down, group, out):
    """out[r] = sum_i ln p(v_i | the other units) = - sum_i ln(1 + exp(delta_i)); arguments as in `flip_terms`."""
    ratios = np.empty(above.shape[1])
    for r in range(len(visible)):
        total = 0.0
        for i in range(visible.shape[1]):
            delta = flip_delta(i, visible[r], bias, above[r], below[r], up, down, group, ratios)
            total -= max(delta, 0.0) + math.log1p(math.exp(-abs(delta)))
        out[r] = total


@njit
def flip_terms(visible, bias, above, below, up, down, group, terms, differences, weights):
    """Ratio matching of rows, J = sum_i s_i^2 with s_i = 1 / (1 + exp(-delta_i)) = 1 - p(v_i | others), and its slopes.

    Parameters
    ----------
    visible, bias
        v, 0 or 1, shape (rows, n_visible), and a, shape (n_visible,); all arrays are float64.
    above, below
        p(h_j = 1 | v) and p(h_j = 0 | v), shape (rows, n_hidden).
    up, down
        exp(W) and exp(-W), shape (n_visible, n_hidden).
    group
        Factors of (1) in a product: group * max abs(W) is at most 700.
    terms
        To be filled: c_i t_i with c_i = 2 s_i^2 (1 - s_i), shape (rows, n_visible): dJ/da.
    differences
        To be filled: sum_i c_i (p(h_j = 1 | v with i flipped) - p(h_j = 1 | v)), shape (rows, n_hidden): dJ/db.
    weights
        Added to: sum of c_i t_i p(h_j = 1 | v with i flipped), the part of dJ/dW of the flipped unit alone.

    Returns
    -------
    The sum of J over the rows.
    """
    rows, n_visible = visible.shape
    n_hidden = above.shape[1]
    ratios = np.empty(n_hidden)
    total = 0.0
    for r in range(rows):
        for j in range(n_hidden):
            differences[r, j] = 0.0
        for i in range(n_visible):
            delta = flip_delta(i, visible[r], bias, above[r], below[r], up, down, group, ratios)
            flip = 1.0 - 2.0 * visible[r, i]
            factors = up[i] if flip > 0.0 else down[i]
            e = math.exp(-abs(delta))
            s, other = 1.0 / (1.0 + e), e / (1.0 + e)
            if delta < 0.0:
                s, other = other, s
            total += s * s
            c = 2.0 * s * s * other
            terms[r, i] = c * flip
            for j in range(n_hidden):
                turned = c * (above[r, j] * factors[j] / ratios[j])
                differences[r, j] += turned - c * above[r, j]
                weights[i, j] += flip * turned
    return total
