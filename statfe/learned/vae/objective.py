"""What a variational autoencoder is trained on, with its gradient at given noise.

With w_k = p(x|z_k) [p(z_k) / q(z_k|x)]^b at z_k = mu + sigma eps_k, k = 1 .. K, the loss of a point is

    elbo          -(1/K) sum_k ln p(x|z_k) + b KL(q || prior), the divergence in closed form                      (1)
    iwae          -ln (1/K) sum_k w_k (Y. Burda, R. Grosse and R. Salakhutdinov, ICLR 2016)                       (2)
    dreg          (2) with the encoder's gradient doubly reparameterised: the same mean, and noise that does not
                  grow with K (G. Tucker, D. Lawson, S. Gu and C. Maddison, ICLR 2019, eq. 8)
    autoencoder   -ln p(x|mu), the limit of no noise: a deterministic autoencoder                                 (3)

For b = 1 the means of (1) and (2) bound -ln p(x) from above, (2) ever more tightly as K grows. b < 1 is the warm-up,
b > 1 a beta-VAE (I. Higgins et al., ICLR 2017).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from statfe.errors import UsageError
from statfe.kernels.vae import analytic_head_slopes, draw_latent, sample_weights, scale_rows, weighted_head_slopes
from statfe.learned.vae.model import NOISE, Vae, likelihood_rows

#: Losses by name.
OBJECTIVES = ("elbo", "iwae", "dreg", "autoencoder")


@dataclass(frozen=True)
class Objective:
    """A loss.

    Attributes
    ----------
    name
        One of `OBJECTIVES`.
    samples
        K of (1) and (2).
    kl_weight
        b of (1) and (2).
    """

    name: str = "elbo"
    samples: int = 1
    kl_weight: float = 1.0

    def __post_init__(self) -> None:
        if self.name not in OBJECTIVES:
            raise UsageError(f"objective {self.name!r} is none of {', '.join(OBJECTIVES)}")
        if self.samples < 1 or not (0.0 <= self.kl_weight < np.inf):
            raise UsageError("an objective needs samples >= 1 and a finite kl_weight >= 0")

    @property
    def is_weighted(self) -> bool:
        """Whether samples have weights, (2)."""
        return self.name in ("iwae", "dreg")

    def at(self, kl_weight: float) -> Objective:
        """The same with another b."""
        return replace(self, kl_weight=kl_weight)


@dataclass(frozen=True)
class Loss:
    """A loss and its parts, means over the points; in nats.

    Attributes
    ----------
    value
        What is minimised.
    reconstruction
        -ln p(x|z), a plain mean over the samples.
    divergence
        KL(q || prior).
    """

    value: float
    reconstruction: float
    divergence: float


def loss_and_gradient(vae: Vae, data: np.ndarray, noise: np.ndarray, objective: Objective) -> tuple[Loss, np.ndarray]:
    """The mean loss over the rows of `data`, and its gradient.

    Parameters
    ----------
    data
        Checked, shape (points, visible).
    noise
        eps, shape (points, objective.samples, latent); not read by ``autoencoder``.

    Returns
    -------
    Loss
    gradient
        Of the shape and type of ``vae.parameters``. That of ``dreg`` is the gradient of its loss in the mean alone.
    """
    shape, arrays, kind = vae.shape, vae.arrays, vae.parameters.dtype
    points, latent = len(data), shape.latent
    plain = objective.name == "autoencoder"
    copies, kl_weight = (1, 0.0) if plain else (objective.samples, objective.kl_weight)
    eps = np.zeros((points, latent), kind) if plain else np.ascontiguousarray(
        noise.reshape(points * copies, latent), dtype=kind)
    x = np.ascontiguousarray(data, dtype=kind)
    below = shape.encoder_network.forward(arrays, x)
    heads, z = below[-1], np.empty_like(eps)
    log_ratio, divergence = np.empty(len(eps)), np.empty(points)
    draw_latent(heads, eps, copies, z, log_ratio, divergence)
    above = shape.decoder_network.forward(arrays, z)
    slopes = above[-1]
    log_likelihood = likelihood_rows(shape, vae.variances, x, copies, slopes)

    weights = np.full(len(eps), 1.0 / copies)
    if objective.is_weighted:
        log_means = np.empty(points)
        sample_weights(log_likelihood + kl_weight * log_ratio, copies, log_means, weights)
        value = -float(np.mean(log_means))
    else:
        value = -float(np.mean(log_likelihood)) + kl_weight * float(np.mean(divergence))

    gradient = np.zeros_like(vae.parameters)
    into = shape.layout.views(gradient)
    if shape.likelihood == "gaussian":
        into[NOISE][:] = -_noise_slope(vae, slopes, weights) / points
    scale_rows(slopes, -weights / points)
    to_latent = shape.decoder_network.backward(arrays, above, slopes, into, True)
    to_heads = np.empty_like(heads)
    if objective.is_weighted:
        weighted_head_slopes(
            heads, eps, copies, z, to_latent, weights, 1.0 / points, kl_weight, objective.name == "dreg", to_heads)
    else:
        analytic_head_slopes(heads, eps, copies, to_latent, 1.0 / points, kl_weight, to_heads)
    shape.encoder_network.backward(arrays, below, to_heads, into, False)
    return Loss(value, -float(np.mean(log_likelihood)), float(np.mean(divergence))), gradient


def _noise_slope(vae: Vae, slopes: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """sum_r W_r d ln p / d noise, from d ln p / d mean = g: d ln p / d v = (g^2 - 1/v) / 2."""
    squares = weights.astype(slopes.dtype) @ (slopes * slopes)
    return np.asarray(0.5 * (squares - weights.sum() / vae.variances) * np.exp(vae.arrays[NOISE]))
