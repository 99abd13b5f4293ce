"""The certified bracket: the true F lies between the highest lower and the lowest upper bound, whatever a sampler says.

Bounds that were evaluated by sampling enter 3 standard deviations further out, and the bracket says so. A sampled
reference that lies outside, by more than 3 of its own, is wrong: it does not count as converged.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from statfe.errors import NotApplicableError, UsageError
from statfe.models.catalogue import build_model
from statfe.models.ising import IsingModel
from statfe.registry import check_seed, methods, run_method
from statfe.result import FreeEnergy, Kind, plain
from statfe.scoring.choice import choose_methods
from statfe.scoring.verdict import ROUNDING, SIGMAS
from statfe.spec import parse_grid

Progress = Callable[[str, float], None] | None
BOUNDS: tuple[Kind, ...] = ("lower_bound", "upper_bound")


@dataclass(frozen=True, kw_only=True)
class Bracket:
    """Bounds on beta F at one beta.

    Attributes
    ----------
    lower, upper
        The highest lower and the lowest upper bound in nats; -infinity and infinity where there is none.
    lower_method, upper_method
        Whose they are; "" where there is none.
    lower_error, upper_error
        Standard deviation of a bound that was sampled, else 0; `lower` and `upper` are 3 of them further out.
    lower_loose, upper_loose
        Whether the method has not converged: its bound holds all the same, and could be tighter.
    """

    model: str
    beta: float
    n_sites: int
    lower: float = -math.inf
    lower_method: str = ""
    lower_error: float = 0.0
    lower_loose: bool = False
    upper: float = math.inf
    upper_method: str = ""
    upper_error: float = 0.0
    upper_loose: bool = False

    @property
    def width(self) -> float:
        """upper - lower, in nats."""
        return self.upper - self.lower

    @property
    def crossed(self) -> bool:
        """Whether the bounds contradict each other by more than rounding: one of the two methods is wrong."""
        return math.isfinite(self.width) and self.width < -ROUNDING * max(1.0, abs(self.lower))

    def outside(self, reference: FreeEnergy) -> float:
        """How many nats `reference` lies outside by, where that is beyond 3 of its errors and rounding; else 0."""
        if not math.isfinite(reference.beta_f) or self.crossed:
            return 0.0
        slack = max(SIGMAS * reference.beta_f_error, ROUNDING * max(1.0, abs(reference.beta_f)))
        beyond = max(self.lower - reference.beta_f, reference.beta_f - self.upper)
        return beyond if beyond > slack else 0.0

    def to_dict(self) -> dict[str, Any]:
        """For JSON; a side without a bound is None."""
        names = ("model", "beta", "n_sites", "lower", "lower_method", "lower_error", "lower_loose", "upper",
                 "upper_method", "upper_error", "upper_loose", "width")
        row = {name: getattr(self, name) for name in names}
        return plain({**row, "width_per_site": self.width / self.n_sites, "crossed": self.crossed})


def brackets(results: Sequence[FreeEnergy]) -> list[Bracket]:
    """The bracket at every beta of `results` (of one model), ascending."""
    by_beta: dict[float, list[FreeEnergy]] = {}
    for result in results:
        by_beta.setdefault(result.beta, []).append(result)
    return [_bracket(by_beta[beta]) for beta in sorted(by_beta)]


def _bracket(results: Sequence[FreeEnergy]) -> Bracket:
    found = Bracket(model=results[0].model, beta=results[0].beta, n_sites=results[0].n_sites)
    for r in results:
        if not r.bounds:
            continue
        loose = r.status != "converged"
        low, high = r.beta_f - SIGMAS * r.beta_f_error, r.beta_f + SIGMAS * r.beta_f_error
        if r.kind != "upper_bound" and low > found.lower:
            found = replace(found, lower=low, lower_method=r.method, lower_error=r.beta_f_error, lower_loose=loose)
        if r.kind != "lower_bound" and high < found.upper:
            found = replace(found, upper=high, upper_method=r.method, upper_error=r.beta_f_error, upper_loose=loose)
    return found


def held_in(found: Sequence[Bracket], results: Sequence[FreeEnergy]) -> list[FreeEnergy]:
    """`results` of a sampled reference, those outside their bracket made ``not_converged`` with a message."""
    place = {b.beta: b for b in found}
    return [_held(place.get(r.beta), r) for r in results]


def _held(bracket: Bracket | None, result: FreeEnergy) -> FreeEnergy:
    if bracket is None or result.kind != "estimate" or result.status != "converged":
        return result
    beyond = bracket.outside(result)
    if not beyond:
        return result
    below = result.beta_f < bracket.lower
    method, bound = (bracket.lower_method, bracket.lower) if below else (bracket.upper_method, bracket.upper)
    words = (f"wrong, whatever its own checks say: {beyond:.3g} nats {'below' if below else 'above'} the certified "
             f"bound {bound:.10g} of {method}; sample longer or from other starts")
    return replace(result, status="not_converged", message="; ".join(w for w in (words, result.message) if w))


@dataclass(frozen=True)
class Bracketed:
    """Brackets, one a beta; the results behind them; (spec, reason) of the methods that could not take the model."""

    brackets: list[Bracket]
    results: list[FreeEnergy]
    skipped: list[tuple[str, str]]

    @property
    def complete(self) -> bool:
        """Whether there are two bounds at every beta, and no two contradict each other."""
        return all(math.isfinite(b.width) and not b.crossed for b in self.brackets)

    def to_dict(self) -> list[dict[str, Any]]:
        """For ``--json``: one object a beta, with every bound that was found."""
        return [{**b.to_dict(), "results": [r.to_dict() for r in self.results if r.beta == b.beta]}
                for b in self.brackets]


def bounding_methods() -> list[str]:
    """Specs of the approximations, with their variants, whose results can be bounds on F."""
    return [spec for m in methods().values() if m.family == "approximate" and set(m.kinds) & set(BOUNDS)
            for spec in m.specs()]


def bracket(
    model: str | IsingModel, beta: float | str | Sequence[float] | np.ndarray,
    methods: str | Sequence[str] | None = None, *, seed: int | None = None, workers: int = 1,
    progress: Progress = None,
) -> Bracketed:
    """Bounds on beta F of `model` from above and below, at one beta or over a grid.

    Parameters
    ----------
    methods
        Specs; by default every approximation, with its variants, that can give a bound and takes the model.

    Raises
    ------
    UsageError
        Unknown methods or options; a method that is named and cannot take the model or gives no bounds.
    """
    spins, grid, number = build_model(model), np.unique(parse_grid(beta)), check_seed(seed)
    wanted = [methods] if isinstance(methods, str) else methods
    specs, skipped = choose_methods(spins, grid, bounding_methods() if wanted is None else wanted, wanted is None)
    results: list[FreeEnergy] = []
    for k, spec in enumerate(specs):
        if progress:
            progress(spec, k / len(specs))
        results += run_method(spins, grid, spec, seed=number, workers=workers, progress=progress)
    if not results:
        raise NotApplicableError(
            f"no method bounds {spins.spec} on this grid: " + "; ".join(f"{s}: {why}" for s, why in skipped))
    if wanted is not None and not any(r.kind in (*BOUNDS, "exact") for r in results):
        raise UsageError(f"{', '.join(specs)}: gives no bound; those that can: {', '.join(bounding_methods())}")
    results = [replace(r, moments=None) for r in results]
    return Bracketed(brackets(results), results, skipped)
