"""Training of an autoregressive trial on <V>_q, V = beta E + ln q, an upper bound on beta F.

The gradient is that of the score function,

    d/d theta <V>_q = <(V - <V>) d ln q / d theta>_q,                                                             (1)

over a fresh batch at every step, with the mean of the batch for <V> (D. Wu, L. Wang and P. Zhang, Phys. Rev. Lett. 122,
080602 (2019)). As q nears its target V becomes a constant, and the noise of (1) dies out.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from statfe.learned.adam import Adam
from statfe.learned.autoregressive_trial import AutoregressiveTrial, free_trial
from statfe.learned.trial_course import Record, check_start, lead
from statfe.models.ising import IsingModel
from statfe.random import generator

#: Key of the random stream of the batches (see `statfe.random.generator`).
BATCHES_KEY = 9102
#: Samples of a batch; the rate, in the units of `_Course.step`, and the largest change of a parameter in a step.
BATCH, RATE, MAX_RATE = 512, 1.0, 0.03
#: How many parameters a batch tells apart: this squared times its samples.
DETAIL = 3.0
#: Weights of a batch are scaled below this, so that squares of gradients do not overflow.
LARGEST = 1e100


def train_autoregressive(
    model: IsingModel,
    beta: float,
    *,
    seed: int = 0,
    start: AutoregressiveTrial | None = None,
    depth: int = 2,
    hidden: int | None = None,
    order: str = "auto",
    steps: int | None = None,
    batch: int = BATCH,
    rate: float = RATE,
    workers: int = 1,
    progress: Callable[[float], None] | None = None,
) -> AutoregressiveTrial:
    """Fit an autoregressive trial to the Boltzmann distribution of `model` at `beta` >= 0.

    Parameters
    ----------
    seed
        Of the first weights and of all batches: same seed, same bits, for any number of workers.
    start
        A trained trial of the same model at a nearby beta to go on from; from beta = 0 when None.
    depth, hidden, order
        Shape of the network and order of the spins, see `free_trial`; those of `start` where it is given.
    steps
        Steps of Adam at most; a number that grows with the sites when None. Fewer where the bound stops falling.
    batch
        Samples a step.
    rate
        How far a step goes, relative to what suits; falls to a fiftieth towards the end.
    progress
        Called with the share of the steps done.

    Returns
    -------
    AutoregressiveTrial
        Normalised, whatever became of the training, so that <V>_q bounds beta F from above; its `training` says how it
        went.
    """
    check_start(start, model)
    begin = start or free_trial(model, 0.0, seed=seed, depth=depth, hidden=hidden, order=order)
    most = default_steps(model.n_sites) if steps is None else steps
    course = _Course(replace(begin, parameters=begin.parameters.copy()), batch, seed, workers, most, progress)
    settled = lead(course.step, course.record, begin.beta, beta, most, rate)
    return course.trained(beta, settled)


def default_steps(n_sites: int) -> int:
    """Steps of Adam at one beta, at most."""
    return 200 + 8 * min(n_sites, 100)


class _Course:
    """A training while it goes on."""

    def __init__(
        self, trial: AutoregressiveTrial, batch: int, seed: int, workers: int, most: int,
        progress: Callable[[float], None] | None,
    ) -> None:
        self.trial, self.batch, self.workers = trial, batch, workers
        self.most, self.progress = most, progress
        present = float(trial.network.mask.sum())
        self.scale = min(1.0, DETAIL * math.sqrt(batch / max(present, 1.0))) / trial.n_sites
        self.rng, self.adam = generator(seed, BATCHES_KEY), Adam(trial.network.layout.size)
        self.record = Record(batch)

    def step(self, beta: float, rate: float) -> None:
        """Draw a batch at `beta` and move the parameters against (1).

        N^2 parameters that are off by d make V vary by about N d: so far a step may go, and less far where the batch is
        too small to tell the parameters apart. As V settles, so do the parameters.
        """
        trial = replace(self.trial, beta=beta)
        samples = trial.draw(self.batch, self.rng, self.workers)
        v = beta * samples.energy + samples.log_prob
        self.record.note(beta, v)
        apart = v - float(np.mean(v))
        largest = float(np.max(np.abs(apart)))
        # n - 1: the mean is that of the same batch. Adam does not see a common factor.
        apart /= (self.batch - 1) * max(1.0, largest / LARGEST)
        change = min(MAX_RATE, rate * self.scale * self.record.deviations[-1])
        self.adam.step(trial.parameters, trial.score(samples, apart), change)
        if self.progress is not None:
            self.progress(self.record.steps / self.most)

    def trained(self, beta: float, settled: bool) -> AutoregressiveTrial:
        """The trial with its record."""
        return replace(self.trial, beta=beta, training=self.record.training(settled))
