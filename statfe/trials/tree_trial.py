"""The tree trial with the lowest Gibbs-Bogoliubov bound that a search over forests and descents finds.

Forests: the one of the largest |J|, and the one of the largest gains (see `statfe.trials.tree_choice`) at the
means of the best product trial; then, as long as the bound falls, the one of the largest gains at the means of the
best tree trial so far; then exchanges of one bond.

Descents: from the lowest product minima (a product is a tree trial without couplings, so the bound ends at or below its
own), from the model without the pairs left out, with and without a push along the gauge signs, and from the trial of
the neighbouring beta. Few iterations tell which goes on.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from statfe.errors import NotApplicableError
from statfe.executors import map_tasks
from statfe.junction.subgraph import strongest_tree
from statfe.models.ising import IsingModel
from statfe.models.structure import per_model
from statfe.random import generator
from statfe.trials.choice import PRODUCTS, best_layout
from statfe.trials.forest import MOST_STEPS, Forest, TreeTrial
from statfe.trials.tree_choice import exchanges, forest_by_gain, pair_gains
from statfe.trials.tree_descent import TreeBound, bare, carried, descend_tree, from_product
from statfe.variational.minima import Minima
from statfe.variational.product_minima import ProductState, product_minima, product_points
from statfe.variational.solutions import Solution, Start
from statfe.variational.start_points import gauge_signs

__all__ = ["EXCHANGES", "TreeSearch", "TreeState", "TreeTrial", "best_tree_trial", "search_trees"]

#: Iterations that tell which descent goes on, and which exchange pays.
SCREENED, EXCHANGED = 60, 12
#: Push along the gauge signs that lets order grow where there are no fields.
PUSH = 0.5
#: Sites on paths, and what a call costs beside them in the same unit: a step is some 16 ns.
CALL = 5_000
#: Work in steps of a short descent, and of all exchanges.
DESCENT_WORK, EXCHANGE_WORK = 10_000_000, 25_000_000
#: Largest model that is taken: half a minute.
MOST_SITES = 100_000
#: Evaluations of the bound an iteration.
EVALUATIONS = 2.5
#: An exchange must lower the bound by so much.
LEAST_GAIN = 1e-9
#: Exchanges of a bond that are tried, by default.
EXCHANGES = 20
#: Key of the random stream of exchanges (see `statfe.random.generator`).
EXCHANGES_KEY = 7005


class _Found(NamedTuple):
    """A descent and the forest that it was made on."""

    forest: Forest
    solution: Solution


class TreeState(NamedTuple):
    """What the next beta starts from."""

    product: ProductState
    trial: TreeTrial


@dataclass(frozen=True, eq=False)
class TreeSearch:
    """The best trial, and how it was found.

    Attributes
    ----------
    trial, solution
        The trial and its descent; `Solution.beta_f` is its bound.
    product
        The minima of the product bound.
    state
        What the next beta starts from.
    forests
        Number of forests on which descents were made, exchanges apart.
    exchanged
        Number of exchanges that lowered the bound.
    """

    trial: TreeTrial
    solution: Solution
    product: Minima
    state: TreeState
    forests: int
    exchanged: int


@per_model
def strongest_forest(model: IsingModel) -> Forest:
    """The forest of the largest |J|."""
    return Forest.of(model, strongest_tree(model))


def refusal(forest: Forest) -> str:
    """Why descents on `forest` would take too long; "" where they do not."""
    if forest.steps < MOST_STEPS:
        return ""
    return (
        f"the paths between the pairs that a spanning tree leaves out have {MOST_STEPS:.0e} sites "
        "or more, too many to sum over at every step; take trial=product or trial=blocks")


def best_tree_trial(
    model: IsingModel, beta: float, *, seed: int = 0, restarts: int = 20, exchanges: int = EXCHANGES, workers: int = 1
) -> TreeTrial:
    """The trial on a spanning forest with the lowest bound found; at or below the best product trial of that seed.

    Raises
    ------
    NotApplicableError
        Where the bound takes too long: many pairs, long paths.
    """
    return search_trees(
        model, beta, seed=seed, restarts=restarts, exchanges=exchanges, workers=workers).trial


def search_trees(
    model: IsingModel, beta: float, *, seed: int, restarts: int, exchanges: int, before: TreeState | None = None,
    workers: int = 1, **driver: Any,
) -> TreeSearch:
    """The search that the module describes; `driver` is for the fixed-point driver.

    Raises
    ------
    NotApplicableError
        Where `refusal` says why.
    """
    if model.n_sites > MOST_SITES:
        raise NotApplicableError(
            f"no tree trial of {model.spec}: more than {MOST_SITES} sites would take minutes; take trial=product")
    reason = refusal(strongest_forest(model))
    if reason:
        raise NotApplicableError(f"no tree trial of {model.spec}: {reason}")
    minima, state = product_minima(
        model, beta, seed=seed, restarts=restarts, before=before.product if before else None, workers=workers, **driver)
    points = product_points(minima)[:PRODUCTS]
    search = _Search(model, beta, points, before.trial if before else None, workers, driver)
    best = search.choose()
    rng = generator(seed, EXCHANGES_KEY)
    best, exchanged = search.exchange(best, exchanges, rng)
    best = search.finished(best)
    trial = TreeBound(best.forest, beta).trial(best.solution.point.x)
    return TreeSearch(trial, best.solution, minima, TreeState(state, trial), len(search.known), exchanged)


class _Search:
    """Forests and descents at one beta."""

    def __init__(
        self, model: IsingModel, beta: float, products: list[Solution], before: TreeTrial | None, workers: int,
        driver: dict[str, Any],
    ) -> None:
        self.model, self.beta, self.products, self.before = model, beta, products, before
        self.workers, self.driver = workers, driver
        self.known: set[bytes] = set()

    def choose(self) -> _Found:
        """The best descent over the first forests, and those chosen again at its means."""
        first = [strongest_forest(self.model).inside, self._at(self.products[0].means)]
        if self.before is not None:
            first.append(self.before.forest.inside)
        return best_layout(first, self._at, self._on)

    def exchange(self, best: _Found, tries: int, rng: np.random.Generator) -> tuple[_Found, int]:
        """Exchange bonds one at a time while that lowers the bound; and how many were."""
        made = 0
        tries = min(tries, int(EXCHANGE_WORK / (EXCHANGED * EVALUATIONS * (best.forest.steps + CALL))))
        while tries > 0:
            trial = TreeBound(best.forest, self.beta).trial(best.solution.point.x)
            better = None
            for inside in exchanges(trial, self.beta, rng):
                tries -= 1
                forest = Forest.of(self.model, inside)
                start = Start(best.solution.start, carried(trial, forest, self.beta), budget=EXCHANGED)
                there = descend_tree(forest, self.beta, start, **self.driver)
                if there.beta_f < best.solution.beta_f - LEAST_GAIN:
                    better = _Found(forest, there)
                if better is not None or tries <= 0:
                    break
            if better is None:
                break
            best, made = better, made + 1
        return best, made

    def finished(self, best: _Found) -> _Found:
        """The descent of `best` to its end."""
        limit = max(50, int(10 * DESCENT_WORK / (EVALUATIONS * (best.forest.steps + CALL))))
        start = Start(best.solution.start, best.solution.point.x, budget=limit)
        end = descend_tree(best.forest, self.beta, start, **self.driver)
        iterations = end.point.iterations + best.solution.point.iterations
        return best._replace(solution=replace(end, point=replace(end.point, iterations=iterations)))

    def _at(self, means: np.ndarray) -> np.ndarray:
        return forest_by_gain(self.model, pair_gains(self.model, self.beta, means))

    def _on(self, inside: np.ndarray, best: _Found | None) -> _Found | None:
        """The lowest of short descents on a forest; None where there were some before. `best` is on another."""
        if inside.tobytes() in self.known:
            return None
        self.known.add(inside.tobytes())
        forest = Forest.of(self.model, inside)
        if refusal(forest):
            return None
        limit = int(np.clip(DESCENT_WORK / (EVALUATIONS * (forest.steps + CALL)), 8, SCREENED))
        starts = [s._replace(budget=limit) for s in self._starts(forest, best)]
        runs = map_tasks(lambda s: descend_tree(forest, self.beta, s, **self.driver), starts, self.workers)
        return _Found(forest, min(runs, key=lambda run: run.beta_f))

    def _starts(self, forest: Forest, best: _Found | None) -> list[Start]:
        """Where descents on `forest` start."""
        own = bare(forest, self.beta)
        starts = [Start(s.start, from_product(self.model, s.point.x)) for s in self.products]
        starts.append(Start("bare", own))
        if not self.model.has_fields:
            push = np.concatenate([PUSH * gauge_signs(self.model), np.zeros(self.model.n_sites)])
            starts.append(Start("bare, pushed", own + push))
        if best is not None:
            trial = TreeBound(best.forest, self.beta).trial(best.solution.point.x)
            starts.append(Start(best.solution.start, carried(trial, forest, self.beta)))
        elif self.before is not None:
            starts.append(Start("continued", carried(self.before, forest, self.beta)))
        return starts
