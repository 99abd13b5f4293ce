"""Timing in pairs: contestants take turns, and what is compared was measured within the same round.

A shared machine changes speed from second to second. Rates of a round share that; their ratio does not.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

Clock = Callable[[], float]

#: A trial this share of a lap long is enough to say how many sweeps a lap has.
TRIAL = 0.25
#: Most sweeps of a lap.
MOST_SWEEPS = 1_000_000


class Runner(Protocol):
    """A program with chains ready to move."""

    @property
    def label(self) -> str:
        """Its name in a race."""

    @property
    def updates(self) -> float:
        """Spin updates of one sweep of all its chains."""

    def advance(self, sweeps: int) -> float | None:
        """Do so many sweeps; the seconds they took by its own account, or None to be timed from outside."""


@dataclass(frozen=True)
class Spread:
    """Median and range of a few measurements."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Of the measurements."""
        return cls(float(np.median(values)), float(np.min(values)), float(np.max(values)))


@dataclass(frozen=True)
class Race:
    """What a race gave: nanoseconds an update by label and round, sweeps of a lap, and seconds timed in all."""

    ns: dict[str, list[float]]
    sweeps: dict[str, int]
    seconds: dict[str, float]

    def cost(self, label: str) -> Spread:
        """Nanoseconds an update."""
        return Spread.of(self.ns[label])

    def rate(self, label: str) -> Spread:
        """Updates a nanosecond."""
        return Spread.of([1.0 / ns for ns in self.ns[label]])

    def ratios(self, one: str, other: str) -> list[float]:
        """How many times as fast `one` is as `other`, round by round."""
        return [b / a for a, b in zip(self.ns[one], self.ns[other], strict=True)]


def lap(runner: Runner, sweeps: int, clock: Clock) -> float:
    """Seconds of so many sweeps."""
    start = clock()
    own = runner.advance(sweeps)
    elapsed = clock() - start
    return elapsed if own is None else own


def sweeps_of_a_lap(runner: Runner, seconds: float, clock: Clock) -> int:
    """Sweeps that take about `seconds`; the first, which may compile, is not counted."""
    runner.advance(1)
    sweeps = 1
    while True:
        spent = lap(runner, sweeps, clock)
        wanted = sweeps * seconds / max(spent, 1e-9)
        if spent >= TRIAL * seconds or sweeps >= MOST_SWEEPS:
            return int(np.clip(round(wanted), 1, MOST_SWEEPS))
        # Towards the length of a trial, but no more than eightfold: the first laps are the least sure.
        sweeps = int(min(max(2.0 * TRIAL * wanted, 2 * sweeps), 8 * sweeps, MOST_SWEEPS))


def race(runners: Sequence[Runner], repeats: int, seconds: float, *, clock: Clock = time.perf_counter,
         tell: Callable[[float], None] | None = None) -> Race:
    """Time the runners in turns: A B C, C B A, A B C, ...

    Parameters
    ----------
    repeats
        Rounds; every runner has one lap a round.
    seconds
        Length of a lap, roughly.
    tell
        Called with the share done.
    """
    parts = len(runners) * (repeats + 1)
    done = 0

    def another() -> None:
        nonlocal done
        done += 1
        if tell:
            tell(done / parts)

    sweeps = {}
    for runner in runners:
        sweeps[runner.label] = sweeps_of_a_lap(runner, seconds, clock)
        another()
    taken: dict[str, list[float]] = {runner.label: [] for runner in runners}
    for turn in range(repeats):
        for runner in runners if turn % 2 == 0 else runners[::-1]:
            taken[runner.label].append(lap(runner, sweeps[runner.label], clock))
            another()
    ns = {r.label: [1e9 * s / (sweeps[r.label] * r.updates) for s in taken[r.label]] for r in runners}
    return Race(ns, sweeps, {label: sum(laps) for label, laps in taken.items()})
