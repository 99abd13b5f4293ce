"""The part of the cumulant series that a Gaussian posterior has, in closed form and to all orders.

Under q, with u = (z - mu) / sigma, every V has a best quadratic form V_G = c + g.u + (u.Q u - tr Q) / 2 with

    c = <V>,   g = <V u>,   Q = <V (u u^T - 1)>,                                                                  (1)

and for lambda V_G the series is known: f(lambda) = -ln <exp(-lambda V_G)> is

    f = lambda (c - tr Q / 2) + ln det(1 + lambda Q) / 2 - lambda^2 g.(1 + lambda Q)^-1 g / 2,                    (2)
    t_k = (-1)^(k-1) tr Q^k / 2k - (-1)^k g.Q^(k-2) g / 2,   k >= 2.                                             (3)

The eigenvalues b of B = 1 + Q are the variances of q over those of the posterior. f has its singularities at
lambda = 1 / (1 - b), so that the series converges at lambda = 1 where all b < 2, with radius 1 / max |b - 1|: a q that
is too broad makes it diverge, one that is too narrow never does. Where the posterior is Gaussian and q the best
diagonal one, B is a correlation matrix: its eigenvalues add up to the number of dimensions, and in two of them the
series always converges.

For any V the part (3) of its terms can then be replaced by its sum (2):

    F_p = f(1) + sum_k [t_k(V) - t_k(V_G)],                                                                       (4)

whose first term alone is exact for a Gaussian posterior. (1) and (2): elementary; the idea is that of a reference
system in the cumulant expansion of R. W. Zwanzig, J. Chem. Phys. 22, 1420 (1954).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from statfe.learned.vae.bounds import Q_ORDERS, way
from statfe.learned.vae.posterior import Posterior
from statfe.learned.vae.quadrature import MAX_LATENT, hermite_grid
from statfe.random import generator
from statfe.result import Outcome, failure
from statfe.series.cumulant_terms import BLOCKS, cumulants_of_moments, to_terms

#: Key of the random streams of the blocks of samples (see `statfe.random.generator`).
BLOCKS_KEY = 9211


@dataclass(frozen=True, eq=False)
class GaussianPart:
    """c, g and Q of (1); shapes (), (latent,) and (latent, latent)."""

    mean: float
    slope: np.ndarray
    curvature: np.ndarray

    @property
    def ratios(self) -> np.ndarray:
        """b, ascending: variances of q over those of the Gaussian posterior; one of 0 or less is none."""
        return np.asarray(1.0 + np.linalg.eigvalsh(self.curvature))

    @property
    def radius(self) -> float:
        """Radius of convergence in lambda."""
        return 1.0 / max(float(np.max(np.abs(self.ratios - 1.0))), 1e-300)

    @property
    def beta_f(self) -> float:
        """Equation (2) at lambda = 1; NaN where an eigenvalue of B is not positive."""
        if self.ratios[0] <= 0.0:
            return math.nan
        B = np.eye(len(self.slope)) + self.curvature
        return float(self.mean - 0.5 * np.trace(self.curvature) + 0.5 * np.linalg.slogdet(B)[1]
                     - 0.5 * self.slope @ np.linalg.solve(B, self.slope))

    def terms(self, order: int) -> np.ndarray:
        """Equation (3), shape (order,); the first is c."""
        q, turned = np.linalg.eigh(self.curvature)
        g = (turned.T @ self.slope) ** 2
        return np.array([self.mean] + [
            (-1.0) ** (k - 1) * float(np.sum(q**k)) / (2 * k) - (-1.0) ** k * float(np.sum(g * q ** (k - 2))) / 2
            for k in range(2, order + 1)])


def gaussian_part(u: np.ndarray, V: np.ndarray, weights: np.ndarray) -> GaussianPart:
    """Equation (1) from places, shape (count, latent), the values there, and weights that add up to 1."""
    mean = float(weights @ V)
    apart = weights * (V - mean)
    return GaussianPart(mean, apart @ u, (apart[:, None] * u).T @ u)


def gaussian_cumulants(
    posterior: Posterior, seed: int, order: int = 4, evaluation: str = "auto", samples: int = 65536
) -> Outcome:
    """Equation (4) to `order`."""
    here = way(evaluation, posterior.latent)
    stats: dict[str, Any] = {"evaluation": here}
    if here == "quadrature":
        if posterior.latent > MAX_LATENT:
            return failure(
                "uncontrolled", "not_converged", f"quadrature goes to {MAX_LATENT} latent dimensions, this model has "
                f"{posterior.latent}; take evaluation=sampling", **stats)
        found = []
        for nodes in Q_ORDERS[posterior.latent]:
            u, w = hermite_grid(nodes, posterior.latent)
            w = w / w.sum()
            V = posterior.exponents(u)
            part = gaussian_part(u, V, w)
            centred = np.array([w @ (V - part.mean) ** k for k in range(order + 1)])
            found.append((part, _corrected(part, centred, part.mean)))
        (part, value), error = found[0], abs(found[0][1] - found[1][1])
    else:
        part, value, error = _sampled(posterior, seed, order, samples)
    stats |= {"ratios": part.ratios.tolist(), "radius": part.radius, "gaussian": part.beta_f}
    if not math.isfinite(value):
        return failure(
            "uncontrolled", "not_converged", "the quadratic part of V belongs to no Gaussian posterior: an eigenvalue "
            f"of its precision is {part.ratios[0]:.2g} of that of q; use cumulants, quadrature or ais", **stats)
    return Outcome(beta_f=value, beta_f_error=error, kind="uncontrolled", stats=stats)


def _corrected(part: GaussianPart, moments: np.ndarray, centre: float) -> float:
    """Equation (4) from moments of V about `centre`, orders 0 and up."""
    terms = to_terms(cumulants_of_moments(moments, centre))
    return part.beta_f + float(np.sum(terms - part.terms(len(terms))))


def _sampled(posterior: Posterior, seed: int, order: int, samples: int) -> tuple[GaussianPart, float, float]:
    """From blocks of samples, with the jackknife's error and without its bias."""
    size, latent = max(2, -(-samples // BLOCKS)), posterior.latent
    powers, slopes = np.empty((BLOCKS, order + 1)), np.empty((BLOCKS, latent))
    squares = np.empty((BLOCKS, latent, latent))
    centre = 0.0
    for block in range(BLOCKS):
        u = generator(seed, (BLOCKS_KEY, block)).standard_normal((size, latent))
        V = posterior.exponents(u)
        centre = float(V.mean()) if block == 0 else centre
        x = V - centre
        powers[block] = [np.mean(x**k) for k in range(order + 1)]
        slopes[block], squares[block] = x @ u / size, (x[:, None] * u).T @ u / size

    def value(keep: np.ndarray) -> tuple[GaussianPart, float]:
        moments = powers[keep].mean(axis=0)
        part = GaussianPart(centre + float(moments[1]), slopes[keep].mean(axis=0),
                            squares[keep].mean(axis=0) - moments[1] * np.eye(latent))
        return part, _corrected(part, moments, centre)

    part, whole = value(np.ones(BLOCKS, dtype=bool))
    without = np.array([value(np.arange(BLOCKS) != block)[1] for block in range(BLOCKS)])
    error = math.sqrt((BLOCKS - 1) / BLOCKS * float(np.sum((without - without.mean()) ** 2)))
    return part, whole + (BLOCKS - 1) * (whole - float(without.mean())), error
