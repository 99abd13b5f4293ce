"""Tables over the cliques of a tree decomposition: messages up (beliefs and samples: see `junction_down`).

Site v (numbered in the order in which sites are summed out) leaves the table

    m_v(S) = sum_{s_v} exp(beta s_v (h_v + sum_u J_vu s_u)) prod_{c child of v} m_c(s_v, S)                       (1)

over its separator S, the later sites that it still touches. Entry j of a table belongs to the spins at the bits of j:
the earliest site of S at the top bit, so that a child's table is one half for s_v = -1 and one for +1. Tables hold
weights (`scaled`) where these cannot leave the range of doubles, else logarithms; a child's is divided by its entry 0.
"""

from __future__ import annotations

import math

import numpy as np

from statfe._jit import njit
from statfe.kernels.exponential import exp_block

#: A table is passed through in blocks over its lowest bits; maps are kept for so many children.
LOW = 10
BLOCK = 1 << LOW
MAPS = 32


@njit
def _double(table, bits, felt, first):
    """Sums of +-felt[bit]: table[j] = first + sum_bits (+ where the bit of j is set, else -)."""
    table[0] = first
    for i in range(bits):
        table[0] -= felt[i]
    for i in range(bits):
        half = 1 << i
        step = 2.0 * felt[i]
        for j in range(half):
            table[half + j] = table[j] + step


@njit
def _double_weights(up, down, bits, felt, first):
    """exp(x) and exp(-x) of the sums x of `_double`, by products."""
    total = first
    for i in range(bits):
        total -= felt[i]
    up[0] = math.exp(total)
    down[0] = math.exp(-total)
    for i in range(bits):
        half = 1 << i
        more = math.exp(2.0 * felt[i])
        less = math.exp(-2.0 * felt[i])
        for j in range(half):
            up[half + j] = up[j] * more
            down[half + j] = down[j] * less


@njit
def _own_factors(v, k, beta, scaled, ptr, separators, fields, bond_ptr, bond_to, bond_J, inner, outer):
    """The factor of s_v = +1 (row 0) and -1 (row 1) over the low bits of S (inner) and the rest (outer)."""
    felt = np.zeros(k + 1)
    at = ptr[v]
    for b in range(bond_ptr[v], bond_ptr[v + 1]):
        while separators[at] != bond_to[b]:
            at += 1
        felt[k - 1 - (at - ptr[v])] = beta * bond_J[b]
    low = min(k, LOW)
    if scaled:
        _double_weights(inner[0], inner[1], low, felt, beta * fields[v])
        _double_weights(outer[0], outer[1], k - low, felt[low:], 0.0)
    else:
        _double(inner[0], low, felt, beta * fields[v])
        _double(outer[0], k - low, felt[low:], 0.0)


@njit
def child_bits(c, v, ptr, separators, places):
    """For each bit of v's table the value of the same site's bit in c's, or 0; fills `places`.

    Returns whether the lowest bits, up to `LOW` of them, are the same in both.
    """
    k = ptr[v + 1] - ptr[v]
    for bit in range(k):
        places[bit] = 0
    at = ptr[v]
    for i in range(ptr[c] + 1, ptr[c + 1]):
        while separators[at] != separators[i]:
            at += 1
        places[k - 1 - (at - ptr[v])] = 1 << (ptr[c + 1] - 1 - i)
    same = True
    for bit in range(min(k, LOW)):
        same = same and places[bit] == 1 << bit
    return same


@njit
def fill_map(places, low, table):
    """table[t]: where entry t of a block lies in the child's half."""
    table[0] = 0
    for i in range(low):
        half = 1 << i
        for j in range(half):
            table[half + j] = table[j] + np.uint32(places[i])


@njit
def block_place(places, k, block):
    """Where `block` of v's table begins in the child's half."""
    place = 0
    for bit in range(LOW, k):
        if (block >> (bit - LOW)) & 1:
            place += places[bit]
    return place


@njit
def _multiply(plus, minus, run, high, lower, same, where, scale, scaled):
    """Take a child's halves into the block: times `scale` (weights), less `scale` (logarithms)."""
    if scaled:
        if same:
            for t in range(run):
                plus[t] *= high[t] * scale
                minus[t] *= lower[t] * scale
        else:
            for t in range(run):
                plus[t] *= high[where[t]] * scale
                minus[t] *= lower[where[t]] * scale
    elif same:
        for t in range(run):
            plus[t] += high[t] - scale
            minus[t] += lower[t] - scale
    else:
        for t in range(run):
            plus[t] += high[where[t]] - scale
            minus[t] += lower[where[t]] - scale


@njit
def _start_block(plus, minus, run, inner, outer, block, scaled):
    up = outer[0, block]
    if scaled:
        down = outer[1, block]
        for t in range(run):
            plus[t] = inner[0, t] * up
            minus[t] = inner[1, t] * down
    else:
        for t in range(run):
            plus[t] = inner[0, t] + up
            minus[t] = -plus[t]


