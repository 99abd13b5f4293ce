"""The posterior of a variational autoencoder at one data point, as a target whose free energy is F_p = -ln p(x).

With V(z) = ln q(z|x) - ln p(x, z),    p(x) = <exp(-V)>_q,    <V>_q = F_q = F_p + KL(q || p).                     (1)
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from statfe.errors import UsageError
from statfe.learned.vae.model import Vae, likelihood_rows, log_prior_constant

#: Rows of the decoder that are computed at a time.
ROWS = 4096


class Posterior:
    """ln p(x, z) of one x, and q(z|x); all in float64.

    Attributes
    ----------
    vae, x
        The model, and the point, shape (visible,).
    mean, width
        mu and sigma of q(z|x), shape (latent,).
    """

    def __init__(self, vae: Vae, x: np.ndarray) -> None:
        self.vae = vae.as_type("float64")
        self._row = np.ascontiguousarray(self.vae.shape.check(np.atleast_2d(x)), dtype=np.float64)
        if len(self._row) != 1:
            raise UsageError(f"a posterior belongs to one data point, got {len(self._row)}; score them one by one")
        mean, width = self.vae.encode(self._row)
        self.x, self.mean, self.width = self._row[0], mean[0], width[0]
        if not (np.all(np.isfinite(self.mean)) and np.all(np.isfinite(self.width)) and np.all(self.width > 0.0)):
            raise UsageError("q(z|x) is not finite at this point; train the model anew with a lower rate")

    @property
    def latent(self) -> int:
        """Dimension of z."""
        return self.vae.shape.latent

    @cached_property
    def _constant(self) -> float:
        return log_prior_constant(self.latent)

    def log_likelihood(self, z: np.ndarray) -> np.ndarray:
        """ln p(x|z) of z of shape (count, latent); shape (count,)."""
        found = np.empty(len(z))
        for first in range(0, len(z), ROWS):
            some = np.ascontiguousarray(z[first:first + ROWS])
            outputs = self.vae.shape.decoder_network.forward(self.vae.arrays, some)[-1]
            found[first:first + ROWS] = likelihood_rows(
                self.vae.shape, self.vae.variances, self._row, len(some), outputs)
        return found

    def log_joint(self, z: np.ndarray) -> np.ndarray:
        """ln p(x, z), shape (count,)."""
        return np.asarray(self.log_likelihood(z) - 0.5 * np.sum(z * z, axis=1) + self._constant)

    def log_joint_slopes(self, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """ln p(x, z) and its gradient in z, shapes (count,) and (count, latent)."""
        network, arrays = self.vae.shape.decoder_network, self.vae.arrays
        layers = network.forward(arrays, np.ascontiguousarray(z))
        log_p = likelihood_rows(self.vae.shape, self.vae.variances, self._row, len(z), layers[-1])
        slopes = network.backward(arrays, layers, layers[-1], None, True)
        assert slopes is not None
        return log_p - 0.5 * np.sum(z * z, axis=1) + self._constant, slopes - z

    def log_q(self, z: np.ndarray) -> np.ndarray:
        """ln q(z|x), shape (count,)."""
        u = (z - self.mean) / self.width
        return np.asarray(self._constant - float(np.sum(np.log(self.width))) - 0.5 * np.sum(u * u, axis=1))

    def exponents(self, noise: np.ndarray) -> np.ndarray:
        """V of (1) at z = mu + sigma noise, shape (count,); ln q from the noise itself, which keeps its digits."""
        log_q = self._constant - float(np.sum(np.log(self.width))) - 0.5 * np.sum(noise * noise, axis=1)
        return np.asarray(log_q - self.log_joint(self.mean + self.width * noise))
