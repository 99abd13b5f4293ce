"""Reverse annealed importance sampling: walks down from samples of the target, and walks up to meet them.

A walk down from an exact sample bounds beta F from below on average, a walk up (as in ais) from above: together a
bracket that holds in expectation, whatever the length of the walks. Each end is a mean over walks; `stats` gives them
with their errors, and the bracket drawn out by two of these (``bracket_low``, ``bracket_high``), which holds the truth
in at least 95% of all cases. The estimate is Bennett's acceptance ratio of both,
which walks down as the exact reversal of walks up allow. Exact samples come from the list of states of a small layer
(RBMs) or from a tree decomposition; for other models from a tempering run of 16 ladders: the bound from below then
holds only if these are in equilibrium, and `stats` says so (``samples``).
Cost: particles x sweeps x bonds, once up and once down from each beta. Sources: R. Grosse, Z. Ghahramani and R. Adams,
arXiv:1511.02543 (2015); Y. Burda, R. Grosse and R. Salakhutdinov, AISTATS (2015).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from statfe.annealed.bracket import Bracket, bracket
from statfe.annealed.equilibrium import Samples, equilibrium
from statfe.annealed.route import PATH_OPTIONS, START_OPTION, Route, routes
from statfe.annealed.verdict import BOUND_SIGMAS, MIN_EFFECTIVE, Limits, judged, limits_of
from statfe.annealed.walkers import walk
from statfe.models.ising import IsingModel
from statfe.registry import Context, Method
from statfe.result import Kind, Outcome
from statfe.spec import Option

ADVICE = "raise sweeps, or particles"
#: Stream keys of walks down begin here.
DOWN = 1000
#: What a bound from samples of chains says.
CONDITIONAL = "a bound only if the chains that gave the samples are in equilibrium"


def run(model: IsingModel, betas: np.ndarray, context: Context, *, particles: int, sweeps: int | None, kernel: str,
        start: str, samples: str, value: str) -> Sequence[Outcome]:
    """One pass up for all betas, and one down from each."""
    paths = routes(model, betas, particles=particles, sweeps=sweeps, kernel=kernel, seed=context.seed, start=start)
    limits = limits_of(model, betas)
    targets = np.array([beta for route in paths for beta in route.betas])
    longest = max((route.moves * (len(route.laws) - 1) for route in paths), default=0)
    drawn = equilibrium(model, targets, particles, context.seed, context.workers, longest,
                        exact=samples == "auto") if len(targets) else []
    at_zero: Kind = "estimate" if value == "estimate" else "lower_bound"
    found = {0.0: Outcome(beta_f=-model.n_sites * float(np.log(2.0)), kind=at_zero)}
    done = 0
    for number, route in enumerate(paths):
        walkers = route.start(particles, context.seed, number)
        ups = walk(walkers, np.arange(len(route.laws)), route.marks, route.moves, workers=context.workers)
        for up, beta, mark in zip(ups, route.betas, route.marks, strict=True):
            down = _walk_down(route, int(mark), drawn[done], context, DOWN + done)
            met = bracket(up, down, drawn[done].groups)
            found[float(beta)] = outcome(route, met, drawn[done], float(beta), value, limits[float(beta)])
            done += 1
            if context.progress is not None:
                context.progress("annealing down", done / len(targets))
    return [found[float(beta)] for beta in betas]


def _walk_down(route: Route, mark: int, samples: Samples, context: Context, key: int) -> np.ndarray:
    """ln of the weights of walks from the law `mark` down to the first one."""
    walkers = route.back(samples.spins, context.seed, key)
    return walk(walkers, np.arange(mark, -1, -1), np.array([mark]), route.moves, workers=context.workers)[0]


def outcome(route: Route, met: Bracket, samples: Samples, beta: float, value: str, limits: Limits) -> Outcome:
    """Bennett's estimate, or the bound from below."""
    base = route.base + beta * route.model.offset
    stats: dict[str, Any] = {
        **route.facts(), "samples": samples.source, "particles": len(samples.spins), "effective": met.effective,
        "upper_bound": base + met.upper, "upper_bound_error": met.upper_error,
        "lower_bound": base + met.lower, "lower_bound_error": met.lower_error,
        "bracket_low": base + met.low, "bracket_high": base + met.high,
        "estimate": base + met.value, "estimate_error": met.error}
    if value == "bound":
        number, error = route.base + met.lower, met.lower_error
        if samples.exact:
            return judged(number, error, "lower_bound", "", ADVICE, limits, stats)
        return judged(number, error, "uncontrolled", samples.trouble or CONDITIONAL, ADVICE, limits, stats)
    return judged(route.base + met.value, met.error, "estimate", trouble(met, samples), ADVICE, limits, stats)


def trouble(met: Bracket, samples: Samples) -> str:
    """Why the estimate may be wrong, or ""."""
    if samples.trouble:
        return samples.trouble
    if met.effective < MIN_EFFECTIVE:
        return (f"walks up and walks down hardly meet: {met.effective:.1f} are alike, {MIN_EFFECTIVE:g} are needed, "
                f"and the bracket is {met.high - met.low:.3g} wide")
    rounding = 1e-9 * max(1.0, abs(met.value))
    if met.lower - met.upper > BOUND_SIGMAS * np.hypot(met.lower_error, met.upper_error) + rounding:
        return "the bound from below lies above that from above: the samples are not in equilibrium"
    return ""


METHOD = Method(
    name="reverse-ais",
    family="sampled",
    summary="annealed importance sampling up and down: a bracket in expectation, and Bennett's estimate",
    kinds=("estimate", "lower_bound", "uncontrolled"),
    reference="R. Grosse, Z. Ghahramani and R. Adams, arXiv:1511.02543 (2015)",
    run=run,
    work="particles",
    options=(
        Option("particles", "int", 512, "walks each way", minimum=2),
        *PATH_OPTIONS,
        START_OPTION,
        Option("samples", "str", "auto", "where walks down start: exact samples if they can be had, or those of chains",
               ("auto", "tempering")),
        Option("value", "str", "estimate", "what to report: Bennett's estimate, or the bound from below",
               ("estimate", "bound")),
    ),
    cost=lambda model, n_betas: 1e7 * n_betas * (model.n_sites + model.n_pairs),
)
