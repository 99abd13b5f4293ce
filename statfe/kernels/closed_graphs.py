"""Clusters of cycles: the even graphs that they make together, and the sums of the high-temperature series over them.

Cycles are rows of `sites` and `pairs` (numbers of bonds with ends `rows`, `cols`), as `statfe.kernels.cycle_walk` lists
them by rising length; `products` holds the weight of each. Sums are by the number of bonds, out[k] for k bonds.
"""

from __future__ import annotations

import numpy as np

from statfe._jit import njit


@njit
def _is_cycle(ends, chosen, count):
    """Whether the bonds with chosen[b] make one simple cycle of `count` bonds; ends int32 (m, 2)."""
    m = len(chosen)
    at = -1
    for b in range(m):
        if chosen[b]:
            at = b
            break
    start = ends[at, 0]
    here = ends[at, 1]
    came = at
    walked = 1
    while here != start:
        nxt = -1
        for b in range(m):
            if chosen[b] and b != came and (ends[b, 0] == here or ends[b, 1] == here):
                if nxt >= 0:
                    return False
                nxt = b
        if nxt < 0 or walked > count:
            return False
        here = ends[nxt, 1] if ends[nxt, 0] == here else ends[nxt, 0]
        came = nxt
        walked += 1
    if walked != count:
        return False
    degree = 0
    for b in range(m):
        if chosen[b] and (ends[b, 0] == start or ends[b, 1] == start):
            degree += 1
    return degree == 2


@njit
def splits(ends):
    """Number of ways to part the bonds `ends`, int32 (m, 2), into two simple cycles without a common bond."""
    m = len(ends)
    chosen = np.zeros(m, np.bool_)
    rest = np.zeros(m, np.bool_)
    ways = 0
    for mask in range(1 << (m - 1)):
        count = 1
        chosen[0] = True
        rest[0] = False
        for b in range(1, m):
            chosen[b] = (mask >> (b - 1)) & 1 == 1
            rest[b] = not chosen[b]
            count += chosen[b]
        if count >= 3 and m - count >= 3 and _is_cycle(ends, chosen, count) and _is_cycle(ends, rest, m - count):
            ways += 1
    return ways


@njit
def _shared(a_items, a_count, b_items, b_count):
    """How many entries two short rows have in common."""
    total = 0
    for x in range(a_count):
        for y in range(b_count):
            if a_items[x] == b_items[y]:
                total += 1
    return total


@njit
def touching(by_site_ptr, by_site, lengths, sites, length, most, stamp, mark, out):
    """Cycles of at most `most` bonds that share a site with one, into `out`; their number. `stamp` tells rounds apart.

    Cycles are numbered by rising length.
    """
    count = 0
    for a in range(length):
        v = sites[a]
        for q in range(by_site_ptr[v], by_site_ptr[v + 1]):
            c = by_site[q]
            if lengths[c] > most:
                break
            if stamp[c] != mark:
                stamp[c] = mark
                out[count] = c
                count += 1
    return count


@njit
def _put_ends(rows, cols, pairs, length, at, ends):
    """Write the ends of a cycle's bonds from row `at` of `ends` on; the row after them."""
    for x in range(length):
        ends[at + x, 0] = rows[pairs[x]]
        ends[at + x, 1] = cols[pairs[x]]
    return at + length


@njit
def _ends_of_two(rows, cols, pairs, lengths, a, b):
    ends = np.empty((lengths[a] + lengths[b], 2), np.int32)
    _put_ends(rows, cols, pairs[b], lengths[b], _put_ends(rows, cols, pairs[a], lengths[a], 0, ends), ends)
    return ends


@njit
def joined(rows, cols, sites, pairs, lengths, a, b):
    """1 / (ways to part the union of cycles a and b into two cycles); 0 where they share a bond."""
    if _shared(pairs[a], lengths[a], pairs[b], lengths[b]) > 0:
        return 0.0
    if _shared(sites[a], lengths[a], sites[b], lengths[b]) < 2:
        return 1.0
    return 1.0 / splits(_ends_of_two(rows, cols, pairs, lengths, a, b))


