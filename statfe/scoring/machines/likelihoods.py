"""The log-likelihood of data under a restricted Boltzmann machine by every method, against that of the reference.

    <ln p(v)> = F_eq - <F_c(v)>                                                                                   (1)

F_c is exact, so the error of a method's log-likelihood is that of its F_eq, common to all data; the spread over the
data as a sample of their source, std(F_c) / sqrt(n), is the same for every method and stands beside.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from statfe.blas import one_thread
from statfe.errors import UsageError
from statfe.machines.rbm import Rbm
from statfe.registry import get_method
from statfe.result import FreeEnergy, plain
from statfe.scoring.comparison import Comparison
from statfe.scoring.machines.inputs import Points

#: What a machine is scored by unless methods are named, beside the variants of cumulants.
METHODS = ("mean-field", "tap", "plefka:order=3", "bethe")
#: Sampled estimates that are held against the reference like any approximation.
SAMPLED = ("ais", "reverse-ais", "mbar")


@dataclass(frozen=True, kw_only=True)
class Likelihood:
    """<ln p> of the data by one method, nats a point; `gap` and what follows are against the reference."""

    method: str
    kind: str
    status: str
    mean: float
    error: float
    gap: float
    sigmas: float
    verdict_class: str
    message: str
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return plain(asdict(self))


@dataclass(frozen=True, kw_only=True, eq=False)
class Likelihoods:
    """What the data say of a machine whose F_eq was compared.

    Attributes
    ----------
    comparison
        F_eq by reference and methods, at beta = 1.
    clamped, pseudo
        F_c(v) and the log pseudo-likelihood of each point, shape (count,); the latter NaN where units are not 0 or 1.
    rows, labels
        As in `Points`.
    data
        ``name``, ``path``, ``part``, ``available`` and ``shape`` of the points.
    """

    comparison: Comparison
    clamped: np.ndarray = field(repr=False)
    pseudo: np.ndarray = field(repr=False)
    rows: np.ndarray = field(repr=False)
    labels: np.ndarray = field(repr=False)
    data: dict[str, Any]

    @property
    def spread(self) -> float:
        """Standard error over the data of <ln p>, by any method; NaN for one point."""
        return _standard_error(self.clamped)

    @property
    def pseudo_mean(self) -> float:
        """Mean log pseudo-likelihood of a point."""
        return float(np.mean(self.pseudo))

    @property
    def pseudo_spread(self) -> float:
        """Its standard error over the data."""
        return _standard_error(self.pseudo)

    @property
    def reference(self) -> Likelihood | None:
        """<ln p> by the reference."""
        results = self.comparison.reference
        return self._row(results[0], 0.0, math.nan, "reference") if results else None

    @property
    def table(self) -> list[Likelihood]:
        """One row a method, nearest to the reference first; what could not be judged comes last."""
        rows = [self._row(s.result, s.error, s.sigmas, s.verdict_class)
                for s in self.comparison.scores]
        return sorted(rows, key=lambda r: (math.inf if math.isnan(r.gap) else abs(r.gap), r.method))

    def _row(self, result: FreeEnergy, gap: float, sigmas: float, verdict: str) -> Likelihood:
        return Likelihood(
            method=result.method, kind=result.kind, status=result.status,
            mean=result.beta_f - float(np.mean(self.clamped)), error=result.beta_f_error, gap=gap, sigmas=sigmas,
            verdict_class=verdict, message=result.message, seconds=result.seconds)

    def score_rows(self) -> list[dict[str, Any]]:
        """The rows of the comparison, with ``log_likelihood``, its error and spread, and ``points``."""
        mean = float(np.mean(self.clamped))
        return [
            s.to_dict() | plain({
                "log_likelihood": s.result.beta_f - mean, "log_likelihood_error": s.result.beta_f_error,
                "log_likelihood_spread": self.spread, "points": len(self.clamped)})
            for s in self.comparison.scores]


def likelihoods(machine: Rbm, points: Points, comparison: Comparison) -> Likelihoods:
    """Hold the compared F_eq of `machine` against the clamped free energies of `points`."""
    with one_thread():
        clamped, pseudo = machine.clamped_free_energy(points.values), _pseudo(machine, points.values)
    return Likelihoods(
        comparison=comparison, clamped=clamped, pseudo=pseudo, rows=points.rows, labels=points.labels,
        data=points.facts)


def _pseudo(machine: Rbm, values: np.ndarray) -> np.ndarray:
    try:
        return machine.log_pseudo_likelihood(values)
    except UsageError:  # grey values have no pseudo-likelihood
        return np.full(len(values), math.nan)


def _standard_error(values: np.ndarray) -> float:
    return float(np.std(values, ddof=1)) / math.sqrt(len(values)) if len(values) > 1 else math.nan


def chosen_methods(given: Sequence[str], reference: str) -> list[str]:
    """The specs to compare; `given` as it is, but that ``all`` stands for the sampled methods too."""
    cumulants = get_method("cumulants").specs()
    wanted = list(given) or [*METHODS, *cumulants, *SAMPLED]
    if "all" in wanted:
        wanted = [*wanted, *SAMPLED]
    return [spec for spec in dict.fromkeys(wanted) if spec != reference or spec in given]
