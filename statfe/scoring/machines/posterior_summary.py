"""What a method is worth over many posteriors: how far from -ln p(x), what of the gap it recovers, where it fails.

With gap = F_q - F_p of the negative ELBO F_q, over the points that could be judged,

    recovered = 1 - sum |F - F_p| / sum (F_q - F_p):    1 is exact, 0 no better than the bound, below 0 worse.     (1)
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from statfe.learned.vae.score import METHODS
from statfe.result import FreeEnergy, plain
from statfe.scoring.machines.posteriors import BOUND, Posteriors
from statfe.scoring.verdict import ROUNDING, Score
from statfe.spec import check_options, split_spec

#: An error covers the truth where it lies within this many of it.
COVER = 2.0
_NUMBER = re.compile(r"-?\d+(\.\d+)?(e[+-]?\d+)?")


@dataclass(frozen=True, kw_only=True)
class PosteriorSummary:
    """One method over the points; nats.

    Attributes
    ----------
    mean
        Mean F over the judged points.
    error
        Mean F - F_p over these.
    error_spread
        Its standard error over the points.
    worst
        Largest |F - F_p|.
    recovered, median_share
        Equation (1), and the median of (F_q - F) / (F_q - F_p) over points.
    nearer
        Share of the points where F is nearer to F_p than F_q is; NaN for the bound itself.
    covered
        Share of the points with |F - F_p| within two standard errors of both, or rounding.
    violated
        Points where a bound lies on the wrong side.
    judged, failed, unjudged
        Points with a number and a reference; without a number; without a reference.
    reasons
        Failures by message, numbers left out, the most frequent first.
    seconds
        Mean wall time of a point.
    """

    method: str
    kinds: tuple[str, ...]
    mean: float
    error: float
    error_spread: float
    worst: float
    recovered: float
    median_share: float
    nearer: float
    covered: float
    violated: int
    judged: int
    failed: int
    unjudged: int
    reasons: dict[str, int]
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return plain(asdict(self))


@dataclass(frozen=True, kw_only=True)
class ReferenceSummary:
    """The reference over the points.

    Attributes
    ----------
    mean, spread
        Mean F_p, and its standard error over the points as a sample of their source.
    error
        Standard error of the mean from those of the points.
    lower, upper
        Mean of both sides of the bracket, where the reference is annealed importance sampling; else NaN.
    rigorous
        Whether the lower side is a bound whatever the chains did.
    """

    method: str
    kinds: tuple[str, ...]
    points: int
    failed: int
    reasons: dict[str, int]
    mean: float
    spread: float
    error: float
    lower: float
    upper: float
    rigorous: bool
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return plain(asdict(self))


def summaries(found: Posteriors) -> list[PosteriorSummary]:
    """One summary a method, in the order of the methods."""
    return [_summary(found, k) for k in range(len(found.methods))]


def ranked(found: Posteriors) -> list[PosteriorSummary]:
    """The summaries by mean |F - F_p|, a missing result counted as the bound's whole gap; best first."""
    errors = np.abs(found.errors)
    filled = np.where(np.isnan(errors), np.where(np.isnan(found.gaps), 0.0, np.abs(found.gaps)), errors).mean(axis=1)
    every = summaries(found)
    return [every[k] for k in sorted(range(len(every)), key=lambda k: (float(filled[k]), every[k].method))]


def _summary(found: Posteriors, k: int) -> PosteriorSummary:
    line, error, gap = found.scores[k], found.errors[k], found.gaps
    there = ~np.isnan(error)
    both = there & (gap > 0.0)
    bound = found.methods[k] == found.methods[0]
    judged = [s for s in line if s.judged]
    return PosteriorSummary(
        method=found.methods[k], kinds=tuple(dict.fromkeys(s.result.kind for s in line)),
        mean=_mean(np.array([s.result.beta_f for s in judged])), error=_mean(error[there]),
        error_spread=_spread(error[there]),
        worst=float(np.max(np.abs(error[there]))) if judged else math.nan,
        recovered=1.0 - float(np.sum(np.abs(error[both])) / np.sum(gap[both])) if both.any() else math.nan,
        median_share=float(np.median(1.0 - error[both] / gap[both])) if both.any() else math.nan,
        nearer=math.nan if bound or not both.any() else float(np.mean(np.abs(error[both]) < gap[both])),
        covered=_mean(np.array([_covers(s) for s in judged], dtype=np.float64)),
        violated=sum(s.bound_violated for s in line), judged=len(judged),
        failed=sum(s.result.status != "converged" for s in line),
        unjudged=sum(s.result.status == "converged" and not s.judged for s in line),
        reasons=reasons([s.result for s in line]), seconds=_mean(np.array([s.result.seconds for s in line])))


def _covers(score: Score) -> bool:
    rounding = ROUNDING * max(1.0, abs(score.reference_beta_f))
    return abs(score.error) <= max(COVER * score.combined_error, rounding)


def reference_summary(found: Posteriors) -> ReferenceSummary:
    """The reference over the points that it could do."""
    good = [r for r in found.reference if r.status == "converged"]
    values = np.array([r.beta_f for r in good])
    sides = [np.array([float(r.stats.get(name) or math.nan) for r in good]) for name in ("lower_bound", "upper_bound")]
    return ReferenceSummary(
        method=found.reference[0].method, kinds=tuple(dict.fromkeys(r.kind for r in found.reference)),
        points=len(found.reference), failed=len(found.reference) - len(good), reasons=reasons(found.reference),
        mean=_mean(values), spread=_spread(values),
        error=float(np.sqrt(np.sum([r.beta_f_error**2 for r in good]))) / len(good) if good else math.nan,
        lower=_mean(sides[0]), upper=_mean(sides[1]),
        rigorous=bool(good) and all(bool(r.stats.get("lower_bound_rigorous")) for r in good),
        seconds=_mean(np.array([r.seconds for r in found.reference])))


def reasons(results: Sequence[FreeEnergy]) -> dict[str, int]:
    """Messages of the results that did not converge, without their numbers, the most frequent first."""
    counts = Counter(_NUMBER.sub("…", r.message) for r in results if r.status != "converged")
    return dict(counts.most_common())


def order_of(method: str) -> int:
    """Order of the plain cumulant sum that `method` is, 1 for the bound itself; 0 for others."""
    name, raw = split_spec(method)
    if name != "cumulants":
        return int(name == BOUND)
    options = check_options(name, raw, METHODS[name].options).options
    return int(options["order"]) if options["sum"] == "plain" else 0


def _mean(values: np.ndarray) -> float:
    return float(np.mean(values)) if len(values) else math.nan


def _spread(values: np.ndarray) -> float:
    return float(np.std(values, ddof=1)) / math.sqrt(len(values)) if len(values) > 1 else math.nan
