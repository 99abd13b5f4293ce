"""What Pfaffians cost, in nanoseconds of one core."""

from __future__ import annotations


def pfaffian_cost(n_sites: int, work: float, n_betas: int) -> float:
    """Drawing, signs and orders once; eliminations in two precisions a beta.

    Parameters
    ----------
    work
        N^(3/2), and the cube of the length of the cut on a torus.
    """
    return 3e6 + 6e4 * n_sites + n_betas * (1e6 + 2e4 * n_sites + 400.0 * work)
