"""How many latent units a variational autoencoder uses, by two criteria.

    by the spread of their means:   Var_x[mu_c(x)] > 0.01      (Y. Burda, R. Grosse and R. Salakhutdinov, ICLR 2016)
    by their information:           <KL(q(z_c|x) || N(0, 1))>_x > 0.01 nats

At the optimum of the ELBO with a learned variance of the data, as that variance goes to 0, as many units are active as
the manifold of the data needs to be embedded, and the others fall back on the prior (B. Dai and D. Wipf, ICLR 2019;
learned variance: O. Rybkin, K. Daniilidis and S. Levine, ICML 2021). That number is the dimension of a flat space that
holds the manifold: 2 for a circle, 3 for a torus in the shape of a ring, whose own dimensions are 1 and 2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from statfe.learned.vae.model import Vae

#: Least variance of a mean, and least divergence in nats, of an active unit.
LEAST_VARIANCE, LEAST_DIVERGENCE = 0.01, 0.01
#: Rows that are encoded at a time.
ROWS = 8192


@dataclass(frozen=True, eq=False)
class LatentUse:
    """Latent units over rows of data, all of shape (latent,).

    Attributes
    ----------
    variance
        Of the means of q(z|x).
    width
        Root mean square of the widths of q(z|x).
    divergence
        Mean KL(q(z_c|x) || N(0, 1)), nats.
    """

    variance: np.ndarray
    width: np.ndarray
    divergence: np.ndarray

    @property
    def by_variance(self) -> int:
        """Units active by the spread of their means."""
        return int(np.sum(self.variance > LEAST_VARIANCE))

    @property
    def by_divergence(self) -> int:
        """Units active by their information."""
        return int(np.sum(self.divergence > LEAST_DIVERGENCE))

    @property
    def order(self) -> np.ndarray:
        """Indices of the units, most information first."""
        return np.argsort(-self.divergence, kind="stable")

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"active_by_variance": self.by_variance, "active_by_divergence": self.by_divergence,
                "divergence": self.divergence.tolist(), "variance_of_means": self.variance.tolist(),
                "width": self.width.tolist()}


def latent_use(vae: Vae, rows: np.ndarray) -> LatentUse:
    """Of `rows` as the network takes them, shape (count, visible)."""
    means, widths = encoded(vae, rows)
    divergence = 0.5 * (means**2 + widths**2 - 1.0 - 2.0 * np.log(widths))
    return LatentUse(means.var(axis=0), np.sqrt(np.mean(widths**2, axis=0)), divergence.mean(axis=0))


def encoded(vae: Vae, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means and widths of q(z|x), float64, each of shape (count, latent)."""
    parts = [vae.encode(rows[first:first + ROWS]) for first in range(0, len(rows), ROWS)]
    means, widths = (np.concatenate(found).astype(np.float64) for found in zip(*parts, strict=True))
    return means, widths
