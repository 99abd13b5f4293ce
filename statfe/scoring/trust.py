"""The trust map of a study: models x sizes x beta x disorder, method by method.

Members of a group differ in their disorder alone; groups of one template differ in their size. Errors are of beta F in
nats a site. A method that gave no converged number counts as infinitely far off in medians, and not in means.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from statfe.result import plain
from statfe.scoring.comparison import Comparison
from statfe.scoring.growth import Growth, growth_of
from statfe.scoring.verdict import NO_RESULT, ROUNDING, Score


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One method at one beta over the disorder of one group.

    Attributes
    ----------
    realisations, judged, failed
        Models of the group that the method took; those with a number and a reference; those without a number.
    median_error
        Median |error| a site, a failure counted as infinite: so is this where half or more fail. NaN where nothing
        could be judged.
    mean_error, mean_error_error
        Mean error a site with its sign, and its standard error: scatter over disorder, or of one model its own.
    size, size_error
        The same of |error| a site: what `Growth` is fitted to.
    noise, reference_noise
        Median standard error of the error a site: below it nothing can be told; and the part of the reference in it.
    within
        Share of the judged and failed whose |error| a site is within the tolerance.
    bounds, violated
        Results that are bounds, and those of them that are on the wrong side of the reference.
    seconds
        Median wall time.
    """

    template: str
    group: str
    n_sites: int
    beta: float
    method: str
    realisations: int
    judged: int
    failed: int
    median_error: float
    mean_error: float
    mean_error_error: float
    size: float
    size_error: float
    noise: float
    reference_noise: float
    within: float
    bounds: int
    violated: int
    seconds: float


@dataclass(frozen=True, kw_only=True)
class BestCell:
    """The methods with the least median error at one beta of a group: one, or all that the reference cannot tell apart.

    A method's own noise is no excuse: it is in its error.
    """

    template: str
    group: str
    n_sites: int
    beta: float
    methods: tuple[str, ...]
    error: float


@dataclass(frozen=True, kw_only=True)
class Trusted:
    """One method over all groups and betas of a template.

    Attributes
    ----------
    cells, within, best
        Cells that could be judged; those whose median error is within the tolerance; those where it is the best.
    trusted_to
        The largest beta up to which the median error is within the tolerance at every beta and size; NaN where it is
        not at the smallest.
    median_error, worst_error
        Of the cells' medians; infinite where half or more, or any, gave no number.
    failed, realisations
        Runs without a number, and all.
    bounds, violated
        As in `Cell`, over all.
    seconds
        Median seconds a beta at the largest size.
    growth
        Number of betas by how the error grows with size.
    """

    template: str
    method: str
    cells: int
    within: int
    best: int
    trusted_to: float
    median_error: float
    worst_error: float
    failed: int
    realisations: int
    bounds: int
    violated: int
    seconds: float
    growth: dict[str, int]


@dataclass(frozen=True)
class Trust:
    """Cells, the best method of each group and beta, laws of growth, and a summary of each method by template."""

    tolerance: float
    cells: list[Cell]
    best: list[BestCell]
    growth: list[Growth]
    summary: list[Trusted]

    @property
    def templates(self) -> list[str]:
        """Templates in the order of the study."""
        return list(dict.fromkeys(c.template for c in self.cells))

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        parts = {name: [asdict(x) for x in getattr(self, name)] for name in ("cells", "best", "growth", "summary")}
        return plain({"tolerance": self.tolerance, **parts})


def trust_of(comparisons: Sequence[Comparison]) -> Trust | None:
    """The trust map of a study; None for fewer than two models."""
    if len(comparisons) < 2:
        return None
    tolerance = comparisons[0].tolerance
    members: dict[tuple[str, str, int, float, str], list[Score]] = {}
    for c in comparisons:
        for s in c.scores:
            key = (c.template, c.group or c.model, c.n_sites, s.result.beta, s.result.method)
            members.setdefault(key, []).append(s)
    cells = [_cell(key, scores, tolerance) for key, scores in members.items()]
    place: dict[tuple[str, str], int] = {}
    for k, c in enumerate(comparisons):
        place.setdefault((c.template, c.group or c.model), k)
    cells.sort(key=lambda c: (place[c.template, c.group], c.beta))
    best, growth = _best_cells(cells), _growth(cells)
    return Trust(tolerance, cells, best, growth, _summaries(cells, best, growth, tolerance))


