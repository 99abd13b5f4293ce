"""Pfaffian elimination of sparse skew-symmetric matrices by fronts, in double or in double-double precision.

A matrix is held as its upper triangle. Every number is hi + lo; in double precision lo is not touched.
The step of Parlett and Reid for a pivot a_pq, with u = row p, v = row q:  C_ij -= (u_i v_j - v_i u_j) / a_pq,
Pf A = a_pq Pf C.
Source: B. N. Parlett and J. K. Reid, BIT 10, 386 (1970); J. R. Bunch, Math. Comput. 38, 475 (1982); double-double
arithmetic after T. J. Dekker, Numer. Math. 18, 224 (1971).
"""

from __future__ import annotations

import numpy as np

from statfe._jit import njit

#: Dekker's constant: cuts a double into two halves whose products are exact.
CUT = 134217729.0


@njit
def two_sum(a, b):
    """a + b as a double and its rounding error."""
    s = a + b
    t = s - a
    return s, (a - (s - t)) + (b - t)


@njit
def halves(a):
    """a = high + low, 26 bits each."""
    t = CUT * a
    high = t - (t - a)
    return high, a - high


@njit
def two_product(a, b):
    """a b as a double and its rounding error."""
    p = a * b
    a1, a2 = halves(a)
    b1, b2 = halves(b)
    return p, ((a1 * b1 - p) + a1 * b2 + a2 * b1) + a2 * b2


@njit
def divide(ah, al, bh, bl):
    """(ah + al) / (bh + bl) in double-double."""
    q = ah / bh
    p, e = two_product(q, bh)
    return two_sum(q, ((ah - p) - e + al - q * bl) / bh)


@njit
def swap(hi, lo, n, p, q, wide):
    """Exchange rows and columns p < q of the upper triangle, from row p on."""
    if p == q:
        return
    for k in range(p + 1, q):
        t = hi[p, k]
        hi[p, k] = -hi[k, q]
        hi[k, q] = -t
    hi[p, q] = -hi[p, q]
    for k in range(q + 1, n):
        t = hi[p, k]
        hi[p, k] = hi[q, k]
        hi[q, k] = t
    if wide:
        for k in range(p + 1, q):
            t = lo[p, k]
            lo[p, k] = -lo[k, q]
            lo[k, q] = -t
        lo[p, q] = -lo[p, q]
        for k in range(q + 1, n):
            t = lo[p, k]
            lo[p, k] = lo[q, k]
            lo[q, k] = t


@njit
def update(hi, n, p):
    """Take out rows p and p + 1 in double precision."""
    u, v = hi[p], hi[p + 1]
    inverse = 1.0 / hi[p, p + 1]
    scaled = np.empty(n)
    for j in range(p + 2, n):
        scaled[j] = u[j] * inverse
    for i in range(p + 2, n):
        a, b = scaled[i], v[i]
        if a != 0.0 or b != 0.0:
            row = hi[i]
            for j in range(i + 1, n):
                row[j] -= a * v[j] - b * scaled[j]


@njit
def update_wide(hi, lo, n, p, work):
    """Take out rows p and p + 1 in double-double; `work` has shape (6, n)."""
    vh, vl = hi[p + 1], lo[p + 1]
    v1, v2, sh, sl, s1, s2 = work[0], work[1], work[2], work[3], work[4], work[5]
    ph, pl = hi[p, p + 1], lo[p, p + 1]
    for j in range(p + 2, n):
        sh[j], sl[j] = divide(hi[p, j], lo[p, j], ph, pl)
        v1[j], v2[j] = halves(vh[j])
        s1[j], s2[j] = halves(sh[j])
    for i in range(p + 2, n):
        ah, al, a1, a2 = sh[i], sl[i], s1[i], s2[i]
        bh, bl, b1, b2 = vh[i], vl[i], v1[i], v2[i]
        if ah == 0.0 and bh == 0.0:
            continue
        high, low = hi[i], lo[i]
        for j in range(i + 1, n):
            x = ah * vh[j]
            ex = ((a1 * v1[j] - x) + a1 * v2[j] + a2 * v1[j]) + a2 * v2[j] + (ah * vl[j] + al * vh[j])
            y = bh * sh[j]
            ey = ((b1 * s1[j] - y) + b1 * s2[j] + b2 * s1[j]) + b2 * s2[j] + (bh * sl[j] + bl * sh[j])
            d = x - y
            t = d - x
            ed = (x - (d - t)) - (y + t)
            c = high[j]
            s = c - d
            t = s - c
            es = (c - (s - t)) - (d + t)
            tail = low[j] + es - (ed + (ex - ey))
            top = s + tail
            high[j] = top
            low[j] = tail - (top - s)


@njit
def eliminate(hi, lo, n, full, wide, threshold, ids, work):
    """Take out as many of the first `full` rows as have a safe pivot among themselves.

    Parameters
    ----------
    wide
        Whether to use double-double precision; `lo` and `work` may be as small as (1, 1) and (6, 1) otherwise.
    threshold
        A pivot is safe where no entry of its row is larger by more than 1 / threshold.
    ids
        Names of the rows, int64, shape (n,); permuted with them.

    Returns
    -------
    int
        Rows taken out, an even number; they stand first, pivots at (0, 1), (2, 3), ...
    """
    p, stop = 0, full  # rows from `stop` to `full` have been tried in vain since the last pivot
    while p < stop and p + 2 <= full:
        best, at, most = 0.0, p + 1, 0.0
        for j in range(p + 1, n):
            size = abs(hi[p, j])
            if j < full and size > best:
                best, at = size, j
            most = max(most, size)
        if best == 0.0 or not best >= threshold * most:
            stop -= 1
            swap(hi, lo, n, p, stop, wide)
            ids[p], ids[stop] = ids[stop], ids[p]
            continue
        swap(hi, lo, n, p + 1, at, wide)
        ids[p + 1], ids[at] = ids[at], ids[p + 1]
        # `swap` leaves row p alone.
        t = hi[p, p + 1]
        hi[p, p + 1] = hi[p, at]
        hi[p, at] = t
        if wide:
            t = lo[p, p + 1]
            lo[p, p + 1] = lo[p, at]
            lo[p, at] = t
            update_wide(hi, lo, n, p, work)
        else:
            update(hi, n, p)
        p += 2
        stop = full
    return p
