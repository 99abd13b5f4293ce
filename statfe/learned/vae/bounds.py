"""Upper bounds on F_p = -ln p(x) under q: the negative ELBO <V>_q, and the bound of k importance-weighted samples

    F_k = <-ln (1/k) sum_{j=1}^k exp(-V_j)>_q >= F_p,    F_1 = <V>_q,                                             (1)

which falls as k grows (Y. Burda, R. Grosse and R. Salakhutdinov, ICLR 2016); and p(x) = <exp(-V)>_q itself, from
independent samples.
"""

from __future__ import annotations

import math

import numpy as np

from statfe.estimators.log_weights import MAX_K_HAT, MAX_SKEW, log_mean_weight
from statfe.kernels.vae import sample_weights
from statfe.learned.vae.posterior import Posterior
from statfe.learned.vae.quadrature import MAX_LATENT, hermite_grid
from statfe.random import generator
from statfe.result import Outcome, failure

#: Keys of the random streams of the samples (see `statfe.random.generator`).
ELBO_KEY, IWAE_KEY, IMPORTANCE_KEY = 9206, 9207, 9208
#: Orders of Gauss-Hermite sums under q, the second one for the error, by the latent dimension.
Q_ORDERS = {1: (96, 64), 2: (48, 32), 3: (28, 20)}
#: Below this effective number the estimate is not trusted.
MIN_EFFECTIVE = 50.0
#: Samples that are drawn at a time.
CHUNK = 2**16


def way(evaluation: str, latent: int) -> str:
    """``quadrature`` or ``sampling``: what ``auto`` stands for."""
    if evaluation == "auto":
        return "quadrature" if latent <= MAX_LATENT else "sampling"
    return evaluation


def elbo(posterior: Posterior, seed: int, evaluation: str = "auto", samples: int = 4096) -> Outcome:
    """<V>_q by Gauss-Hermite sums under q, or from samples with the divergence in closed form."""
    kl = 0.5 * float(np.sum(
        posterior.mean**2 + posterior.width**2 - 2.0 * np.log(posterior.width) - 1.0))
    if way(evaluation, posterior.latent) == "quadrature":
        if posterior.latent > MAX_LATENT:
            return failure("upper_bound", "not_converged", _too_deep(posterior))
        values = []
        for order in Q_ORDERS[posterior.latent]:
            u, w = hermite_grid(order, posterior.latent)
            values.append(kl - float(w @ posterior.log_likelihood(posterior.mean + posterior.width * u)))
        value, error = values[0], abs(values[0] - values[1])
    else:
        noise = generator(seed, ELBO_KEY).standard_normal((samples, posterior.latent))
        log_p = posterior.log_likelihood(posterior.mean + posterior.width * noise)
        value, error = kl - float(np.mean(log_p)), float(np.std(log_p, ddof=1)) / math.sqrt(samples)
    return Outcome(
        beta_f=value, beta_f_error=error, kind="upper_bound",
        stats={"divergence": kl, "reconstruction": value - kl, "evaluation": way(evaluation, posterior.latent)})


def iwae(posterior: Posterior, seed: int, samples: int = 64, groups: int = 256) -> Outcome:
    """(1) with k = `samples`, as a mean over independent groups."""
    log_w = -drawn_exponents(posterior, samples * groups, seed, IWAE_KEY)
    means, weights = np.empty(groups), np.empty(len(log_w))
    sample_weights(log_w, samples, means, weights)
    return Outcome(
        beta_f=-float(np.mean(means)), beta_f_error=float(np.std(means, ddof=1)) / math.sqrt(groups),
        kind="upper_bound", stats={"samples": samples, "groups": groups})


def importance(posterior: Posterior, seed: int, samples: int = 16384) -> Outcome:
    """-ln of the mean of exp(-V) over samples of q; `not_converged` where its weights bear no error."""
    logs = -drawn_exponents(posterior, samples, seed, IMPORTANCE_KEY)
    found = log_mean_weight(logs)
    stats = {"effective_samples": found.effective, "k_hat": found.k_hat, "skew": found.skew,
             "largest_share": found.largest_share, "samples": samples}
    if not (math.isfinite(found.value) and math.isfinite(found.error)):
        return failure("estimate", "diverged", "one sample carries all the weight; raise samples or use ais", **stats)
    problems = []
    if found.effective < MIN_EFFECTIVE:
        problems.append(f"only {found.effective:.0f} effective samples")
    if not found.k_hat <= MAX_K_HAT:
        problems.append(f"the weights have a heavy tail (k = {found.k_hat:.2f}), so the error is not known")
    if found.skew > MAX_SKEW:
        problems.append(f"rare large weights make up the sum (skewness {found.skew:.2f})")
    message = "; ".join(problems) + ("; raise samples, or use quadrature or ais" if problems else "")
    return Outcome(
        beta_f=-found.value, beta_f_error=found.error, kind="estimate",
        status="not_converged" if problems else "converged", message=message, stats=stats)


def drawn_exponents(posterior: Posterior, samples: int, seed: int, key: int | tuple[int, ...]) -> np.ndarray:
    """V of independent samples of q, shape (samples,)."""
    rng, found = generator(seed, key), np.empty(samples)
    for first in range(0, samples, CHUNK):
        count = min(CHUNK, samples - first)
        found[first:first + count] = posterior.exponents(rng.standard_normal((count, posterior.latent)))
    return found


def _too_deep(posterior: Posterior) -> str:
    return (f"quadrature goes to {MAX_LATENT} latent dimensions, this model has {posterior.latent}; take "
            "evaluation=sampling")
