"""How one hypercubic lattice lies in words of 64 sites: blocks in bit lanes, colours apart, rows contiguous.

The lattice is cut into a grid of equal blocks, at most 64, and every block has a bit lane. A word holds the sites with
the same coordinates (z, x, y) in all blocks. All sides of a block are even, so a word has one checkerboard colour,
(z + x + y) mod 2. Each colour keeps its own rows: word i of row (z, x) of colour c has y = 2 i + p, p = (c + z + x)
mod 2. Its neighbours along z and x are word i of the rows beside it in the other colour; those along y are word i of
row (z, x) of the other colour and word i - 1 (p = 0) or i + 1 (p = 1).

Around the rows lies a halo: copies of the far side with the lanes turned by one block, so that every neighbour is a
plain load. In two dimensions there is one plane and no halo of planes. Axes are counted z, x, y = 0, 1, 2.
"""

from __future__ import annotations

import numpy as np

from statfe._jit import njit

#: Words before and after a row: room for the halo, and rows that begin at a cache line.
PAD = 8

#: Places in `geometry` (uint64): numbers of planes, rows, words of a row, the same rounded up to 8; distances of rows,
#: planes and colours; 1 where planes have a halo; then for each axis the distance of neighbouring blocks in lanes, the
#: distance of the first and last, and the number of blocks.
N_PLANES, N_ROWS, WIDTH, PADDED, ROW_STRIDE, PLANE_STRIDE, COLOUR_SIZE, PLANE_HALO, STEP, TURN, BLOCKS = (
    0, 1, 2, 3, 4, 5, 6, 7, 8, 11, 14)
GEOMETRY_SIZE = 17

#: Places in `masks` (uint64): ones where a bond of equal spins is broken, ones where the field favours up; for each
#: axis the lanes of the first and the last block; lanes in use by word of a row; lanes without a neighbour along y, by
#: word, for p = 0 and then p = 1.
ANTI, FIELD_UP, FIRST, LAST, VALID = 0, 1, 2, 5, 8

ONE = np.uint64(1)
AXIS_Z, AXIS_X, AXIS_Y = np.uint64(0), np.uint64(1), np.uint64(2)
NO_LANES = np.uint64(0)
ALL = np.uint64(0xFFFFFFFFFFFFFFFF)


@njit
def row_start(geometry, colour, plane, row):
    """Place of the first word of a row; planes and rows are counted from their halo."""
    return (colour * geometry[COLOUR_SIZE] + plane * geometry[PLANE_STRIDE] + row * geometry[ROW_STRIDE]
            + np.uint64(PAD))


@njit
def from_before(word, axis, geometry, masks):
    """Every lane gets the bit of the block before it along `axis`, the first that of the last."""
    last = masks[np.uint64(LAST) + axis]
    return ((word & ~last) << geometry[np.uint64(STEP) + axis]) | ((word & last) >> geometry[np.uint64(TURN) + axis])


@njit
def from_behind(word, axis, geometry, masks):
    """Every lane gets the bit of the block behind it along `axis`, the last that of the first."""
    first = masks[np.uint64(FIRST) + axis]
    return ((word & ~first) >> geometry[np.uint64(STEP) + axis]) | ((word & first) << geometry[np.uint64(TURN) + axis])


@njit
def fill_fast_halo(words, start, geometry, masks):
    """Words before and after the row that begins at `start`."""
    width = geometry[WIDTH]
    words[start - ONE] = from_before(words[start + width - ONE], AXIS_Y, geometry, masks)
    words[start + width] = from_behind(words[start], AXIS_Y, geometry, masks)


@njit
def fill_slow_halo(words, colour, geometry, masks):
    """Rows and planes around those of one colour."""
    planes, rows, halo = geometry[N_PLANES], geometry[N_ROWS], geometry[PLANE_HALO]
    for z in range(halo, planes + halo):
        low, top = row_start(geometry, colour, z, np.uint64(0)), row_start(geometry, colour, z, rows)
        first, behind = low + geometry[ROW_STRIDE], top + geometry[ROW_STRIDE]
        for i in range(geometry[PADDED]):
            words[low + i] = from_before(words[top + i], AXIS_X, geometry, masks)
            words[behind + i] = from_behind(words[first + i], AXIS_X, geometry, masks)
    if halo == ONE:
        for x in range(ONE, rows + ONE):
            low, top = row_start(geometry, colour, np.uint64(0), x), row_start(geometry, colour, planes, x)
            first, behind = low + geometry[PLANE_STRIDE], top + geometry[PLANE_STRIDE]
            for i in range(geometry[PADDED]):
                words[low + i] = from_before(words[top + i], AXIS_Z, geometry, masks)
                words[behind + i] = from_behind(words[first + i], AXIS_Z, geometry, masks)


