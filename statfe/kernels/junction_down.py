"""The way down a tree decomposition: marginals and samples from the tables that `collect` kept; energies of samples."""

from __future__ import annotations

import math

import numpy as np

from statfe._jit import njit
from statfe.kernels.junction import BLOCK, LOW, block_place, child_bits, fill_map


@njit
def _hand_down(c, v, k, block, run, plus, minus, ptr, separators, slots, beliefs, places, where):
    """Add the block of v's clique to the belief of its child c."""
    same = child_bits(c, v, ptr, separators, places)
    half = 1 << (ptr[c + 1] - ptr[c] - 1)
    at = slots[c] + block_place(places, k, block)
    lower = beliefs[at:]
    high = beliefs[at + half:]
    if same:
        for t in range(run):
            high[t] += plus[t]
            lower[t] += minus[t]
    else:
        fill_map(places, min(k, LOW), where)
        for t in range(run):
            high[where[t]] += plus[t]
            lower[where[t]] += minus[t]


@njit
def distribute(
    ptr, separators, bond_ptr, bond_to, child_ptr, children, slots, beliefs, kept_ptr, kept, means, correlations
):
    """Marginals of all sites and bonds, from the roots down: b(v, S) = P(s_v | S) b(S).

    Parameters
    ----------
    beliefs
        Room, as long as the table of `collect`.
    kept_ptr, kept
        P(s_v = +1 | S) as `collect` kept them.
    means, correlations
        Output: <s_v>, and <s_v s_u> of each bond to a later site.
    """
    n = len(means)
    widest = 0
    for v in range(n):
        widest = max(widest, ptr[v + 1] - ptr[v])
    plus = np.empty(BLOCK)
    minus = np.empty(BLOCK)
    sums = np.empty((widest + 2, BLOCK))
    places = np.empty(widest + 1, dtype=np.int64)
    where = np.empty(BLOCK, dtype=np.uint32)
    for v in range(n - 1, -1, -1):
        k = ptr[v + 1] - ptr[v]
        run = 1 << min(k, LOW)
        n_bonds = bond_ptr[v + 1] - bond_ptr[v]
        sums[:n_bonds + 1, :run] = 0.0
        if k == 0:
            beliefs[slots[v]] = 1.0
        for i in range(child_ptr[v], child_ptr[v + 1]):
            c = children[i]
            beliefs[slots[c]:slots[c] + (1 << (ptr[c + 1] - ptr[c]))] = 0.0
        for block in range(1 << (k - min(k, LOW))):
            b = beliefs[slots[v] + block * run:]
            p = kept[kept_ptr[v] + block * run:]
            for t in range(run):
                plus[t] = b[t] * p[t]
                minus[t] = b[t] * (1.0 - p[t])
                sums[0, t] += plus[t] - minus[t]
            at = ptr[v]
            for e in range(n_bonds):
                while separators[at] != bond_to[bond_ptr[v] + e]:
                    at += 1
                bit = k - 1 - (at - ptr[v])
                if bit >= LOW:
                    sign = 1.0 if (block >> (bit - LOW)) & 1 else -1.0
                    for t in range(run):
                        sums[1 + e, t] += sign * (plus[t] - minus[t])
            for i in range(child_ptr[v], child_ptr[v + 1]):
                _hand_down(children[i], v, k, block, run, plus, minus, ptr, separators, slots, beliefs, places, where)
        _read_off(v, k, run, ptr, separators, bond_ptr, bond_to, sums, means, correlations)


@njit
def _read_off(v, k, run, ptr, separators, bond_ptr, bond_to, sums, means, correlations):
    """<s_v> and <s_v s_u> from sums over the blocks."""
    total = 0.0
    for t in range(run):
        total += sums[0, t]
    means[v] = total
    at = ptr[v]
    for e in range(bond_ptr[v], bond_ptr[v + 1]):
        while separators[at] != bond_to[e]:
            at += 1
        bit = k - 1 - (at - ptr[v])
        total = 0.0
        for t in range(run):
            if bit >= LOW:
                total += sums[1 + e - bond_ptr[v], t]
            else:
                total += sums[0, t] if (t >> bit) & 1 else -sums[0, t]
        correlations[e] = total


@njit
def draw(ptr, separators, kept_ptr, kept, uniforms, spins):
    """Independent spins from the roots down: s_v = +1 where the uniform number is below P(s_v = +1 | S).

    Parameters
    ----------
    kept_ptr, kept
        P(s_v = +1 | S) as `collect` kept them.
    uniforms
        Numbers in [0, 1), shape (n, count).
    spins
        Output: +-1 by site in order of summing out, int8, shape (n, count).
    """
    n, count = uniforms.shape
    index = np.empty(count, dtype=np.int64)
    for v in range(n - 1, -1, -1):
        index[:] = kept_ptr[v]
        for i in range(ptr[v], ptr[v + 1]):
            other = spins[separators[i]]
            value = 1 << (ptr[v + 1] - 1 - i)
            for r in range(count):
                index[r] += value if other[r] > 0 else 0
        for r in range(count):
            spins[v, r] = 1 if uniforms[v, r] < kept[index[r]] else -1


@njit
def pair_sums(rows, cols, couplings, spins):
    """sum over pairs of J s_i s_j for spins of shape (n, count); float64, shape (count,)."""
    count = spins.shape[1]
    out = np.zeros(count)
    for b in range(len(rows)):
        one = spins[rows[b]]
        other = spins[cols[b]]
        J = couplings[b]
        for r in range(count):
            out[r] += J * (one[r] * other[r])
    return out


@njit
def heat_bath_sweep(indptr, indices, weights, fields, beta, uniforms, spins):
    """Draw each spin in turn from its law given the others, in many independent systems.

    Parameters
    ----------
    uniforms
        Numbers in [0, 1), shape (n, count).
    spins
        +-1, int8, shape (n, count); changed in place.
    """
    n, count = spins.shape
    local = np.empty(count)
    for i in range(n):
        local[:] = fields[i]
        for k in range(indptr[i], indptr[i + 1]):
            J = weights[k]
            other = spins[indices[k]]
            for r in range(count):
                local[r] += J * other[r]
        for r in range(count):
            # u < 1 / (1 + exp(-2 beta h)), without a division
            spins[i, r] = 1 if uniforms[i, r] * (1.0 + math.exp(-2.0 * beta * local[r])) < 1.0 else -1
