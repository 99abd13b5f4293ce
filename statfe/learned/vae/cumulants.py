"""The cumulant expansion of F_p = -ln <exp(-V)>_q around the negative ELBO <V>_q, to order 6.

    F_p = kappa_1 - kappa_2 / 2 + kappa_3 / 6 - ...,    V = ln q(z|x) - ln p(x, z) under q(z|x),

with the terms, jackknife errors and rules of `statfe.series`. In up to three latent dimensions the moments are
Gauss-Hermite sums under q, whose change with the order stands for rounding: what noise there is left.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from statfe.learned.vae.bounds import Q_ORDERS, drawn_exponents, way
from statfe.learned.vae.posterior import Posterior
from statfe.learned.vae.quadrature import MAX_LATENT, hermite_grid
from statfe.result import Kind, Outcome, failure
from statfe.series.cumulant_outcome import summed
from statfe.series.cumulant_samples import of_blocks
from statfe.series.cumulant_terms import BLOCKS, Expansion, of_states

#: Key of the random streams of the blocks of samples (see `statfe.random.generator`).
BLOCKS_KEY = 9209
#: Highest order here.
HIGHEST_ORDER = 6


def expand(posterior: Posterior, order: int, seed: int, evaluation: str = "auto", samples: int = 65536) -> Expansion:
    """The first `order` terms, by ``quadrature`` under q or ``sampling`` of it; ``auto`` takes the first if it can."""
    if way(evaluation, posterior.latent) == "quadrature":
        return _by_quadrature(posterior, order)
    size = max(2, -(-samples // BLOCKS))

    def values(number: int) -> Iterator[np.ndarray]:
        return iter([drawn_exponents(posterior, size, seed, (BLOCKS_KEY, number))])

    return of_blocks(values, size, order)


def cumulants(
    posterior: Posterior, seed: int, order: int = 4, sum_rule: str = "plain", evaluation: str = "auto",
    samples: int = 65536,
) -> Outcome:
    """The sum to `order` by a rule of `statfe.series.cumulant_outcome.RULES`: to the first order a bound."""
    kind: Kind = "upper_bound" if order == 1 and sum_rule != "pade" else "uncontrolled"
    if way(evaluation, posterior.latent) == "quadrature" and posterior.latent > MAX_LATENT:
        return failure(
            kind, "not_converged", f"quadrature goes to {MAX_LATENT} latent dimensions, this model has "
            f"{posterior.latent}; take evaluation=sampling")
    terms = expand(posterior, order, seed, evaluation, samples)
    found = summed(terms, sum_rule, kind, posterior.latent, {"evaluation": way(evaluation, posterior.latent)})
    if terms.replicas is None and found.status == "converged":
        stop = found.stats["smallest_term"] if sum_rule == "smallest-term" else order
        return replace(found, beta_f_error=float(np.sum(terms.rounding[:stop])))
    return found


def _by_quadrature(posterior: Posterior, order: int) -> Expansion:
    """The change of each term from the coarser sums counts as its rounding."""
    found = []
    for nodes in Q_ORDERS[posterior.latent]:
        u, w = hermite_grid(nodes, posterior.latent)
        found.append(of_states(posterior.exponents(u), w, order, "quadrature"))
    fine, coarse = found
    return replace(fine, rounding=np.maximum(fine.rounding, np.abs(fine.terms - coarse.terms)))
