"""What Pfaffians cost, in nanoseconds of one core."""

from __future__ import annotations


def pfaffian_cost(n_sites: int, work: float, n_betas: int) -> float:
    """Drawing, signs and orders once; eliminations in two precisions a beta.

    Parameters
    ----------
    work
        N^(3/2), and on a torus a fortieth of the cube of the length of the cut.
    """
    return 2e6 + 2.5e4 * n_sites + n_betas * (3e5 + 4e3 * n_sites + 400.0 * work)
