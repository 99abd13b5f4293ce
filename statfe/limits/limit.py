"""The result of a calculation in the thermodynamic limit: everything a site."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from statfe.result import Status, plain


@dataclasses.dataclass(frozen=True, kw_only=True)
class Limit:
    """Free energy, energy and entropy a site as N grows, by one solution at one inverse temperature.

    Attributes
    ----------
    family
        ``sk``, ``hopfield`` or ``random-regular``.
    solution
        ``annealed``, ``rs``, ``1rsb``, ``parisi`` or ``cavity``.
    beta
        Inverse temperature; infinity for the ground state.
    free_energy
        f = F / N; the ground-state energy at beta = infinity, minus infinity at beta = 0.
    beta_f
        beta f, which is finite at beta = 0 and not at beta = infinity.
    beta_f_error
        One standard deviation; 0 for deterministic solutions.
    energy, entropy
        u = <E> / N, and s = beta (u - f).
    order
        Order parameters by name: ``q``, ``m``, the break points of q(x), ...
    stability
        Eigenvalue (replicon) that is negative where the solution is unstable to (further) breaking of the symmetry of
        replicas; NaN where there is none to speak of.
    bound
        What the solution is of the free energy averaged over the disorder: ``lower_bound`` or "" (not known).
    """

    family: str
    solution: str
    beta: float
    field: float
    free_energy: float
    beta_f: float
    energy: float
    entropy: float
    beta_f_error: float = 0.0
    stability: float = math.nan
    bound: str = ""
    status: Status = "converged"
    message: str = ""
    order: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    #: Eigenvalues nearer to zero than this are marginal, not unstable.
    MARGINAL = 1e-6

    @property
    def stable(self) -> bool | None:
        """Whether the solution is stable (or marginal); None where that is not known."""
        return None if math.isnan(self.stability) else self.stability >= -self.MARGINAL

    def stats(self) -> dict[str, Any]:
        """What a method says beside beta_f."""
        return {
            "energy_per_site": self.energy, "entropy_per_site": self.entropy, "stability": self.stability,
            "stable": self.stable, "bound_of_the_average": self.bound, **self.order}

    def to_dict(self) -> dict[str, Any]:
        """For ``statfe limit --json``; NaN and infinities become None."""
        row = {
            "family": self.family, "solution": self.solution, "beta": self.beta, "field": self.field,
            "status": self.status, "message": self.message, "free_energy": self.free_energy, "beta_f": self.beta_f,
            "beta_f_error": self.beta_f_error, "energy": self.energy, "entropy": self.entropy,
            "stability": self.stability, "stable": self.stable, "bound_of_the_average": self.bound,
            "order": dict(self.order)}
        return plain(row)
