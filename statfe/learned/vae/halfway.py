"""Half of the way by weighted samples of q, the other half by cumulants where the first ends.

With f(lambda) = -ln <exp(-lambda V)>_q and pi ~ q exp(-V / 2), half of the way from q to the posterior,

    F_p = f(1) = f(1/2) + sum_k t_k / 2^k,    t_k = (-1)^(k-1) kappa_k / k!,  kappa_k the cumulants of V under pi.  (1)

The first term alone, f(1/2) + <V>_pi / 2, is an upper bound that lies below the negative ELBO, as f is concave. For a
Gaussian posterior f is singular at lambda = 1 / (1 - b) alone (see `gaussian_part`), which is never between 0 and 1:
(1) then converges whatever q. The weights exp(-V / 2) have a variance whenever p(x) is finite, as their mean square is
p(x) itself; those of plain importance sampling often have none. Such a path from q to the posterior is that of
V. Masrani, T. A. Le and F. Wood, NeurIPS 2019, whose sums of <V> over more values of lambda bound it from both sides.
"""

from __future__ import annotations

import math

import numpy as np

from statfe.estimators.log_weights import MAX_K_HAT, log_mean_exp, pareto_k
from statfe.learned.vae.bounds import Q_ORDERS, drawn_exponents, way
from statfe.learned.vae.posterior import Posterior
from statfe.learned.vae.quadrature import MAX_LATENT, hermite_grid
from statfe.result import Kind, Outcome, failure
from statfe.series.cumulant_terms import BLOCKS, of_states

#: Key of the random streams of the samples (see `statfe.random.generator`).
SAMPLES_KEY = 9212


def halfway_sums(V: np.ndarray, weights: np.ndarray, order: int) -> np.ndarray:
    """(1) to the orders 1, 2, ..., from values of V under q and their weights, which add up to 1; shape (order,)."""
    top = float(np.min(V[weights > 0.0]))
    tilted = weights * np.exp(-0.5 * (V - top))
    total = float(tilted.sum())
    terms = of_states(V, tilted, order, "quadrature").terms
    return np.asarray(0.5 * top - math.log(total) + np.cumsum(terms * 0.5 ** np.arange(1, order + 1)))


def halfway_cumulants(
    posterior: Posterior, seed: int, order: int = 4, evaluation: str = "auto", samples: int = 65536
) -> Outcome:
    """Equation (1) to `order`: to the first a bound."""
    kind: Kind = "upper_bound" if order == 1 else "uncontrolled"
    here = way(evaluation, posterior.latent)
    if here == "quadrature":
        if posterior.latent > MAX_LATENT:
            return failure(
                kind, "not_converged", f"quadrature goes to {MAX_LATENT} latent dimensions, this model has "
                f"{posterior.latent}; take evaluation=sampling")
        found = []
        for nodes in Q_ORDERS[posterior.latent]:
            u, w = hermite_grid(nodes, posterior.latent)
            found.append(halfway_sums(posterior.exponents(u), w / w.sum(), order))
        return Outcome(
            beta_f=float(found[0][-1]), beta_f_error=float(abs(found[0][-1] - found[1][-1])), kind=kind,
            stats={"evaluation": here, "partial_sums": found[0].tolist()})
    V = drawn_exponents(posterior, BLOCKS * max(2, -(-samples // BLOCKS)), seed, SAMPLES_KEY)
    return _of_samples(V, order, kind)


def _of_samples(V: np.ndarray, order: int, kind: Kind) -> Outcome:
    """From samples, with the jackknife's error over blocks and without its bias."""
    block = np.arange(len(V)) % BLOCKS
    whole = halfway_sums(V, np.full(len(V), 1.0 / len(V)), order)
    without = np.array([halfway_sums(V[block != k], np.full(int(np.sum(block != k)), 1.0 / np.sum(block != k)), order)
                        for k in range(BLOCKS)])
    error = float(np.sqrt((BLOCKS - 1) / BLOCKS * np.sum((without[:, -1] - without[:, -1].mean()) ** 2)))
    value = float(whole[-1] + (BLOCKS - 1) * (whole[-1] - without[:, -1].mean()))
    k_hat = pareto_k(-0.5 * V)
    stats = {"evaluation": "sampling", "partial_sums": whole.tolist(), "k_hat": k_hat,
             "half_way": -log_mean_exp(-0.5 * V)}
    if not (math.isfinite(value) and math.isfinite(error)):
        return failure(kind, "diverged", "the cumulants are too large for floating point; lower the order", **stats)
    problem = "" if k_hat <= MAX_K_HAT else (
        f"the weights of half the way have a heavy tail (k = {k_hat:.2f}), so the error is not known; raise samples, "
        "or use ais")
    return Outcome(
        beta_f=value, beta_f_error=error, kind=kind, status="not_converged" if problem else "converged",
        message=problem, stats=stats)