@njit
def pair_clusters(rows, cols, by_site_ptr, by_site, sites, pairs, lengths, products, longest, out):
    """Clusters of two cycles: -1 for two that touch, -1/2 for one twice, and the even graph that two make together."""
    count = len(lengths)
    stamp = np.full(count, -1, np.int32)
    near = np.empty(count, np.int32)
    for a in range(count):
        most = min(lengths[a], longest - lengths[a])
        found = touching(by_site_ptr, by_site, lengths, sites[a], lengths[a], most, stamp, a, near)
        for q in range(found):
            b = near[q]
            order = lengths[a] + lengths[b]
            if b > a:
                continue
            w = products[a] * products[b]
            out[order] += -0.5 * w if b == a else w * (joined(rows, cols, sites, pairs, lengths, a, b) - 1.0)


@njit
def _hang_together_simply(sites, lengths, a, b, c):
    """Whether three cycles share sites so that only one way parts their union into cycles."""
    ab = _shared(sites[a], lengths[a], sites[b], lengths[b])
    bc = _shared(sites[b], lengths[b], sites[c], lengths[c])
    ca = _shared(sites[c], lengths[c], sites[a], lengths[a])
    return max(ab, bc, ca) < 2 and min(ab, bc, ca) == 0


@njit
def _three_together(rows, cols, pairs, sites, lengths, a, b, c):
    """1 / (ways to part the union of three cycles into three); 0 where two cycles make it too, or bonds are shared."""
    ab = _shared(pairs[a], lengths[a], pairs[b], lengths[b])
    bc = _shared(pairs[b], lengths[b], pairs[c], lengths[c])
    ca = _shared(pairs[c], lengths[c], pairs[a], lengths[a])
    if ab + bc + ca > 0:
        return 0.0
    if _hang_together_simply(sites, lengths, a, b, c):
        return 1.0
    m = lengths[a] + lengths[b] + lengths[c]
    ends = np.empty((m, 2), np.int32)
    at = _put_ends(rows, cols, pairs[a], lengths[a], 0, ends)
    at = _put_ends(rows, cols, pairs[b], lengths[b], at, ends)
    _put_ends(rows, cols, pairs[c], lengths[c], at, ends)
    if splits(ends) > 0:
        return 0.0
    return 1.0 / _splits_in_three(ends)


@njit
def _splits_in_three(ends):
    """Number of ways to part bonds into three simple cycles."""
    m = len(ends)
    ways = 0
    chosen = np.zeros(m, np.bool_)
    for mask in range(1 << (m - 1)):
        count = 1
        chosen[0] = True
        for x in range(1, m):
            chosen[x] = (mask >> (x - 1)) & 1 == 1
            count += chosen[x]
        if 3 <= count <= m - 6 and _is_cycle(ends, chosen, count):
            rest = np.empty((m - count, 2), np.int32)
            at = 0
            for x in range(m):
                if not chosen[x]:
                    rest[at] = ends[x]
                    at += 1
            ways += splits(rest)
    return ways


@njit
def triple_clusters(rows, cols, by_site_ptr, by_site, sites, pairs, lengths, products, longest, out):
    """Clusters of three cycles, and of one cycle with the even graph that two others make together.

    Ursell's weights: 1 for a chain of three, 2 for three that all touch, over the factorials of repeats.
    """
    count = len(lengths)
    stamp = np.full(count, -1, np.int32)
    near = np.empty(count, np.int32)
    for a in range(count):
        found = touching(by_site_ptr, by_site, lengths, sites[a], lengths[a], longest, stamp, a, near)
        if 3 * lengths[a] <= longest:
            out[3 * lengths[a]] += products[a] ** 3 / 3.0
        for q in range(found):
            b = near[q]
            order = 2 * lengths[a] + lengths[b]
            if b != a and order <= longest:
                inverse = joined(rows, cols, sites, pairs, lengths, a, b)
                # a twice and b once; and a and b together with a once more
                out[order] += products[a] ** 2 * products[b] * (1.0 - inverse)
        for q in range(found):
            b = near[q]
            for r in range(q):
                c = near[r]
                order = lengths[a] + lengths[b] + lengths[c]
                if a == b or a == c or order > longest:
                    continue
                w = products[a] * products[b] * products[c]
                meet = _shared(sites[b], lengths[b], sites[c], lengths[c]) > 0
                share = 1.0 / 3.0 if meet else 1.0  # three that all touch are met from each of them
                out[order] += share * w * ((2.0 if meet else 1.0) + _three_together(
                    rows, cols, pairs, sites, lengths, a, b, c))
                # two of them together with the third: in a chain the ends do not meet
                together = joined(rows, cols, sites, pairs, lengths, a, b) + joined(
                    rows, cols, sites, pairs, lengths, a, c)
                if meet:
                    together += joined(rows, cols, sites, pairs, lengths, b, c)
                out[order] -= share * w * together
