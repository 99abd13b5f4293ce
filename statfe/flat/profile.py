"""`Profile`: beta F along the magnetisation or the energy, with errors, and the absolute beta F of all states."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from statfe.models.ising import IsingModel
from statfe.result import FreeEnergy, plain

#: What profiles are along.
ALONG = ("magnetization", "energy")


@dataclass(frozen=True, eq=False)
class Profile:
    """beta F(x) = -ln of the sum of exp(-beta E) over all states whose coordinate is x.

    Attributes
    ----------
    along
        ``magnetization`` (the coordinate is M = sum_i s_i) or ``energy`` (E with the model's constant).
    coordinate
        Values that were visited, ascending, shape (K,); centres of bins where `bin_width` is not 0.
    beta_f, error
        beta F of each, absolute (the sum over all of exp(-beta_f) is Z), and its standard error. Along the
        magnetisation the error is 0 at saturation, which is one known state.
    total
        beta F of all states, with its error, status and message.
    symmetric
        Whether M and -M were taken for equal (no fields).
    windows, sweeps, replicas, seed, seconds
        How it was made.
    attributes, path
        Root attributes and name of the file it was read from or written to.
    """

    model: IsingModel
    beta: float
    along: str
    coordinate: np.ndarray
    beta_f: np.ndarray
    error: np.ndarray
    total: FreeEnergy
    symmetric: bool
    windows: int
    replicas: int
    sweeps: int
    seed: int
    bin_width: float = 0.0
    seconds: float = 0.0
    command: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    path: str | None = None

    @property
    def status(self) -> str:
        """That of `total`: the profile and the sum over it rest on the same draws."""
        return self.total.status

    @property
    def message(self) -> str:
        """What is wrong and what to change, or ""."""
        return self.total.message

    @property
    def probability(self) -> np.ndarray:
        """Boltzmann probability of each value of the coordinate."""
        log_p = -self.beta_f
        p = np.exp(log_p - log_p.max())
        return np.asarray(p / p.sum())

    @property
    def barrier(self) -> float:
        """How high beta F rises from the lowest well before it falls again, less where it falls to.

        0 where there is one well.
        """
        if not np.all(np.isfinite(self.beta_f)):
            return float("nan")
        lowest = int(np.argmin(self.beta_f))
        # From the lowest well outwards: the highest pass so far, and how far down it goes behind it.
        sides = (self.beta_f[:lowest + 1][::-1], self.beta_f[lowest:])
        return max(float(np.max(np.maximum.accumulate(side) - side)) for side in sides)

    def to_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        kept: dict[str, Any] = plain({
            "model": self.model.spec, "n_sites": self.model.n_sites, "beta": self.beta, "along": self.along,
            "status": self.status, "message": self.message, "total_beta_f": self.total.beta_f,
            "total_beta_f_error": self.total.beta_f_error, "symmetric": self.symmetric, "windows": self.windows,
            "replicas": self.replicas, "sweeps": self.sweeps, "seed": self.seed, "bin_width": self.bin_width,
            "barrier": self.barrier,
            "coordinate": self.coordinate.tolist(), "beta_f": self.beta_f.tolist(), "error": self.error.tolist(),
            "seconds": self.seconds, "stats": dict(self.total.stats),
            "path": None if self.path is None else os.fspath(self.path)})
        return kept
