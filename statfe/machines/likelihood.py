"""The log-likelihood of data under a machine: F_eq - F_c, with the error of the reference for F_eq.

F_eq is one number for all data, so its error does not shrink with their number: it is said beside the spread of data.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from statfe.machines.rbm import Rbm
from statfe.registry import run_method
from statfe.result import FreeEnergy


@dataclass(frozen=True, kw_only=True)
class LogLikelihood:
    """Mean of ln p(v) over data, in nats a sample.

    Attributes
    ----------
    mean
        <F_eq - F_c(v)> over the data; NaN where the reference has no value.
    error
        The standard error of F_eq, common to all data.
    spread
        Standard error of the mean over the data, as a sample of their source; NaN for one sample.
    values
        ln p(v) of each sample, shape (n,).
    reference
        F_eq, with its kind, status and message.
    """

    mean: float
    error: float
    spread: float
    values: np.ndarray = field(repr=False)
    reference: FreeEnergy = field(repr=False)

    @property
    def kind(self) -> str:
        """Kind of the mean: as F_eq enters with a plus sign, an upper bound on it is one on the mean."""
        return self.reference.kind

    @property
    def status(self) -> str:
        """Status of the reference."""
        return self.reference.status


def equilibrium_free_energy(
    machine: Rbm, method: str = "exact", *, seed: int | None = None, workers: int = 1, **options: Any
) -> FreeEnergy:
    """F_eq = -ln Z of `machine` by any method of statfe.

    Raises
    ------
    UsageError
        Where the method does not take the machine, such as `exact` with more than 26 units in the smaller layer.
    """
    return run_method(machine.ising(), np.array([1.0]), method, seed=seed, workers=workers, **options)[0]


def log_likelihood(
    machine: Rbm, data: Any, reference: FreeEnergy | str = "exact", *, seed: int | None = None, workers: int = 1
) -> LogLikelihood:
    """ln p of `data`, shape (n, n_visible), under `machine`; eq. (2) of `statfe.machines.rbm`.

    Parameters
    ----------
    reference
        F_eq, or the spec of the method that finds it.
    """
    clamped = machine.clamped_free_energy(data)
    found = reference if isinstance(reference, FreeEnergy) else equilibrium_free_energy(
        machine, reference, seed=seed, workers=workers)
    values = found.beta_f - clamped
    many = len(values) > 1
    return LogLikelihood(
        mean=float(values.mean()), error=float(found.beta_f_error), values=values, reference=found,
        spread=float(values.std(ddof=1)) / math.sqrt(len(values)) if many else math.nan)
