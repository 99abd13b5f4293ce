"""Upper bounds on F_p = -ln p(x) under q: the negative ELBO <V>_q, and the bound of k importance-weighted samples

    F_k = <-ln (1/k) sum_{j=1}^k exp(-V_j)>_q >= F_p,    F_1 = <V>_q,                                             (1)

which falls as k grows (Y. Burda, R. Grosse and R. Salakhutdinov, ICLR 2016); and p(x) = <exp(-V)>_q itself, from
independent samples.

The tails of q are thin: where ln p(x|z) falls no faster than linearly, as for Bernoulli units and spins, the posterior
has the tails of the prior, and the weights exp(-V) have a Pareto tail of index k = 1 - min sigma^2, nearly 1: a mean
without a variance, whose rare large weights no finite sample shows. So a share of the samples is drawn from a broader q
and from the prior, and all are weighted by the mixture, which bounds the weights (T. Hesterberg, Technometrics 37, 185
(1995); samples by shares as in A. Owen and Y. Zhou, J. Am. Stat. Assoc. 95, 135 (2000)).
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import logsumexp

from statfe.estimators.log_weights import MAX_SKEW, log_mean_weight
from statfe.kernels.vae import sample_weights
from statfe.learned.vae.model import log_prior_constant
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
#: A Pareto tail of this index and more has no variance; beyond it plain errors do not cover (Vehtari et al. 2024).
MAX_TAIL = 0.5
#: How much wider than q the second law of the mixture is.
BROADER = 2.0
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


def importance(posterior: Posterior, seed: int, samples: int = 16384, defence: float = 0.2) -> Outcome:
    """-ln of the mean weight over samples of q, a share `defence` of them from broader laws.

    `not_converged` where the weights bear no error.
    """
    logs = mixture_weights(posterior, samples, seed, defence)
    found = log_mean_weight(logs)
    stats = {"effective_samples": found.effective, "k_hat": found.k_hat, "skew": found.skew,
             "largest_share": found.largest_share, "samples": samples, "defence": defence}
    if not (math.isfinite(found.value) and math.isfinite(found.error)):
        return failure("estimate", "diverged", "one sample carries all the weight; raise samples or use ais", **stats)
    problems = []
    if found.effective < MIN_EFFECTIVE:
        problems.append(f"only {found.effective:.0f} effective samples")
    if not found.k_hat <= MAX_TAIL:
        problems.append(f"the weights have a heavy tail (k = {found.k_hat:.2f}), so the error is not known")
    if found.skew > MAX_SKEW:
        problems.append(f"rare large weights make up the sum (skewness {found.skew:.2f})")
    message = "; ".join(problems) + ("; raise samples, or use quadrature or ais" if problems else "")
    return Outcome(
        beta_f=-found.value, beta_f_error=found.error, kind="estimate",
        status="not_converged" if problems else "converged", message=message, stats=stats)


def mixture_weights(posterior: Posterior, samples: int, seed: int, defence: float) -> np.ndarray:
    """ln of the weights of samples of q, of q made `BROADER` times as wide, and of the prior; shape (samples,)."""
    others = round(0.5 * defence * samples)
    if others == 0:
        return -drawn_exponents(posterior, samples, seed, IMPORTANCE_KEY)
    counts = np.array([samples - 2 * others, others, others])
    u = generator(seed, IMPORTANCE_KEY).standard_normal((samples, posterior.latent))
    z = posterior.mean + posterior.width * u
    q, wide = slice(counts[0]), slice(counts[0], counts[0] + others)
    z[wide] += (BROADER - 1.0) * posterior.width * u[wide]
    z[counts[0] + others:] = u[counts[0] + others:]
    log_q = posterior.log_q(z)
    # u itself keeps the digits that a narrow q would lose
    log_q[q] = posterior.log_q(posterior.mean[None])[0] - 0.5 * np.sum(u[q] * u[q], axis=1)
    broad = -0.5 * np.sum(((z - posterior.mean) / (BROADER * posterior.width))**2, axis=1) + (
        posterior.log_q(posterior.mean[None])[0] - posterior.latent * math.log(BROADER))
    log_p = posterior.log_likelihood(z)
    prior = log_prior_constant(posterior.latent) - 0.5 * np.sum(z * z, axis=1)
    return np.asarray(log_p + prior - logsumexp(
        np.stack([log_q, broad, prior]), axis=0, b=(counts / samples)[:, None]))


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
