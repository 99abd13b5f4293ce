"""Ratio matching of a restricted Boltzmann machine with 0/1 units: all single flips of each row, without an exponential
a flip: exp(+-W) is made once, and 1 + exp(x_j + t W_ij) over 1 + exp(x_j) is a sum of two positive numbers."""

from __future__ import annotations

import math

import numpy as np

from statfe._jit import njit

#: Factors that are multiplied before a logarithm is taken; each is between exp(-100) and exp(100).
GROUP = 4


@njit
def flip_terms(visible, bias, above, below, up, down, terms, differences, weights):
    """The objective of each row and the derivatives of their sum.

    With t_i = 1 - 2 v_i and r_ij = p(h_j = 0 | v) + p(h_j = 1 | v) exp(t_i W_ij),

        s_i = 1 / (1 + exp(-a_i t_i - sum_j ln r_ij)) = 1 - p(v_i | others),   J = sum_i s_i^2.

    Parameters
    ----------
    visible, bias
        v, 0 or 1, shape (rows, n_visible), and a, shape (n_visible,); all arrays are float64.
    above, below
        p(h_j = 1 | v) and p(h_j = 0 | v), shape (rows, n_hidden).
    up, down
        exp(W) and exp(-W), shape (n_visible, n_hidden).
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
            flip = 1.0 - 2.0 * visible[r, i]
            factors = up[i] if flip > 0.0 else down[i]
            for j in range(n_hidden):
                ratios[j] = below[r, j] + above[r, j] * factors[j]
            delta = flip * bias[i]
            for first in range(0, n_hidden, GROUP):
                product = 1.0
                for j in range(first, min(first + GROUP, n_hidden)):
                    product *= ratios[j]
                delta += math.log(product)
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
