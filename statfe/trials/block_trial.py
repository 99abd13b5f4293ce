"""The block trial with the lowest Gibbs-Bogoliubov bound that a search over partitions and descents finds.

Partitions: by |J|, by the gains of the pairs at the means of the best product trial (see
`statfe.trials.tree_choice`), and, as long as the bound falls, by the gains at the means of the best block trial so
far. Descents: from the lowest product minima, whose bounds a first sweep can only lower, from free spins, and from the
trial of the neighbouring beta. Few iterations tell which goes on.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from statfe.errors import NotApplicableError
from statfe.executors import map_tasks
from statfe.models.ising import IsingModel
from statfe.trials.block_descent import BlockBound, BlockLayout, descend_blocks
from statfe.trials.blocks import BlockTrial
from statfe.trials.choice import PRODUCTS, best_layout
from statfe.trials.partition import partition
from statfe.trials.tree_choice import pair_gains
from statfe.variational.minima import Minima
from statfe.variational.product_minima import ProductState, product_minima, product_points
from statfe.variational.solutions import Solution, Start

__all__ = ["BLOCK", "BlockSearch", "BlockState", "BlockTrial", "best_block_trial", "search_blocks"]

#: Most sites of a block, by default.
BLOCK = 12
#: Iterations that tell which descent goes on.
SCREENED = 30
#: Largest model that is taken: half a minute on a lattice.
MOST_SITES = 100_000


class _Found(NamedTuple):
    """A descent and the blocks that it was made on."""

    layout: BlockLayout
    solution: Solution


class BlockState(NamedTuple):
    """What the next beta starts from."""

    product: ProductState
    labels: np.ndarray
    means: np.ndarray


@dataclass(frozen=True, eq=False)
class BlockSearch:
    """The best trial, and how it was found.

    Attributes
    ----------
    trial, solution
        The trial and its descent; `Solution.beta_f` is its bound.
    product
        The minima of the product bound.
    state
        What the next beta starts from.
    partitions
        Number of partitions on which descents were made.
    """

    trial: BlockTrial
    solution: Solution
    product: Minima
    state: BlockState
    partitions: int


def best_block_trial(
    model: IsingModel, beta: float, *, block: int = BLOCK, seed: int = 0, restarts: int = 20, workers: int = 1
) -> BlockTrial:
    """The trial on connected blocks of at most `block` sites with the lowest bound found.

    At or below the best product trial of that seed.

    Raises
    ------
    NotApplicableError
        Where the blocks' tables are too large; a smaller `block` helps.
    """
    return search_blocks(model, beta, block=block, seed=seed, restarts=restarts, workers=workers).trial


def search_blocks(
    model: IsingModel, beta: float, *, block: int, seed: int, restarts: int, before: BlockState | None = None,
    workers: int = 1, **driver: Any,
) -> BlockSearch:
    """The search that the module describes; `driver` is for the fixed-point driver.

    Raises
    ------
    NotApplicableError
        Where the blocks' tables are too large.
    """
    if model.n_sites > MOST_SITES:
        raise NotApplicableError(
            f"no block trial of {model.spec}: more than {MOST_SITES} sites would take minutes; take trial=product")
    strongest = BlockLayout(model, partition(model, np.abs(model.pairs[2]), block))
    if strongest.obstacle:
        raise NotApplicableError(f"no block trial of {model.spec}: {strongest.obstacle}")
    minima, state = product_minima(
        model, beta, seed=seed, restarts=restarts, before=before.product if before else None, workers=workers, **driver)
    means = [s.means for s in product_points(minima)[:PRODUCTS]]
    search = _Search(model, beta, block, strongest.labels, means, before, workers, driver)
    best = search.choose()
    start = Start(best.solution.start, best.solution.means)
    end = descend_blocks(best.layout, beta, start, **driver)
    end = replace(end, point=replace(end.point, iterations=end.point.iterations + best.solution.point.iterations))
    trial = BlockBound(best.layout, beta).trial(end.point.x)
    return BlockSearch(
        trial, end, minima, BlockState(state, best.layout.labels, end.means), len(search.known))


class _Search:
    """Partitions and descents at one beta."""

    def __init__(
        self, model: IsingModel, beta: float, block: int, strongest: np.ndarray, products: list[np.ndarray],
        before: BlockState | None, workers: int, driver: dict[str, Any],
    ) -> None:
        self.model, self.beta, self.block, self.before = model, beta, block, before
        self.strongest, self.products, self.workers, self.driver = strongest, products, workers, driver
        self.known: set[bytes] = set()

    def choose(self) -> _Found:
        """The best descent over the first partitions, and those chosen again at its means."""
        first = [self.strongest, self._at(self.products[0])]
        if self.before is not None:
            first.append(self.before.labels)
        return best_layout(first, self._at, self._on)

    def _blocks(self, gains: np.ndarray) -> np.ndarray:
        return partition(self.model, gains, self.block)

    def _at(self, means: np.ndarray) -> np.ndarray:
        return self._blocks(pair_gains(self.model, self.beta, means))

    def _on(self, labels: np.ndarray, best: _Found | None) -> _Found | None:
        """The lowest of short descents on blocks; None where there were some before. `best` is on others."""
        if labels.tobytes() in self.known:
            return None
        self.known.add(labels.tobytes())
        layout = BlockLayout(self.model, labels)
        if layout.obstacle:
            return None
        starts = [Start("product", means, SCREENED) for means in self.products]
        starts.append(Start("free", np.tanh(self.beta * self.model.fields), SCREENED))
        if best is not None:
            starts.append(Start(best.solution.start, best.solution.means, SCREENED))
        if self.before is not None:
            starts.append(Start("continued", self.before.means, SCREENED))
        runs = map_tasks(lambda s: descend_blocks(layout, self.beta, s, **self.driver), starts, self.workers)
        return _Found(layout, min(runs, key=lambda run: run.beta_f))
