"""Runs the reference and the methods that are to be scored, on a model or on a stored simulation."""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from statfe.errors import UsageError
from statfe.models.frustration import facts
from statfe.models.ising import IsingModel
from statfe.registry import method_spec, run_method
from statfe.result import FreeEnergy
from statfe.sampling.ladder import Ladder
from statfe.scoring.bracket import Bracket, brackets, held_in
from statfe.scoring.choice import choose_methods, default_reference
from statfe.scoring.comparison import Comparison
from statfe.scoring.moments import true_moments
from statfe.scoring.scores import score_methods
from statfe.scoring.verdict import Score
from statfe.store.run_file import Run

Progress = Callable[[str, float], None] | None


@dataclass(frozen=True)
class Contest:
    """What is to be compared and how: the same for a model, a stored run and a study.

    `methods` are specs, or ``all``; `reference` is a spec, or None for the cheapest exact method and MBAR where
    there is none. `lenient`: a method that is named and cannot take the model is left out, and said. `moments`: means
    and correlations of the spins are scored too. `place` is what a `Comparison` knows of its study.
    """

    methods: Sequence[str] = ("all",)
    reference: str | None = None
    seed: int = 0
    workers: int = 1
    progress: Progress = None
    command: str = ""
    title: str = ""
    lenient: bool = False
    moments: bool = True
    place: Mapping[str, Any] = field(default_factory=dict)


def compare_model(model: IsingModel, betas: np.ndarray, contest: Contest) -> Comparison:
    """Make a reference for `model` and score the methods against it.

    Raises
    ------
    UsageError
        Unknown methods or options, a method or reference that cannot take the model or a beta.
    """
    grid = np.unique(betas)
    chosen, skipped = choose_methods(model, grid, contest.methods, contest.lenient)
    spec = contest.reference or default_reference(model, len(grid))
    reference, secondary = _make_reference(model, grid, spec, replace(contest, progress=part(contest.progress, 0, 2)))
    sampler = str(method_spec(spec)[1].options.get("sampler", ""))
    rest = replace(contest, progress=part(contest.progress, 1, 2))
    return _score(model, grid, reference, secondary, chosen, skipped, rest, sampler=sampler)


def part(progress: Progress, k: int, count: int, prefix: str = "") -> Progress:
    """Progress of part `k` of `count` as that of the whole."""
    if progress is None:
        return None
    return lambda label, share: progress(prefix + label, (k + min(share, 1.0)) / count)


def compare_run(run: Run, betas: np.ndarray | None, contest: Contest) -> Comparison:
    """Score methods against the reference that a simulation stored (or another, where the contest names one)."""
    grid = run.betas if betas is None else np.unique(betas)
    missing = [b for b in grid if b not in run.betas]
    if contest.reference is not None:
        return compare_model(run.model, grid, contest)
    if not run.reference:
        raise UsageError("the simulation holds samples only, no reference; name one with --reference")
    if missing:
        raise UsageError(f"the simulation has no beta={missing[0]:g}; its grid is {_listed(run.betas)}")
    chosen, skipped = choose_methods(run.model, grid, contest.methods)
    keep = [r for r in run.reference if r.beta in grid]
    first = keep[0].method
    return _score(
        run.model, grid, [r for r in keep if r.method == first], [r for r in keep if r.method != first], chosen,
        skipped, contest, ladder=_ladder_of(run), sampler=run.chains.sampler)


def _ladder_of(run: Run) -> Ladder | None:
    """The rungs of a stored run, where it has more than were asked for."""
    chains = run.chains
    return Ladder(chains.betas, chains.requested) if not np.all(chains.requested) else None


def _make_reference(
    model: IsingModel, grid: np.ndarray, spec: str, contest: Contest
) -> tuple[list[FreeEnergy], list[FreeEnergy]]:
    """The reference, and the second estimate that a sampled one carries in its stats."""
    reference = _run(model, grid, spec, contest)
    return reference, [s for r in reference if (s := _second(r)) is not None]


def _second(result: FreeEnergy) -> FreeEnergy | None:
    stats = result.stats
    if "second_method" not in stats:
        return None
    shift = result.beta_f - stats["own_beta_f"]
    value, error = stats["second_beta_f"] + shift, stats["second_error"]
    finite = math.isfinite(value) and math.isfinite(error)
    return FreeEnergy(
        model=result.model, method=stats["second_method"], kind="estimate",
        status=result.status if finite else "diverged",
        message=result.message if finite else "the estimate is not finite; raise sweeps", beta=result.beta,
        n_sites=result.n_sites, beta_f=value if finite else math.nan, beta_f_error=error if finite else math.nan,
        stats={"seed": stats["seed"]} if "seed" in stats else {})


