"""The plan of a run of trajectories, and its blocks: groups of trajectories, each in stretches of time.

The blocks follow from the sizes alone. A run is what it is by its plan: workers and lanes change no bit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from statfe.attractors.march import Marcher, lanes_repay
from statfe.attractors.observe import Observer, View, make_observer
from statfe.attractors.starts import draw_starts
from statfe.attractors.step_check import check_step, explain_escape
from statfe.attractors.trajectory_writer import Part
from statfe.errors import UsageError
from statfe.systems.system import System

#: Trajectories that go together, numbers of a block, and steps of a block, at most.
GROUP, NUMBERS, STEPS = 1024, 2**19, 2**26
#: Samples of one period by default.
PER_PERIOD = 25
#: The head of a run, by which noise, delays and liftings are scaled: trajectories and samples in all, at most.
HEAD_TRAJECTORIES, HEAD_SAMPLES = 64, 2**15
#: Looks for an escape in a transient.
LOOKS = 64
#: Most trajectories, and most samples in all.
MOST_TRAJECTORIES, MOST = 10_000_000, 10**12


@dataclass(frozen=True)
class Block:
    """Trajectories `first` up to `last`, samples `start` up to `stop`."""

    first: int
    last: int
    start: int
    stop: int


@dataclass(frozen=True)
class Generation:
    """What a run of trajectories is, without its seed's draws.

    Attributes
    ----------
    trajectories, samples
        How many, and how many samples of each.
    every
        Steps between samples.
    transient
        Time that is dropped.
    start
        ``attractor`` or ``box``.
    dtype
        ``f8`` or ``f4``.
    """

    system: System
    trajectories: int
    samples: int
    every: int
    dt: float
    transient: float
    method: str
    start: str
    view: View
    dtype: str
    seed: int
    workers: int = 1

    @property
    def step(self) -> float:
        """Time between samples."""
        return self.every * self.dt

    @property
    def transient_steps(self) -> int:
        """A multiple of the looks for an escape."""
        steps = math.ceil(self.transient / self.dt - 1e-9)
        return steps if steps < LOOKS else math.ceil(steps / LOOKS) * LOOKS

    def marcher(self) -> Marcher:
        """What makes the steps; it takes lanes where the whole run repays their compilation."""
        return Marcher(self.system, self.dt, self.method, self.workers, self.lanes)

    @property
    def lanes(self) -> bool:
        """Whether trajectories share vectors, as far as the law lets them."""
        return lanes_repay(self.system, self.trajectories, self.samples * self.every + self.transient_steps)

    def settle(self, marcher: Marcher, first: int, last: int) -> np.ndarray:
        """Starts that have left their transient behind, nan where they escaped; shape (trajectory, dimension)."""
        x = draw_starts(self.system, self.start, self.seed, first, last)
        steps = self.transient_steps
        if steps:
            looks = min(LOOKS, steps)
            marcher.advance(x, np.empty((len(x), looks, self.system.dimension)), steps // looks, -self.transient)
        return x

    def blocks(self, width: int) -> list[Block]:
        """All blocks, those of a group of trajectories one after the other; `width` numbers a sample at most."""
        found = []
        for first in range(0, self.trajectories, GROUP):
            last = min(first + GROUP, self.trajectories)
            rows = max(1, min(NUMBERS // ((last - first) * width), STEPS // ((last - first) * self.every)))
            found += [Block(first, last, start, min(start + rows, self.samples))
                      for start in range(0, self.samples, rows)]
        return found

    def advance(self, marcher: Marcher, x: np.ndarray, block: Block) -> np.ndarray:
        """The states of a block, shape (trajectory, time, dimension), in the type of the file; moves `x`."""
        out = np.empty((len(x), block.stop - block.start, self.system.dimension))
        marcher.advance(x, out, self.every, block.start * self.step)
        return out.astype(self.dtype, copy=False)

    def states_part(self, error: float) -> Part:
        """/trajectories in the file."""
        return Part(self.system.coordinates, self.trajectories, self.samples, self.step, self.step, self.dtype, {
            "dt": self.dt, "every": self.every, "transient": self.transient_steps * self.dt, "integrator": self.method,
            "tolerance": error, "start": self.start})

    def observations_part(self, observer: Observer) -> Part | None:
        """/observations in the file, or None where nothing beyond the states is asked for."""
        if not self.view.asked:
            return None
        own = observer.noise if len(observer.noise) == len(observer.features) else np.repeat(
            observer.noise, len(observer.features))
        words = "standard deviation of the noise that was added"
        return Part(
            observer.features, self.trajectories, self.samples - observer.lost, self.step, self.step, self.dtype,
            dict(observer.facts), {"noise_size": (own, words)} if self.view.noise else {})


@dataclass(frozen=True)
class Head:
    """What the first samples of a run said before it began.

    Attributes
    ----------
    observer
        Scaled by them.
    error
        Of a step, see `StepCheck`.
    warning
        About the step; "" where it is fine.
    """

    observer: Observer
    error: float
    warning: str


def look_ahead(plan: Generation) -> Head:
    """Make the head of the run: check the step, and scale the observations.

    Raises
    ------
    UsageError
        The step is too large, all trajectories escape, or the head is too short for what is asked.
    """
    count = min(plan.trajectories, HEAD_TRAJECTORIES)
    samples = min(plan.samples, HEAD_SAMPLES // count)
    marcher = plan.marcher()
    x = plan.settle(marcher, 0, count)
    settled = x[np.isfinite(x).all(axis=1)].copy()
    states = np.empty((count, samples, plan.system.dimension))
    kept = marcher.advance(x, states, plan.every)
    if not len(settled):
        raise UsageError(f"{plan.system.name}: all trajectories escaped in the transient: " + explain_escape(
            plan.system, draw_starts(plan.system, plan.start, plan.seed, 0, count), plan.dt, plan.transient,
            plan.method))
    # the checks compare distances with the size of the attractor
    flat = states[kept == samples].reshape(-1, plan.system.dimension)
    chosen = np.concatenate([settled[:4], flat[:: max(1, len(flat) // 28)]])
    check = check_step(plan.system, chosen, plan.dt, plan.method, plan.lanes)
    whole = states[kept == samples]
    if not len(whole):
        time = samples * plan.step
        raise UsageError(f"{plan.system.name}: all trajectories escaped within {time:.4g}: " + explain_escape(
            plan.system, settled, plan.dt, time, plan.method))
    observer = make_observer(
        plan.view, plan.system, whole, plan.samples, plan.system.period / plan.step, plan.seed)
    return Head(observer, check.error, check.message)


def plan_generation(
    system: System, *, trajectories: int, samples: int, every: int | None, dt: float | None, transient: float | None,
    method: str, start: str, view: View, float32: bool, seed: int, workers: int,
) -> Generation:
    """A plan from checked words; every and transient by the system where they are None.

    Raises
    ------
    UsageError
        For numbers out of range.
    """
    dt = system.dt if dt is None else float(dt)
    if not (math.isfinite(dt) and dt > 0.0):
        raise UsageError(f"dt must be a positive number, got {dt:g}")
    if system.kind == "map" and dt != system.dt:
        raise UsageError(f"{system.name} is a map: one step takes {system.dt:g}; leave out dt")
    transient = system.transient if transient is None else float(transient)
    if not (math.isfinite(transient) and transient >= 0.0):
        raise UsageError(f"transient must be a time from 0 up, got {transient:g}")
    if every is None:
        every = max(1, round(system.period / (PER_PERIOD * dt)))
    if trajectories > MOST_TRAJECTORIES or trajectories * samples > MOST:
        raise UsageError(f"{trajectories} trajectories of {samples} samples are too many: at most "
                         f"{MOST_TRAJECTORIES:,} trajectories, and {MOST:.0e} samples in all")
    return Generation(system, trajectories, samples, every, dt, transient, method, start, view,
                      "f4" if float32 else "f8", seed, workers)


def facts_of(plan: Generation) -> dict[str, Any]:
    """The plan as it is printed."""
    return {
        "system": plan.system.spec, "trajectories": plan.trajectories, "samples": plan.samples, "dt": plan.dt,
        "every": plan.every, "sampling_step": plan.step, "transient": plan.transient_steps * plan.dt,
        "integrator": plan.method, "start": plan.start, "dtype": plan.dtype, "seed": plan.seed}
