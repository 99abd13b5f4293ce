"""What is observed of a motion: its states, delays of one coordinate, or a lifting into many dimensions, with noise.

Noise is Gaussian, of a size given in standard deviations of what it is added to: to each feature; for delay vectors
without a lifting, to the measured coordinate before its delays are taken, so that one measured value has one error.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from statfe.attractors.embedding import choose_delay, choose_dimension, delay_vectors
from statfe.attractors.lifting import Chart, Lifting, chart_of, lifting_facts, make_lifting
from statfe.errors import UsageError, unknown_name
from statfe.random import generator
from statfe.systems.system import System

#: Key of the random streams of the noise, one a block.
NOISE_KEY = 9503
#: Longest delay that is looked at, in periods.
LONGEST_DELAY = 2.0


@dataclass(frozen=True)
class View:
    """What is asked for; None or 0 where it is not.

    Attributes
    ----------
    noise
        Standard deviation of the noise in units of the standard deviation of what it is added to.
    observe
        Name of the coordinate that is measured for delays; the first that is no angle when None, else the first. An
        angle is measured by its sine.
    embed
        Number of delays, or ``auto``.
    delay
        Between them in samples, or ``auto``.
    lift
        Dimension of the lifting.
    """

    noise: float = 0.0
    observe: str | None = None
    embed: int | str | None = None
    delay: int | str | None = None
    lift: int | None = None

    @property
    def asked(self) -> bool:
        """Whether there is anything beyond the states themselves."""
        return bool(self.noise or self.embed or self.lift)

    def check(self, system: System) -> View:
        """Itself, with the coordinate that is measured; `UsageError` for what cannot be."""
        if not (isinstance(self.noise, (int, float)) and 0.0 <= self.noise < np.inf):
            raise UsageError(f"noise must be a number from 0 up, got {self.noise!r}")
        for name, least in (("embed", 1), ("delay", 1), ("lift", 1)):
            value = getattr(self, name)
            if value is not None and value != "auto" and not (isinstance(value, int) and value >= least):
                raise UsageError(f"{name} must be an integer from {least} up, or auto; got {value!r}")
        if self.lift == "auto":
            raise UsageError("lift must be a number of dimensions")
        if self.embed is None and (self.delay is not None or self.observe is not None):
            raise UsageError("a delay or a measured coordinate is for delay vectors; say how many with embed")
        if self.embed is None:
            return self
        if self.observe is not None and self.observe not in system.coordinates:
            raise UsageError(unknown_name("coordinate", self.observe, system.coordinates))
        plain = [c for i, c in enumerate(system.coordinates) if i not in system.angles]
        return replace(self, observe=self.observe or [*plain, *system.coordinates][0], delay=self.delay or "auto")


@dataclass(frozen=True)
class Observer:
    """Makes observations from blocks of states.

    Attributes
    ----------
    chart
        States with angles as cosine and sine; of delay vectors where they are lifted.
    noise
        Standard deviation of the noise in each feature, or of the measured coordinate, shape (1,).
    coordinate
        Index of the measured coordinate, for delay vectors.
    circle
        Whether that is an angle.
    """

    view: View
    seed: int
    features: tuple[str, ...]
    chart: Chart
    lifting: Lifting | None
    noise: np.ndarray
    coordinate: int = 0
    circle: bool = False
    delay: int = 0
    dimension: int = 0
    facts: tuple[tuple[str, Any], ...] = ()

    @property
    def lost(self) -> int:
        """Samples at the end of a trajectory without an observation of their own."""
        return (self.dimension - 1) * self.delay if self.dimension else 0

    def apply(self, states: np.ndarray, block: tuple[int, int], before: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Observations of the next block of some trajectories, and what the call for the block after it must be given.

        Parameters
        ----------
        states
            shape (trajectory, time, dimension).
        block
            Number of the trajectories' group and of the block, which draw the noise.
        before
            Measured values of the samples before that have no observation yet, shape (trajectory, up to `lost`).
        """
        if not self.dimension:
            return self._finish(states, block), before
        series = _measured(states, self.coordinate, self.circle)
        if self.view.noise and self.lifting is None:
            series = series + self.noise * self._draw(block, series.shape)
        series = np.concatenate([before, series], axis=1)
        carry = series[:, series.shape[1] - min(self.lost, series.shape[1]):]
        if series.shape[1] <= self.lost:
            return np.empty((len(states), 0, len(self.features))), carry
        rows = delay_vectors(series, self.delay, self.dimension)
        return (rows if self.lifting is None else self._finish(rows, block)), carry

    def _finish(self, rows: np.ndarray, block: tuple[int, int]) -> np.ndarray:
        found = self.chart.apply(rows) if self.lifting is None else self.lifting.apply(rows)
        if self.view.noise:
            found = found + self.noise * self._draw(block, found.shape)
        return found

    def _draw(self, block: tuple[int, int], shape: tuple[int, ...]) -> np.ndarray:
        return generator(self.seed, (NOISE_KEY, *block)).standard_normal(shape)


def _measured(states: np.ndarray, coordinate: int, circle: bool) -> np.ndarray:
    """One coordinate, shape (trajectory, time); of an angle, which may grow for ever, the sine."""
    values = np.ascontiguousarray(states[:, :, coordinate])
    return np.sin(values) if circle else values


def make_observer(view: View, system: System, head: np.ndarray, samples: int, per_period: float, seed: int) -> Observer:
    """The observer of a run, all that depends on the data decided by its `head`.

    Parameters
    ----------
    head
        First samples of the first trajectories, finite, shape (trajectory, time, dimension).
    samples
        Of each trajectory in the whole run.
    per_period
        Samples in one characteristic time.
    """
    facts: list[tuple[str, Any]] = [("noise", float(view.noise))]
    rows, names, angles = head, system.coordinates, system.angles
    coordinate, delay, dimension, circle = 0, 0, 0, False
    if view.embed is not None:
        assert view.observe is not None
        coordinate = system.coordinates.index(view.observe)
        circle = coordinate in system.angles
        series = _measured(head, coordinate, circle)
        delay, how = ((int(view.delay), "given") if isinstance(view.delay, int)
                      else choose_delay(series, max(2, round(LONGEST_DELAY * per_period))))
        dimension, why = ((int(view.embed), "given") if isinstance(view.embed, int)
                          else choose_dimension(series, delay))
        if samples <= (dimension - 1) * delay:
            raise UsageError(
                f"{samples} samples are too few for {dimension} delays of {delay}: at least "
                f"{(dimension - 1) * delay + 1} are needed; take more samples, a shorter delay or fewer dimensions")
        facts += [("observe", view.observe), ("delay", delay), ("delay_rule", how), ("embed", dimension),
                  ("embed_rule", why)]
        rows, angles = delay_vectors(series, delay, dimension), ()
        word = f"sin {view.observe}" if circle else view.observe
        names = tuple(f"{word}(t+{k * delay})" if k else f"{word}(t)" for k in range(dimension))
    chart = chart_of(rows, angles, standardise=view.lift is not None)
    lifting = make_lifting(chart, view.lift, seed) if view.lift is not None else None
    features = chart.names(names) if lifting is None else tuple(f"y{i}" for i in range(lifting.dimension))
    if lifting is not None:
        facts += lifting_facts(lifting).items()
    seen = lifting.apply(rows) if lifting else chart.apply(rows)
    spread = (_measured(head, coordinate, circle).reshape(-1, 1) if dimension and lifting is None
              else seen.reshape(-1, seen.shape[-1])).std(axis=0)
    return Observer(view, seed, features, chart, lifting, view.noise * spread, coordinate, circle, delay,
                    dimension, tuple(facts))
