"""Chains whose law is known: independent or autoregressive draws of energies, without a sampler."""

from __future__ import annotations

import numpy as np
from scipy.signal import lfilter

from statfe.chains import Chains


def chains_of(energy: np.ndarray, betas: np.ndarray, **facts) -> Chains:
    """Chains of (R, T, K) energies; every rung was asked for."""
    base = {
        "betas": betas, "requested": np.ones(len(betas), dtype=bool), "energy": energy,
        "magnetization": np.zeros(energy.shape, dtype=np.int64), "sweeps": np.arange(1, energy.shape[1] + 1),
        "swap_acceptance": np.full(len(betas) - 1, np.nan), "schedule": "tempering", "sampler": "exact", "seed": 1,
        "burn_in": 0}
    return Chains(**{**base, **facts})


def gaussian_chains(
    betas: np.ndarray, sigma: float, seed: int, draws: int, replicas: int = 2, rho: float = 0.0
) -> Chains:
    """Energies of a density of states of Gaussian form: mean -beta sigma^2 at every rung, beta F = -beta^2 sigma^2 / 2.

    Draws of one rung are autoregressive with coefficient `rho`.
    """
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(replicas, draws, len(betas)))
    x[:, 1:] *= np.sqrt(1.0 - rho**2)
    x = lfilter([1.0], [1.0, -rho], x, axis=1)
    return chains_of(sigma * x - betas * sigma**2, betas)
