"""Training of an `RbmTrial` on <V>_q, V = beta E + ln q, by the score function over exact samples,

    d <V>_q / d theta = <(V - <V>) d ln (q Z_q) / d theta>_q;                                                     (1)

where there are configurations, it begins with a machine that learned them (`statfe.machines`).
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from statfe.blas import one_thread
from statfe.errors import UsageError
from statfe.learned.adam import Adam
from statfe.learned.rbm_trial import RbmTrial, fresh_rbm_trial
from statfe.learned.trial_course import Record, check_start, lead
from statfe.models.ising import IsingModel
from statfe.random import generator

#: Key of the random stream of the batches (see `statfe.random.generator`).
BATCHES_KEY = 9412
#: Samples of a batch, and largest change of a parameter in a step.
BATCH, RATE = 512, 0.01
#: Weights of a batch are scaled below this, so that squares of gradients do not overflow.
LARGEST = 1e100


def train_rbm_trial(
    model: IsingModel,
    beta: float,
    *,
    seed: int = 0,
    start: RbmTrial | None = None,
    hidden: int | None = None,
    steps: int | None = None,
    batch: int = BATCH,
    rate: float = 1.0,
) -> RbmTrial:
    """Fit a machine to the Boltzmann distribution of `model` at `beta` >= 0.

    Parameters
    ----------
    seed
        Of the first weights and of all batches: same seed, same bits.
    start
        A trial of the same model object at a nearby beta, or at this one, to go on from.
    hidden
        Units, see `fresh_rbm_trial`; those of `start` where it is given.
    steps, batch
        Steps of Adam at most, and samples of each.
    rate
        How far a step goes, relative to what suits.

    Returns
    -------
    RbmTrial
        Normalised, whatever became of the training; its `training` says how it went.
    """
    check_start(start, model)
    most = default_steps(model.n_sites) if steps is None else steps
    with one_thread():
        begin = start or fresh_rbm_trial(model, 0.0, seed=seed, hidden=hidden)
        parameters = begin.parameters.copy()
        record, rng, adam = Record(batch), generator(seed, BATCHES_KEY), Adam(len(parameters))

        def step(at: float, share: float) -> None:
            v, gradient = batch_gradient(replace(begin, beta=at, parameters=parameters), batch, rng)
            record.note(at, v)
            adam.step(parameters, gradient, RATE * share)

        settled = lead(step, record, begin.beta, beta, most, rate)
    return replace(begin, beta=beta, parameters=parameters, training=record.training(settled))


def batch_gradient(trial: RbmTrial, batch: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """V of a fresh batch, and an unbiased estimate of (1), scaled down where it would overflow."""
    spins, v = trial.drawn(batch, rng)
    apart = v - float(np.mean(v))
    # n - 1: the mean is that of the same batch. Adam does not see a common factor.
    apart /= (batch - 1) * max(1.0, float(np.max(np.abs(apart))) / LARGEST)
    return v, trial.score(spins, apart)


def default_steps(n_sites: int) -> int:
    """Steps of Adam at one beta, at most."""
    return 200 + 6 * min(n_sites, 100)


def from_machine(model: IsingModel, beta: float, machine: IsingModel, hidden: int) -> RbmTrial:
    """The trial that is a machine of 0/1 units in its +-1 form, visible units first; at the beta of its data."""
    n, trial = model.n_sites, fresh_rbm_trial(model, beta, hidden=hidden)
    parameters = trial.parameters.copy()
    into = trial.layout.views(parameters)
    into["W"][:] = machine.adjacency.toarray()[n:, :n]
    if "a" in into:
        into["a"][:] = machine.fields[:n] - beta * model.fields
        into["b"][:] = machine.fields[n:]
    if not math.isfinite(float(np.sum(parameters))):
        raise UsageError("the machine that learned the data has parameters that are no numbers; lower rate")
    return replace(trial, parameters=parameters)
