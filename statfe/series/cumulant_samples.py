"""The terms of a cumulant expansion from independent samples of the trial, in blocks, and the states they show."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from statfe.executors import map_tasks
from statfe.kernels.power_sums import power_sums
from statfe.models.ising import IsingModel
from statfe.random import generator
from statfe.series.cumulant_terms import BLOCKS, Expansion, cumulants_of_moments, exponents, to_terms
from statfe.series.drawn_states import MOST, States, distinct, merged
from statfe.trial import Trial

#: Key of the streams of the samples (see `statfe.random.generator`).
SAMPLES_KEY = 7011
#: Spins drawn at a time: their uniform numbers take 32 MB.
DRAWN = 2**22


def by_sampling(
    model: IsingModel, beta: float, trial: Trial, order: int, samples: int, seed: int, *, workers: int = 1
) -> Expansion:
    """Terms from about `samples` independent samples of the trial, with jackknife errors.

    The same bits for any number of `workers`.
    """
    size = max(2, -(-samples // BLOCKS))
    seen: dict[int, States | None] = {}

    def values(number: int) -> Iterator[np.ndarray]:
        here: list[States | None] = []
        for spins in _drawn(trial, size, generator(seed, (SAMPLES_KEY, number))):
            log_q, V = exponents(model, beta, trial, spins)
            here = [merged([*here, distinct(V, log_q, spins)])]
            yield V
        seen[number] = here[0] if here[0] is not None and len(here[0].v) <= MOST // BLOCKS else None

    found = of_blocks(values, size, order, workers)
    return replace(found, drawn=merged([seen[number] for number in range(BLOCKS)]))


def of_blocks(
    values: Callable[[int], Iterator[np.ndarray]], size: int, order: int, workers: int = 1
) -> Expansion:
    """Terms from `BLOCKS` blocks of `size` independent samples; ``values(number)`` gives V of one, in pieces."""
    # about the mean of a few samples: the same centre for all blocks
    centre = float(np.mean(next(values(0))))

    def block(number: int) -> tuple[np.ndarray, float]:
        sums, some, sizes = (np.zeros(order + 1) for _ in range(3))
        farthest = 0.0
        for V in values(number):
            power_sums(V, np.ones(len(V)), centre, some, sizes)
            sums += some
            farthest = max(farthest, float(np.max(np.abs(V - centre))))
        return sums / size, farthest

    blocks = map_tasks(block, range(BLOCKS), workers)
    moments, farthest = np.array([sums for sums, _ in blocks]), max(reach for _, reach in blocks)
    mean = moments.mean(axis=0)
    without = cumulants_of_moments((BLOCKS * mean - moments) / (BLOCKS - 1), centre)
    with np.errstate(over="ignore"):
        influence = np.abs(to_terms(np.float64(farthest) ** np.arange(1, order + 1))) / (BLOCKS * size)
    return Expansion(
        cumulants_of_moments(mean, centre), ["sampling"] * order, np.zeros(order), to_terms(without), influence)


def _drawn(trial: Trial, count: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """`count` samples in pieces that fit into memory."""
    step = max(1, DRAWN // trial.n_sites)
    return (trial.sample(min(step, count - first), rng) for first in range(0, count, step))
