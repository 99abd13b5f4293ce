"""Means and correlations of the spins against those of the reference.

The truth is exact where the model's tree decomposition is narrow, else what the reference brings, else a short run of
chains. A score is the root mean square error over sites, or over coupled pairs, with the noise of the truth (and of a
sampled method) taken off in the square; the noise stands beside it, and errors well below it cannot be seen.
Sites whose component has no field have mean 0, which a solution that breaks the symmetry denies on purpose: their
means are not scored, their correlations are.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from statfe.junction.moments import exact_moments, narrow, symmetric_sites
from statfe.models.ising import IsingModel
from statfe.random import generator
from statfe.registry import get_method, run_method
from statfe.result import FreeEnergy, Moments
from statfe.sampling.ladder import Ladder
from statfe.sampling.moments import sampled_moments

#: Largest models whose moments are scored: methods may need N^3 operations for theirs.
MOST_SITES, MOST_PAIRS = 1500, 150_000
#: Share of the time of a short run that it may take where the reference itself was not sampled.
BESIDE_EXACT = 0.2
#: Exact for any size, where it applies.
TORUS = "kaufman"
#: Key of the seed of the short run.
MOMENTS_KEY = 300_001


@dataclass(frozen=True, kw_only=True)
class MomentErrors:
    """Root mean square errors with the noise taken off, and that noise; NaN where there is nothing to say."""

    magnetization_rms: float = math.nan
    magnetization_noise: float = math.nan
    correlation_rms: float = math.nan
    correlation_noise: float = math.nan


    @property
    def unknown(self) -> bool:
        """Whether no correlations were scored."""
        return math.isnan(self.correlation_rms)


NO_ERRORS = MomentErrors()


@dataclass(frozen=True)
class Truth:
    """True moments by beta, and in words where they come from or why there are none."""

    at: Mapping[float, Moments]
    words: str
    symmetric: np.ndarray = field(repr=False)

    def errors_of(self, result: FreeEnergy) -> MomentErrors:
        """How far the moments of `result` are off; nothing where it brings none or has not converged."""
        truth = self.at.get(result.beta)
        if truth is None or result.moments is None or result.status != "converged":
            return NO_ERRORS
        own, keep = result.moments(), ~self.symmetric
        m, m_noise = _rms(
            own.magnetizations, truth.magnetizations, [own.magnetization_errors, truth.magnetization_errors], keep)
        c, c_noise = _rms(
            own.correlations, truth.correlations, [own.correlation_errors, truth.correlation_errors], slice(None))
        return MomentErrors(
            magnetization_rms=m, magnetization_noise=m_noise, correlation_rms=c, correlation_noise=c_noise)


    def without(self, results: Sequence[FreeEnergy]) -> str:
        """Which of `results`, whose correlations were not scored, have none to give; for the end of `words`."""
        count: dict[str, int] = {}
        for r in results:
            if r.moments is not None and r.status == "converged" and r.beta in self.at and len(
                    self.at[r.beta].correlations):
                count[r.method] = count.get(r.method, 0) + 1
        named = ", ".join(f"{method} at {n} beta" for method, n in count.items())
        return f"; not scored, as some of their own are unknown or outside [-1, 1]: {named}" if named else ""


def _rms(values: np.ndarray, truth: np.ndarray, errors: Sequence[np.ndarray | None], keep: np.ndarray | slice
         ) -> tuple[float, float]:
    """Root mean square of the difference without noise, and the noise; NaN for no quantities, or values that are."""
    apart = (values - truth)[keep]
    if not apart.size or not np.all(np.isfinite(apart)):
        return math.nan, math.nan
    noise = sum(float(np.mean(e[keep] ** 2)) for e in errors if e is not None)
    return math.sqrt(max(float(np.mean(apart**2)) - noise, 0.0)), math.sqrt(noise)


def true_moments(
    model: IsingModel, reference: Sequence[FreeEnergy], *, seed: int, workers: int = 1, ladder: Ladder | None = None,
    progress: Callable[[str, float], None] | None = None,
) -> Truth:
    """The truth at the betas of `reference`; `ladder` are rungs that are known to exchange, those of a stored run."""
    still, betas = symmetric_sites(model), sorted(r.beta for r in reference)
    if not betas or model.n_sites > MOST_SITES or model.n_pairs > MOST_PAIRS:
        return Truth({}, f"not scored: only up to {MOST_SITES} spins and {MOST_PAIRS} coupled pairs", still)
    if narrow(model, betas):
        return Truth({b: exact_moments(model, b) for b in betas}, "exact, by tree decomposition", still)
    if all(r.moments is not None for r in reference):
        given = {r.beta: r.moments() for r in reference if r.moments is not None and r.status == "converged"}
        return Truth(given, f"those of {reference[0].method}", still)
    if min(betas) >= 0.0 and not get_method(TORUS).obstacle(model):
        solved = run_method(model, np.array(betas), TORUS)
        return Truth({r.beta: r.moments() for r in solved if r.moments is not None}, f"those of {TORUS}", still)
    own = int(generator(seed, (MOMENTS_KEY,)).integers(2**48))
    sampled = any(r.kind == "estimate" for r in reference)
    found = sampled_moments(model, betas, seed=own, workers=workers, ladder=ladder, progress=progress,
                            share=1.0 if sampled else BESIDE_EXACT)
    at = {b: m for b, m in zip(betas, found.moments, strict=True) if m is not None}
    return Truth(at, found.words, still)
