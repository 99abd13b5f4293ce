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

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from statfe.errors import UsageError
from statfe.executors import ALONE, MEETINGS, Crew, even_blocks, run_team
from statfe.kernels.matrix_products import address
from statfe.kernels.vae_steps import DREG, ELBO, IWAE, vae_steps
from statfe.learned.adam import Adam
from statfe.learned.dense_network import ACTIVATIONS, DenseNetwork
from statfe.learned.flat import lined_up
from statfe.learned.vae.model import LIKELIHOODS, Vae, VaeShape

#: Losses by name.
OBJECTIVES = ("elbo", "iwae", "dreg", "autoencoder")
#: Those that the kernel knows; an autoencoder is an `ELBO` without noise and divergence.
KERNEL_OBJECTIVES = {"elbo": ELBO, "iwae": IWAE, "dreg": DREG}


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
    """Losses, gradients and steps of batches of one size, in room that is kept from step to step.

    All is done in one kernel, `statfe.kernels.vae_steps`, by the threads of `crew`; they change no bit where products
    are those of one thread (`statfe.blas.one_thread`).

    Attributes
    ----------
    gradient
        Of the last loss, of the shape and type of the parameters.
    """

    def __init__(
        self, shape: VaeShape, points: int, objective: Objective, dtype: np.dtype, crew: Crew = ALONE
    ) -> None:
        self.shape, self.points, self.objective, self.crew = shape, points, objective, crew
        rows = points * objective.copies
        self.gradient = lined_up(shape.layout.size, dtype, place=1)
        blocks = even_blocks(points, MEETINGS * rows * shape.layout.size)
        self._cuts = np.array([0, *(block.stop for block in blocks)])
        self._gemm = address(dtype.type)
        self._up, self._down = (
            _table(network, shape.layout.starts) for network in (shape.encoder_network, shape.decoder_network))
        self._goal = (ACTIVATIONS[shape.activation], LIKELIHOODS.index(shape.likelihood),
                      KERNEL_OBJECTIVES.get(objective.name, ELBO), objective.copies)
        below, above = (sum(network.widths[1:]) for network in (shape.encoder_network, shape.decoder_network))
        widest = max(*shape.encoder_network.widths[1:], *shape.decoder_network.widths)
        largest = int(np.diff(self._cuts).max()) * objective.copies
        gaussian = shape.likelihood == "gaussian"
        self._room = (
            *(np.empty(points * below, dtype) for _ in range(2)), *(np.empty(rows * above, dtype) for _ in range(2)),
            *(np.empty((rows, shape.latent), dtype) for _ in range(2)), np.empty((3, rows)), np.zeros((2, points)),
            np.zeros((len(blocks), shape.visible if gaussian else 0)), np.empty((len(blocks), largest * widest), dtype))
        self._squares: np.ndarray = np.empty(len(blocks))
        self._x: np.ndarray = np.empty((0, points, shape.visible), dtype)
        self._eps: np.ndarray = np.empty((0, rows, shape.latent), dtype)

    @property
    def blocks(self) -> int:
        """Blocks that threads share."""
        return len(self._cuts) - 1

    def loss(self, vae: Vae, data: np.ndarray, noise: np.ndarray) -> Loss:
        """As `loss_and_gradient`; leaves the gradient in `gradient`."""
        found = self._run(vae.parameters, [data], [noise], np.array([self.objective.kl_weight]), None, 0.0)
        return Loss(*found[0, :3].tolist())

    def steps(
        self, parameters: np.ndarray, batches: list[np.ndarray], noises: list[np.ndarray], kl_weights: np.ndarray,
        adam: Adam, rate: float,
    ) -> np.ndarray:
        """A step of `adam` for each batch, with b of its own.

        Returns what the steps found, float64, shape (steps, 4): the loss, its two parts (see `Loss`), and the square
        of the gradient's norm.
        """
        found = self._run(parameters, batches, noises, kl_weights, adam, rate)
        adam.count += len(batches)
        return found

    def _run(
        self, parameters: np.ndarray, batches: list[np.ndarray], noises: list[np.ndarray], kl_weights: np.ndarray,
        adam: Adam | None, rate: float,
    ) -> np.ndarray:
        plain = self.objective.name == "autoencoder"
        steps = len(batches)
        if len(self._x) < steps:  # kept: fresh memory costs a fault a page
            self._x = np.empty((steps, *self._x.shape[1:]), self._x.dtype)
            self._eps = np.empty((steps, *self._eps.shape[1:]), self._eps.dtype)
        x, eps = self._x[:steps], self._eps[:steps]
        for t in range(steps):
            x[t] = batches[t]
            eps[t] = 0.0 if plain else noises[t].reshape(eps.shape[1:])
        found = np.empty((steps, 4))
        threads = min(self.crew.workers, self.blocks)
        moments = (self.gradient, self.gradient) if adam is None else adam.moments
        rates = (float(rate), *(adam.decays if adam else (0.0, 0.0, 0.0)))
        weights = np.zeros(steps) if plain else np.asarray(kl_weights, dtype=np.float64)

        run_team(self.crew, threads, x, lambda thread, threads, counter, batches: vae_steps(
            thread, threads, counter, self._gemm, self._cuts, self._goal, float(self.shape.noise_floor), self._up,
            self._down, batches, eps, weights, parameters, self.gradient, moments, self._room, self._squares,
            adam is not None, adam.count if adam else 0, rates, found))
        return found


def _table(network: DenseNetwork, starts: Mapping[str, int]) -> np.ndarray:
    """The layers of a network as the kernel has them: int64, shape (depth, 5)."""
    widths = network.widths
    return np.array([
        [widths[k], widths[k + 1], starts[network.weights(k)], starts[network.biases(k)], sum(widths[1:k + 1])]
        for k in range(network.depth)])


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
    descent = Descent(vae.shape, len(data), objective, vae.parameters.dtype)
    return descent.loss(vae, data, noise), descent.gradient
