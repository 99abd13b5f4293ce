"""The Gibbs-Bogoliubov bound with a product trial, minimised in earnest.

Computes
    beta_f = min over q of <beta E>_q - S(q), q(s) = prod_i q_i(s_i): the lowest of the minima that descents from many
    starts reach. It is the bound of the method mean-field with a real search behind it.
Valid
    For any model. Exact where no spins are coupled; exact a spin for infinite-range ferromagnets as N grows. The
    bound is not convex: at low temperature in a frustrated model more restarts may find a lower one.
Bound
    Upper bound, whichever minimum is found: the difference is the Kullback-Leibler divergence of q from the
    Boltzmann distribution. Never above the method mean-field with the same seed and options: its search comes first.
Choice among several solutions
    The lowest beta_f. Starts: those of mean-field, more random ones, all m_i = 0 without fields, the leading
    eigenvector of J, and the lowest minima at the neighbouring beta. Where a descent ends on a saddle it is pushed
    off along the softest direction and goes on, so what is reported is a minimum: `stability`, the smallest eigenvalue
    of the scaled Hessian, is not negative but for rounding. The other minima are listed.
Cost
    A sweep is O(N + bonds); tens of sweeps from each of some 25 starts, and one extreme eigenvalue a minimum.
Source
    Feynman 1955; Bogoliubov 1958; Girardeau and Mazo, Adv. Chem. Phys. 24, 187 (1973).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from statfe.models.ising import IsingModel
from statfe.random import generator
from statfe.registry import Context, Method
from statfe.result import Kind, Outcome
from statfe.variational.mean_field import is_exact_product
from statfe.variational.minima import Minima, minimise, settle
from statfe.variational.solutions import Search, Start, along_betas, continued, fixed_point_options
from statfe.variational.start_points import budget, gauge_signs, random_states, spectral, standard_starts

#: Random starts of the method mean-field by default; its search is done first and as it does it.
NAIVE_RESTARTS = 3
#: Minima followed from one beta to the next.
FOLLOWED = 5
#: Key of the random stream of the starts beyond those of mean-field (see `statfe.random.generator`).
MORE_STARTS_KEY = 7002


class _State(NamedTuple):
    """What the next beta starts from: the solutions of plain mean field, and the minima."""

    naive: Search | None
    minima: Minima | None


def run(
    model: IsingModel,
    betas: np.ndarray,
    context: Context,
    *,
    restarts: int,
    **driver: Any,
) -> Sequence[Outcome]:
    """The lowest Gibbs-Bogoliubov bound found at every beta. `driver` is for the fixed-point driver."""
    driver["workers"] = context.workers

    def step(beta: float, before: _State | None) -> tuple[Outcome, _State | None]:
        earlier = before or _State(None, None)
        standard = standard_starts(model, beta, context.seed, min(restarts, NAIVE_RESTARTS))
        naive = minimise(model, beta, [*continued(earlier.naive), *standard], **driver)
        more = minimise(
            model, beta, [*_reached(naive), *_more_starts(model, context.seed, restarts), *_followed(earlier.minima)],
            **driver)
        minima = settle(model, beta, Search(naive.solutions + more.solutions, naive.failed + more.failed), **driver)
        state = _State(naive if naive.found else earlier.naive, minima if minima.found else earlier.minima)
        if not minima.found:
            return minima.search.failure("upper_bound"), state
        best = minima.search.solutions[0]
        kind: Kind = "exact" if is_exact_product(model, beta) else "upper_bound"
        return Outcome(
            beta_f=best.beta_f, kind=kind,
            stats={**minima.search.stats(best, "other_minima"), "stability": minima.stabilities[0],
                   "saddles_left": minima.saddles_left}), state

    return along_betas(betas, step, context.progress, METHOD.name)


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


METHOD = Method(
    name="gibbs-bogoliubov",
    family="approximate",
    summary="Gibbs-Bogoliubov bound of a product trial, minimised from many starts",
    kinds=("upper_bound", "exact"),
    reference="Feynman, Phys. Rev. 97, 660 (1955); Girardeau and Mazo, Adv. Chem. Phys. 24, 187 (1973)",
    run=run,
    options=fixed_point_options(restarts=20),
    cost=lambda model, n_betas: 600.0 * n_betas * (20.0 * model.n_sites + 2.0 * model.n_pairs),
)
