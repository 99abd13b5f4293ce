"""What the networks say of held-back rows: latent units, free energies, generated points, points off the attractor."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from statfe.attractors.network.cloud import Picture, Reference, thin
from statfe.attractors.network.coder import Coder, free_energies, from_posteriors, from_prior, with_noise
from statfe.attractors.network.detection import SHIFTS, area_under_curve, shifted, shuffled
from statfe.learned.vae.latent_use import LatentUse, encoded, latent_use
from statfe.learned.vae.model import Vae
from statfe.learned.vae.training import TrainedVae

#: Rows whose free energies are found, samples of the stretch along which they are shown, and latent points, at most.
SCORED, ALONG, PLACES = 2048, 512, 8192


@dataclass(frozen=True, eq=False)
class Vision:
    """The variational autoencoder on the held-back data.

    Attributes
    ----------
    use
        Of its latent units.
    noise
        Standard deviation of p(x|z), root mean square over the columns, in the units of the data.
    places
        Means of q(z|x) of the half that goes through the networks, most informative unit first, shape (points, latent).
    along
        Times and the two bounds on -ln p(x) along the first stretch, each of shape (samples,).
    bounds, error
        Mean of both bounds over the scored rows, and the standard error of the first over stretches, nats.
    """

    path: str
    use: LatentUse
    noise: float
    places: np.ndarray
    along: tuple[np.ndarray, np.ndarray, np.ndarray]
    bounds: tuple[float, float]
    error: float
    history: dict[str, np.ndarray]


@dataclass(frozen=True)
class Detection:
    """How well one score tells one kind of points from the attractor.

    Attributes
    ----------
    area
        Under the ROC curve: 0.5 not at all, 1 always.
    """

    coder: str
    score: str
    against: str
    area: float


def look(trained: TrainedVae, path: str, stretches: np.ndarray, step: float, scale: float, seed: int) -> Vision:
    """The `Vision` of stretches of shape (stretch, time, column)."""
    vae = trained.vae
    use = latent_use(vae, stretches.reshape(-1, stretches.shape[2]))
    elbo, weighted = free_energies(vae, thin(stretches, SCORED), seed)
    first = stretches[0, :ALONG]
    times = np.arange(len(first)) * (step if math.isfinite(step) else 1.0)
    blocks = np.array([part.mean() for part in np.array_split(elbo, min(16, len(elbo)))])
    places = encoded(vae, thin(stretches, PLACES))[0][:, use.order]
    return Vision(
        path, use, scale * float(np.sqrt(np.mean(vae.variances))), places,
        (times, *free_energies(vae, first, seed)), (float(elbo.mean()), float(weighted.mean())),
        float(blocks.std(ddof=1) / math.sqrt(len(blocks))) if len(blocks) > 1 else math.nan, trained.history)


def generated(vae: Vae, stretches: np.ndarray, reference: Reference, seed: int) -> list[Picture]:
    """The data as the network draws them, and points that it makes by itself."""
    flat, latent = stretches.reshape(-1, stretches.shape[2]), vae.shape.latent
    noisy = with_noise(vae, flat, seed).reshape(stretches.shape)
    rows = thin(stretches)
    return [
        reference.picture("VAE with noise", noisy, latent=latent, of=stretches),
        reference.picture("VAE from q(z)", from_posteriors(vae, flat, len(rows), seed)[None], latent=latent,
                          moving=False),
        reference.picture("VAE from the prior", from_prior(vae, len(rows), seed)[None], latent=latent, moving=False)]


def detections(
    coders: Sequence[Coder], stretches: np.ndarray, others: Mapping[str, np.ndarray], seed: int
) -> list[Detection]:
    """Every score of every coder against every kind of points off the attractor.

    Parameters
    ----------
    others
        Further points by name, each of shape (stretch, time, column).
    """
    rows = thin(stretches, SCORED)
    kinds = {f"shifted by {distance:g}": shifted(rows, distance, seed) for distance in SHIFTS}
    kinds["columns shuffled"] = shuffled(rows, seed)
    kinds |= {name: thin(points.astype(np.float64), SCORED) for name, points in others.items()}
    found = []
    for coder in coders:
        for score, of in coder.scores.items():
            on = of(rows)
            found += [Detection(coder.name, score, kind, area_under_curve(on, of(points)))
                      for kind, points in kinds.items()]
    return found
