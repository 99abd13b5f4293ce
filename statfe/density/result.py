"""What a density of states is: `DensityOfStates`."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from scipy.special import logsumexp

from statfe.models.ising import IsingModel
from statfe.result import Kind, Status, plain


@dataclass(frozen=True, eq=False)
class DensityOfStates:
    """How many states g a model has at each energy E, and what follows from it at any beta.

    Attributes
    ----------
    model
        The model.
    method
        What found it.
    energy
        Levels that have states, ascending, with the model's constant; shape (levels,). Of a bin, the mean energy of
        its states where it is known.
    log_g
        ln g at each level.
    log_g_error
        Standard deviation of `log_g`; zeros for exact counts.
    kind, status, message
        As of a free energy: ``exact`` or ``estimate``; what to change where it did not converge.
    bin_width
        0 where every level is an energy of the model. Else states within such a range count as one level, and what
        follows at beta is off by some (beta bin_width)^2 / 24.
    counts
        g as whole numbers of any size where they are known, else None.
    """

    model: IsingModel
    method: str
    energy: np.ndarray
    log_g: np.ndarray
    log_g_error: np.ndarray
    kind: Kind = "exact"
    status: Status = "converged"
    message: str = ""
    bin_width: float = 0.0
    counts: tuple[int, ...] | None = None
    seed: int | None = None
    seconds: float = 0.0
    command: str = ""
    path: str | None = None
    stats: dict[str, Any] = field(default_factory=dict)

    @property
    def n_sites(self) -> int:
        """Number of spins."""
        return self.model.n_sites

    @property
    def entropy(self) -> np.ndarray:
        """S(E) = ln g(E), k_B = 1."""
        return self.log_g

    @property
    def total(self) -> float:
        """ln of the number of all states that were counted; N ln 2 where none is missing."""
        return float(logsumexp(self.log_g))

    @cached_property
    def microcanonical_beta(self) -> np.ndarray:
        """dS/dE by differences of neighbouring levels, second order inside; NaN where there is one level only."""
        if len(self.energy) < 2:
            return np.full(len(self.energy), math.nan)
        return np.asarray(np.gradient(self.log_g, self.energy))

    def log_z(self, beta: float) -> float:
        """ln Z = ln sum_E g e^{-beta E}, beta of either sign."""
        return float(logsumexp(self.log_g - beta * self.energy))

    def beta_f(self, beta: float) -> float:
        """beta F = -ln Z."""
        return -self.log_z(beta)

    def weights(self, beta: float) -> np.ndarray:
        """Probability of each level at `beta`."""
        logs = self.log_g - beta * self.energy
        return np.asarray(np.exp(logs - logsumexp(logs)))

    def mean_energy(self, beta: float) -> float:
        """<E> at `beta`."""
        return float(self.weights(beta) @ self.energy)

    def heat_capacity(self, beta: float) -> float:
        """beta^2 Var E."""
        p = self.weights(beta)
        return float(beta * beta * (p @ (self.energy - p @ self.energy) ** 2))

    def canonical_entropy(self, beta: float) -> float:
        """S = ln Z + beta <E>."""
        return self.log_z(beta) + beta * self.mean_energy(beta)

    def to_dict(self) -> dict[str, Any]:
        """For JSON; counts as text, since they may have any number of digits."""
        return {
            "model": self.model.spec, "method": self.method, "kind": self.kind, "status": self.status,
            "message": self.message, "n_sites": self.n_sites, "bin_width": self.bin_width, "seconds": self.seconds,
            "seed": self.seed, "energy": plain(self.energy), "log_g": plain(self.log_g),
            "log_g_error": plain(self.log_g_error),
            "counts": None if self.counts is None else [str(g) for g in self.counts], "path": self.path,
            "stats": plain(self.stats)}
