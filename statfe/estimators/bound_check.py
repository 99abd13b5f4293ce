"""A rigorous upper bound beside a sampled reference: chains that all miss a phase agree with each other, not with it.

Any product trial bounds beta F from above (Gibbs-Bogoliubov), so a few mean-field sweeps from the two aligned states
and from the best trial at the beta before are enough; they need not converge.
"""

from __future__ import annotations

import numpy as np

from statfe.models.ising import IsingModel
from statfe.trial import ProductTrial
from statfe.variational.mean_field import mean_field_map, product_beta_f
from statfe.variational.start_points import FROZEN, gauge_signs

#: Sweeps from each start, at most.
SWEEPS = 30
#: Change of every field below which a descent has nothing left to gain.
SETTLED = 1e-4


def upper_bounds(model: IsingModel, betas: np.ndarray) -> np.ndarray:
    """The lowest bound found on beta F at each of `betas` (ascending), without the model's offset; shape (len(betas),).

    Infinite where beta times the energy leaves the range of doubles.
    """
    signs = gauge_signs(model)
    starts = [FROZEN * signs, -FROZEN * signs] if model.has_fields else [FROZEN * signs]
    bounds = np.empty(len(betas))
    best: list[np.ndarray] = []
    for k, beta in enumerate(betas):
        found = [_descend(model, float(beta), start) for start in starts + best]
        lowest = min(range(len(found)), key=lambda i: found[i][0])
        bounds[k] = found[lowest][0]
        best = [found[lowest][1]] if np.isfinite(bounds[k]) else []
    return bounds


def _descend(model: IsingModel, beta: float, lambdas: np.ndarray) -> tuple[float, np.ndarray]:
    """(bound, fields) after some sweeps from `lambdas`."""
    sweep = mean_field_map(model, beta)
    with np.errstate(over="ignore", invalid="ignore"):
        for _ in range(SWEEPS):
            before, lambdas = lambdas, sweep(lambdas)
            # NaN settles nothing and ends as no bound.
            if np.max(np.abs(lambdas - before)) < SETTLED:
                break
        bound = product_beta_f(model, beta, ProductTrial(lambdas))
    return (bound if np.isfinite(bound) else np.inf), lambdas
