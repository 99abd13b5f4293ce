"""Annealed importance sampling: particles led from a law with known Z to the target, weighted on the way.

Each particle starts from the uniform law at beta = 0, where ln Z = N ln 2, or from a product trial, and visits a fine
schedule of laws; its weight is the product of the ratios f_{k+1}(x_k) / f_k(x_k). The mean weight is an unbiased
estimate of Z / Z_0 however short the walk, so -ln of it bounds beta F from above on average, and E[-ln w] >= -ln Z
always. Not equilibrium: a walk that is too short shows as weights of few particles.
Models with two layers of which one is narrow (RBMs) have the wide layer summed out of weights and moves. At a single
beta that is far away, their walks start from product trials whose means resampled pilots found: from beta = 0 strong
fields freeze units that couplings free again later. A trial may leave a mode out of reach that another finds, of which
the weights of its own walks tell nothing; so `TRIALS` share the particles, and what they differ by is part of the
error. Where a wide layer has to be drawn, walks from such a trial may all miss a mode far from it, and their weights do
not tell: the result is then called what it is in any case, an upper bound on average.
Cost: particles x sweeps x bonds for all beta together. Sources: R. Neal, Stat. Comput. 11, 125 (2001); R. Salakhutdinov
and I. Murray, ICML (2008); R. Grosse, C. Maddison and R. Salakhutdinov, NIPS (2013).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from threading import Event

import numpy as np

from statfe.annealed.route import LONGER, PATH_OPTIONS, START_OPTION, Route, routes
from statfe.annealed.verdict import Limits, judged, limits_of, mean_with_error, weight_stats, weight_trouble
from statfe.annealed.walkers import walk
from statfe.estimators.log_weights import log_mean_weight, student_factor
from statfe.executors import map_tasks
from statfe.models.ising import IsingModel
from statfe.registry import Context, Method
from statfe.result import Kind, Outcome
from statfe.spec import Option

ADVICE = "raise sweeps, or particles"
#: Product trials that share the particles of a beta.
TRIALS = 4


def run(model: IsingModel, betas: np.ndarray, context: Context, *, particles: int, sweeps: int | None, kernel: str,
        start: str, value: str) -> Sequence[Outcome]:
    """One pass for all betas, or from a product trial one each."""
    paths = routes(model, betas, particles=particles, sweeps=sweeps, kernel=kernel, seed=context.seed, start=start,
                   trials=TRIALS, workers=context.workers)
    limits = limits_of(model, betas)
    kind: Kind = "estimate" if value == "estimate" and not any(p.narrow for p in paths) else "upper_bound"
    walks: dict[float, list[tuple[Route, np.ndarray]]] = {}
    sharing = max(1, len(paths) // max(1, len({float(p.betas[-1]) for p in paths})))
    own = -(-particles // (sharing * (LONGER if sharing > 1 and sweeps is None else 1)))
    shares, alone, given_up = [0.0] * len(paths), len(paths) == 1, Event()

    def task(number: int) -> np.ndarray:
        def tell(done: float) -> None:
            if given_up.is_set():
                raise InterruptedError
            shares[number] = done
            if context.progress is not None:
                context.progress("annealing", sum(shares) / len(paths))

        route = paths[number]
        return walk(route.start(own, context.seed, number), np.arange(len(route.laws)), route.marks, route.moves,
                    workers=context.workers if alone else 1, tell=tell)

    for route, logs in zip(paths, map_tasks(task, range(len(paths)), context.workers, given_up.set), strict=True):
        for beta, found in zip(route.betas, logs, strict=True):
            walks.setdefault(float(beta), []).append((route, found))
    done = {0.0: Outcome(beta_f=-model.n_sites * float(np.log(2.0)), kind=kind)}
    done |= {beta: outcome(some, beta, value, kind, limits[beta]) for beta, some in walks.items()}
    return [done[float(beta)] for beta in betas]


def outcome(walks: list[tuple[Route, np.ndarray]], beta: float, value: str, kind: Kind, limits: Limits) -> Outcome:
    """-ln of the mean weight, or the mean of -ln w, which lies above it on average; over the walks of all trials.

    Errors are those of the walks, or of the trials among each other where these are larger.
    """
    route = walks[0][0]
    ratios = np.concatenate([logs - (r.base - route.base) for r, logs in walks])
    trial = np.repeat(np.arange(len(walks)), [len(logs) for _, logs in walks])
    mean = log_mean_weight(ratios)
    upper, upper_error = mean_with_error(-ratios)
    if len(walks) > 1:
        mean = replace(mean, error=max(mean.error, log_mean_weight(ratios, trial).error))
        means = np.array([-ratios[trial == k].mean() for k in range(len(walks))])
        upper_error = max(upper_error, student_factor(len(means)) * mean_with_error(means)[1])
    stats = {
        **route.facts(), "particles": len(ratios), "trials": len(walks), **weight_stats(mean),
        "upper_bound": route.base + upper + beta * route.model.offset, "upper_bound_error": upper_error}
    if value == "bound":
        # The bound holds in expectation, however few particles carry the weight.
        return judged(route.base + upper, upper_error, "upper_bound", "", ADVICE, limits, stats)
    return judged(route.base - mean.value, mean.error, kind, weight_trouble(mean), ADVICE, limits, stats)


METHOD = Method(
    name="ais",
    family="sampled",
    summary="annealed importance sampling from beta = 0, or from a product trial",
    kinds=("estimate", "upper_bound"),
    reference="R. Neal, Stat. Comput. 11, 125 (2001); Salakhutdinov and Murray, ICML (2008)",
    run=run,
    work="particles",
    options=(
        Option("particles", "int", 512, f"independent walks (from product trials with kernel=flips, {TRIALS} share "
               f"them; unless sweeps is given, 1 of {LONGER} walks, as much longer)", minimum=2),
        *PATH_OPTIONS,
        START_OPTION,
        Option("value", "str", "estimate", "what to report: -ln of the mean weight, or the bound E[-ln w]",
               ("estimate", "bound")),
    ),
    cost=lambda model, n_betas: 1e7 * (model.n_sites + model.n_pairs),
)
