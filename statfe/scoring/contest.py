"""Runs the reference and the methods that are to be scored, on a model or on a stored simulation."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from statfe.errors import NotApplicableError, UsageError
from statfe.models.frustration import facts
from statfe.models.ising import IsingModel
from statfe.registry import check_betas, get_method, method_spec, methods, run_method
from statfe.result import FreeEnergy
from statfe.scoring.comparison import Comparison
from statfe.scoring.scores import score_methods
from statfe.scoring.verdict import Score
from statfe.store.run_file import Run

#: Operations up to which an exact reference, or an exact method among "all", is taken without asking.
AFFORDABLE = 2e11

Progress = Callable[[str, float], None] | None


@dataclass(frozen=True)
class Contest:
    """What is to be compared and how: the same for a model, a stored run and a study.

    `methods` are specs, or ``all``; `reference` is a spec, or None for the cheapest exact method and MBAR where
    there is none.
    """

    methods: Sequence[str] = ("all",)
    reference: str | None = None
    seed: int = 0
    workers: int = 1
    progress: Progress = None
    command: str = ""
    title: str = ""


def compare_model(model: IsingModel, betas: np.ndarray, contest: Contest) -> Comparison:
    """Make a reference for `model` and score the methods against it.

    Raises
    ------
    UsageError
        Unknown methods or options, a method or reference that cannot take the model or a beta.
    """
    grid = np.unique(betas)
    chosen, skipped = choose_methods(model, grid, contest.methods)
    spec = contest.reference or default_reference(model, len(grid))
    reference, secondary = _make_reference(model, grid, spec, contest)
    sampler = str(method_spec(spec)[1].options.get("sampler", ""))
    return _score(model, grid, reference, secondary, chosen, skipped, contest, sampler=sampler)


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
        skipped, contest, sampler=run.chains.sampler)


def method_list(methods: str | Sequence[str] | None) -> list[str]:
    """The specs given, none for None; each spec is checked where it is used."""
    if methods is None:
        return []
    if isinstance(methods, str):
        return [methods]
    if not isinstance(methods, Sequence) or not methods or not all(isinstance(m, str) for m in methods):
        raise UsageError(f"methods must be 'all', a spec or a list of specs, got {methods!r}")
    return list(methods)


def default_reference(model: IsingModel, n_betas: int) -> str:
    """``exact`` where an exact method applies and is affordable, else ``mbar``."""
    exact = get_method("exact")
    affordable = not exact.obstacle(model) and exact.cost(model, n_betas) <= AFFORDABLE
    return "exact" if affordable else "mbar"


def choose_methods(
    model: IsingModel, betas: np.ndarray, wanted: Sequence[str]
) -> tuple[list[str], list[tuple[str, str]]]:
    """(specs to run, (spec, reason) of those of ``all`` that cannot take this model or grid).

    ``all`` stands for every approximation with its variants. A method that is named must apply.
    """
    chosen: list[str] = []
    skipped: list[tuple[str, str]] = []
    for spec in wanted:
        if spec != "all":
            method, checked = method_spec(spec)
            check_betas(method, betas)
            reason = method.obstacle(model)
            if reason:
                raise NotApplicableError(f"{method.name} cannot take {model.spec}: {reason}")
            chosen.append(str(checked))
            continue
        for method in methods().values():
            if method.family != "approximate":
                continue
            reason = method.obstacle(model) or _beta_obstacle(method.negative_beta, betas)
            for variant in method.specs():
                if reason:
                    skipped.append((variant, reason))
                else:
                    chosen.append(variant)
    return list(dict.fromkeys(chosen)), skipped


def _beta_obstacle(takes_negative: bool, betas: np.ndarray) -> str:
    return "needs beta >= 0" if not takes_negative and np.any(betas < 0) else ""


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


def _score(
    model: IsingModel, grid: np.ndarray, reference: list[FreeEnergy], secondary: list[FreeEnergy],
    chosen: list[str], skipped: list[tuple[str, str]], contest: Contest, **more: Any
) -> Comparison:
    candidates: list[FreeEnergy] = []
    for k, spec in enumerate(chosen):
        if contest.progress:
            contest.progress(spec, k / len(chosen))
        candidates += _run(model, grid, spec, contest)
    scores = score_methods(reference, candidates)
    _warn_of_violations(scores)
    return Comparison(
        model=model.spec, betas=grid.tolist(), reference=reference, secondary=secondary, scores=scores,
        skipped=skipped, facts=facts(model), command=contest.command, seed=contest.seed, title=contest.title,
        ising=model, **more)


def _warn_of_violations(scores: Sequence[Score]) -> None:
    """One warning where a bound without error lies on the wrong side of the reference: one of the two is wrong."""
    betas = {s.result.beta for s in scores if s.bound_violated and s.result.beta_f_error == 0.0}
    if betas:
        warnings.warn(
            f"a rigorous bound is violated at beta={_listed(np.array(sorted(betas)))}: the reference or the method "
            "is wrong", UserWarning, stacklevel=2)


def _listed(betas: np.ndarray) -> str:
    shown = ", ".join(f"{b:g}" for b in betas[:8])
    return shown + (", ..." if len(betas) > 8 else "")
