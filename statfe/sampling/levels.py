"""The levels that energies are counted by: those that can occur where couplings are multiples of one J, else bins."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from statfe.models.ising import IsingModel
from statfe.sampling.bank import Kernel, Load
from statfe.sampling.bit_graph import unit_of

#: Most levels; where more energies can occur, they are counted in bins.
MOST_LEVELS = 2**20
#: Width of a bin, times the largest step in beta of the ladder: ln Z is wrong by about its square / 24 a rung.
FINENESS = 1.0 / 64.0
#: Energies this many standard deviations above 0, the mean at beta = 0, share the last level.
HIGHEST = 9.0
#: Bytes of the counts by stretch of time, and how many stretches at most and at least; bytes of the counts by rung.
STRETCH_BYTES, MOST_STRETCHES, FEWEST_STRETCHES, COUNT_BYTES = 1.0e8, 256, 16, 1.5e8
#: Nanoseconds to look at a chain, which is to record its energy and count it, and their share of a sweep.
LOOK_NS, LOOK_SHARE = 5.0, 0.1


@dataclass(frozen=True)
class Levels:
    """`count` energies `width` apart from `lowest` up; `exact` where no other energies can occur."""

    lowest: float
    width: float
    count: int
    exact: bool

    @property
    def energies(self) -> np.ndarray:
        """Energy of each level, shape (count,)."""
        return self.lowest + self.width * np.arange(self.count)


def energy_levels(model: IsingModel, betas: np.ndarray) -> Levels:
    """Levels for the energies of `model` on the ladder `betas`, without its constant."""
    reach, high = model.reach, min(model.reach, HIGHEST * math.sqrt(model.energy_variance))
    step, aligned = _natural_step(model), _aligned_energy(model)
    if step > 0.0 and reach / step < 2**52:
        # The levels are those of the aligned state: frustrated bonds may shift them off the reach.
        lowest = aligned - step * math.floor((aligned + reach) / step + 1e-9)
        count = math.floor((high - lowest) / step) + 1
        # The energies of binned models would need as many; the counts are no coarser for being exact.
        if count <= MOST_LEVELS:
            return Levels(lowest, step, count, exact=True)
    gap = float(np.max(np.diff(betas), initial=0.0))
    width = max(FINENESS / gap if gap > 0.0 else math.inf, (high + reach) / (MOST_LEVELS - 1))
    if not math.isfinite(width) or width <= 0.0:
        width = max(high + reach, 1.0)
    return Levels(-reach, width, math.floor((high + reach) / width) + 1, exact=False)


def _aligned_energy(model: IsingModel) -> float:
    """Energy with all spins up."""
    if model.uniform is not None:
        return -model.n_bonds * model.uniform[0] - model.n_sites * model.uniform[1]
    return -0.5 * float(model.weights.sum()) - float(model.fields.sum())


def _natural_step(model: IsingModel) -> float:
    """Distance of neighbouring energies where couplings and fields are multiples of one J; 0 where they are not.

    A flip changes the energy by twice the field of the site, which is J times a number as even or odd as its bonds.
    """
    if model.uniform is not None:
        J, h = model.uniform
        return 2.0 * abs(J) if h == 0.0 and J != 0.0 else 0.0
    unit = unit_of(model)
    if unit is None or model.reach == 0.0:
        return 0.0
    odd = np.rint(model.strengths / unit) % 2 != 0
    return 2.0 * unit if bool(np.any(odd)) else 4.0 * unit


def stretches_for(replicas: int, levels: Levels) -> int:
    """Stretches of time that are kept apart, an even number; 0 where not even a few fit."""
    fit = int(STRETCH_BYTES / (8.0 * replicas * levels.count)) // 2 * 2
    return min(fit, MOST_STRETCHES) if fit >= FEWEST_STRETCHES else 0


def looks_of(model: IsingModel, betas: np.ndarray, kernel: Kernel, load: Load, thin: int, *,
             fixed: bool) -> tuple[int, int | None]:
    """(sweeps a draw, sweeps a look); None where draws are as many as looks are worth, or the counts do not fit.

    Parameters
    ----------
    thin
        Sweeps a draw; made a multiple of the sweeps a look, unless `fixed`.
    """
    look = look_sweeps(model, kernel, load)
    if fixed:
        look = next(n for n in range(min(look, thin), thin + 1) if thin % n == 0)
    if 2 * look > thin:
        return thin, None
    if not countable(energy_levels(model, betas), load, len(betas)):
        return thin, None
    return thin - thin % look, look


def look_sweeps(model: IsingModel, kernel: Kernel, load: Load) -> int:
    """Sweeps between looks that take a small share of the time."""
    return max(1, math.ceil(LOOK_NS / (LOOK_SHARE * max(kernel.cost(model, load) * model.n_sites, 1e-3))))


def countable(levels: Levels, load: Load, rungs: int) -> bool:
    """Whether the counts fit into memory."""
    return load.replicas * rungs * levels.count * 8.0 <= COUNT_BYTES and stretches_for(load.replicas, levels) > 0
