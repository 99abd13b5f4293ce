"""Checkerboard sweeps of hypercubic lattices, 64 sites a word; `statfe.kernels.multi_site_layout` says how they lie.

Sites of one colour have no bonds among themselves, so all of them are updated at once. For a site with Z neighbours,
n of its bonds broken, the local field that holds the spin is m = Z - 2 n in units of J; a uniform field k J counts as
|k| more bonds to a spin that never turns. A flip costs 2 J m. Metropolis flips with probability
min(1, exp(-2 beta J m)), heat bath with 1 / (1 + exp(2 beta J m)), which for m < 0 is one minus its value at |m|:

    m <= 0   Metropolis: flip              heat bath: flip unless U < p(|m|)
    m > 0    both: flip if U < p(m)

A bond that an open boundary lacks counts as half a broken one: m = Z - (2 broken + missing).

`kind` is a tuple of tuples whose lengths are known when a kernel is compiled: the number of axes, whether bonds have
signs of their own (1 or 0), whether the boundary is open (1 or 0), |k|, and the `room` of the draw.
"""

from __future__ import annotations

import numpy as np

from statfe._jit import njit
from statfe.kernels.multi_site_draw import ONES, SLOTS, draw, settle
from statfe.kernels.multi_site_layout import (
    ANTI,
    AXIS_X,
    AXIS_Z,
    COLOUR_SIZE,
    FIELD_UP,
    N_PLANES,
    N_ROWS,
    ONE,
    PADDED,
    PLANE_HALO,
    VALID,
    fill_fast_halo,
    fill_slow_halo,
    missing,
    neighbours,
)
from statfe.kernels.ones import count_ones
from statfe.kernels.tempering import GIBBS, swap_rungs

NONE = np.uint64(0)
#: Distance of the planes of a batch.
S = np.uint64(SLOTS)


@njit
def _add(a, b, c):
    """Full adder: the sum's bit and the carry."""
    x = a ^ b
    return x ^ c, (a & b) | (x & c)


@njit
def _odd(number):
    """All ones where a number is odd."""
    return NONE - np.uint64(number & 1)


@njit
def broken_bonds(kind, words, signs, masks, own, near, marks, edge, loss, i):
    """Lanes whose bonds are broken, for word i of a row: two bonds along x, two along y, two along z (2D: none)."""
    s = words[own + i]
    anti = masks[ANTI]
    a = s ^ words[near[0] + i] ^ (signs[marks[0] + i] if len(kind[1]) else anti)
    b = s ^ words[near[1] + i] ^ (signs[marks[1] + i] if len(kind[1]) else anti)
    c = s ^ words[near[2] + i] ^ (signs[marks[2] + i] if len(kind[1]) else anti)
    d = s ^ words[near[3] + i] ^ (signs[marks[3] + i] if len(kind[1]) else anti)
    e = f = NONE
    if len(kind[0]) == 3:
        e = s ^ words[near[4] + i] ^ (signs[marks[4] + i] if len(kind[1]) else anti)
        f = s ^ words[near[5] + i] ^ (signs[marks[5] + i] if len(kind[1]) else anti)
    if len(kind[2]):
        a &= ~edge[0]
        b &= ~edge[1]
        d &= ~masks[loss + i]
        e &= ~edge[2]
        f &= ~edge[3]
    return a, b, c, d, e, f