def _cell(key: tuple[str, str, int, float, str], scores: Sequence[Score], tolerance: float) -> Cell:
    template, group, n_sites, beta, method = key
    judged, failed = [s for s in scores if s.judged], sum(s.verdict_class == NO_RESULT for s in scores)
    errors = np.array([s.error_per_site for s in judged])
    noises = np.array([s.combined_error / s.result.n_sites for s in judged])
    # Equal but for rounding is equal.
    rounding = [ROUNDING * max(1.0, abs(s.reference_beta_f)) / n_sites for s in judged]
    errors[np.abs(errors) <= rounding] = 0.0
    sizes, counted = np.abs(errors), len(judged) + failed
    mean, mean_error = _mean_and_error(errors, noises)
    size, size_error = _mean_and_error(sizes, noises)
    return Cell(
        template=template, group=group, n_sites=n_sites, beta=beta, method=method, realisations=len(scores),
        judged=len(judged), failed=failed,
        median_error=statistics.median([*sizes.tolist(), *[math.inf] * failed]) if counted else math.nan,
        mean_error=mean, mean_error_error=mean_error, size=size, size_error=size_error,
        noise=statistics.median(noises.tolist()) if judged else math.nan,
        reference_noise=statistics.median(s.reference_error / n_sites for s in judged) if judged else math.nan,
        within=float(np.sum(sizes <= tolerance)) / counted if counted else math.nan,
        bounds=sum(s.judged and s.result.kind in ("upper_bound", "lower_bound") for s in scores),
        violated=sum(s.bound_violated for s in scores), seconds=statistics.median(s.result.seconds for s in scores))


def _mean_and_error(values: np.ndarray, noises: np.ndarray) -> tuple[float, float]:
    """Mean and standard error: the scatter over disorder (the noise is in it), of one value its own noise."""
    if not len(values):
        return math.nan, math.nan
    if len(values) == 1:
        return float(values[0]), float(noises[0])
    return float(values.mean()), float(values.std(ddof=1) / math.sqrt(len(values)))


def _best_cells(cells: Sequence[Cell]) -> list[BestCell]:
    by_place: dict[tuple[str, str, int, float], list[Cell]] = {}
    for c in cells:
        by_place.setdefault((c.template, c.group, c.n_sites, c.beta), []).append(c)
    found = []
    for (template, group, n_sites, beta), here in by_place.items():
        able = [c for c in here if math.isfinite(c.median_error)]
        least = min((c.median_error for c in able), default=math.nan)
        names = tuple(c.method for c in able if c.median_error <= max(least, c.reference_noise))
        found.append(BestCell(
            template=template, group=group, n_sites=n_sites, beta=beta, methods=names, error=least))
    return found


def _growth(cells: Sequence[Cell]) -> list[Growth]:
    by_law: dict[tuple[str, str, float], list[Cell]] = {}
    for c in cells:
        if c.template:
            by_law.setdefault((c.template, c.method, c.beta), []).append(c)
    found = []
    for (template, method, beta), here in by_law.items():
        if len({c.n_sites for c in here}) > 1:
            found.append(growth_of(template, method, beta, [
                (c.n_sites, c.size, c.size_error, c.noise, c.realisations) for c in here if c.judged]))
    return found


def _summaries(cells: Sequence[Cell], best: Sequence[BestCell], growth: Sequence[Growth], tolerance: float
               ) -> list[Trusted]:
    """By template, best first: the share of cells within the tolerance, then the median error."""
    found: list[Trusted] = []
    for template in dict.fromkeys(c.template for c in cells):
        here = [c for c in cells if c.template == template]
        own = [_summary(template, method, [c for c in here if c.method == method], best, growth, tolerance)
               for method in dict.fromkeys(c.method for c in here)]
        found += sorted(own, key=lambda t: (-t.within / max(t.cells, 1), _last(t.median_error), _last(t.worst_error)))
    return found


def _last(value: float) -> float:
    return math.inf if math.isnan(value) else value


def _summary(template: str, method: str, cells: Sequence[Cell], best: Sequence[BestCell], growth: Sequence[Growth],
             tolerance: float) -> Trusted:
    judged = [c for c in cells if not math.isnan(c.median_error)]
    medians, largest = [c.median_error for c in judged], max(c.n_sites for c in cells)
    counts: dict[str, int] = {}
    for g in growth:
        if (g.template, g.method) == (template, method):
            counts[g.verdict] = counts.get(g.verdict, 0) + 1
    places = {(c.group, c.beta) for c in cells}
    return Trusted(
        template=template, method=method, cells=len(judged), within=sum(m <= tolerance for m in medians),
        best=sum(b.template == template and method in b.methods and (b.group, b.beta) in places for b in best),
        trusted_to=_trusted_to(judged, tolerance), median_error=statistics.median(medians) if medians else math.nan,
        worst_error=max(medians, default=math.nan), failed=sum(c.failed for c in cells),
        realisations=sum(c.realisations for c in cells), bounds=sum(c.bounds for c in cells),
        violated=sum(c.violated for c in cells),
        seconds=statistics.median(c.seconds for c in cells if c.n_sites == largest), growth=counts)


def _trusted_to(cells: Sequence[Cell], tolerance: float) -> float:
    reached = math.nan
    for beta in sorted({c.beta for c in cells}, key=abs):
        if any(c.median_error > tolerance for c in cells if c.beta == beta):
            break
        reached = beta
    return reached
