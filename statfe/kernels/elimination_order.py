"""Eliminate the vertices of a graph: each makes its neighbours a clique, and goes. Fast for 10^5 vertices.

The graph is kept as linked lists (for its neighbours) and a table of hashed edges (to ask for one).
"""

from __future__ import annotations

import numpy as np

from statfe._jit import njit

#: Rules for who goes next.
MIN_DEGREE, MIN_FILL, GIVEN = 0, 1, 2


@njit
def _find(keys, key):
    """Place of `key` in the table, or that of the free entry where it belongs."""
    mask = np.uint64(len(keys) - 1)
    place = (np.uint64(key) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(20)
    while True:
        place &= mask
        if keys[place] == key or keys[place] == -1:
            return place
        place += np.uint64(1)


@njit
def _joined(keys, n, a, b):
    key = min(a, b) * n + max(a, b)
    return keys[_find(keys, key)] == key


@njit
def _join(keys, n, heads, nodes, links, used, a, b):
    """Add the edge a-b where it is not there yet; whether it was new."""
    key = min(a, b) * n + max(a, b)
    place = _find(keys, key)
    if keys[place] == key:
        return False
    keys[place] = key
    for one, other in ((a, b), (b, a)):
        nodes[used[0]] = other
        links[used[0]] = heads[one]
        heads[one] = used[0]
        used[0] += 1
    return True


@njit
def _neighbours(v, heads, nodes, links, alive, out):
    """Fill `out` with the living neighbours of v and take the dead out of its list; their number."""
    count = 0
    before = -1
    at = heads[v]
    while at >= 0:
        if alive[nodes[at]]:
            if count < len(out):
                out[count] = nodes[at]
            count += 1
            before = at
        elif before < 0:
            heads[v] = links[at]
        else:
            links[before] = links[at]
        at = links[at]
    return count


@njit
def _leave(v, score, first, after, before):
    """Take v out of its bucket, if it is in one."""
    if score[v] < 0:
        return
    if before[v] >= 0:
        after[before[v]] = after[v]
    else:
        first[score[v]] = after[v]
    if after[v] >= 0:
        before[after[v]] = before[v]
    score[v] = -1


@njit
def _enter(v, value, score, first, after, before, lowest):
    """Put v in front of bucket `value`."""
    score[v] = value
    before[v] = -1
    after[v] = first[value]
    if after[v] >= 0:
        before[after[v]] = v
    first[value] = v
    lowest[0] = min(lowest[0], value)


@njit
def _missing(v, keys, n, heads, nodes, links, alive, own):
    """Pairs of neighbours of v that are not joined: what its elimination would add."""
    count = _neighbours(v, heads, nodes, links, alive, own)
    missing = 0
    for i in range(count):
        for j in range(i):
            if not _joined(keys, n, own[i], own[j]):
                missing += 1
    return missing


@njit
def _one_less(a, b, keys, n, heads, nodes, links, alive, degree, stamp, now, limit, score, first, after, before,
              lowest):
    """The new edge a-b is one less to add for every vertex next to both; those with `stamp` of now are counted anew."""
    if degree[a] > degree[b]:
        a, b = b, a
    at = heads[a]
    while at >= 0:
        w = nodes[at]
        if alive[w] and stamp[w] != now and score[w] >= 0 and _joined(keys, n, w, b):
            value = score[w] - (limit + 1)
            _leave(w, score, first, after, before)
            _enter(w, value, score, first, after, before, lowest)
        at = links[at]


@njit
def _rate(v, rule, keys, n, heads, nodes, links, alive, degree, limit, own, score, first, after, before, lowest):
    """Put v into the bucket of its score; in none where its degree is beyond `limit`."""
    _leave(v, score, first, after, before)
    if degree[v] <= limit:
        value = degree[v]
        if rule == MIN_FILL:
            value += (limit + 1) * _missing(v, keys, n, heads, nodes, links, alive, own)
        _enter(v, value, score, first, after, before, lowest)


@njit
def _make_clique(near, count, rule, step, keys, n, heads, nodes, links, used, alive, degree, stamp, limit, score, first,
                 after, before, lowest):
    """Join all of near[:count]."""
    for i in range(count):
        for j in range(i):
            if _join(keys, n, heads, nodes, links, used, near[i], near[j]):
                degree[near[i]] += 1
                degree[near[j]] += 1
                if rule == MIN_FILL:
                    _one_less(near[i], near[j], keys, n, heads, nodes, links, alive, degree, stamp, step, limit, score,
                              first, after, before, lowest)


@njit
def _lowest(first, lowest):
    """A vertex of the lowest bucket that has one, or -1."""
    while lowest[0] < len(first) and first[lowest[0]] < 0:
        lowest[0] += 1
    return first[lowest[0]] if lowest[0] < len(first) else -1


@njit
def eliminate(rule, limit, rows, cols, keys, heads, nodes, links, order, ptr, separators):
    """Eliminate all vertices, as long as none has more than `limit` neighbours left.

    Parameters
    ----------
    rule
        MIN_DEGREE, MIN_FILL (fewest new edges; ties by degree), or GIVEN (as `order` says).
    limit
        Most neighbours that a vertex may have when it goes.
    rows, cols
        Edges, each once; int64.
    keys, heads, nodes, links
        Room for the graph, int64: a power of two of entries, all -1; one a vertex, all -1; two for each edge, also of
        those that will be added.
    order, ptr
        Output: vertices in order, and rows of `separators`; int64, shapes (n,) and (n + 1,).
    separators
        Output: for each place in the order, the neighbours left when its vertex went.

    Returns
    -------
    int
        Vertices that went; n when all did. -1 where the room was too small.
    """
    n = len(order)
    used = np.zeros(1, dtype=np.int64)
    degree = np.zeros(n, dtype=np.int64)
    alive = np.ones(n, dtype=np.bool_)
    for e in range(len(rows)):
        _join(keys, n, heads, nodes, links, used, rows[e], cols[e])
        degree[rows[e]] += 1
        degree[cols[e]] += 1
    stamp = np.full(n, -1, dtype=np.int64)
    score = np.full(n, -1, dtype=np.int64)
    first = np.full((limit + 1) * (limit * (limit - 1) // 2 + 2), -1, dtype=np.int64)
    after = np.empty(n, dtype=np.int64)
    before = np.empty(n, dtype=np.int64)
    lowest = np.full(1, len(first), dtype=np.int64)
    near = np.empty(limit + 1, dtype=np.int64)
    own = np.empty(limit + 1, dtype=np.int64)
    if rule != GIVEN:
        for v in range(n - 1, -1, -1):
            _rate(v, rule, keys, n, heads, nodes, links, alive, degree, limit, own, score, first, after, before, lowest)
    for step in range(n):
        if rule == GIVEN:
            v = order[step]
            if degree[v] > limit:
                return step
        else:
            v = _lowest(first, lowest)
            if v < 0:
                return step
            _leave(v, score, first, after, before)
        count = _neighbours(v, heads, nodes, links, alive, near)
        if used[0] + count * count > len(nodes) or ptr[step] + count > len(separators):
            return -1
        alive[v] = False
        order[step] = v
        ptr[step + 1] = ptr[step] + count
        for i in range(count):
            separators[ptr[step] + i] = near[i]
            stamp[near[i]] = step
            degree[near[i]] -= 1
        _make_clique(near, count, rule, step, keys, n, heads, nodes, links, used, alive, degree, stamp, limit, score,
                     first, after, before, lowest)
        if rule != GIVEN:
            for i in range(count):
                _rate(near[i], rule, keys, n, heads, nodes, links, alive, degree, limit, own, score, first, after,
                      before, lowest)
    return n
