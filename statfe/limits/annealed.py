"""-ln E[Z] of models whose couplings are drawn at random: the annealed free energy, at any N.

The average over the couplings of one bond, E[exp(beta J s s')], does not depend on s s' where the law of J is even:

    exp((beta J)^2 / 2)  for J times a normal number,     cosh(beta J)  for +-J with equal probability.            (1)

The average over all bonds then is a constant, and what is left are free spins. In SK, with J / sqrt(N) on N (N - 1) / 2
pairs, E[Z] = (2 cosh beta h)^N exp[(beta J)^2 (N - 1) / 4].

Hopfield patterns: those of a state s may be flipped with it, so that each pattern gives the same factor, the mean of
exp[(beta / 2N) (M^2 - N)] over the sum M of N random signs,

    E[Z] = (2 cosh beta h)^N (2^-N sum_k C(N, k) exp[(beta / 2N) ((N - 2k)^2 - N)])^p.                             (2)

By Jensen's inequality E[ln Z] <= ln E[Z]: a lower bound of beta F averaged over the disorder, not of one sample.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy.special import gammaln, logsumexp

from statfe.limits.finite import family_of, free_spins_beta_f
from statfe.models.ising import IsingModel

#: Families whose couplings are drawn bond by bond, on a lattice or graph that is given.
BONDS = ("ea", "random-regular", "erdos-renyi")


def even_bonds(family: str, options: dict[str, Any]) -> bool:
    """Whether bonds are drawn one by one from a law that is even."""
    if family == "sk":
        return True
    if family not in BONDS:
        return False
    return options["couplings"] == "gaussian" or (options["couplings"] == "bimodal" and options["p"] == 0.5)


def annealed_beta_f(model: IsingModel, beta: float) -> float:
    """-ln E[Z] over the couplings of the family of `model`, for its graph, N and fields."""
    family, options = family_of(model)
    K = abs(beta * options["coupling"])
    if family == "hopfield":
        mean = options["patterns"] * _log_pattern(model.n_sites, beta * options["coupling"])
    elif family == "sk":
        mean = 0.25 * K * K * (model.n_sites - 1)
    elif options["couplings"] == "gaussian":
        mean = 0.5 * K * K * model.n_bonds
    else:
        mean = model.n_bonds * (K + math.log1p(math.exp(-2.0 * K)) - math.log(2.0))
    return free_spins_beta_f(model, beta) - mean


def _log_pattern(n: int, K: float) -> float:
    """The logarithm of the bracket of (2)."""
    k = np.arange(n + 1.0)
    log_count = gammaln(n + 1.0) - gammaln(k + 1.0) - gammaln(n - k + 1.0)
    return float(logsumexp(log_count + 0.5 * K * ((n - 2.0 * k) ** 2 / n - 1.0)) - n * math.log(2.0))


def same_for_all(model: IsingModel, beta: float) -> bool:
    """Whether Z itself does not depend on the signs of the couplings, so that -ln E[Z] is exact.

    Bonds +-J on a graph without cycles and fields: the signs can be gauged away.
    """
    family, options = family_of(model)
    free = model.n_pairs == 0 or beta == 0.0
    return free or (
        family in BONDS and options["couplings"] == "bimodal" and not model.has_fields and model.is_forest
        and model.n_pairs == model.n_bonds)
