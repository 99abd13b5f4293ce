"""The search for the lowest Gibbs-Bogoliubov bound of a product trial, beta after beta.

It does first what the method mean-field does, so that it never ends above it; then come more random starts, all
m_i = 0 without fields, the leading eigenvector of J, and the lowest minima at the neighbouring beta.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from statfe.models.ising import IsingModel
from statfe.random import generator
from statfe.variational.minima import Minima, minimise, settle
from statfe.variational.solutions import Search, Solution, Start, continued
from statfe.variational.start_points import budget, gauge_signs, random_states, spectral, standard_starts

#: Random starts of the method mean-field by default; its search is done first and as it does it.
NAIVE_RESTARTS = 3
#: Minima followed from one beta to the next.
FOLLOWED = 5
#: Key of the random stream of the starts beyond those of mean-field (see `statfe.random.generator`).
MORE_STARTS_KEY = 7002


class ProductState(NamedTuple):
    """What the next beta starts from: the solutions of plain mean field, and the minima."""

    naive: Search | None = None
    minima: Minima | None = None


def product_minima(
    model: IsingModel, beta: float, *, seed: int, restarts: int, before: ProductState | None = None, **driver: Any
) -> tuple[Minima, ProductState]:
    """The minima at `beta`, and what the next beta starts from. `driver`: workers, and the fixed-point driver's."""
    earlier = before or ProductState()
    standard = standard_starts(model, beta, seed, min(restarts, NAIVE_RESTARTS))
    naive = minimise(model, beta, [*continued(earlier.naive), *standard], **driver)
    more = minimise(
        model, beta, [*_reached(naive), *_more_starts(model, seed, restarts), *_followed(earlier.minima)], **driver)
    minima = settle(model, beta, Search(naive.solutions + more.solutions, naive.failed + more.failed), **driver)
    return minima, ProductState(
        naive if naive.found else earlier.naive, minima if minima.found else earlier.minima)


def _more_starts(model: IsingModel, seed: int, restarts: int) -> list[Start]:
    """The starts beyond those of mean-field; none are random where its own are enough."""
    signs, rng = gauge_signs(model), generator(seed, MORE_STARTS_KEY)
    starts = [*spectral(model, signs, rng), *random_states(max(0, restarts - NAIVE_RESTARTS), signs, rng)]
    # Without fields the disordered state is stationary, and where it is a minimum the slow decay to it at a
    # continuous transition is spared; where it is a saddle, `settle` leaves it.
    symmetric = [] if model.has_fields else [Start("symmetric", np.zeros(model.n_sites))]
    return [*symmetric, *(start._replace(budget=budget(model)) for start in starts)]


def _reached(naive: Search) -> list[Start]:
    """The best of plain mean field: descents that stay above it are given up early (see `search`)."""
    return [Start(best.start, best.point.x) for best in naive.solutions[:1]]


def _followed(minima: Minima | None) -> list[Start]:
    return continued(minima.search if minima else None, FOLLOWED)


def product_points(minima: Minima) -> list[Solution]:
    """The minima, the lowest first; where there are none, the point that came closest to one."""
    if minima.search.solutions:
        return minima.search.solutions
    nearest = min(minima.search.failed, key=lambda point: point.residual)
    return [Solution(np.inf, np.tanh(nearest.x), nearest, "unfinished")]
