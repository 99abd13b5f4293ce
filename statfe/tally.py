"""Counts of the energies of every sweep, for models whose energies lie on few levels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Tally:
    """How often each energy was seen, by rung and by stretch of time.

    It holds every sweep after burn-in, where `statfe.chains.Chains` holds as many as are worth storing, and its size
    does not grow with the run.

    Attributes
    ----------
    betas
        Rungs, ascending, shape (K,).
    levels
        Energies that can occur, without the model's constant energy, ascending, shape (L,).
    counts
        Times that rung k was seen at level l, over all replicas, int64, shape (K, L).
    pooled
        Times that any rung was seen at level l in stretch b of replica r, integers, shape (R, B, L). All stretches are
        equally long and hold `per_stretch` sweeps of every rung.
    centres
        An energy near the mean of each rung, shape (K,).
    moments
        Mean of ((E - centre) / scale)^n of each rung in each stretch, n = 1 to 4, shape (4, R, B, K).
    per_stretch
        Sweeps of one rung in one stretch.
    units
        Unit of each replica where those of one unit depend on each other (see `Chains`), else None.
    scale
        Unit of the energies in `moments`, a power of two.
    """

    betas: np.ndarray
    levels: np.ndarray
    counts: np.ndarray
    pooled: np.ndarray
    centres: np.ndarray
    moments: np.ndarray
    per_stretch: int
    units: np.ndarray | None = None
    scale: float = 1.0

    @property
    def means(self) -> np.ndarray:
        """Mean energy of each rung in each stretch, shape (R, B, K)."""
        return self.centres + self.scale * self.moments[0]

    @property
    def n_replicas(self) -> int:
        """Number of replicas of the ladder."""
        return int(self.pooled.shape[0])

    @property
    def n_draws(self) -> int:
        """Sweeps of one rung of one replica."""
        return int(self.pooled.shape[1]) * self.per_stretch
