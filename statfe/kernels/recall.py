"""Zero-temperature dynamics of a dense network: spins turn to their local fields, one after the other."""

from __future__ import annotations

from statfe._jit import njit


@njit
def settle(spins, local, couplings, least, most):
    """Turn each spin against whose field it stands, sites in order, until none is left; the sweeps, -1 if too many.

    Parameters
    ----------
    spins
        float64 of +-1, shape (n,); the fixed point on return.
    local
        Their local fields sum_j J_ij s_j + h_i, shape (n,); kept as spins flip.
    couplings
        shape (n, n), symmetric with a diagonal of 0.
    least
        A spin flips where s_i local_i < -least: above the rounding of the sums, so that the energy falls.
    most
        Sweeps before it gives up.
    """
    n = spins.size
    for sweep in range(most):
        flips = 0
        for i in range(n):
            if spins[i] * local[i] < -least:
                spins[i] = -spins[i]
                twice = 2.0 * spins[i]
                row = couplings[i]
                for j in range(n):
                    local[j] += twice * row[j]
                flips += 1
        if flips == 0:
            return sweep + 1
    return -1
