"""ln w = ln p(x, z) - ln q(z|x) of many samples of many points at once, and bounds from it."""

from __future__ import annotations

import numpy as np

from statfe.kernels.vae import draw_latent
from statfe.learned.vae.model import Vae, likelihood_rows

#: Rows of the decoder that are computed at a time.
ROWS = 8192


def log_weight_rows(vae: Vae, data: np.ndarray, noise: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """ln w and ln p(x|z), shape (points, samples), and KL(q || prior), shape (points,); all float64.

    `noise` has shape (points, samples, latent), `data` is checked.
    """
    points, samples, latent = noise.shape
    log_w, log_p, divergence = np.empty((points, samples)), np.empty((points, samples)), np.empty(points)
    kind, step = vae.parameters.dtype, max(1, ROWS // samples)
    for first in range(0, points, step):
        rows = slice(first, first + step)
        x = np.ascontiguousarray(data[rows], dtype=kind)
        eps = np.ascontiguousarray(noise[rows].reshape(-1, latent), dtype=kind)
        heads = vae.shape.encoder_network.forward(vae.arrays, x)[-1]
        z, log_ratio, kl = np.empty_like(eps), np.empty(len(eps)), np.empty(len(x))
        draw_latent(heads, eps, samples, z, log_ratio, kl)
        outputs = vae.shape.decoder_network.forward(vae.arrays, z)[-1]
        found = likelihood_rows(vae.shape, vae.variances, x, samples, outputs)
        log_p[rows], divergence[rows] = found.reshape(-1, samples), kl
        log_w[rows] = (found + log_ratio).reshape(-1, samples)
    return log_w, log_p, divergence


def bound_rows(vae: Vae, data: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """The negative ELBO of each point, the divergence in closed form; float64, shape (points,)."""
    _, log_p, divergence = log_weight_rows(vae, data, noise)
    return np.asarray(divergence - log_p.mean(axis=1))
