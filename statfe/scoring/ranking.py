"""A summary of each method over the grid, the methods in order, and the best method at each beta."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from statfe.result import plain
from statfe.scoring.verdict import NO_RESULT, ROUNDING, VERDICTS, Score

#: Scores of the moments.
MOMENTS = ("correlation_rms", "correlation_noise", "magnetization_rms", "magnetization_noise")


@dataclass(frozen=True, kw_only=True)
class MethodSummary:
    """One method over the grid. Errors are in nats a site, over the betas that could be judged.

    Attributes
    ----------
    kinds
        The kinds its results have, in the order seen.
    n_betas, n_judged, n_without
        Betas it was run at; those with a converged number and a converged reference; those without a
        converged number.
    median_error, best_error, best_beta, worst_error, worst_beta
        Median, smallest and largest |error| a site, and where those two are; NaN when nothing could be judged.
    median_with_failures
        The median with a missing result counted as infinite: the methods are ordered by it.
    seconds
        Wall time over the grid.
    bounds_violated
        Number of betas where a bound was violated.
    verdicts
        Number of betas by verdict.
    correlation_rms, magnetization_rms
        Median root mean square errors of the moments (see `Score`); NaN where none were scored.
    correlation_noise, magnetization_noise
        Median noise of these.
    pareto
        Whether no other method is at once as accurate (`median_with_failures`) and as fast.
    """

    method: str
    kinds: tuple[str, ...]
    n_betas: int
    n_judged: int
    n_without: int
    median_error: float
    median_with_failures: float
    best_error: float
    best_beta: float
    worst_error: float
    worst_beta: float
    seconds: float
    bounds_violated: int
    verdicts: Mapping[str, int]
    correlation_rms: float = math.nan
    correlation_noise: float = math.nan
    magnetization_rms: float = math.nan
    magnetization_noise: float = math.nan
    pareto: bool = False

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return plain(asdict(self))


@dataclass(frozen=True, kw_only=True)
class Best:
    """The best method at one beta.

    Attributes
    ----------
    methods
        The method with the smallest |error|; all those that the reference cannot tell from the truth
        (`Score.at_reference`) where there are any; empty where nothing was judged.
    error_per_site
        |error| a site of the best, in nats; NaN where nothing was judged.
    tied
        Whether `methods` are those that cannot be told from the truth.
    """

    beta: float
    methods: tuple[str, ...]
    error_per_site: float
    tied: bool

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return plain(asdict(self))


def rank(scores: Sequence[Score]) -> list[MethodSummary]:
    """A summary of each method, best first.

    Methods are ordered by the median |error| a site over the betas with a converged reference, where a
    missing result counts as infinite; then by the worst error, then by name.
    """
    by_method: dict[str, list[Score]] = {}
    for score in scores:
        by_method.setdefault(score.result.method, []).append(score)
    found = sorted((_summary(method, group) for method, group in by_method.items()), key=_order)
    front = pareto([(m.median_with_failures, m.seconds) for m in found])
    return [replace(m, pareto=on_it) for m, on_it in zip(found, front, strict=True)]


def pareto(points: Sequence[tuple[float, float]]) -> list[bool]:
    """Which of (error, seconds) are on the front: finite, and no other is at most as large in both and less in one.

    Errors that differ by rounding alone are equal.
    """
    def beats(a: tuple[float, float], b: tuple[float, float]) -> bool:
        slack = ROUNDING * max(1.0, b[0])
        return a[0] <= b[0] + slack and a[1] <= b[1] and (a[0] < b[0] - slack or a[1] < b[1])

    able = [p for p in points if math.isfinite(p[0])]
    return [math.isfinite(p[0]) and not any(beats(other, p) for other in able) for p in points]


def _summary(method: str, scores: list[Score]) -> MethodSummary:
    judged = [s for s in scores if s.judged]
    missing = [s for s in scores if s.verdict_class == NO_RESULT]
    errors = [abs(s.error_per_site) for s in judged]
    best = min(judged, key=lambda s: abs(s.error_per_site), default=None)
    worst = max(judged, key=lambda s: abs(s.error_per_site), default=None)
    counts = Counter(s.verdict_class for s in scores)
    moments: dict[str, Any] = {name: _median([getattr(s, name) for s in scores]) for name in MOMENTS}
    return MethodSummary(
        method=method,
        kinds=tuple(dict.fromkeys(s.result.kind for s in scores)),
        n_betas=len(scores),
        n_judged=len(judged),
        n_without=len(missing),
        median_error=statistics.median(errors) if errors else math.nan,
        median_with_failures=_median_with_infinities(errors, len(missing)),
        best_error=abs(best.error_per_site) if best else math.nan,
        best_beta=best.result.beta if best else math.nan,
        worst_error=abs(worst.error_per_site) if worst else math.nan,
        worst_beta=worst.result.beta if worst else math.nan,
        seconds=math.fsum(s.result.seconds for s in scores),
        bounds_violated=sum(s.bound_violated for s in scores),
        verdicts={v: counts[v] for v in VERDICTS if counts[v]},
        **moments,
    )


def _median(values: list[float]) -> float:
    """Of those that are there."""
    there = [v for v in values if not math.isnan(v)]
    return statistics.median(there) if there else math.nan


def _median_with_infinities(errors: list[float], infinite: int) -> float:
    return statistics.median([*errors, *[math.inf] * infinite]) if errors or infinite else math.nan


def _order(summary: MethodSummary) -> tuple[float, float, str]:
    return _or_infinity(summary.median_with_failures), _or_infinity(summary.worst_error), summary.method


def _or_infinity(value: float) -> float:
    return math.inf if math.isnan(value) else value


def best_by_beta(scores: Sequence[Score]) -> list[Best]:
    """The best method at each beta, in the order of the betas' first scores."""
    by_beta: dict[float, list[Score]] = {}
    for score in scores:
        by_beta.setdefault(score.result.beta, []).append(score)
    return [_best(beta, [s for s in group if s.judged]) for beta, group in by_beta.items()]


def _best(beta: float, judged: list[Score]) -> Best:
    if not judged:
        return Best(beta=beta, methods=(), error_per_site=math.nan, tied=False)
    tied = [s for s in judged if s.at_reference]
    least = min(tied or judged, key=lambda s: abs(s.error_per_site))
    return Best(
        beta=beta, methods=tuple(s.result.method for s in (tied or [least])),
        error_per_site=abs(least.error_per_site), tied=bool(tied))
