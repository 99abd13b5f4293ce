"""An average over disorder: every realisation, and what they say together."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from statfe.disorder.average import Average
from statfe.disorder.rows import Rows
from statfe.result import FreeEnergy


@dataclass(frozen=True)
class DisorderRun:
    """Free energies of many realisations of one family, and their averages.

    Attributes
    ----------
    model
        The spec that was given; `specs` are those of the realisations.
    betas
        The grid, ascending.
    seeds, specs
        Seed of each realisation, and the spec that builds it again.
    rows
        Numbers of each realisation at each beta.
    averages
        One for each beta.
    reference
        [beta F] as ``quenched-average`` and -ln [Z] as ``annealed-average``, one a beta each.
    seed, base
        Seed of the run, and of the realisations: that in the spec where there is one.
    seconds
        Wall time of this process.
    command
        The command that makes the same run again.
    attributes, path
        Root attributes of the file it was read from, and that file or the one it was written to.
    """

    model: str
    n_sites: int
    betas: np.ndarray
    seeds: list[int]
    specs: list[str]
    rows: Rows
    averages: list[Average]
    reference: list[FreeEnergy]
    seed: int
    base: int
    sampler: str
    seconds: float
    command: str = ""
    attributes: dict[str, Any] = field(default_factory=dict)
    path: str = ""

    @property
    def realisations(self) -> int:
        """Number of realisations."""
        return len(self.seeds)

    @property
    def beta_f(self) -> np.ndarray:
        """beta F of every realisation at every beta, shape (realisations, betas)."""
        return self.rows.numbers["beta_f"]

    @property
    def converged(self) -> bool:
        """Whether [beta F] passed its checks at every beta."""
        return all(a.status == "converged" for a in self.averages)

    def methods(self) -> dict[str, int]:
        """How many realisations each method solved."""
        return {name: self.rows.method.count(name) for name in sorted(set(self.rows.method))}
