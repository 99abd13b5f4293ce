"""From stationary points of the Gibbs-Bogoliubov bound to its minima (see `statfe.variational.stability`)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from statfe.executors import map_tasks
from statfe.models.ising import IsingModel
from statfe.trial import ProductTrial
from statfe.variational.mean_field import descend, product_beta_f
from statfe.variational.solutions import Search, Solution, Start, distinct, search
from statfe.variational.stability import FLAT, soft_mode

#: Sizes of the push off a saddle, as the largest change of a field; the one that lowers the bound most is taken.
PUSHES = (1.0, 0.3, 0.1, 0.03, 0.01, 3e-3, 1e-3)
#: Most saddles that one descent may pass.
MAX_SADDLES = 20


@dataclass(frozen=True, eq=False)
class Minima:
    """Distinct minima, the lowest first.

    Attributes
    ----------
    search
        The minima, and all descents that ended on none.
    stabilities
        1 - theta of each minimum; NaN where the eigenvalue search stalled and pushes alone vouch for it.
    saddles_left
        Number of saddles that descents were pushed off.
    unsettled
        beta_f of the lowest stationary point that led to no minimum within the iterations; infinity if none.
    """

    search: Search
    stabilities: list[float]
    saddles_left: int
    unsettled: float

    @property
    def found(self) -> bool:
        """Whether there is a minimum, at or below every stationary point that was met."""
        return self.search.found and self.search.solutions[0].beta_f <= self.unsettled


class _Settled(NamedTuple):
    """Where a descent ended after leaving `saddles_left` saddles, and 1 - theta there."""

    solution: Solution
    stability: float
    saddles_left: int


def minimise(
    model: IsingModel, beta: float, starts: list[Start], *, workers: int = 1, **driver: Any
) -> Search:
    """The distinct minima of the bound that descents from `starts` reach.

    At a continuous transition descents decay algebraically and none may end. Without fields and where theta <= 1 at
    m = 0 the bound is convex, and m = 0 its minimum: it is then taken.
    """
    found = search(
        starts, lambda start: descend(model, beta, start, **driver), model.n_sites,
        symmetric=not model.has_fields, workers=workers)
    if found.found or model.has_fields:
        return found
    disordered = descend(model, beta, Start("disordered", np.zeros(model.n_sites)), **driver)
    stable = soft_mode(model, beta, ProductTrial(disordered.point.x)).theta <= 1.0 + FLAT
    return Search([disordered], found.failed) if stable and disordered.point.converged else found


def settle(model: IsingModel, beta: float, found: Search, *, workers: int = 1, **driver: Any) -> Minima:
    """The minima that the stationary points of `found` are or lead down to.

    `driver` is handed to `solve_fixed_point`. A descent that ends on no minimum joins the failed.
    """
    symmetric = not model.has_fields
    points = distinct(found.solutions, model.n_sites, symmetric)
    settled = map_tasks(lambda s: _settle_one(model, beta, s, driver), points, workers)
    failed = [s.solution.point for s in settled if not s.solution.point.converged]
    good = {id(s.solution): s for s in settled if s.solution.point.converged}
    kept = distinct([s.solution for s in good.values()], model.n_sites, symmetric)
    return Minima(
        Search(kept, found.failed + failed), [good[id(s)].stability for s in kept],
        sum(s.saddles_left for s in settled),
        min((p.beta_f for p, s in zip(points, settled, strict=True) if not s.solution.point.converged), default=np.inf))


def _settle_one(model: IsingModel, beta: float, solution: Solution, driver: dict[str, Any]) -> _Settled:
    """Leave saddle after saddle until the point is a minimum."""
    for passed in range(MAX_SADDLES):
        if not solution.point.converged:
            return _Settled(solution, np.nan, passed)
        mode = soft_mode(model, beta, ProductTrial(solution.point.x))
        if mode.theta <= 1.0 + FLAT:
            return _Settled(solution, 1.0 - mode.theta, passed)
        pushed = _push(model, beta, solution, mode.direction)
        if pushed is None:
            # Nothing lower to all digits: flat, or the eigenvalue search stalled at a minimum.
            return _Settled(solution, 1.0 - mode.theta if np.isfinite(mode.theta) else np.nan, passed)
        solution = descend(model, beta, Start(solution.start, pushed), **driver)
    return _Settled(replace(solution, point=replace(solution.point, converged=False)), np.nan, MAX_SADDLES)


def _push(model: IsingModel, beta: float, solution: Solution, direction: np.ndarray) -> np.ndarray | None:
    """The lowest point among pushes both ways along `direction`; None where all go up."""
    points = [solution.point.x + side * size * direction for size in PUSHES for side in (1.0, -1.0)]
    values = [product_beta_f(model, beta, ProductTrial(x)) for x in points]
    lowest = int(np.argmin(values))
    return points[lowest] if values[lowest] < solution.beta_f else None
