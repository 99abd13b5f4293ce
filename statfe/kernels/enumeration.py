"""All states of a model in Gray-code order, a block of energies at a time.

The first `low` sites run through all their states inside a block, where the energy is a fixed table plus a linear
function; the others are flipped one at a time in Gray-code order between blocks, with local fields kept up to date.
"""

from __future__ import annotations

import numpy as np

from statfe._jit import njit
from statfe.kernels.exponential import exp_block, sum_block


@njit
def inner_energies(low, indptr, indices, weights):
    """Energy of the bonds among the first `low` sites, for all their states (bit i set is s_i = +1)."""
    table = np.zeros(1 << low)
    for i in range(low):
        half = 1 << i
        for state in range(half):
            field = 0.0
            for k in range(indptr[i], indptr[i + 1]):
                j = indices[k]
                if j < i:
                    field += weights[k] if (state >> j) & 1 else -weights[k]
            table[half + state] = table[state] - field
            table[state] += field
    return table


@njit
def _start(code, low, indptr, indices, weights, fields, spins, local):
    """Spins of the outer sites from the bits of `code`, local fields of all sites from them; their energy."""
    n = len(fields)
    for i in range(low, n):
        spins[i] = 1.0 if (code >> (i - low)) & 1 else -1.0
    energy = 0.0
    for i in range(n):
        bonds = 0.0
        for k in range(indptr[i], indptr[i + 1]):
            if indices[k] >= low:
                bonds += weights[k] * spins[indices[k]]
        local[i] = fields[i] + bonds
        if i >= low:
            energy -= spins[i] * (fields[i] + 0.5 * bonds)
    return energy


@njit
def _flip(i, indptr, indices, weights, spins, local):
    """Flip the outer site i; the change of energy."""
    change = 2.0 * spins[i] * local[i]
    spins[i] = -spins[i]
    for k in range(indptr[i], indptr[i + 1]):
        local[indices[k]] += 2.0 * weights[k] * spins[i]
    return change


@njit
def _block_energies(energy, low, local, inner, block):
    """Energies of all states of the first `low` sites."""
    for i in range(low):
        energy += local[i]
    block[0] = energy
    for i in range(low):
        half = 1 << i
        step = 2.0 * local[i]
        for state in range(half):
            block[half + state] = block[state] - step
    for state in range(1 << low):
        block[state] += inner[state]


@njit
def _lowest(block, count, room):
    """Smallest of block[:count], count a power of 2, by halves."""
    half = count >> 1
    if half == 0:
        return block[0]
    for i in range(half):
        room[i] = block[i] if block[i] < block[half + i] else block[half + i]
    while half > 1:
        half >>= 1
        for i in range(half):
            room[i] = room[i] if room[i] < room[half + i] else room[half + i]
    return room[0]


@njit
def enumerate_chunk(chunk, chunk_bits, low, indptr, indices, weights, fields, inner, betas, log_scale, total):
    """Sums of Boltzmann weights over one chunk: the top bits of the state are those of `chunk`.

    Parameters
    ----------
    chunk
        Index of the chunk.
    chunk_bits
        The chunk has 2^chunk_bits states; at least `low`.
    low
        Number of sites inside a block.
    indptr, indices, weights, fields
        The model, sites in the order of the bits.
    inner
        From `inner_energies`.
    betas
        Inverse temperatures of either sign, shape (n_betas,).
    log_scale, total
        Output, shape (n_betas,): the sum over the chunk is exp(log_scale) * total.
    """
    n = len(fields)
    count = 1 << low
    spins = np.zeros(n)
    local = np.empty(n)
    block = np.empty(count)
    work = np.empty(count)
    scale = np.empty(count)
    out = np.empty(count)
    lost = np.zeros(len(betas))  # what compensated summation still has to add
    best = np.zeros(len(betas))
    energy = 0.0
    for step in range(1 << (chunk_bits - low)):
        if step % 64 == 0:  # afresh, before rounding errors add up
            code = (chunk << (chunk_bits - low)) | (step ^ (step >> 1))
            energy = _start(code, low, indptr, indices, weights, fields, spins, local)
        else:
            i = low
            while not (step >> (i - low)) & 1:
                i += 1
            energy += _flip(i, indptr, indices, weights, spins, local)
        _block_energies(energy, low, local, inner, block)
        lowest = _lowest(block, count, work)
        highest = lowest
        if betas.min() < 0.0:
            for state in range(count):
                highest = max(highest, block[state])
        for b in range(len(betas)):
            beta = betas[b]
            extreme = lowest if beta >= 0.0 else highest
            if step == 0:
                best[b] = extreme
                total[b] = 0.0
            elif beta * extreme < beta * best[b]:
                ratio = np.exp(beta * (extreme - best[b]))
                total[b] *= ratio
                lost[b] *= ratio
                best[b] = extreme
            for state in range(count):
                work[state] = -beta * (block[state] - best[b])
            exp_block(work, count, scale, out)
            term = sum_block(out, count) - lost[b]
            partial = total[b] + term
            lost[b] = (partial - total[b]) - term
            total[b] = partial
    for b in range(len(betas)):
        log_scale[b] = -betas[b] * best[b]
