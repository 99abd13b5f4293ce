"""Where the rungs go: from beta = 0 through every requested beta, close enough that neighbours overlap.

Neighbouring rungs exchange, and share samples for reweighting, when their distance in beta is about one standard
deviation of the energy: for Gaussian energies the acceptance is erfc(d sigma_E / 2) (Kofke 2002). sigma_E is known at
beta = 0 and measured by a short annealing run above it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from statfe.errors import UsageError
from statfe.kernels.tempering import run_ladder
from statfe.models.ising import IsingModel
from statfe.random import streams
from statfe.sampling.samplers import rules_at

MAX_RUNGS = 5000
#: Stream keys; see `statfe.random.streams`.
PILOT_KEY = 101


@dataclass(frozen=True)
class Ladder:
    """Rungs, ascending, and which of them were requested."""

    betas: np.ndarray
    requested: np.ndarray

    @property
    def added(self) -> int:
        """Number of rungs that were not asked for."""
        return int(np.count_nonzero(~self.requested))


def requested_only(betas: np.ndarray) -> Ladder:
    """The requested betas, sorted, without additions."""
    grid = np.unique(betas)
    return Ladder(grid, np.ones(len(grid), dtype=bool))


def plan_ladder(model: IsingModel, betas: np.ndarray, *, spacing: float, rule: int, seed: int,
                sweeps: int = 100) -> Ladder:
    """Rungs from 0 to the largest requested beta, `spacing` standard deviations of the energy apart.

    Raises
    ------
    UsageError
        For a negative beta, or if more than `MAX_RUNGS` rungs would be needed.
    """
    wanted = np.unique(betas)
    if wanted[0] < 0:
        raise UsageError(f"sampling needs beta >= 0, got {wanted[0]:g}; negate the couplings and fields instead")
    pilot = _Pilot(model, rule, seed, sweeps)
    sigma0 = np.sqrt(model.energy_variance)
    rungs = [0.0]
    for target in wanted[wanted > 0]:
        while rungs[-1] < target:
            here = rungs[-1]
            step = spacing / max(pilot.sigma(here), 1e-300)
            # A frozen pilot sees no fluctuation; never stride further than half the way travelled.
            step = min(step, max(0.5 * here, spacing / sigma0 if sigma0 > 0 else np.inf))
            rungs.append(_next_rung(here, step, float(target)))
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


class _Pilot:
    """One chain, annealed along with the plan, that measures the fluctuation of the energy."""

    def __init__(self, model: IsingModel, rule: int, seed: int, sweeps: int) -> None:
        self.model, self.rule, self.sweeps = model, rule, sweeps
        self.states = streams(seed, 2, PILOT_KEY)
        rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(PILOT_KEY, 0))))
        self.spins = (2 * rng.integers(0, 2, size=(1, model.n_sites), dtype=np.int8) - 1).astype(np.int8)

    def sigma(self, beta: float) -> float:
        """Standard deviation of the energy at `beta`; exact at 0."""
        if beta == 0.0 or self.model.energy_variance == 0.0:
            return float(np.sqrt(self.model.energy_variance))
        m, betas = self.model, np.array([beta])
        energy, magnetization = np.empty((self.sweeps, 1)), np.empty((self.sweeps, 1), dtype=np.int64)
        none, zero = np.zeros(0, dtype=np.int64), np.zeros(1, dtype=np.int64)
        run_ladder(
            rules_at(self.rule, m, betas), 0, self.sweeps, 1, False, betas, self.spins, zero, zero.copy(), m.indptr,
            m.indices, m.weights, m.fields, self.states[:1], self.states[1], energy, magnetization, none, none)
        # The first half lets the chain settle after the step in beta.
        return float(energy[self.sweeps // 2:].std())
