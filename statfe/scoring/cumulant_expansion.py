"""A cumulant expansion over a grid of beta, order by order, beside a reference, with its measured divergence."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from statfe.blas import one_thread
from statfe.errors import UsageError
from statfe.models.catalogue import build_model
from statfe.models.ising import IsingModel
from statfe.registry import check_integer, check_seed, method_spec, run_method
from statfe.result import FreeEnergy, plain
from statfe.scoring.contest import default_reference
from statfe.scoring.cumulant_divergence import Divergence, by_reference, by_terms
from statfe.spec import parse_grid

#: Order of an expansion where none is asked for.
ORDER = 8


@dataclass(frozen=True, eq=False)
class CumulantExpansion:
    """What came of it.

    Attributes
    ----------
    results
        One a beta, ascending, with all orders in the stats.
    reference
        As many, from another method.
    """

    model: IsingModel = field(repr=False)
    trial: str
    order: int
    method: str
    results: list[FreeEnergy]
    reference: list[FreeEnergy]
    seed: int

    @property
    def betas(self) -> np.ndarray:
        """The grid, ascending, shape (betas,)."""
        return np.array([r.beta for r in self.results])

    @property
    def reference_beta_f(self) -> np.ndarray:
        """beta F of the reference, shape (betas,)."""
        return np.array([r.beta_f for r in self.reference])

    @cached_property
    def partial_sums(self) -> np.ndarray:
        """beta F by beta and order, shape (betas, order); NaN where there is none."""
        sums = self._by_order("partial_sums")
        return sums + self.model.offset * self.betas[:, None]

    @cached_property
    def partial_sum_errors(self) -> np.ndarray:
        """Their sampling errors; zeros where nothing was sampled."""
        errors = self._by_order("partial_sum_errors")
        return np.where(np.isfinite(errors), errors, np.where(np.isfinite(self.partial_sums), 0.0, np.nan))

    @property
    def errors(self) -> np.ndarray:
        """`partial_sums` less the reference."""
        return self.partial_sums - self.reference_beta_f[:, None]

    @property
    def smallest_terms(self) -> np.ndarray:
        """The order to stop at by the rule of the smallest term; 0 where there are no terms. int64."""
        return np.array([r.stats.get("smallest_term", 0) for r in self.results])

    @property
    def pade(self) -> np.ndarray:
        """Pade value; NaN where no approximant is sound."""
        return self._stat("pade") + self.model.offset * self.betas

    @property
    def radii(self) -> tuple[np.ndarray, np.ndarray]:
        """Radius of convergence in lambda and its uncertainty; the series converges where it is above 1."""
        return self._stat("radius"), self._stat("radius_error")

    @property
    def one_sided(self) -> np.ndarray:
        """Where the trial breaks a symmetry of the model: errors end near ln 2, and no radius is known. bool."""
        return np.array([bool(r.stats.get("one_sided", False)) for r in self.results])

    @cached_property
    def divergence_by_terms(self) -> Divergence:
        """Where the series begins to diverge, from its terms alone."""
        return by_terms(self.results, self.trial == "free" and not self.model.has_fields)

    @cached_property
    def divergence_by_reference(self) -> Divergence:
        """Where a higher order begins to be worse, against the reference."""
        return by_reference(self.results, self.reference, self.partial_sums)

    @property
    def onsager_gap(self) -> float | None:
        """Largest difference, relative to the larger, of the second term from the Onsager term at the same means.

        None unless the trial is that of mean field.
        """
        gaps = [abs(r.stats["terms"][1] - r.stats["onsager_term"]) / max(abs(r.stats["onsager_term"]), 1e-300)
                for r in self.results if "onsager_term" in r.stats and len(r.stats.get("terms", ())) > 1]
        return max(gaps) if gaps else None

    @property
    def failures(self) -> list[str]:
        """Why there is no sound result, once a reason."""
        bad = [r for r in [*self.results, *self.reference] if r.status != "converged"]
        return list(dict.fromkeys(f"{r.method}: {r.message}" for r in bad))

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        rows = [{
            "beta": r.beta, "reference_beta_f": ref.beta_f, "reference_error": ref.beta_f_error,
            "partial_sums": sums, "partial_sum_errors": sum_errors, "errors": errors, "terms": r.stats.get("terms"),
            "term_errors": r.stats.get("term_errors"), "evaluations": r.stats.get("evaluations"),
            "smallest_term": r.stats.get("smallest_term"), "error_scale": r.stats.get("error_scale"),
            "pade": pade, "pade_approximant": r.stats.get("pade_approximant"),
            "pade_rejected": r.stats.get("pade_rejected"), "radius": r.stats.get("radius"),
            "radius_error": r.stats.get("radius_error"), "one_sided": bool(r.stats.get("one_sided", False)),
            "own_side_radius": r.stats.get("own_side_radius"), "onsager_term": r.stats.get("onsager_term"),
            "status": r.status, "message": r.message,
        } for r, ref, sums, sum_errors, errors, pade in zip(
            self.results, self.reference, self.partial_sums, self.partial_sum_errors, self.errors, self.pade,
            strict=True)]
        found: dict[str, Any] = plain({
            "model": self.model.spec, "n_sites": self.model.n_sites, "method": self.method, "trial": self.trial,
            "order": self.order, "reference": self.reference[0].method, "seed": self.seed, "rows": rows,
            "divergence_by_terms": self.divergence_by_terms.to_dict(),
            "divergence_by_reference": self.divergence_by_reference.to_dict(), "onsager_gap": self.onsager_gap})
        return found

    def _by_order(self, name: str) -> np.ndarray:
        missing = [math.nan] * self.order
        return np.array([r.stats.get(name, missing) for r in self.results], dtype=float)

    def _stat(self, name: str) -> np.ndarray:
        return np.array([r.stats.get(name, math.nan) for r in self.results], dtype=float)


@one_thread()
def cumulant_expansion(
    model: str | IsingModel, beta: float | str | Sequence[float] | np.ndarray, *, trial: str = "mean-field",
    order: int = ORDER, reference: str | None = None, seed: int | None = None, workers: int = 1,
    progress: Callable[[str, float], None] | None = None, **options: Any,
) -> CumulantExpansion:
    """Expand beta F of `model` around a trial to `order`, and measure where in beta the expansion diverges.

    Parameters
    ----------
    beta
        Grid of inverse temperatures, none below 0; sorted, each once.
    trial
        ``free``, ``mean-field``, ``blocks``, ``tree`` or ``autoregressive``.
    order
        Highest order, 1 to 8.
    reference
        Spec of the method that errors are taken against; the cheapest exact one, or MBAR, when None.
    **options
        Further options of the method ``cumulants``: `evaluation`, `samples`, `block`, ...

    Raises
    ------
    UsageError
        For bad input, or a reference that cannot take the model.
    """
    spins, grid = build_model(model), np.unique(parse_grid(beta))
    if grid[0] < 0.0:
        raise UsageError(f"an expansion needs beta >= 0, got {grid[0]:g}; negate the couplings and fields instead")
    number, threads = check_seed(seed), check_integer("workers", workers, 1)
    _, chosen = method_spec("cumulants", trial=trial, order=order, **options)
    spec = reference or default_reference(spins, len(grid))
    method_spec(spec)
    results = run_method(spins, grid, str(chosen), seed=number, workers=threads, progress=progress)
    against = run_method(spins, grid, spec, seed=number, workers=threads, progress=progress)
    return CumulantExpansion(
        spins, str(chosen.options["trial"]), int(chosen.options["order"]), str(chosen), results, against, number)
