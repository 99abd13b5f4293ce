"""All simple cycles of a graph up to a length.

The graph is in compressed sparse rows; `pair_of[k]` is the number of the pair behind slot k.
"""

from __future__ import annotations

import numpy as np

from statfe._jit import njit


@njit
def _reach(indptr, indices, root, depth, distance, queue):
    """Distances from `root` within the sites >= root, up to `depth`; the number of sites in `queue`."""
    queue[0] = root
    distance[root] = 0
    head, tail = 0, 1
    while head < tail:
        v = queue[head]
        head += 1
        if distance[v] == depth:
            continue
        for k in range(indptr[v], indptr[v + 1]):
            u = indices[k]
            if u > root and distance[u] < 0:
                distance[u] = distance[v] + 1
                queue[tail] = u
                tail += 1
    return tail


@njit
def walk_cycles(indptr, indices, pair_of, weights, first, last, longest, kept, max_steps, out, sites, pairs, lengths):
    """All simple cycles of at most `longest` bonds whose lowest site is in [first, last).

    Adds the product of the weights of each to out[length]. Writes those of at most `kept` bonds to rows of `sites`,
    `pairs` (int32, in the order of the walk) and `lengths`, as far as there is room; gives (their number, the steps
    taken), with -1 for the number where the steps exceed `max_steps`.
    """
    n = len(indptr) - 1
    distance = np.full(n, -1, np.int32)
    queue = np.empty(n, np.int32)
    on_path = np.zeros(n, np.bool_)
    path = np.empty(longest + 1, np.int32)
    bonds = np.empty(longest + 1, np.int32)
    cursor = np.empty(longest + 1, np.int64)
    product = np.empty(longest + 1)
    found = 0
    steps = 0
    for root in range(first, last):
        reached = _reach(indptr, indices, root, longest // 2, distance, queue)
        path[0] = root
        cursor[0] = indptr[root]
        product[0] = 1.0
        top = 0
        while top >= 0:
            if steps > max_steps:
                return -1, steps
            v = path[top]
            if cursor[top] == indptr[v + 1]:
                on_path[v] = False
                top -= 1
                continue
            k = cursor[top]
            cursor[top] += 1
            steps += 1
            u = indices[k]
            if u == root and top >= 2 and path[1] < v:
                length = top + 1
                out[length] += product[top] * weights[pair_of[k]]
                if length <= kept:
                    if found < len(lengths):
                        lengths[found] = length
                        for a in range(length):
                            sites[found, a] = path[a]
                            pairs[found, a] = bonds[a + 1] if a < top else pair_of[k]
                    found += 1
            elif u > root and distance[u] >= 0 and not on_path[u] and top + 1 + distance[u] <= longest:
                top += 1
                path[top] = u
                bonds[top] = pair_of[k]
                on_path[u] = True
                cursor[top] = indptr[u]
                product[top] = product[top - 1] * weights[pair_of[k]]
        for q in range(reached):
            distance[queue[q]] = -1
    return found, steps
