"""Training of a `VaeTrial`: on configurations by the ELBO, where there are any, and then on its own bound.

The gradient of the bound is that of eq. (4) of `statfe.learned.vae_trial` over a fresh batch of z at every step.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from statfe.blas import one_thread
from statfe.learned.adam import Adam
from statfe.learned.trial_course import Record, check_start, lead
from statfe.learned.vae_trial import VaeTrial, fresh_vae_trial
from statfe.models.ising import IsingModel
from statfe.random import generator

#: Keys of the random streams of the batches of z, and of data and noise (see `statfe.random.generator`).
BATCHES_KEY, DATA_KEY = 9402, 9403
#: Samples of a batch, and largest change of a parameter in a step.
BATCH, RATE = 256, 0.01
#: Samples of a batch of data, and most steps on them.
DATA_BATCH, DATA_STEPS = 128, 1000
#: Gradients are scaled below this, so that their squares do not overflow.
LARGEST = 1e100


def train_vae_trial(
    model: IsingModel,
    beta: float,
    *,
    seed: int = 0,
    start: VaeTrial | None = None,
    latent: int | None = None,
    hidden: int | None = None,
    steps: int | None = None,
    batch: int = BATCH,
    rate: float = 1.0,
    data: np.ndarray | None = None,
) -> VaeTrial:
    """Fit an autoencoder to the Boltzmann distribution of `model` at `beta` >= 0.

    Parameters
    ----------
    seed
        Of the first weights and of all batches: same seed, same bits.
    start
        A trained trial of the same model object at a nearby beta to go on from.
    latent, hidden
        Units, see `fresh_vae_trial`; those of `start` where it is given.
    steps, batch
        Steps of Adam at most, and samples of each.
    rate
        How far a step goes, relative to what suits.
    data
        Configurations +-1 at `beta`, shape (count, n_sites), which the training begins with.

    Returns
    -------
    VaeTrial
        Whose bound holds whatever became of the training; its `training` says how it went.
    """
    check_start(start, model)
    most = default_steps(model.n_sites) if steps is None else steps
    with one_thread():
        begin = start or fresh_vae_trial(model, 0.0, seed=seed, latent=latent, hidden=hidden)
        trial = replace(begin, parameters=begin.parameters.copy())
        if data is not None and start is None:
            begin = replace(begin, beta=beta)  # what the data taught would be lost on a way from beta = 0
            _on_data(trial, beta, data, seed, rate)
        record, rng, adam = Record(batch), generator(seed, BATCHES_KEY), Adam(len(trial.parameters))

        def step(at: float, share: float) -> None:
            bound, gradient = replace(trial, beta=at).bound_and_gradient(rng.standard_normal((batch, trial.latent)))
            record.note(at, bound)
            adam.step(trial.parameters, _bounded(gradient), RATE * share)

        settled = lead(step, record, begin.beta, beta, most, rate)
    return replace(trial, beta=beta, training=record.training(settled))


def default_steps(n_sites: int) -> int:
    """Steps of Adam at one beta, at most."""
    return 200 + 6 * min(n_sites, 100)


def _on_data(trial: VaeTrial, beta: float, data: np.ndarray, seed: int, rate: float) -> None:
    """Steps on the negative ELBO of random rows of `data`, with a falling rate."""
    rng, adam, at = generator(seed, DATA_KEY), Adam(len(trial.parameters)), replace(trial, beta=beta)
    for k in range(DATA_STEPS):
        rows = data[rng.integers(0, len(data), min(DATA_BATCH, len(data)))].astype(np.float64)
        _, gradient = at.elbo_and_gradient(rows, rng.standard_normal((len(rows), trial.latent)))
        adam.step(trial.parameters, _bounded(gradient), 0.5 * RATE * rate * (1.0 - k / DATA_STEPS))


def _bounded(gradient: np.ndarray) -> np.ndarray:
    largest = float(np.max(np.abs(gradient)))
    return gradient / (largest / LARGEST) if math.isfinite(largest) and largest > LARGEST else gradient
