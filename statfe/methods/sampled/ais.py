"""Annealed importance sampling: particles led from a law with known Z to the target, weighted on the way.

Each particle starts from the uniform law at beta = 0, where ln Z = N ln 2, or from a product trial, and visits a fine
schedule of laws; its weight is the product of the ratios f_{k+1}(x_k) / f_k(x_k). The mean weight is an unbiased
estimate of Z / Z_0 however short the walk, so -ln of it bounds beta F from above on average, and E[-ln w] >= -ln Z
always. Not equilibrium: a walk that is too short shows as weights of few particles.
Models with two layers of which one is narrow (RBMs) have the wide layer summed out of weights and moves. At a single
beta that is far away, their walks start from the product trial whose means resampled pilots found: from beta = 0 strong
fields freeze units that couplings free again later. Where a wide layer has to be drawn, walks from such a trial may all
miss a mode far from it, and their weights do not tell: the result is then called what it is in any case, an upper bound
on average.
Cost: particles x sweeps x bonds for all beta together. Sources: R. Neal, Stat. Comput. 11, 125 (2001); R. Salakhutdinov
and I. Murray, ICML (2008); R. Grosse, C. Maddison and R. Salakhutdinov, NIPS (2013).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from statfe.annealed.route import FEW, MANY, PATH_OPTIONS, START_OPTION, Route, routes
from statfe.annealed.verdict import Limits, judged, limits_of, mean_with_error, weight_stats, weight_trouble
from statfe.annealed.walkers import walk
from statfe.estimators.log_weights import log_mean_weight
from statfe.models.ising import IsingModel
from statfe.registry import Context, Method
from statfe.result import Kind, Outcome
from statfe.spec import Option

ADVICE = "raise sweeps, or particles"


def run(model: IsingModel, betas: np.ndarray, context: Context, *, particles: int | None, sweeps: int | None,
        kernel: str, start: str, value: str) -> Sequence[Outcome]:
    """One pass for all betas, or from a product trial one each."""
    paths = routes(model, betas, particles=particles, sweeps=sweeps, kernel=kernel, seed=context.seed, start=start)
    limits = limits_of(model, betas)
    kind: Kind = "estimate" if value == "estimate" and not any(p.narrow for p in paths) else "upper_bound"
    found = {0.0: Outcome(beta_f=-model.n_sites * float(np.log(2.0)), kind=kind)}
    for number, route in enumerate(paths):
        def tell(done: float, number: int = number) -> None:
            if context.progress is not None:
                context.progress("annealing", (number + done) / len(paths))

        walkers = route.start(route.particles, context.seed, number)
        logs = walk(walkers, np.arange(len(route.laws)), route.marks, route.moves, workers=context.workers, tell=tell)
        for beta, own in zip(route.betas, logs, strict=True):
            found[float(beta)] = outcome(route, own, float(beta), value, kind, limits[float(beta)])
    return [found[float(beta)] for beta in betas]


def outcome(
    route: Route, log_weights: np.ndarray, beta: float, value: str, kind: Kind, limits: Limits
) -> Outcome:
    """-ln of the mean weight, or the mean of -ln w, which lies above it on average."""
    mean = log_mean_weight(log_weights)
    upper, upper_error = mean_with_error(-log_weights)
    stats = {
        **route.facts(), "particles": len(log_weights), **weight_stats(mean),
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
    usual=MANY,
    options=(
        Option("particles", "int", doc=f"independent walks (default: {MANY}; where kernel=flips and walks start from a "
               f"product, {FEW} that are as much longer)", minimum=2, optional=True),
        *PATH_OPTIONS,
        START_OPTION,
        Option("value", "str", "estimate", "what to report: -ln of the mean weight, or the bound E[-ln w]",
               ("estimate", "bound")),
    ),
    cost=lambda model, n_betas: 1e7 * (model.n_sites + model.n_pairs),
)
