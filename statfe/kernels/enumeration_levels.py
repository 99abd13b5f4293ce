"""How many states have each energy: all states in Gray-code order, a block of energies at a time, counted.

The first `low` sites run through their states inside a block, where the energy is a fixed table plus a linear function
of the state; the others are flipped one at a time between blocks. `integer_chunk` counts energies that are whole
numbers, `binned_chunk` those in equal bins.
"""

from __future__ import annotations

import numpy as np

from statfe._jit import njit

#: Neighbouring states count in tables of their own, so that one need not wait for the other.
TABLES = 4
#: Sites whose states run in one vector loop of fixed length.
NEAR_BITS = 6
NEAR = 1 << NEAR_BITS


@njit
def _start(code, low, J, fields, spins, local, zero):
    """Spins of the outer sites by the bits of `code`, fields of these on all sites; twice their energy."""
    n = len(fields)
    for i in range(low, n):
        spins[i] = 1 if (code >> (i - low)) & 1 else -1
    energy = zero
    for i in range(n):
        bonds = zero
        for j in range(low, n):
            bonds += J[i, j] * spins[j]
        local[i] = fields[i] + bonds
        if i >= low:  # every bond is met at both ends
            energy -= spins[i] * (fields[i] + local[i])
    return energy


@njit
def _flip(i, J, spins, local):
    """Flip an outer site; the change of energy."""
    change = 2 * spins[i] * local[i]
    spins[i] = -spins[i]
    step = 2 * spins[i]
    for j in range(len(local)):
        local[j] += step * J[i, j]
    return change


@njit
def _spread(values, first, count, out):
    """out[j] = sum_i (+-values[first + i]), + where bit i of j is set."""
    out[0] = 0
    for i in range(count):
        out[0] -= values[first + i]
    for i in range(count):
        half = 1 << i
        step = 2 * values[first + i]
        for j in range(half):
            out[half + j] = out[j] + step


@njit
def _block(energy, low, local, inner, near, far, block):
    """Energies of all states of the first `low` sites; `near` and `far` are room for parts of their field energy."""
    _spread(local, 0, NEAR_BITS, near)
    _spread(local, NEAR_BITS, low - NEAR_BITS, far)
    for piece in range(1 << (low - NEAR_BITS)):
        base = energy - far[piece]
        for t in range(NEAR):
            block[piece * NEAR + t] = inner[piece * NEAR + t] - near[t] + base


@njit
def integer_chunk(chunk, chunk_bits, low, J, fields, inner, shift, counts):
    """Add the states of one chunk to counts[table * (shift + 1) + (E + shift) // 2]; `chunk` is their top bits.

    Parameters
    ----------
    chunk, chunk_bits
        Index of the chunk; it has 2^chunk_bits states.
    low
        Sites inside a block, from 6 to chunk_bits.
    J, fields
        The model in whole numbers, int32: shape (n, n), symmetric without a diagonal, and (n,).
    inner
        Energy of the bonds among the first `low` sites by state, bit i set is s_i = +1; int32, shape (2^low,).
    shift
        Sum of all |J| and |h|.
    counts
        int64, shape (4 * (shift + 1),); the four tables must be added up.
    """
    n = len(fields)
    spins, local = np.zeros(n, np.int32), np.zeros(n, np.int32)
    block, near = np.empty(1 << low, np.int32), np.empty(NEAR, np.int32)
    far = np.empty(1 << (low - NEAR_BITS), np.int32)
    energy = np.int64(0)
    for step in range(1 << (chunk_bits - low)):
        if step == 0:
            energy = _start(chunk << (chunk_bits - low), low, J, fields, spins, local, np.int64(0)) // 2
        else:
            i = low
            while not (step >> (i - low)) & 1:
                i += 1
            energy += _flip(i, J, spins, local)
        _block(np.int32(energy + shift), low, local, inner, near, far, block)
        for state in range(0, 1 << low, TABLES):
            for k in range(TABLES):  # without a sign, so that no index counts from the end
                counts[np.uint64(k * (shift + 1)) + np.uint64(np.uint32(block[state + k]) >> np.uint32(1))] += 1


@njit
def binned_chunk(chunk, chunk_bits, low, J, fields, inner, lowest, width, counts, sums):
    """Count the states of one chunk in bins: bin k from lowest + k width on; and add up E - lowest - k width.

    Parameters
    ----------
    chunk, chunk_bits, low, J, fields, inner
        As for `integer_chunk`, in float64.
    lowest, width
        Where the bins begin, and how wide each is; energies beyond the ends count in the first and the last.
    counts, sums
        Output, added to; int64 and float64, shape (4 * bins,).
    """
    n, bins, per = len(fields), len(counts) // TABLES, 1.0 / width
    last = np.int32(bins - 1)
    spins, local = np.zeros(n, np.int32), np.zeros(n)
    block, place = np.empty(1 << low), np.empty(1 << low, np.int32)
    near, far = np.empty(NEAR), np.empty(1 << (low - NEAR_BITS))
    energy = 0.0
    for step in range(1 << (chunk_bits - low)):
        if step % 64 == 0:  # afresh, before rounding errors add up
            code = (chunk << (chunk_bits - low)) | (step ^ (step >> 1))
            energy = 0.5 * _start(code, low, J, fields, spins, local, 0.0)
        else:
            i = low
            while not (step >> (i - low)) & 1:
                i += 1
            energy += _flip(i, J, spins, local)
        _block(energy - lowest, low, local, inner, near, far, block)
        for state in range(1 << low):
            k = np.int32(block[state] * per)
            k = k if k < last else last
            k = k if k > np.int32(0) else np.int32(0)
            place[state] = k
            block[state] -= width * k
        for state in range(0, 1 << low, TABLES):
            for k in range(TABLES):
                index = np.uint64(k * bins) + np.uint64(np.uint32(place[state + k]))
                counts[index] += 1
                sums[index] += block[state + k]


@njit
def energy_range(chunk, chunk_bits, low, J, fields, inner, out):
    """Lowest and highest energy of one chunk, to out[0] and out[1]; the rest as for `binned_chunk`."""
    n = len(fields)
    spins, local = np.zeros(n, np.int32), np.zeros(n)
    block, near, far = np.empty(1 << low), np.empty(NEAR), np.empty(1 << (low - NEAR_BITS))
    least, most = np.full(NEAR, np.inf), np.full(NEAR, -np.inf)
    energy = 0.0
    for step in range(1 << (chunk_bits - low)):
        if step % 64 == 0:
            code = (chunk << (chunk_bits - low)) | (step ^ (step >> 1))
            energy = 0.5 * _start(code, low, J, fields, spins, local, 0.0)
        else:
            i = low
            while not (step >> (i - low)) & 1:
                i += 1
            energy += _flip(i, J, spins, local)
        _block(energy, low, local, inner, near, far, block)
        for piece in range(1 << (low - NEAR_BITS)):
            for t in range(NEAR):
                value = block[piece * NEAR + t]
                least[t] = value if value < least[t] else least[t]
                most[t] = value if value > most[t] else most[t]
    out[0], out[1] = least.min(), most.max()
