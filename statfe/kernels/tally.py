"""Counting the energies of every sweep as they are made."""

from __future__ import annotations

from statfe._jit import njit


@njit
def add_looks(energy, first_look, per_stretch, rung, lowest, inverse_width, centres, inverse_scale, counts,
              level_sums, pooled, sums):
    """Add the energies of one replica to its counts.

    Parameters
    ----------
    energy
        Energies by look and rung, shape (n, C).
    first_look, per_stretch
        Number of looks before these, and in one stretch: look t belongs to stretch t // per_stretch.
    rung
        Rung of the first column.
    lowest, inverse_width
        Energy of level 0 and 1 / distance of the levels. Energies outside go to the first and the last level.
    centres
        An energy near the mean of each rung, shape (K,).
    inverse_scale
        1 / the unit of the powers, which else leave the range of doubles where couplings are huge or tiny.
    counts, level_sums
        Looks by rung and level, shape (K, L), and the sum of their energies by level, shape (L,); added to.
    pooled
        Looks by stretch and level, shape (B, L); added to.
    sums
        Sums of ((E - centre) / scale)^n by stretch and rung, n = 1 to 4, shape (4, B, K); added to.
    """
    n, C = energy.shape
    last = counts.shape[1] - 1
    start = 0
    while start < n:
        b = (first_look + start) // per_stretch
        stop = min(n, (b + 1) * per_stretch - first_look)
        for c in range(C):
            k = rung + c
            centre = centres[k]
            one, two, three, four = 0.0, 0.0, 0.0, 0.0
            for t in range(start, stop):
                e = energy[t, c]
                level = int((e - lowest) * inverse_width + 0.5)
                level = min(max(level, 0), last)
                counts[k, level] += 1
                pooled[b, level] += 1
                level_sums[level] += e
                x = (e - centre) * inverse_scale
                x2 = x * x
                one += x
                two += x2
                three += x * x2
                four += x2 * x2
            sums[0, b, k] += one
            sums[1, b, k] += two
            sums[2, b, k] += three
            sums[3, b, k] += four
        start = stop
