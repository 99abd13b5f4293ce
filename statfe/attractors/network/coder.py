"""What maps rows of data to latent points and back: a variational autoencoder, a deterministic one, principal axes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from os import PathLike

import numpy as np
from scipy.special import logsumexp

from statfe.attractors.network.principal import Principal
from statfe.errors import UsageError
from statfe.learned.vae.file import read_vae
from statfe.learned.vae.latent_use import encoded
from statfe.learned.vae.model import Vae
from statfe.learned.vae.rows import log_weight_rows
from statfe.learned.vae.standard import Standard
from statfe.learned.vae.training import TrainedVae
from statfe.random import generator

#: Keys of the random streams of the bounds and of drawn points (see `statfe.random.generator`).
BOUND_KEY, DRAW_KEY = 9454, 9455
#: Samples of a negative ELBO, and of an importance-weighted bound.
ELBO_SAMPLES, WEIGHTED_SAMPLES = 16, 64
#: Rows that are decoded at a time.
ROWS = 8192


@dataclass(frozen=True, eq=False)
class Coder:
    """One way there and back, in the units of the network.

    Attributes
    ----------
    name
        What tables call it.
    latent
        Latent units or components.
    encode, decode
        Rows to latent points and back.
    scores
        By name, how strange a row is: a free energy, or the square of the error of reconstruction.
    """

    name: str
    latent: int
    encode: Callable[[np.ndarray], np.ndarray]
    decode: Callable[[np.ndarray], np.ndarray]
    scores: dict[str, Callable[[np.ndarray], np.ndarray]]

    def through(self, rows: np.ndarray) -> np.ndarray:
        """Rows of shape (..., units), there and back."""
        flat = rows.reshape(-1, rows.shape[-1])
        return self.decode(self.encode(flat)).reshape(rows.shape)


def of_vae(vae: Vae, seed: int, name: str = "VAE") -> Coder:
    """Means of q(z|x), and means of p(x|z); scored by bounds on -ln p(x)."""
    return Coder(name, vae.shape.latent, lambda rows: encoded(vae, rows)[0], lambda z: decoded(vae, z), {
        "negative ELBO": lambda rows: free_energies(vae, rows, seed)[0],
        "importance-weighted": lambda rows: free_energies(vae, rows, seed)[1]})


def of_autoencoder(vae: Vae, name: str = "autoencoder") -> Coder:
    """The same without noise, scored by its error."""
    coder = Coder(name, vae.shape.latent, lambda rows: encoded(vae, rows)[0], lambda z: decoded(vae, z), {})
    coder.scores["error"] = lambda rows: np.asarray(np.sum((rows - coder.through(rows)) ** 2, axis=1))
    return coder


def of_principal(axes: Principal, name: str = "PCA") -> Coder:
    """Coordinates along the axes, scored by the distance from their plane."""
    coder = Coder(name, axes.latent, axes.encode, axes.decode, {})
    coder.scores["error"] = lambda rows: np.asarray(np.sum((rows - coder.through(rows)) ** 2, axis=1))
    return coder


def decoded(vae: Vae, latent: np.ndarray) -> np.ndarray:
    """Means of p(x|z), float64, shape (count, units)."""
    parts = [vae.decode(latent[first:first + ROWS]) for first in range(0, len(latent), ROWS)]
    return np.concatenate(parts).astype(np.float64)


def free_energies(vae: Vae, rows: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Two bounds on -ln p(x) of each row, nats, each of shape (count,): the second one is tighter on average.

    The negative ELBO, its divergence in closed form, over `ELBO_SAMPLES` samples; and -ln of the mean weight of
    `WEIGHTED_SAMPLES` samples (Y. Burda, R. Grosse and R. Salakhutdinov, ICLR 2016).
    """
    noise = generator(seed, BOUND_KEY).standard_normal((len(rows), WEIGHTED_SAMPLES, vae.shape.latent))
    log_w, log_p, divergence = log_weight_rows(vae, vae.shape.check(rows), noise)
    elbo = divergence - log_p[:, :ELBO_SAMPLES].mean(axis=1)
    return np.asarray(elbo), np.asarray(np.log(WEIGHTED_SAMPLES) - logsumexp(log_w, axis=1))


def with_noise(vae: Vae, rows: np.ndarray, seed: int) -> np.ndarray:
    """Draws of p(x|z) with z drawn of q(z|x), for rows of shape (count, units): the data as the network has them."""
    rng = generator(seed, (DRAW_KEY, 1))
    mean, width = encoded(vae, rows)
    found = decoded(vae, mean + width * rng.standard_normal(mean.shape))
    return np.asarray(found + np.sqrt(vae.variances) * rng.standard_normal(found.shape))


def from_prior(vae: Vae, count: int, seed: int) -> np.ndarray:
    """Means of p(x|z), z of the prior: what the generative model alone knows of the attractor; shape (count, units)."""
    return decoded(vae, generator(seed, (DRAW_KEY, 2)).standard_normal((count, vae.shape.latent)))


def from_posteriors(vae: Vae, rows: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Means of p(x|z), z of q(z|x) averaged over `rows`, the aggregate posterior; at most as many as rows."""
    rng = generator(seed, (DRAW_KEY, 3))
    # no row twice: its two draws would be neighbours of one point, not of the attractor
    mean, width = encoded(vae, rows[rng.permutation(len(rows))[:count]])
    return decoded(vae, mean + width * rng.standard_normal(mean.shape))


def read_network(path: str | PathLike[str], units: int, what: str) -> tuple[TrainedVae, Standard]:
    """A network of a file that learned rows of so many units.

    Raises
    ------
    StoreError
        For a file that is missing, truncated, foreign, or holds no autoencoder.
    UsageError
        For a network that learned something else.
    """
    found = read_vae(path)
    if found.standard is None:
        raise UsageError(f"{path} did not learn trajectories; train one with statfe train vae {what} -o MODEL.h5")
    if found.vae.shape.visible != units:
        raise UsageError(f"{path} has {found.vae.shape.visible} units, the rows of {what} have {units}; give the "
                         "network that learned them")
    return found, found.standard
