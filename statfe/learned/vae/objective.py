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
from statfe.executors import ALONE, Crew, even_blocks
from statfe.kernels.vae import analytic_head_slopes, draw_latent, sample_weights, scale_rows, weighted_head_slopes
from statfe.learned.flat import lined_up
from statfe.learned.vae.model import NOISE, Vae, VaeShape, likelihood_rows

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
    def copies(self) -> int:
        """Samples that are taken of a point: one where there is no noise."""
        return 1 if self.name == "autoencoder" else self.samples

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


class Descent:
    """Losses and gradients of batches of one size, in room that is kept from step to step.

    Points are cut in blocks: a block goes up the encoder and down the decoder and back on one thread. Then all points
    are there, and the slopes of the weights are cut by rows of the weights. No sum is over blocks but that of the
    slopes of the noise, in the order of the blocks; so threads change no bit where products are those of one thread
    (`statfe.blas.one_thread`).

    Attributes
    ----------
    gradient
        Of the last loss, of the shape and type of the parameters.
    """

    def __init__(self, shape: VaeShape, points: int, samples: int, dtype: np.dtype, crew: Crew = ALONE) -> None:
        self.shape, self.points, self.copies, self.crew = shape, points, samples, crew
        rows, up, down = points * samples, shape.encoder_network, shape.decoder_network
        self.gradient = lined_up(shape.layout.size, dtype, place=1)
        self.into = shape.layout.views(self.gradient)
        self.x: np.ndarray = np.empty((points, shape.visible), dtype)
        self.eps: np.ndarray = np.empty((rows, shape.latent), dtype)
        self.z, self.to_z = np.empty_like(self.eps), np.empty_like(self.eps)
        self.below, self.above = up.room(points, dtype), down.room(rows, dtype)
        self.to_below, self.to_above = up.room(points, dtype), [*down.room(rows, dtype)[:-1], self.above[-1]]
        self.log_likelihood, self.log_ratio, self.weights = np.empty(rows), np.empty(rows), np.empty(rows)
        self.log_means, self.divergence = np.empty(points), np.empty(points)
        self.blocks = even_blocks(points, rows * shape.layout.size)
        self.noise_slopes: np.ndarray = np.zeros((len(self.blocks), shape.visible))
        self.parts = [*down.gradient_parts([self.z, *self.above], self.to_above, self.into),
                      *up.gradient_parts([self.x, *self.below], self.to_below, self.into)]
        # one call where one block is worth no thread
        self.regions = len(self.parts) if len(self.blocks) > 1 else 1

    def loss(self, vae: Vae, data: np.ndarray, noise: np.ndarray, objective: Objective) -> Loss:
        """As `loss_and_gradient`; leaves the gradient in `gradient`."""
        plain = objective.name == "autoencoder"
        self.x[:] = data
        self.eps[:] = 0.0 if plain else noise.reshape(self.eps.shape)
        kl_weight = 0.0 if plain else objective.kl_weight
        self.crew.run(lambda k: self._block(vae, objective, kl_weight, k), len(self.blocks))
        self.crew.run(self._part, self.regions)
        if self.shape.likelihood == "gaussian":
            self.into[NOISE][:] = self.noise_slopes.sum(axis=0)
        reconstruction = -float(np.add.reduce(self.log_likelihood)) / len(self.log_likelihood)
        divergence = float(np.add.reduce(self.divergence)) / self.points
        if objective.is_weighted:
            return Loss(-float(np.add.reduce(self.log_means)) / self.points, reconstruction, divergence)
        return Loss(reconstruction + kl_weight * divergence, reconstruction, divergence)

    def _part(self, k: int) -> None:
        for part in self.parts if self.regions == 1 else self.parts[k:k + 1]:
            part()

    def _block(self, vae: Vae, objective: Objective, kl_weight: float, k: int) -> None:
        """All but the slopes of weights, of the points of block k."""
        shape, copies, arrays = self.shape, self.copies, vae.arrays
        points = self.blocks[k]
        rows = slice(points.start * copies, points.stop * copies)
        x, eps, z, weights = self.x[points], self.eps[rows], self.z[rows], self.weights[rows]
        log_likelihood, log_ratio, to_z = self.log_likelihood[rows], self.log_ratio[rows], self.to_z[rows]
        below = shape.encoder_network.forward(arrays, x, [values[points] for values in self.below])
        heads, to_below = below[-1], [slopes[points] for slopes in self.to_below]
        draw_latent(heads, eps, copies, z, log_ratio, self.divergence[points])
        above = shape.decoder_network.forward(arrays, z, [values[rows] for values in self.above])
        likelihood_rows(shape, vae.variances, x, copies, above[-1], log_likelihood)
        if objective.is_weighted:
            sample_weights(log_likelihood + kl_weight * log_ratio, copies, self.log_means[points], weights)
        else:
            weights[:] = 1.0 / copies
        if shape.likelihood == "gaussian":
            self.noise_slopes[k] = -_noise_slope(vae, above[-1], weights) / self.points
        scale_rows(above[-1], -weights / self.points)
        shape.decoder_network.slopes_down(arrays, above, [slopes[rows] for slopes in self.to_above], to_z)
        if objective.is_weighted:
            weighted_head_slopes(heads, eps, copies, z, to_z, weights, 1.0 / self.points, kl_weight,
                                 objective.name == "dreg", to_below[-1])
        else:
            analytic_head_slopes(heads, eps, copies, to_z, 1.0 / self.points, kl_weight, to_below[-1])
        shape.encoder_network.slopes_down(arrays, below, to_below)


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
    descent = Descent(vae.shape, len(data), objective.copies, vae.parameters.dtype)
    return descent.loss(vae, data, noise, objective), descent.gradient


def _noise_slope(vae: Vae, slopes: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """sum_r W_r d ln p / d noise, from d ln p / d mean = g: d ln p / d v = (g^2 - 1/v) / 2."""
    squares = weights.astype(slopes.dtype) @ (slopes * slopes)
    return np.asarray(0.5 * (squares - weights.sum() / vae.variances) * np.exp(vae.arrays[NOISE]))
