"""What a run of chains leaves behind: energies by rung, replica and draw, and how well the ladder mixed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Chains:
    """Draws of a ladder of chains.

    Attributes
    ----------
    betas
        Rungs, ascending, shape (K,).
    requested
        Whether a rung was asked for (the others were added), bool, shape (K,).
    energy, magnetization
        Shape (R, T, K): replica, draw, rung; without the model's constant energy.
    sweeps
        Sweep count of each draw, shape (T,), burn-in not counted.
    swap_acceptance
        Share of accepted exchanges between rungs (k, k+1), shape (K - 1,); NaN where none was tried.
    schedule
        ``tempering`` or ``annealing``.
    sampler, kernel, seed, burn_in
        How they were made.
    units
        Unit of each replica, int64, shape (R,), where those of one unit depend on each other; None where all are
        independent.
    overlap
        q = sum_i s_i s_i' / N of the replicas (0, 1), (2, 3), ..., shape (R // 2, T // overlap_every, K), every
        `overlap_every` draws; None where it was not asked for.
    """

    betas: np.ndarray
    requested: np.ndarray
    energy: np.ndarray
    magnetization: np.ndarray
    sweeps: np.ndarray
    swap_acceptance: np.ndarray
    schedule: str
    sampler: str
    seed: int
    burn_in: int
    seconds: float = 0.0
    kernel: str = "scalar"
    units: np.ndarray | None = None
    overlap: np.ndarray | None = None
    overlap_every: int = 0

    @property
    def n_replicas(self) -> int:
        """Number of replicas of the ladder."""
        return int(self.energy.shape[0])

    @property
    def n_draws(self) -> int:
        """Number of recorded draws a replica."""
        return int(self.energy.shape[1])
