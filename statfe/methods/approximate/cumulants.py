"""The cumulant expansion around a trial distribution, to eighth order.

Computes
    beta_f_n = sum_{k=1}^{n} (-1)^(k-1) kappa_k / k!, with kappa_k the cumulants of V = beta E + ln q under a trial q.
    The whole series is -ln <exp(-V)>_q = -ln Z. trial=free: q holds each spin in its own field only; this is the
    high-temperature series, right through beta^n. trial=mean-field: q is the best product distribution that the method
    mean-field finds; order 2 then adds the Onsager term -(beta^2/2) sum_{i<j} J_ij^2 (1 - m_i^2)(1 - m_j^2).
    trial=blocks, tree, autoregressive: the best such distribution that is found.
    Product trials have closed forms to order 4 (see `statfe.series.cumulants`), trees and blocks for order 1;
    beyond, all states are enumerated (N <= 20), or q is sampled, with jackknife errors. Means and correlations are
    expanded to the same order, where N <= 20 or the order is at most 2 around a product.
Valid
    Where what q leaves out is weak: high temperature, or far inside an ordered phase for trials that order. The series
    converges where the mean of exp(-lambda V) has no zero with |lambda| <= 1; `radius` in the stats measures the
    nearest one, and below 1 higher orders make things worse. sum=smallest-term stops at the smallest term, sum=pade
    continues the series by a Pade approximant, or fails where that has a pole near [0, 1]. A trial that breaks a
    symmetry stays on its side of it, and jumps from one minimum to another: its terms do not show the mirrored states,
    whose weight brings a zero near lambda = 1 and errors near ln 2. The stats then say ``one_sided``, and the radius
    is that of its own side (``own_side_radius``).
Bound
    Upper bound at order 1 (with an error where it is sampled). Uncontrolled above. Exact at beta = 0, where no spins
    are coupled, and where the trial holds all bonds.
Cost
    O(bonds) a beta to order 2, after the search for the trial. In closed form order 3 walks all triangles and order 4
    all paths of two bonds, O(N^3) for dense models. 2^N states, or `samples`, for the rest. Errors of sampled orders
    grow as sigma^k / sqrt(k! samples) with the deviation sigma of V: where that is well above 1 high orders are noise.
Source
    Kirkwood 1938 (cumulants of beta E); Plefka 1982; Georges and Yedidia 1991; jackknife: Quenouille 1956, Tukey 1958.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from statfe.errors import NotApplicableError
from statfe.junction.moments import symmetric_sites
from statfe.learned.autoregressive import train_autoregressive
from statfe.models.ising import IsingModel
from statfe.registry import Context, Method
from statfe.result import Kind, Moments, Outcome, failure
from statfe.series.cumulant_evaluation import WAYS, expand
from statfe.series.cumulant_moments import has_moments, moments_to_order
from statfe.series.cumulant_outcome import RULES, summed
from statfe.series.cumulant_terms import HIGHEST_ORDER
from statfe.spec import Option
from statfe.trial import ProductTrial, Trial
from statfe.trials.block_trial import BlockTrial, best_block_trial
from statfe.trials.tree_trial import best_tree_trial
from statfe.variational.mean_field import is_exact_product
from statfe.variational.minima import minimise
from statfe.variational.solutions import Search, along_betas, continued, fixed_point_options
from statfe.variational.start_points import standard_starts

#: Means above which a trial breaks a symmetry.
BROKEN = 1e-6
TRIALS = ("free", "mean-field", "blocks", "tree", "autoregressive")


class _Found(NamedTuple):
    """A trial with what its search says; or None, with the outcome that says why."""

    trial: Trial | None
    stats: dict[str, Any]
    exact: bool = False
    failure: Outcome | None = None


def run(
    model: IsingModel,
    betas: np.ndarray,
    context: Context,
    *,
    order: int,
    trial: str,
    evaluation: str,
    samples: int,
    block: int,
    restarts: int,
    **others: Any,
) -> Sequence[Outcome]:
    """Truncated cumulant beta_f at every beta; see the module's docstring. `others` hold `sum`, and the driver's."""
    rule, driver = others.pop("sum"), others
    mirrored = _mirrored(model) if np.any(betas < 0.0) else model

    def step(beta: float, before: Search | None) -> tuple[Outcome, Search | None]:
        # A beta below 0 is the model with -J and -h above 0: that is what the searches are made for.
        above, size = (model, beta) if beta >= 0.0 else (mirrored, -beta)
        found, state = _search(above, size, before)
        if found.failure is not None or found.trial is None:
            return found.failure or failure("uncontrolled", "not_converged", "no trial"), state
        kind: Kind = "exact" if found.exact else "upper_bound" if order == 1 else "uncontrolled"
        try:
            terms = expand(above, size, found.trial, order, evaluation, samples, context.seed, context.workers)
        except NotApplicableError as error:
            return failure(kind, "not_converged", str(error), **found.stats), state
        outcome = summed(terms, rule, kind, model.n_sites, found.stats)
        if kind != "exact" and _one_sided(above, found.trial) and "radius" in outcome.stats:
            sided = {"one_sided": True, "own_side_radius": outcome.stats["radius"], "radius": np.nan,
                     "radius_error": np.nan}
            outcome = replace(outcome, stats={**outcome.stats, **sided})
        return replace(outcome, moments=_moments(above, size, found.trial, rule, outcome)), state

    def _search(above: IsingModel, beta: float, before: Search | None) -> tuple[_Found, Search | None]:
        if trial == "free" or is_exact_product(above, beta):
            return _Found(ProductTrial(beta * above.fields), {}, is_exact_product(above, beta)), before
        if trial == "mean-field":
            search = minimise(
                above, beta, [*continued(before), *standard_starts(above, beta, context.seed, restarts)],
                workers=context.workers, **driver)
            if not search.found:
                kind: Kind = "upper_bound" if order == 1 else "uncontrolled"
                return _Found(None, {}, failure=search.failure(kind)), before
            best = search.solutions[0]
            product = ProductTrial(best.point.x)
            return _Found(product, {**search.stats(best), "onsager_term": onsager(above, beta, product)}), search
        try:
            return _structured(above, beta, trial, block, restarts, context), before
        except NotApplicableError as error:
            return _Found(None, {}, failure=failure("uncontrolled", "not_converged", str(error))), before

    return along_betas(betas, step, context.progress, METHOD.name)


def _structured(
    model: IsingModel, beta: float, trial: str, block: int, restarts: int, context: Context
) -> _Found:
    """The best trial on blocks, on a tree, or of a network; it is exact where it leaves no bond out."""
    how: dict[str, Any] = {"seed": context.seed, "workers": context.workers}
    if trial == "tree":
        return _Found(best_tree_trial(model, beta, restarts=restarts, **how), {}, model.is_forest)
    if trial == "blocks":
        blocks: BlockTrial = best_block_trial(model, beta, block=block, restarts=restarts, **how)
        sizes = np.bincount(blocks.labels)
        return _Found(
            blocks, {"blocks": len(sizes), "largest_block": int(sizes.max())}, bool(np.all(blocks.inside)))
    network = train_autoregressive(model, beta, **how)
    return _Found(network, {"steps": network.training.steps if network.training else 0})


def _one_sided(model: IsingModel, trial: Trial) -> bool:
    """Whether `trial` prefers one of the two signs of spins without a field in reach, which weigh the same."""
    means = getattr(trial, "means", None)  # networks are symmetric by construction
    return means is not None and float(np.max(np.abs(means[symmetric_sites(model)]), initial=0.0)) > BROKEN


def _moments(
    model: IsingModel, beta: float, trial: Trial, rule: str, outcome: Outcome
) -> Callable[[], Moments] | None:
    """The moments to the order that was summed, where there is a way to them."""
    stop = len(outcome.stats.get("terms", ())) if rule == "plain" else outcome.stats.get("smallest_term", 0)
    if outcome.status != "converged" or rule == "pade" or not has_moments(model, trial, stop):
        return None
    return partial(moments_to_order, model, beta, trial, stop)


def onsager(model: IsingModel, beta: float, trial: ProductTrial) -> float:
    """-(beta^2/2) sum_{i<j} J_ij^2 (1 - m_i^2)(1 - m_j^2) at the means of `trial`."""
    i, j, J = model.pairs
    with np.errstate(over="ignore", invalid="ignore"):
        return -0.5 * float(np.sum((beta * J) ** 2 * trial.variances[i] * trial.variances[j]))


def _mirrored(model: IsingModel) -> IsingModel:
    """The model with all couplings and fields negated."""
    return IsingModel.from_edges(model.n_sites, model.rows, model.cols, -model.couplings, -model.fields)


METHOD = Method(
    name="cumulants",
    family="approximate",
    summary="cumulant expansion around free spins, mean field, blocks, a tree or a network, to eighth order",
    kinds=("upper_bound", "uncontrolled", "exact"),
    reference="Kirkwood, J. Chem. Phys. 6, 70 (1938); Georges and Yedidia, J. Phys. A 24, 2173 (1991)",
    run=run,
    options=(
        Option("order", "int", 2, "highest cumulant kept", minimum=1, maximum=HIGHEST_ORDER),
        Option("trial", "str", "mean-field", "distribution expanded around", choices=TRIALS),
        Option("evaluation", "str", "auto", "how cumulants are found; auto: closed forms as far as they go, then all "
               "states (N <= 20) or samples", choices=WAYS),
        Option("samples", "int", 65536, "samples of the trial, where any are drawn", minimum=128),
        Option("sum", "str", "plain", "what is made of the terms: their sum, the sum to the smallest one, or a Pade "
               "approximant", choices=RULES),
        Option("block", "int", 8, "most sites of a block of trial=blocks", minimum=1),
        *fixed_point_options(restarts=3),
    ),
    cost=lambda model, n_betas: 100.0 * n_betas * (20.0 * model.n_sites + 2.0 * model.n_pairs),
    negative_beta=True,
    variants=(
        *({"order": k, "trial": "free"} for k in (2, 4)), *({"order": k, "trial": "mean-field"} for k in (2, 3, 4))),
)
