"""Sums over the triangles and the four-cycles of a graph in compressed sparse rows with sorted columns.

Each cycle is met once, at its highest site. With the sites numbered by rising degree this takes
O(bonds x arboricity) steps (Chiba and Nishizeki 1985), so a star costs no more than a chain.
"""

from __future__ import annotations

import numpy as np

from statfe._jit import njit


@njit
def triangle_sums(indptr, indices, strengths, means, variances, slopes, out):
    """Sums over triangles (i, j, k) with weight w = K_ij K_jk K_ki v_i v_j v_k, for the third and fourth cumulant.

    out[0] = sum w; out[1] = sum w (K_ij m_i m_j + K_jk m_j m_k + K_ki m_k m_i - b_i - b_j - b_k), with
    b = `slopes`; float64, shape (2,).
    """
    n = len(indptr) - 1
    to_top = np.zeros(n)
    out[:] = 0.0
    for i in range(n):
        for e in range(indptr[i], indptr[i + 1]):
            if indices[e] >= i:
                break
            to_top[indices[e]] = strengths[e]
        third = 0.0
        fourth = 0.0
        for e in range(indptr[i], indptr[i + 1]):
            j = indices[e]
            if j >= i:
                break
            Kij = strengths[e]
            for f in range(indptr[j], indptr[j + 1]):
                k = indices[f]
                if k >= j:
                    break
                Kki = to_top[k]
                if Kki != 0.0:
                    Kjk = strengths[f]
                    w = Kij * Kjk * Kki * variances[j] * variances[k]
                    third += w
                    fourth += w * (Kij * means[i] * means[j] + Kjk * means[j] * means[k] + Kki * means[k] * means[i]
                                   - slopes[i] - slopes[j] - slopes[k])
        out[0] += variances[i] * third
        out[1] += variances[i] * fourth
        for e in range(indptr[i], indptr[i + 1]):
            if indices[e] >= i:
                break
            to_top[indices[e]] = 0.0


@njit
def square_sum(indptr, indices, links, out):
    """out[0] = sum over four-cycles of the product of their four links; float64, shape (1,).

    A cycle i-j-k-l with its highest site i is a pair of paths from i to k; with the paths' weights y, the pairs
    of different ones sum to [(sum y)^2 - sum y^2] / 2.
    """
    n = len(indptr) - 1
    paths = np.zeros(n)
    squares = np.zeros(n)
    out[0] = 0.0
    for i in range(n):
        for e in range(indptr[i], indptr[i + 1]):
            j = indices[e]
            if j >= i:
                break
            x = links[e]
            for f in range(indptr[j], indptr[j + 1]):
                k = indices[f]
                if k >= i:
                    break
                y = x * links[f]
                paths[k] += y
                squares[k] += y * y
        total = 0.0
        for e in range(indptr[i], indptr[i + 1]):
            j = indices[e]
            if j >= i:
                break
            for f in range(indptr[j], indptr[j + 1]):
                k = indices[f]
                if k >= i:
                    break
                total += paths[k] * paths[k] - squares[k]
                paths[k] = 0.0
                squares[k] = 0.0
        out[0] += 0.5 * total
