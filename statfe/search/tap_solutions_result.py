"""What many descents of the TAP free energy found: `TapSolutions`, with `Attractors` at each beta."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from statfe.models.ising import IsingModel
from statfe.result import plain


@dataclass(frozen=True, eq=False)
class Attractors:
    """The distinct TAP solutions that descents from random starts ended at, at one beta; the lowest beta_f first.

    Attributes
    ----------
    beta_f
        TAP beta F of each solution, with the model's constant; float64, shape (k,).
    stabilities
        Smallest eigenvalue of the Hessian of beta F in m, scaled by (1 - m_i^2)^(1/2) on either side (1 for free
        spins); above 0 at a minimum; shape (k,).
    plefka
        Plefka's parameter: the expansion behind TAP holds where it is below 1; shape (k,).
    counts
        Starts that ended at each; int64, shape (k,).
    means
        m_i, float64, shape (k, n_sites). Without fields a solution and its global flip count as one, the one whose
        first mean that is not 0 is positive.
    starts, not_converged
        Starts in all, and those that ended nowhere.
    """

    beta: float
    beta_f: np.ndarray
    stabilities: np.ndarray
    plefka: np.ndarray
    counts: np.ndarray
    means: np.ndarray
    starts: int
    not_converged: int

    @property
    def basins(self) -> np.ndarray:
        """Share of all starts that each solution attracts, shape (k,)."""
        return self.counts / self.starts

    @property
    def basin_errors(self) -> np.ndarray:
        """One standard deviation of `basins`: binomial, shape (k,)."""
        return np.sqrt(self.basins * (1.0 - self.basins) / self.starts)

    @property
    def singletons(self) -> int:
        """Solutions found once."""
        return int(np.sum(self.counts == 1))

    @property
    def doubletons(self) -> int:
        """Solutions found twice."""
        return int(np.sum(self.counts == 2))

    @property
    def unseen_basin(self) -> float:
        """Chance that one more descent that converges finds a new solution: singletons over descents (Good 1953)."""
        found = int(self.counts.sum())
        return self.singletons / found if found else math.nan

    @property
    def unseen_basin_error(self) -> float:
        """One standard deviation of `unseen_basin` (Esty 1983)."""
        found, once = int(self.counts.sum()), self.singletons
        return math.sqrt(once * (1.0 - once / found) + 2.0 * self.doubletons) / found if found else math.nan

    @property
    def missed(self) -> float:
        """Solutions that were missed, at least, on average (Chao 1984, corrected for bias)."""
        once, twice = self.singletons, self.doubletons
        return 0.5 * once * max(0, once - 1) / (twice + 1)

    @property
    def missed_error(self) -> float:
        """One standard deviation of `missed` (Chao 1987)."""
        once, twice = float(self.singletons), self.doubletons + 1.0
        if once == 0.0:
            return 0.0
        return math.sqrt(
            once * (once - 1.0) / (2.0 * twice) + once * (2.0 * once - 1.0) ** 2 / (4.0 * twice**2)
            + once**2 * (twice - 1.0) * (once - 1.0) ** 2 / (4.0 * twice**4))

    def to_dict(self) -> dict[str, Any]:
        """For ``--json``: all but the means, of which the overlap sum_i m_i^2 / N is told."""
        return {
            "beta": self.beta, "solutions": len(self.beta_f), "starts": self.starts,
            "not_converged": self.not_converged, "singletons": self.singletons, "doubletons": self.doubletons,
            "unseen_basin": self.unseen_basin, "unseen_basin_error": self.unseen_basin_error,
            "missed": self.missed, "missed_error": self.missed_error, "beta_f": self.beta_f,
            "stability": self.stabilities, "plefka": self.plefka, "basin": self.basins,
            "basin_error": self.basin_errors, "overlap": self.overlaps}

    @property
    def overlaps(self) -> np.ndarray:
        """sum_i m_i^2 / N of each solution, shape (k,)."""
        return np.mean(self.means**2, axis=1)


@dataclass(frozen=True, eq=False)
class TapSolutions:
    """Attractors at every beta of a grid, in its order, and how they were found.

    Attributes
    ----------
    at
        One `Attractors` a beta.
    seconds
        Wall time of all descents, on `workers` threads.
    seed, workers, command
        How they were made; the command is "" where only Python can make them again.
    attributes, path
        Root attributes and name of the file it was read from or written to.
    """

    model: IsingModel
    at: list[Attractors]
    starts: int
    seed: int
    workers: int
    seconds: float
    command: str = ""
    attributes: dict[str, Any] = field(default_factory=dict)
    path: str = ""

    @property
    def betas(self) -> np.ndarray:
        """The grid, shape (n_betas,)."""
        return np.array([found.beta for found in self.at])

    @property
    def converged(self) -> bool:
        """Whether at every beta some descent ended at a solution."""
        return all(len(found.beta_f) for found in self.at)

    def to_dict(self) -> dict[str, Any]:
        """For ``--json``; NaN and infinities become None."""
        return plain({
            "model": self.model.spec, "n_sites": self.model.n_sites, "starts": self.starts, "seed": self.seed,
            "workers": self.workers, "seconds": self.seconds, "command": self.command, "output": self.path or None,
            "attractors": [found.to_dict() for found in self.at]})
