"""Means of a spin and of a coupled pair given all other spins: what a look at a chain says about them at least noise.

With the field theta_i = beta (h_i + sum_j J_ij s_j) the mean of s_i is tanh theta_i. With K = beta J_ij and the fields
a = theta_i - K s_j and b = theta_j - K s_i of all others, the mean of s_i s_j is (p - q) / (p + q), where
p = exp(K) cosh(a + b) and q = exp(-K) cosh(a - b).
"""

from __future__ import annotations

import math

from statfe._jit import njit

#: exp of more than this, over 1 or added to it, is infinity to a double.
_FAR = 80.0


@njit
def add_conditional_means(beta, spins, indptr, indices, weights, fields, local, means, products):
    """Add the conditional means of one configuration to sums.

    Parameters
    ----------
    spins
        Int8, shape (n_sites,).
    indptr, indices, weights, fields
        The model.
    local
        Room for the fields, float64, shape (n_sites,).
    means, products
        Sums of the means of s_i, shape (n_sites,), and of s_i s_j in the order of the adjacency's upper triangle.
    """
    n = len(spins)
    for i in range(n):
        total = fields[i]
        for k in range(indptr[i], indptr[i + 1]):
            total += weights[k] * spins[indices[k]]
        local[i] = beta * total
        means[i] += math.tanh(local[i])
    pair = 0
    for i in range(n):
        for k in range(indptr[i], indptr[i + 1]):
            j = indices[k]
            if j < i:
                continue
            K = beta * weights[k]
            a, b = local[i] - K * spins[j], local[j] - K * spins[i]
            plus, minus = abs(a + b), abs(a - b)
            # ln(q / p)
            x = minus - plus - 2.0 * K
            if x > _FAR:
                products[pair] -= 1.0
            elif x >= -_FAR:
                ratio = math.exp(x) * (1.0 + math.exp(-2.0 * minus)) / (1.0 + math.exp(-2.0 * plus))
                products[pair] += (1.0 - ratio) / (1.0 + ratio)
            else:
                products[pair] += 1.0
            pair += 1