@njit
def classes(kind, words, signs, masks, own, near, marks, edge, loss, used, heat, work, at, count):
    """Write the classes of `count` words of a row into a batch from place `at`; see `statfe.kernels.multi_site_draw`.

    Parameters
    ----------
    near, marks
        Places in `words` and `signs` of the six neighbours and of the bonds to them.
    edge
        Lanes without a neighbour up, down, front, back.
    loss
        Place in `masks` of the lanes without a neighbour along y.
    used
        Place in `masks` of the lanes in use.
    heat
        All ones for heat bath, zero for Metropolis.
    """
    Z = 2 * len(kind[0]) + len(kind[3])
    is_open = len(kind[2])
    odd = Z % 2 == 1 and not is_open
    # What is subtracted from the count: its two's complement is added.
    centre = -(Z if is_open else (Z + 1) // 2) & 31
    for i in range(count):
        a, b, c, d, e, f = broken_bonds(kind, words, signs, masks, own, near, marks, edge, loss, i)
        n0, n1 = _add(a, b, c)
        n0, carry = _add(n0, d, NONE)
        n1, n2 = _add(n1, carry, NONE)
        n3 = n4 = NONE
        if len(kind[0]) == 3:
            n0, carry = _add(n0, e, f)
            n1, carry = _add(n1, carry, NONE)
            n2 |= carry
        if len(kind[3]):
            ghost = words[own + i] ^ masks[FIELD_UP]
            n0, carry = _add(n0, ghost & _odd(len(kind[3])), NONE)
            n1, carry = _add(n1, ghost & _odd(len(kind[3]) >> 1), carry)
            n2, n3 = _add(n2, ghost & _odd(len(kind[3]) >> 2), carry)
        if is_open:
            low, high = _add(edge[0] | edge[1], edge[2] | edge[3], masks[loss + i])
            n0, carry = _add(n0, high, NONE)
            n1, carry = _add(n1, carry, NONE)
            n2, carry = _add(n2, carry, NONE)
            n0, n1, n2, n3, n4 = low, n0, n1, n2, n3 | carry
        # t = -m / 2, or -m where bonds may be missing, or (-m - 1) / 2 for odd m: below 0 where m > 0.
        n0, carry = _add(n0, _odd(centre), NONE)
        n1, carry = _add(n1, _odd(centre >> 1), carry)
        n2, carry = _add(n2, _odd(centre >> 2), carry)
        n3, carry = _add(n3, _odd(centre >> 3), carry)
        held = n4 ^ _odd(centre >> 4) ^ carry
        # The class: |t|, or -t - 1 below 0 for odd m.
        n0, carry = _add(n0 ^ held, NONE if odd else held, NONE)
        n1, carry = _add(n1 ^ held, carry, NONE)
        n2, carry = _add(n2 ^ held, carry, NONE)
        lanes = masks[used + i]
        work[at + i] = lanes & ~held
        work[S + at + i] = lanes & (held | heat)
        work[S + S + at + i] = n0
        work[S + S + S + at + i] = n1
        work[S + S + S + S + at + i] = n2
        work[S + S + S + S + S + at + i] = n3 ^ held ^ carry


@njit
def place(kind, geometry, masks, colour, row):
    """Where row number `row` of a colour and all that belongs to it lie."""
    rows, halo = geometry[N_ROWS], geometry[PLANE_HALO]
    z, x = row // rows, row % rows
    own, near, parity = neighbours(geometry, colour, z + halo, x + ONE)
    # A bond's sign lies with its site of colour 0, one array a direction: up, down, y - 1, y + 1, front, back.
    size, two, three, four = geometry[COLOUR_SIZE], np.uint64(2), np.uint64(3), np.uint64(4)
    # The word beside is the site at y + 1 where p = 1, at y - 1 where p = 0.
    mid, side = (two, three) if parity == ONE else (three, two)
    if colour == NONE:
        marks = (own, own + size, own + mid * size, own + side * size, own + four * size, own + (four + ONE) * size)
    else:  # seen from the other end, the opposite direction
        marks = (near[0] + size, near[1], near[2] + side * size, near[3] + mid * size, near[4] + (four + ONE) * size,
                 near[5] + four * size)
    edge = (NONE, NONE, NONE, NONE)
    if len(kind[2]):
        up, down = missing(AXIS_X, x, rows, masks)
        front, back = NONE, NONE
        if len(kind[0]) == 3:
            front, back = missing(AXIS_Z, z, geometry[N_PLANES], masks)
        edge = (up, down, front, back)
    loss = np.uint64(VALID) + (ONE + parity) * geometry[PADDED]
    return own, near, marks, edge, loss


@njit
def half_sweep(kind, words, signs, colour, geometry, masks, heat, thresholds, threshold_masks, states, work):
    """Update all sites of one colour, in batches of at most `SLOTS` words: some short rows, or a part of a long one."""
    padded, total = geometry[PADDED], geometry[N_PLANES] * geometry[N_ROWS]
    together = max(ONE, S // padded)
    tie_state = states[4 * SLOTS:]
    for first in range(NONE, total, together):
        last = min(total, first + together)
        for begin in range(NONE, padded, S):
            count, at = min(S, padded - begin), NONE
            for row in range(first, last):
                own, near, marks, edge, loss = place(kind, geometry, masks, colour, row)
                classes(
                    kind, words, signs, masks, own + begin, _shifted(near, begin), _shifted(marks, begin), edge,
                    loss + begin, np.uint64(VALID) + begin, heat, work, at, count)
                at += count
            draw(work, np.int64(at), states, threshold_masks, kind[4])
            settle(work, np.int64(at), tie_state, thresholds)
            at = NONE
            for row in range(first, last):
                own = neighbours(geometry, colour, row // geometry[N_ROWS] + geometry[PLANE_HALO],
                                 row % geometry[N_ROWS] + ONE)[0] + begin
                for i in range(count):
                    words[own + i] ^= work[at + i]
                at += count
        for row in range(first, last):
            own = neighbours(geometry, colour, row // geometry[N_ROWS] + geometry[PLANE_HALO],
                             row % geometry[N_ROWS] + ONE)[0]
            fill_fast_halo(words, own, geometry, masks)
    fill_slow_halo(words, colour, geometry, masks)


@njit
def _shifted(places, begin):
    return (places[0] + begin, places[1] + begin, places[2] + begin, places[3] + begin, places[4] + begin,
            places[5] + begin)


@njit
def observe(kind, words, signs, geometry, masks):
    """(broken bonds, spins up) of a lattice: every bond has one end of colour 1."""
    broken = up = NONE
    for row in range(geometry[N_PLANES] * geometry[N_ROWS]):
        own, near, marks, edge, loss = place(kind, geometry, masks, ONE, row)
        other = near[2]
        for i in range(geometry[PADDED]):
            lanes = masks[np.uint64(VALID) + i]
            a, b, c, d, e, f = broken_bonds(kind, words, signs, masks, own, near, marks, edge, loss, i)
            broken += count_ones(a & lanes) + count_ones(b & lanes) + count_ones(c & lanes) + count_ones(d & lanes)
            if len(kind[0]) == 3:
                broken += count_ones(e & lanes) + count_ones(f & lanes)
            up += count_ones(words[own + i] & lanes) + count_ones(words[other + i] & lanes)
    return np.int64(broken), np.int64(up)


@njit
def run_lattices(kind, lattice, n_sites, n_bonds, coupling, field, rules, tables, first_sweep, n_sweeps, thin, swap,
                 betas, words, states, work, rung_of, chain_at, swap_state, energy_out, magnetization_out, exchanges):
    """Advance the chains of one replica as `statfe.kernels.tempering.run_ladder` does, every second sweep heat bath.

    Parameters
    ----------
    lattice
        (signs, geometry, masks).
    coupling, field
        |J| and h.
    tables
        Thresholds and their masks, shapes (K, 2, room) and (K, 2, rounds * room): by rung and rule.
    words, states
        One row a chain, uint64.
    """
    signs, geometry, masks = lattice
    thresholds, threshold_masks = tables
    K = len(betas)
    energies = [0.0] * K
    magnetizations = [0] * K
    for sweep in range(n_sweeps):
        second = (first_sweep + sweep) % 2 == 1
        recorded = (sweep + 1) % thin == 0
        for c in range(K):
            rung = rung_of[c] if swap else 0
            rule = GIBBS if second else rules[rung]
            heat = ONES if rule == GIBBS else NONE
            for colour in range(np.uint64(2)):
                half_sweep(
                    kind, words[c], signs, colour, geometry, masks, heat, thresholds[rung, rule],
                    threshold_masks[rung, rule], states[c], work)
            if swap or recorded:
                broken, up = observe(kind, words[c], signs, geometry, masks)
                magnetizations[c] = 2 * up - n_sites
                energies[c] = -coupling * (n_bonds - 2 * broken) - field * magnetizations[c]
        if swap:
            swap_rungs((first_sweep + sweep) % 2, betas, energies, chain_at, rung_of, swap_state, exchanges)
        if recorded:
            row = (sweep + 1) // thin - 1
            for t in range(K):
                energy_out[row, t] = energies[chain_at[t] if swap else 0]
                magnetization_out[row, t] = magnetizations[chain_at[t] if swap else 0]