def _run(model: IsingModel, grid: np.ndarray, spec: str, contest: Contest) -> list[FreeEnergy]:
    return run_method(
        model, grid, spec, seed=contest.seed, workers=contest.workers, progress=contest.progress)


@functools.cache
def _warm_up(spec: str) -> None:
    """Load the kernels of a method once, so that the first model of a process does not pay for all in its seconds."""
    ring = IsingModel.from_edges(
        5, np.arange(5), np.roll(np.arange(5), -1), np.array([0.5, -0.5, 0.5, 0.5, 0.5]), np.full(5, 0.1))
    if not method_spec(spec)[0].obstacle(ring):
        run_method(ring, np.array([0.1]), spec, seed=0)


def _score(
    model: IsingModel, grid: np.ndarray, reference: list[FreeEnergy], secondary: list[FreeEnergy],
    chosen: list[str], skipped: list[tuple[str, str]], contest: Contest, ladder: Ladder | None = None, **more: Any
) -> Comparison:
    candidates: list[FreeEnergy] = []
    for k, spec in enumerate(chosen):
        if contest.progress:
            contest.progress(spec, k / len(chosen))
        _warm_up(spec)
        candidates += _run(model, grid, spec, replace(contest, progress=part(contest.progress, k, len(chosen))))
    found = brackets(candidates)
    held, second = held_in(found, reference), held_in(found, secondary)
    scores = _with_moments(model, _judged(reference, held, candidates), held, ladder, contest)
    _warn(found, reference, held, scores[0])
    return Comparison(
        model=model.spec, betas=grid.tolist(), reference=_bare(held), secondary=_bare(second), scores=scores[0],
        skipped=skipped, facts=facts(model), command=contest.command, seed=contest.seed, title=contest.title,
        ising=model, moments=scores[1], **contest.place, **more)


def _bare(results: Sequence[FreeEnergy]) -> list[FreeEnergy]:
    """Without their moments: arrays that nobody needs once they are scored."""
    return [replace(r, moments=None) for r in results]


def _judged(
    reference: Sequence[FreeEnergy], held: Sequence[FreeEnergy], candidates: Sequence[FreeEnergy]
) -> list[Score]:
    """Scores against the reference as the bracket leaves it; what bounds it violates is said as before."""
    before, after = score_methods(reference, candidates), score_methods(held, candidates)
    return [replace(b, bound_violated=a.bound_violated) for a, b in zip(before, after, strict=True)]


def _with_moments(
    model: IsingModel, scores: Sequence[Score], reference: Sequence[FreeEnergy], ladder: Ladder | None,
    contest: Contest
) -> tuple[list[Score], str]:
    """The scores with those of the moments, results without their arrays, and where the truth comes from."""
    bare = [replace(s, result=replace(s.result, moments=None)) for s in scores]
    if not contest.moments:
        return bare, ""
    if all(s.result.moments is None for s in scores):
        return bare, "not scored: no method gives any"
    if contest.progress:
        contest.progress("correlations", 1.0)
    truth = true_moments(model, reference, seed=contest.seed, workers=contest.workers, ladder=ladder)
    found = [truth.errors_of(s.result) for s in scores]
    words = truth.words + truth.without([s.result for s, e in zip(scores, found, strict=True) if e.unknown])
    return [replace(s, **vars(errors)) for s, errors in zip(bare, found, strict=True)], words


def _warn(found: Sequence[Bracket], reference: Sequence[FreeEnergy], held: Sequence[FreeEnergy],
          scores: Sequence[Score]) -> None:
    """One warning each where bounds refute the reference, where it and a bound differ, and where two bounds do."""
    wrong = {a.beta for a, b in zip(reference, held, strict=True) if a.status != b.status}
    if wrong:
        _say(f"the reference lies outside the certified bracket at beta={_listed(wrong)}: it is wrong, whatever its "
             "own checks say, and nothing is judged there")
    betas = {s.result.beta for s in scores if s.bound_violated and s.result.beta_f_error == 0.0} - wrong
    if betas:
        _say(f"a rigorous bound is violated at beta={_listed(betas)}: the reference or the method is wrong")
    crossed = {b.beta for b in found if b.crossed}
    if crossed:
        one = next(b for b in found if b.crossed)
        _say(f"two bounds contradict each other at beta={_listed(crossed)}: {one.lower_method} or "
             f"{one.upper_method} is wrong")


def _say(words: str) -> None:
    warnings.warn(words, UserWarning, stacklevel=2)


def _listed(betas: set[float] | np.ndarray) -> str:
    shown = sorted(float(b) for b in betas)
    return ", ".join(f"{b:g}" for b in shown[:8]) + (", ..." if len(shown) > 8 else "")
