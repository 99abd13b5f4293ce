"""The rows of a variational autoencoder: likelihoods with their slopes, latent samples, and weights of samples.

Row r of the samples belongs to data point r // copies. With noise eps of unit variance,

    z = mu + sigma eps,    ln p(z) - ln q(z|x) = sum_l (-z_l^2 + ln sigma_l^2 + eps_l^2) / 2,                     (1)
    KL(q || prior) = sum_l (mu_l^2 + sigma_l^2 - ln sigma_l^2 - 1) / 2.                                           (2)

All in the precision of the arrays; sums over units are kept in float64.
"""

from __future__ import annotations

import math

import numpy as np

from statfe._jit import njit
from statfe.kernels.activations import exp_any
from statfe.kernels.exponential import exp_block

#: Times that a row of factors between 1 and 2 is folded before logarithms are taken: 2^64 is finite in float32.
FOLDS = 6


@njit
def _fold(terms, factors, count):
    """Add the ends of `terms` to their beginnings, and multiply `factors` likewise; returns how many are left."""
    for _ in range(FOLDS):
        half = count >> 1
        count -= half
        for i in range(half):
            terms[i] += terms[count + i]
            factors[i] *= factors[count + i]
    return count


@njit
def bernoulli_rows(targets, copies, outputs, scale, log_likelihood):
    """ln p(x|z) of units that are 1 with log-odds l = scale * output; `outputs` become d ln p / d output.

    ln p = sum_i t_i l_i - max(l_i, 0) - ln(1 + exp(-|l_i|)),    d ln p / d l_i = t_i - 1 / (1 + exp(-l_i)).

    Parameters
    ----------
    targets
        t in [0, 1], shape (points, units).
    outputs
        Of the decoder, shape (points * copies, units); overwritten.
    scale
        1 for units 0 and 1; 2 for spins, whose log-odds are twice their field.
    log_likelihood
        Written; float64, shape (points * copies,).
    """
    width = outputs.shape[1]
    kind = outputs.dtype.type
    zero, one, factor = kind(0.0), kind(1.0), kind(scale)
    work, powers, room = np.empty_like(outputs[0]), np.empty_like(outputs[0]), np.empty_like(outputs[0])
    for r in range(outputs.shape[0]):
        row, target = outputs[r], targets[r // copies]
        for i in range(width):
            work[i] = -abs(factor * row[i])
        exp_any(work, width, room, powers)
        for i in range(width):
            odds = factor * row[i]
            e = powers[i]
            work[i] = target[i] * odds - max(odds, zero)
            share = one / (one + e)
            row[i] = factor * (target[i] - (share if odds >= zero else e * share))
            powers[i] = one + e
        count = _fold(work, powers, width)
        total = 0.0
        for i in range(count):
            total += np.float64(work[i]) - math.log(np.float64(powers[i]))
        log_likelihood[r] = total


@njit
def gaussian_rows(targets, copies, outputs, variances, log_likelihood):
    """ln p(x|z) of units with mean `outputs` and the given variances; `outputs` become d ln p / d mean.

    ln p = -sum_i [(x_i - m_i)^2 / v_i + ln(2 pi v_i)] / 2; shapes as in `bernoulli_rows`.
    """
    width = outputs.shape[1]
    constant = 0.0
    for i in range(width):
        constant -= 0.5 * math.log(2.0 * math.pi * variances[i])
    for r in range(outputs.shape[0]):
        row, target = outputs[r], targets[r // copies]
        total = constant
        for i in range(width):
            apart = target[i] - row[i]
            row[i] = apart / variances[i]
            total -= 0.5 * np.float64(apart) * np.float64(row[i])
        log_likelihood[r] = total


@njit
def _sigmas(heads):
    """sigma of every point and latent unit, float64, flat; at most exp(700), where all else overflows."""
    latent = heads.shape[1] // 2
    size = heads.shape[0] * latent
    halves, room, sigmas = np.empty(size), np.empty(size), np.empty(size)
    for i in range(heads.shape[0]):
        for c in range(latent):
            halves[i * latent + c] = min(0.5 * np.float64(heads[i, latent + c]), 700.0)
    exp_block(halves, size, room, sigmas)
    return sigmas


@njit
def draw_latent(heads, noise, copies, samples, log_ratio, divergence):
    """Equations (1) and (2).

    Parameters
    ----------
    heads
        mu and ln sigma^2 side by side, shape (points, 2 latent).
    noise
        eps, shape (points * copies, latent).
    samples, log_ratio
        z, of the shape of `noise`, and ln p(z) - ln q(z|x), float64, shape (points * copies,); written.
    divergence
        KL, float64, shape (points,); written.
    """
    latent = noise.shape[1]
    sigmas = _sigmas(heads)
    for i in range(heads.shape[0]):
        kl = 0.0
        for c in range(latent):
            mu, log_variance = np.float64(heads[i, c]), np.float64(heads[i, latent + c])
            sigma = sigmas[i * latent + c]
            kl += 0.5 * (mu * mu + (sigma * sigma - 1.0) - log_variance)
        divergence[i] = kl
        for r in range(i * copies, (i + 1) * copies):
            total = 0.0
            for c in range(latent):
                mu, log_variance = np.float64(heads[i, c]), np.float64(heads[i, latent + c])
                eps = np.float64(noise[r, c])
                z = mu + sigmas[i * latent + c] * eps
                samples[r, c] = z
                total += 0.5 * (log_variance + eps * eps - z * z)
            log_ratio[r] = total


@njit
def sample_weights(log_weights, copies, log_means, weights):
    """log_means = ln of the mean of exp(log_weights) over the samples of each point; `weights` their shares of it."""
    for i in range(len(log_means)):
        first, last = i * copies, (i + 1) * copies
        top = log_weights[first]
        for r in range(first, last):
            top = max(top, log_weights[r])
        total = 0.0
        for r in range(first, last):
            weights[r] = math.exp(log_weights[r] - top)
            total += weights[r]
        for r in range(first, last):
            weights[r] /= total
        log_means[i] = top + math.log(total / copies)


@njit
def scale_rows(rows, factors):
    """rows[r] *= factors[r]."""
    for r in range(rows.shape[0]):
        factor = rows.dtype.type(factors[r])
        for i in range(rows.shape[1]):
            rows[r, i] *= factor


@njit
def weighted_head_slopes(heads, noise, copies, samples, slopes, weights, share, kl_weight, doubly, out):
    """d loss / d (mu, ln sigma^2) of the loss -sum_i share ln mean_k exp(ln w_ik), see `statfe.learned.vae.objective`.

    With ln w = ln p(x|z) + b [ln p(z) - ln q(z|x)], b = `kl_weight`, and W the shares `weights` of the samples,

        g = d ln p(x|z) / dz - b z,    d / d mu = -share sum_k W g,
        d / d ln sigma^2 = -share sum_k W (g sigma eps + b) / 2;

    doubly reparameterised (`doubly`), where W becomes W^2 and the slope of ln q by its parameters is left out,

        g = d ln p(x|z) / dz - b z + b eps / sigma,    d / d mu = -share sum_k W^2 g,
        d / d ln sigma^2 = -share sum_k W^2 g sigma eps / 2.

    Parameters
    ----------
    slopes
        -share W d ln p(x|z) / dz of each sample, shape (points * copies, latent).
    out
        Of the shape of `heads`; written.
    """
    latent = noise.shape[1]
    sigmas = _sigmas(heads)
    for i in range(heads.shape[0]):
        for c in range(latent):
            sigma = sigmas[i * latent + c]
            mean_slope, variance_slope = 0.0, 0.0
            for r in range(i * copies, (i + 1) * copies):
                eps, factor = np.float64(noise[r, c]), -share * weights[r]
                g = np.float64(slopes[r, c]) - factor * kl_weight * np.float64(samples[r, c])
                if doubly:
                    g = weights[r] * (g + factor * kl_weight * eps / sigma)
                else:
                    variance_slope += 0.5 * factor * kl_weight
                mean_slope += g
                variance_slope += 0.5 * g * sigma * eps
            out[i, c] = mean_slope
            out[i, latent + c] = variance_slope


@njit
def analytic_head_slopes(heads, noise, copies, slopes, share, kl_weight, out):
    """The same of the loss with the divergence (2): slopes of ln p(x|z) alone are sampled."""
    latent = noise.shape[1]
    sigmas = _sigmas(heads)
    for i in range(heads.shape[0]):
        for c in range(latent):
            sigma = sigmas[i * latent + c]
            mean_slope = share * kl_weight * np.float64(heads[i, c])
            variance_slope = 0.5 * share * kl_weight * (sigma * sigma - 1.0)
            for r in range(i * copies, (i + 1) * copies):
                mean_slope += np.float64(slopes[r, c])
                variance_slope += 0.5 * np.float64(slopes[r, c]) * sigma * np.float64(noise[r, c])
            out[i, c] = mean_slope
            out[i, latent + c] = variance_slope
