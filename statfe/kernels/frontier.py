"""Which spins leave the table of an elimination order, and what is left: the same for doubles and for residues.

held[k] is the position whose spin is bit k of the table; gone[gone_ptr[t]:gone_ptr[t + 1]] are the positions that are
summed out once position t is in.
"""

from __future__ import annotations

from statfe._jit import njit


@njit
def leaves(site, t, gone_ptr, gone):
    """Whether the spin at position `site` is summed out once position t is in."""
    for g in range(gone_ptr[t], gone_ptr[t + 1]):
        if gone[g] == site:
            return True
    return False


@njit
def find_leaver(t, bits, gone_ptr, gone, held):
    """The bit whose spin is summed out when position t is taken in (the highest of several), or -1."""
    leaver = -1
    for k in range(bits):
        if leaves(held[k], t, gone_ptr, gone):
            leaver = k
    return leaver


@njit
def drop_bit(k, bits, held):
    """Move the bits above bit k down; the bits left."""
    for above in range(k, bits - 1):
        held[above] = held[above + 1]
    return bits - 1
