"""The course of a training of any trial on <V>_q: beta rises, the bound settles, the rate falls; and its record."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Protocol

import numpy as np

from statfe.errors import UsageError
from statfe.learned.autoregressive_trial import Training
from statfe.models.ising import IsingModel

#: Share of the steps in which beta rises to its target, and in which the rate falls to its last value.
RISE, FALL = 0.4, 0.3
LAST_RATE = 0.02
#: Steps whose mean bound is compared with that of as many before.
WINDOW = 40


class Started(Protocol):
    """A trial, of which the model counts here."""

    @property
    def model(self) -> IsingModel:
        """What it is a trial for."""
        ...


def check_start(start: Started | None, model: IsingModel) -> None:
    """A training goes on from a trial of the same model object alone."""
    if start is not None and start.model is not model:
        raise UsageError("a trial of another model is no start; give one of the same model object")


class Record:
    """What the steps saw: beta, and mean and standard deviation of V over the batch of each."""

    def __init__(self, batch: int) -> None:
        self.batch = batch
        self.betas: list[float] = []
        self.means: list[float] = []
        self.deviations: list[float] = []

    @property
    def steps(self) -> int:
        """Steps made."""
        return len(self.betas)

    def note(self, beta: float, v: np.ndarray) -> None:
        """One step more, with V of its batch; squares of large numbers do not overflow."""
        mean = float(np.mean(v))
        apart = v - mean
        largest = float(np.max(np.abs(apart)))
        self.betas.append(beta)
        self.means.append(mean)
        self.deviations.append(largest * float(np.sqrt(np.mean((apart / max(largest, 1e-300)) ** 2))))

    def settled(self, first: int) -> bool:
        """Whether the mean bound of the last steps, all after `first`, is below that before by chance at most."""
        if self.steps < first + 2 * WINDOW:
            return False
        late, early = np.mean(self.means[-WINDOW:]), np.mean(self.means[-2 * WINDOW:-WINDOW])
        noise = np.max(self.deviations[-WINDOW:]) * math.sqrt(2.0 / (self.batch * WINDOW))
        return bool(early - late < noise)

    def training(self, settled: bool) -> Training:
        """The record, for the trial."""
        return Training(np.array(self.betas), np.array(self.means), np.array(self.deviations), settled)


def lead(
    step: Callable[[float, float], None], record: Record, first: float, last: float, most: int, rate: float
) -> bool:
    """Call ``step(beta, rate)`` at most `most` times, from beta = `first` up to `last`; whether the bound settled."""
    rising, falling = int(RISE * most), int(FALL * most)
    for k in range(rising):
        step(first + (last - first) * (k + 1) / (rising + 1), rate)
    settled = False
    while record.steps < most - falling and not settled:
        step(last, rate)
        settled = record.steps % WINDOW == 0 and record.settled(rising)
    for k in range(falling):
        step(last, rate * LAST_RATE ** ((k + 1) / falling))
    return settled
