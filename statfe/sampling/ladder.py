"""Where the rungs go: from beta = 0 through every requested beta, close enough that neighbours overlap.

Neighbouring rungs exchange, and share samples for reweighting, when their distance in beta is about one standard
deviation of the energy: for Gaussian energies the acceptance is erfc(d sigma_E / 2) (Kofke 2002). sigma_E is known at
beta = 0 and measured by a short annealing run above it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from statfe.chains import MIN_ACCEPTANCE, unevenness
from statfe.errors import UsageError
from statfe.kernels.tempering import COUNTERS, run_ladder
from statfe.models.ising import IsingModel
from statfe.random import generator, streams
from statfe.sampling.samplers import rules_at

MAX_RUNGS = 5000
#: Stream keys; see `statfe.random.streams`.
PILOT_KEY, PILOT_START_KEY = 101, 102
#: A step may be this much longer, in standard deviations at its far end, than the spacing; else it is halved.
STRETCH = 1.5
#: Most halvings of one step: a jump of the energy cannot be resolved.
HALVINGS = 6
#: Rungs closer than this share of a step to the last measurement need none of their own.
SHORT = 0.3

Progress = Callable[[str, float], None] | None
#: ``run(beta, spins, sweeps, number)``: energies of that many sweeps, shape (sweeps, 1), and the spins after them.
PilotRun = Callable[[float, np.ndarray, int, int], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Ladder:
    """Rungs, ascending, which of them were requested, and what is known of their exchanges.

    Attributes
    ----------
    rejection
        Rejections to expect between rungs (k, k + 1), shape (K - 1,), where they were measured to place the rungs.
    """

    betas: np.ndarray
    requested: np.ndarray
    rejection: np.ndarray | None = None

    @property
    def added(self) -> int:
        """Number of rungs that were not asked for."""
        return int(np.count_nonzero(~self.requested))

    @property
    def fixed(self) -> np.ndarray:
        """Rungs that are not to be moved: the hot end, and what was requested."""
        return self.requested | (np.arange(len(self.betas)) == 0)

    @property
    def free_steps(self) -> np.ndarray:
        """Steps that end at a rung that may be moved."""
        return ~(self.fixed[1:] & self.fixed[:-1])

    @property
    def unevenness(self) -> float:
        """Largest over smallest rejection between two fixed rungs, the worst of all such pairs; NaN where unknown."""
        return math.nan if self.rejection is None else unevenness(self.rejection, self.fixed)

    @property
    def gaps(self) -> np.ndarray:
        """Steps k that hardly let an exchange pass."""
        return np.flatnonzero(np.zeros(0) if self.rejection is None else self.rejection > 1.0 - MIN_ACCEPTANCE)

    def __str__(self) -> str:
        text = f"{len(self.betas)} rungs, {self.added} of them added"
        if self.rejection is None or not len(self.rejection):
            return text
        text += (f"; barrier Lambda = {self.rejection.sum():.2f}, exchanges accepted {1 - self.rejection.max():.2f} to "
                 f"{1 - self.rejection.min():.2f}")
        gaps = self.gaps
        begins, ends = gaps[np.diff(gaps, prepend=-2) > 1], gaps[np.diff(gaps, append=len(self.betas) + 1) > 1] + 1
        for first, last in zip(begins, ends, strict=True):
            text += f"; a gap between beta = {self.betas[first]:.6g} and {self.betas[last]:.6g} did not close"
        return text


def requested_only(betas: np.ndarray) -> Ladder:
    """The requested betas, sorted, without additions."""
    grid = np.unique(betas)
    return Ladder(grid, np.ones(len(grid), dtype=bool))


def plan_ladder(model: IsingModel, betas: np.ndarray, *, spacing: float, rule: int, seed: int,
                sweeps: int = 100, progress: Progress = None, run: PilotRun | None = None) -> Ladder:
    """Rungs from 0 to the largest requested beta, `spacing` standard deviations of the energy apart.

    The fluctuation is measured at both ends of a step: where it rises, as towards a transition, steps are halved. `run`
    sweeps the pilot's chain; without it the scalar kernel does.

    Raises
    ------
    UsageError
        For a negative beta, or if more than `MAX_RUNGS` rungs would be needed.
    """
    wanted = np.unique(betas)
    if wanted[0] < 0:
        raise UsageError(f"sampling needs beta >= 0, got {wanted[0]:g}; negate the couplings and fields instead")
    pilot = _Pilot(model, rule, seed, sweeps, run)
    rungs = [0.0]
    for target in wanted[wanted > 0]:
        while rungs[-1] < target:
            rungs.append(pilot.step(rungs[-1], float(target), spacing))
            if progress is not None:
                progress("placing rungs", rungs[-1] / float(wanted[-1]))
            if len(rungs) > MAX_RUNGS:
                raise UsageError(
                    f"{model.spec} needs more than {MAX_RUNGS} rungs up to beta={wanted[-1]:g}; lower the largest "
                    "beta, widen the sampler's spacing, or use an exact method")
    grid = np.array(rungs)
    return Ladder(grid, np.isin(grid, wanted))


def _next_rung(here: float, step: float, target: float) -> float:
    """One step towards `target`; the last few steps before it are made equal."""
    gap = target - here
    if gap <= 1.3 * step:
        return target
    return here + (gap / round(gap / step) if gap < 4.0 * step else step)


@dataclass(frozen=True)
class _Look:
    """What the pilot saw at one beta: mean and standard deviation of the energy, and the spins it ended with."""

    beta: float
    mean: float
    sigma: float
    spins: np.ndarray


class _Pilot:
    """One chain, annealed along with the plan, that measures the fluctuation of the energy."""

    def __init__(self, model: IsingModel, rule: int, seed: int, sweeps: int, run: PilotRun | None) -> None:
        self.model, self.rule, self.sweeps = model, rule, sweeps
        self.run, self.looks = run or self.scalar, 0
        self.states = streams(seed, 2, (PILOT_KEY, 0))
        spins = generator(seed, PILOT_START_KEY).integers(0, 2, size=(1, model.n_sites), dtype=np.int8)
        self.sigma0 = float(np.sqrt(model.energy_variance))
        self.here = _Look(0.0, 0.0, self.sigma0, (2 * spins - 1).astype(np.int8))

    def step(self, here: float, target: float, spacing: float) -> float:
        """The rung after `here`."""
        if self.sigma0 == 0.0:
            return target
        step = spacing / max(self.here.sigma, 1e-300)
        # A frozen pilot sees no fluctuation; never stride further than half the way travelled.
        step = min(step, max(0.5 * here, spacing / self.sigma0))
        there = _next_rung(here, step, target)
        if there - self.here.beta < SHORT * step:
            return there
        look = self.look(there)
        for _ in range(HALVINGS):
            if not self.too_far(there - here, look, spacing):
                break
            there = here + 0.5 * (there - here)
            look = self.look(there)
        self.here = look
        return there

    def too_far(self, step: float, look: _Look, spacing: float) -> bool:
        """Whether the energies at both ends of a step hardly overlap."""
        sigma = max(self.here.sigma, look.sigma)
        return step * sigma > STRETCH * spacing or abs(look.mean - self.here.mean) > 2.0 * STRETCH * spacing * sigma

    def look(self, beta: float) -> _Look:
        """Energies at `beta`, from the spins of the rung before."""
        self.looks += 1
        energy, spins = self.run(beta, self.here.spins, self.sweeps, self.looks)
        # The first half lets the chain settle after the step in beta.
        settled = energy[self.sweeps // 2:]
        return _Look(beta, float(settled.mean()), float(settled.std()), spins)

    def scalar(self, beta: float, spins: np.ndarray, sweeps: int, _number: int) -> tuple[np.ndarray, np.ndarray]:
        """The chain under the scalar kernel."""
        m, betas, spins = self.model, np.array([beta]), spins.copy()
        energy, magnetization = np.empty((sweeps, 1)), np.empty((sweeps, 1), dtype=np.int64)
        exchanges, zero = np.zeros((COUNTERS, 1), dtype=np.int64), np.zeros(1, dtype=np.int64)
        run_ladder(
            rules_at(self.rule, m, betas), 0, sweeps, 1, False, betas, spins, zero, zero.copy(), m.indptr,
            m.indices, m.weights, m.fields, self.states[:1], self.states[1], energy, magnetization, exchanges)
        return energy, spins