@njit
def fill_halo(words, colour, geometry, masks):
    """All of the halo of one colour."""
    halo = geometry[PLANE_HALO]
    for z in range(halo, geometry[N_PLANES] + halo):
        for x in range(ONE, geometry[N_ROWS] + ONE):
            fill_fast_halo(words, row_start(geometry, colour, z, x), geometry, masks)
    fill_slow_halo(words, colour, geometry, masks)


@njit
def missing(axis, place, length, masks):
    """Lanes that have no neighbour before and behind the sites at `place` along `axis`; open boundary."""
    before = masks[np.uint64(FIRST) + axis] if place == NO_LANES else NO_LANES
    behind = masks[np.uint64(LAST) + axis] if place + ONE == length else NO_LANES
    return before, behind


@njit
def neighbours(geometry, colour, z, x):
    """Places of a row and of its neighbours' rows: (own, up, down, same word along y, word beside, front, back).

    `z` and `x` are counted from the halo. Also p, the parity of y in the row.
    """
    own = row_start(geometry, colour, z, x)
    mid = row_start(geometry, ONE - colour, z, x)
    row, plane = geometry[ROW_STRIDE], geometry[PLANE_STRIDE]
    parity = (colour + z - geometry[PLANE_HALO] + x - ONE) & ONE
    side = mid + ONE if parity == ONE else mid - ONE
    if geometry[PLANE_HALO] == NO_LANES:
        plane = NO_LANES
    return own, (mid - row, mid + row, mid, side, mid - plane, mid + plane), parity


@njit
def pack(spins, words, colour, geometry, masks):
    """Write the spins of one colour (int8, all sites in order; positive is a one) and fill its halo."""
    planes, rows, width, halo = geometry[N_PLANES], geometry[N_ROWS], geometry[WIDTH], geometry[PLANE_HALO]
    bx, by = geometry[BLOCKS + 1], geometry[BLOCKS + 2]
    side_x, side_y = rows * bx, np.uint64(2) * width * by
    for z in range(planes):
        for x in range(rows):
            start = row_start(geometry, colour, z + halo, x + ONE)
            parity = (colour + z + x) & ONE
            for i in range(geometry[PADDED]):
                words[start + i] = NO_LANES
            for lane in range(geometry[BLOCKS] * bx * by):
                kz, kx, ky = lane // (bx * by), lane // by % bx, lane % by
                site = ((kz * planes + z) * side_x + kx * rows + x) * side_y + ky * np.uint64(2) * width + parity
                for i in range(width):
                    words[start + i] |= np.uint64(spins[site + np.uint64(2) * i] > 0) << lane
    fill_halo(words, colour, geometry, masks)


@njit
def unpack(words, spins, colour, geometry):
    """Read the spins of one colour, +-1, into `spins` (int8, all sites in order)."""
    planes, rows, width, halo = geometry[N_PLANES], geometry[N_ROWS], geometry[WIDTH], geometry[PLANE_HALO]
    bx, by = geometry[BLOCKS + 1], geometry[BLOCKS + 2]
    side_x, side_y = rows * bx, np.uint64(2) * width * by
    for z in range(planes):
        for x in range(rows):
            start = row_start(geometry, colour, z + halo, x + ONE)
            parity = (colour + z + x) & ONE
            for lane in range(geometry[BLOCKS] * bx * by):
                kz, kx, ky = lane // (bx * by), lane // by % bx, lane % by
                site = ((kz * planes + z) * side_x + kx * rows + x) * side_y + ky * np.uint64(2) * width + parity
                for i in range(width):
                    up = np.int8((words[start + i] >> lane) & ONE)
                    spins[site + np.uint64(2) * i] = np.int8(2) * up - np.int8(1)
