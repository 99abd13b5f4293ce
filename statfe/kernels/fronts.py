"""The multifrontal Pfaffian: fronts of a dissection one after the other, each a dense matrix.

A front adds up its entries of the matrix and what its children left, takes out its own rows where they have safe
pivots, and leaves the rest on a stack: rows without a pivot are tried again by its parent.
Source: I. S. Duff and J. K. Reid, ACM Trans. Math. Softw. 9, 302 (1983).
"""

from __future__ import annotations

import math

import numpy as np

from statfe._jit import njit
from statfe.kernels.pfaffian import eliminate, two_product, two_sum


@njit
def add(hi, lo, i, j, high, low, wide):
    """Add a number to entry (i, j) of the upper triangle, or its negative to (j, i)."""
    if i > j:
        i, j, high, low = j, i, -high, -low
    if wide:
        s, e = two_sum(hi[i, j], high)
        hi[i, j], lo[i, j] = two_sum(s, e + lo[i, j] + low)
    else:
        hi[i, j] += high


@njit
def extend(hi, lo, to, high, low, wide):
    """Add a square matrix, flat, to the rows and columns `to`."""
    n = len(to)
    for i in range(n):
        for j in range(i + 1, n):
            add(hi, lo, to[i], to[j], high[i * n + j], low[i * n + j] if wide else 0.0, wide)


@njit
def keep(matrix, start, flat):
    """Write the rows and columns from `start` on to `flat`, above the diagonal."""
    n = len(matrix) - start
    for i in range(n):
        for j in range(i + 1, n):
            flat[i * n + j] = matrix[start + i, start + j]


@njit
def longer(stack, needed):
    """`stack`, or a copy with room for `needed` numbers."""
    if needed <= len(stack):
        return stack
    new = np.empty(2 * needed, dtype=stack.dtype)
    new[:len(stack)] = stack
    return new


@njit
def take_out(own_ptr, own, rim_ptr, rim, children, entry_ptr, entries, row, col, values, wide, threshold):
    """Eliminate all fronts but the last, which is added up only.

    Parameters
    ----------
    own_ptr, own, rim_ptr, rim, children, entry_ptr, entries
        As in `statfe.planar.dissection.Fronts`.
    row, col, values
        Entries of the matrix.
    wide, threshold
        As in `eliminate`, which describes them.

    Returns
    -------
    pivots : ndarray of float64
    order : ndarray of int64
        Terminals in the order of their elimination, pairs of rows of the pivots one after the other, then those left.
    hi, lo : ndarray of float64
        The matrix of what is left (`lo` is empty in double precision), its upper triangle.
    """
    n = len(own) + (rim_ptr[-1] - rim_ptr[-2])
    pivots, order, done = np.empty(n // 2), np.empty(n, dtype=np.int64), 0
    where = np.zeros(n, dtype=np.int64)
    depth = len(children) + 1
    size, late = np.zeros(depth, dtype=np.int64), np.zeros(depth, dtype=np.int64)
    at, name_at = np.zeros(depth + 1, dtype=np.int64), np.zeros(depth + 1, dtype=np.int64)
    stack, names = np.empty(65536), np.empty(4096, dtype=np.int64)
    stack_lo = np.empty(65536 if wide else 1)
    top, hi, lo = 0, np.zeros((1, 1)), np.zeros((1, 1))
    for front in range(len(children)):
        first = top - children[front]
        delayed = 0
        for child in range(first, top):
            delayed += late[child]
        n_own, n_rim = own_ptr[front + 1] - own_ptr[front], rim_ptr[front + 1] - rim_ptr[front]
        full = n_own + delayed
        m = full + n_rim
        ids = np.empty(m, dtype=np.int64)
        ids[:n_own] = own[own_ptr[front]:own_ptr[front + 1]]
        ids[full:] = rim[rim_ptr[front]:rim_ptr[front + 1]]
        k = n_own
        for child in range(first, top):
            ids[k:k + late[child]] = names[name_at[child]:name_at[child] + late[child]]
            k += late[child]
        where[ids] = np.arange(m)
        hi = np.zeros((m, m))
        lo = np.zeros((m, m)) if wide else np.zeros((1, 1))
        for e in entries[entry_ptr[front]:entry_ptr[front + 1]]:
            add(hi, lo, where[row[e]], where[col[e]], values[e], 0.0, wide)
        for child in range(first, top):
            s, base = size[child], at[child]
            extend(hi, lo, where[names[name_at[child]:name_at[child] + s]], stack[base:base + s * s],
                   stack_lo[base:base + s * s] if wide else stack_lo, wide)
        if front == len(children) - 1:
            order[2 * done:] = ids
            break
        work = np.empty((6, m if wide else 1))
        out = eliminate(hi, lo, m, full, wide, threshold, ids, work)
        order[2 * done:2 * done + out] = ids[:out]
        for k in range(0, out, 2):
            pivots[done] = hi[k, k + 1]
            done += 1
        top, left = first, m - out
        stack = longer(stack, at[top] + left * left)
        names = longer(names, name_at[top] + left)
        if wide:
            stack_lo = longer(stack_lo, at[top] + left * left)
        size[top], late[top] = left, full - out
        names[name_at[top]:name_at[top] + left] = ids[out:]
        keep(hi, out, stack[at[top]:at[top] + left * left])
        if wide:
            keep(lo, out, stack_lo[at[top]:at[top] + left * left])
        at[top + 1], name_at[top + 1] = at[top] + left * left, name_at[top] + left
        top += 1
    return pivots[:done], order, hi, lo


@njit
def parity(order):
    """+1 or -1 for an even or odd permutation."""
    seen = np.zeros(len(order), dtype=np.bool_)
    sign = 1
    for start in range(len(order)):
        at, length = start, 0
        while not seen[at]:
            seen[at] = True
            at = order[at]
            length += 1
        if length > 0 and length % 2 == 0:
            sign = -sign
    return sign


@njit
def dense_pfaffian(hi, lo, wide):
    """The Pfaffian of a dense matrix as (high + low) 2^exponent; the matrix is overwritten."""
    n = len(hi)
    ids = np.arange(n)
    work = np.empty((6, n if wide else 1))
    out = eliminate(hi, lo, n, n, wide, 0.0, ids, work)
    if out < n:
        return 0.0, 0.0, 0
    high, low, exponent = float(parity(ids)), 0.0, 0
    for k in range(0, n, 2):
        ph, pl = hi[k, k + 1], lo[k, k + 1] if wide else 0.0
        x, e = two_product(high, ph)
        high, low = two_sum(x, e + (high * pl + low * ph))
        _, shift = math.frexp(high)
        high, low = math.ldexp(high, -shift), math.ldexp(low, -shift)
        exponent += shift
    return high, low, exponent