@njit
def _add_logs(plus, minus, run, out, shares, keep, room):
    """out = ln(e^plus + e^minus), and the share of e^plus where `keep`; in loops that vectorise."""
    gap = room[0]
    small = room[1]
    for t in range(run):
        gap[t] = -abs(plus[t] - minus[t])
    exp_block(gap, run, room[2], small)
    for t in range(run):
        e = small[t]
        # ln(1 + e) = 2 artanh(z) with z = e / (2 + e) <= 1/3.
        z = e / (2.0 + e)
        y = z * z
        p = 1.0 / 33.0
        p = p * y + 1.0 / 31.0
        p = p * y + 1.0 / 29.0
        p = p * y + 1.0 / 27.0
        p = p * y + 1.0 / 25.0
        p = p * y + 1.0 / 23.0
        p = p * y + 1.0 / 21.0
        p = p * y + 1.0 / 19.0
        p = p * y + 1.0 / 17.0
        p = p * y + 1.0 / 15.0
        p = p * y + 1.0 / 13.0
        p = p * y + 1.0 / 11.0
        p = p * y + 1.0 / 9.0
        p = p * y + 1.0 / 7.0
        p = p * y + 1.0 / 5.0
        p = p * y + 1.0 / 3.0
        out[t] = (plus[t] if plus[t] > minus[t] else minus[t]) + 2.0 * (z + z * y * p)
    if keep:
        for t in range(run):
            shares[t] = (1.0 if plus[t] > minus[t] else small[t]) / (1.0 + small[t])


@njit
def _finish_block(plus, minus, run, scaled, out, shares, keep, room):
    """Sum over s_v, and the share of s_v = +1 where `keep`."""
    if not scaled:
        _add_logs(plus, minus, run, out, shares, keep, room)
    elif keep:
        for t in range(run):
            total = plus[t] + minus[t]
            out[t] = total
            shares[t] = plus[t] / total
    else:
        for t in range(run):
            out[t] = plus[t] + minus[t]


@njit
def collect(
    start, stop, beta, scaled, ptr, separators, fields, bond_ptr, bond_to, bond_J, child_ptr, children, slots, table,
    scales, logs, keep, kept_ptr, kept
):
    """Messages (1) of sites start .. stop-1, children before parents.

    Parameters
    ----------
    beta
        Inverse temperature, either sign.
    scaled
        Whether tables hold weights (else logarithms).
    ptr, separators
        Rows of sites: separator of each, ascending; int64.
    fields, bond_ptr, bond_to, bond_J
        Field of each site, and its bonds to later sites, ascending.
    child_ptr, children
        Sites whose separator begins with this one.
    slots, table
        Where each message lies in `table`, which is changed in place.
    scales
        Output: what a message is multiplied by (weights) or reduced by (logarithms) where it is used; shape (n,).
    logs
        [sum of the logarithms taken out, what compensated summation still has to add]; changed in place.
    keep, kept_ptr, kept
        Whether to keep P(s_v = +1 | S) of all sites, where, and room for it.
    """
    widest = 0
    for v in range(start, stop):
        widest = max(widest, ptr[v + 1] - ptr[v])
    inner = np.empty((2, BLOCK))
    outer = np.empty((2, 1 << max(0, widest - LOW)))
    plus = np.empty(BLOCK)
    minus = np.empty(BLOCK)
    room = np.empty((3, BLOCK))
    maps = np.empty((MAPS, BLOCK), dtype=np.uint32)
    places = np.empty((MAPS, widest + 1), dtype=np.int64)
    same = np.empty(MAPS, dtype=np.bool_)
    for v in range(start, stop):
        k = ptr[v + 1] - ptr[v]
        run = 1 << min(k, LOW)
        _own_factors(v, k, beta, scaled, ptr, separators, fields, bond_ptr, bond_to, bond_J, inner, outer)
        blocks = 1 << (k - min(k, LOW))
        for block in range(blocks):
            _start_block(plus, minus, run, inner, outer, block, scaled)
            for i in range(child_ptr[v], child_ptr[v + 1]):
                c = children[i]
                m = min(i - child_ptr[v], MAPS - 1)
                if block == 0 or m == MAPS - 1:
                    same[m] = child_bits(c, v, ptr, separators, places[m])
                    if not same[m]:
                        fill_map(places[m], min(k, LOW), maps[m])
                half = 1 << (ptr[c + 1] - ptr[c] - 1)
                at = slots[c] + block_place(places[m], k, block)
                _multiply(plus, minus, run, table[at + half:slots[c] + 2 * half], table[at:], same[m], maps[m],
                          scales[c], scaled)
            at = slots[v] + block * run
            _finish_block(plus, minus, run, scaled, table[at:at + run], kept[kept_ptr[v] + block * run:], keep, room)
        first = table[slots[v]]
        scales[v] = 1.0 / first if scaled else first
        term = (math.log(first) if scaled else first) - logs[1]
        partial = logs[0] + term
        logs[1] = (partial - logs[0]) - term
        logs[0] = partial
