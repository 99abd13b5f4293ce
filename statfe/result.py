"""The one result object: a free energy with its error, its kind and its status."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

Kind = Literal["exact", "estimate", "upper_bound", "lower_bound", "uncontrolled"]
Status = Literal["converged", "not_converged", "diverged"]

KINDS: tuple[Kind, ...] = ("exact", "estimate", "upper_bound", "lower_bound", "uncontrolled")
STATUSES: tuple[Status, ...] = ("converged", "not_converged", "diverged")
#: In the stats of a bound that holds whether or not its search has converged: then it could only be tighter.
BOUND_HOLDS = "bound_holds"


@dataclass(frozen=True, kw_only=True, eq=False)
class Moments:
    """Means and correlations of the spins at one beta.

    Attributes
    ----------
    magnetizations
        <s_i>, float64, shape (n_sites,).
    correlations
        <s_i s_j> (not connected) of each coupled pair, in the order of `IsingModel.pairs`; float64, shape (n_pairs,).
    magnetization_errors, correlation_errors
        One standard deviation each, of the same shapes; None where the method is deterministic.
    """

    magnetizations: np.ndarray
    correlations: np.ndarray
    magnetization_errors: np.ndarray | None = None
    correlation_errors: np.ndarray | None = None


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a method says about one beta; the registry turns it into a `FreeEnergy`.

    ``beta_f`` is for the model without its constant energy `IsingModel.offset`, which the registry adds.
    ``seconds`` may be left None: the time of the whole call is then shared evenly. ``moments()`` gives the
    moments that belong to the free energy; they are made when asked for, so that a free energy costs no more.
    """

    beta_f: float
    kind: Kind
    beta_f_error: float = 0.0
    status: Status = "converged"
    message: str = ""
    seconds: float | None = None
    stats: Mapping[str, Any] = field(default_factory=dict)
    moments: Callable[[], Moments] | None = field(default=None, repr=False, compare=False)


def failure(kind: Kind, status: Status, message: str, **stats: Any) -> Outcome:
    """An outcome without a number: NaN, a status, and a message that says what to change."""
    return Outcome(
        beta_f=math.nan, beta_f_error=math.nan, kind=kind, status=status, message=message, stats=stats)


def exact_outcome(log_z: float, **stats: Any) -> Outcome:
    """The outcome of an exact method from ln Z; a failure where that left the range of doubles."""
    if math.isfinite(log_z):
        return Outcome(beta_f=-float(log_z), kind="exact", stats=stats)
    return failure(
        "exact", "diverged", "beta times the energy overflows (1e308); take a smaller beta, or scale the couplings "
        "and fields down", **stats)


@dataclass(frozen=True, kw_only=True)
class FreeEnergy:
    """A free energy at one inverse temperature.

    Attributes
    ----------
    beta_f
        beta F = -ln Z: extensive, dimensionless, finite at beta = 0. NaN where the method failed.
    beta_f_error
        One standard deviation; 0 for deterministic methods.
    kind
        ``exact``, ``estimate``, ``upper_bound`` (F_approx >= F), ``lower_bound`` or ``uncontrolled``; always said
        of F at beta > 0, so of `beta_f` at any beta.
    status
        ``converged``, ``not_converged`` or ``diverged``; `message` says what to change.
    seconds
        Wall time spent on this beta.
    stats
        What the method measured on its way (iterations, other minima, effective samples, ...).
    moments
        ``moments()`` gives the means and correlations of the spins that belong to it; None where the method has none.
    """

    model: str
    method: str
    kind: Kind
    status: Status = "converged"
    message: str = ""
    beta: float
    n_sites: int
    beta_f: float
    beta_f_error: float = 0.0
    seconds: float = 0.0
    stats: Mapping[str, Any] = field(default_factory=dict)
    moments: Callable[[], Moments] | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.kind not in KINDS or self.status not in STATUSES:
            raise ValueError(f"{self.method}: kind {self.kind!r} or status {self.status!r} is not one of ours")
        if self.status == "converged" and not (math.isfinite(self.beta_f) and math.isfinite(self.beta_f_error)):
            raise ValueError(f"{self.method}: converged at beta={self.beta:g}, but the value is {self.beta_f}")
        if self.status == "diverged" and not math.isnan(self.beta_f):
            raise ValueError(f"{self.method}: diverged at beta={self.beta:g}, so the value must be NaN")
        if self.status != "converged" and not self.message:
            raise ValueError(f"{self.method}: {self.status} needs a message that says what to change")

    @property
    def bounds(self) -> bool:
        """Whether it bounds F, on one side or (exact) on both: converged, or certified by the method at any step."""
        if self.kind not in ("exact", "upper_bound", "lower_bound") or not math.isfinite(self.beta_f):
            return False
        return self.status == "converged" or (self.kind != "exact" and bool(self.stats.get(BOUND_HOLDS, False)))

    @property
    def log_z(self) -> float:
        """ln Z = -beta F."""
        return -self.beta_f

    @property
    def free_energy(self) -> float:
        """F = beta_f / beta; minus or plus infinity at beta = 0."""
        if self.beta == 0:
            return math.copysign(math.inf, self.beta_f)
        return self.beta_f / self.beta

    @property
    def per_site(self) -> float:
        """beta F / N, in nats a site."""
        return self.beta_f / self.n_sites

    def to_dict(self) -> dict[str, Any]:
        """The fields in the order of the contract; NaN and infinities become None."""
        row: dict[str, Any] = {
            "model": self.model, "method": self.method, "kind": self.kind, "status": self.status,
            "message": self.message, "beta": self.beta, "n_sites": self.n_sites, "beta_f": self.beta_f,
            "beta_f_error": self.beta_f_error, "seconds": self.seconds, "stats": dict(self.stats),
        }
        return plain(row)


def plain(value: Any) -> Any:
    """`value` with numpy scalars and arrays made Python's own, and NaN or infinity made None, for JSON."""
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
