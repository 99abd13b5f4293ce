"""The Gibbs-Bogoliubov bound, minimised in earnest over products, blocks of sites, or trees.

Computes
    beta_f = min over q of <beta E>_q - S(q): the lowest of the minima that descents from many starts reach.
    trial=product: independent spins. It is the bound of the method mean-field with a real search behind it.
    trial=blocks: connected blocks of at most `block` sites, exact inside, independent of each other.
    trial=tree: Markov on a spanning forest, with all its couplings and fields free.
Valid
    For any model. A product is exact where no spins are coupled, and exact a spin for infinite-range ferromagnets as N
    grows; a tree is exact on forests, blocks where no component is larger than a block. The bound is not convex: at low
    temperature in a frustrated model more restarts may find a lower one.
Bound
    Upper bound, whichever minimum is found and however far the descent went: it is evaluated for the normalised q at
    hand, and the difference is the Kullback-Leibler divergence of q from the Boltzmann distribution. A product is never
    above the method mean-field with the same seed and options, whose search comes first; blocks and trees start from
    the lowest products and are never above them.
Choice among several solutions
    The lowest beta_f. Starts of a product: those of mean-field, more random ones, all m_i = 0 without fields, the
    leading eigenvector of J, and the lowest minima at the neighbouring beta. Where a descent ends on a saddle it is
    pushed off along the softest direction and goes on, so what is reported is a minimum: `stability`, the smallest
    eigenvalue of the scaled Hessian, is not negative but for rounding. The other minima are listed. Which trees and
    blocks: see `statfe.trials.tree_trial` and `statfe.trials.block_trial`.
Cost
    Product: a sweep is O(N + bonds); tens of sweeps from each of some 25 starts, and one extreme eigenvalue a minimum.
    Tree: some hundreds of evaluations, each over the paths between the pairs left out. Blocks: some hundreds of sweeps
    over the tables of all blocks.
Source
    Feynman 1955; Bogoliubov 1958; Girardeau and Mazo, Adv. Chem. Phys. 24, 187 (1973); Saul and Jordan, NIPS 8, 486
    (1996); Wiegerinck, UAI 2000, 626.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from statfe.errors import NotApplicableError
from statfe.models.ising import IsingModel
from statfe.registry import OVERFLOW, Context, Method
from statfe.result import Kind, Moments, Outcome, failure
from statfe.spec import Option
from statfe.trials.block_trial import BLOCK, BlockSearch, BlockState, search_blocks
from statfe.trials.tree_trial import EXCHANGES, TreeSearch, TreeState, search_trees
from statfe.variational.mean_field import is_exact_product
from statfe.variational.product_minima import NAIVE_RESTARTS, ProductState, product_minima
from statfe.variational.solutions import along_betas, fixed_point_options

__all__ = ["METHOD", "NAIVE_RESTARTS", "run"]

#: Above this beta times the energy, sums along a descent may overflow.
MOST_ENERGY = 1e300


def run(
    model: IsingModel,
    betas: np.ndarray,
    context: Context,
    *,
    trial: str,
    block: int,
    exchanges: int,
    **driver: Any,
) -> Sequence[Outcome]:
    """The lowest bound found at every beta. `driver`: restarts, and the options of the fixed-point driver."""
    driver |= {"workers": context.workers, "seed": context.seed}

    def product(beta: float, before: ProductState | None) -> tuple[Outcome, ProductState | None]:
        return _product(model, beta, before, driver)

    def tree(beta: float, before: TreeState | None) -> tuple[Outcome, TreeState | None]:
        found = search_trees(model, beta, exchanges=exchanges, before=before, **driver)
        kind: Kind = "exact" if model.is_forest or beta == 0.0 else "upper_bound"
        return _structured(found, kind, {"forests": found.forests, "exchanged": found.exchanged}), found.state

    def blocks(beta: float, before: BlockState | None) -> tuple[Outcome, BlockState | None]:
        found = search_blocks(model, beta, block=block, before=before, **driver)
        kind: Kind = "exact" if found.trial.inside.all() or beta == 0.0 else "upper_bound"
        return _structured(found, kind, {
            "partitions": found.partitions, "blocks": int(found.trial.labels.max()) + 1}), found.state

    step = {"product": product, "tree": _or_failed(model, tree), "blocks": _or_failed(model, blocks)}[trial]
    return along_betas(betas, step, context.progress, METHOD.name)


def _product(
    model: IsingModel, beta: float, before: ProductState | None, driver: dict[str, Any]
) -> tuple[Outcome, ProductState | None]:
    minima, state = product_minima(model, beta, before=before, **driver)
    if not minima.found:
        return minima.search.failure("upper_bound"), state
    best = minima.search.solutions[0]
    kind: Kind = "exact" if is_exact_product(model, beta) else "upper_bound"
    return Outcome(
        beta_f=best.beta_f, kind=kind, moments=lambda: _moments(model, best.means),
        stats={**minima.search.stats(best, "other_minima"), "stability": minima.stabilities[0],
               "saddles_left": minima.saddles_left}), state


def _moments(model: IsingModel, means: np.ndarray) -> Moments:
    """Of independent spins."""
    i, j, _ = model.pairs
    return Moments(magnetizations=means, correlations=means[i] * means[j])


def _structured(found: TreeSearch | BlockSearch, kind: Kind, stats: dict[str, Any]) -> Outcome:
    """The outcome of a search over trees or blocks: a bound wherever its last descent ended, `settled` at a minimum."""
    best, products = found.solution, found.product.search.solutions
    return Outcome(
        beta_f=best.beta_f, kind=kind, moments=found.trial.moments,
        stats={"start": best.start, "iterations": best.point.iterations, "residual": best.point.residual,
               "magnetization": float(np.mean(best.means)), "overlap": float(np.mean(best.means**2)),
               "settled": best.point.converged, "product_beta_f": products[0].beta_f if products else np.nan, **stats})


def _or_failed(model: IsingModel, step: Callable[[float, Any], tuple[Outcome, Any]]) -> Callable[
        [float, Any], tuple[Outcome, Any]]:
    """`step`, with a failure where beta times the energy overflows, or the trial does not fit with these options."""

    def taken(beta: float, before: Any) -> tuple[Outcome, Any]:
        if model.reach > MOST_ENERGY / max(1.0, abs(beta)):
            return failure("upper_bound", "diverged", OVERFLOW), before
        try:
            return step(beta, before)
        except NotApplicableError as error:
            return failure("upper_bound", "not_converged", str(error)), before

    return taken


METHOD = Method(
    name="gibbs-bogoliubov",
    family="approximate",
    summary="Gibbs-Bogoliubov bound of a product, of exact blocks or of a tree, minimised from many starts",
    kinds=("upper_bound", "exact"),
    reference="Feynman, Phys. Rev. 97, 660 (1955); Girardeau and Mazo, Adv. Chem. Phys. 24, 187 (1973); "
              "Saul and Jordan, NIPS 8, 486 (1996)",
    run=run,
    options=(
        Option("trial", "str", "product", "family of the trial distribution", choices=("product", "blocks", "tree")),
        Option("block", "int", BLOCK, "most sites of a block (trial=blocks)", minimum=1, maximum=4096),
        Option("exchanges", "int", EXCHANGES, "exchanges of a bond that are tried (trial=tree)", minimum=0),
        *fixed_point_options(restarts=20)),
    cost=lambda model, n_betas: 600.0 * n_betas * (20.0 * model.n_sites + 2.0 * model.n_pairs),
    variants=({}, {"trial": "blocks"}, {"trial": "tree"}),
)
