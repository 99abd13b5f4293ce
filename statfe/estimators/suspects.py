"""Chains that no sampler of the model can have made: against what is known at beta = 0, each other, and neighbours."""

from __future__ import annotations

import math

import numpy as np

from statfe.chains import Chains
from statfe.models.ising import IsingModel

#: Fewest draws at beta = 0 whose mean is held against that of all states, and draws that no two replicas may share.
FEW_HOT, TWIN_DRAWS = 100, 64
#: Draws that must have left the level where a rung stands still, had it moved, before it counts as stuck.
SURELY = 30.0


def hot_end(model: IsingModel, chains: Chains, mean: float, error: float) -> tuple[float, float]:
    """Mean energy at beta = 0 in standard errors, and its variance over the true one.

    Over all states <E> = 0 and <E^2> = sum J^2 + sum h^2. `mean` and `error` are of the energies of rung 0.
    """
    known, hot = model.energy_variance, chains.energy[:, :, 0]
    if not 0.0 < known < math.inf or hot.size < FEW_HOT or not math.isfinite(mean):
        return 0.0, 1.0
    scale = math.sqrt(known)
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        return mean / max(error, 1e-9 * scale), float((hot / scale).var())


def twins(energy: np.ndarray) -> bool:
    """Whether two rows of (R, T) draws, which vary, begin with the same draws."""
    begin = energy[:, :TWIN_DRAWS]
    if begin.shape[1] < TWIN_DRAWS or not np.all(np.ptp(begin, axis=1) > 0.0):
        return False
    return len({row.tobytes() for row in begin}) < len(begin)


def stuck(chains: Chains) -> np.ndarray:
    """Rungs whose draws are all of one energy, though the draws of the rung before say they should vary; bool, (K,)."""
    energy, found = chains.energy, np.zeros(len(chains.betas), dtype=bool)
    still = np.ptp(energy, axis=(0, 1)) == 0.0
    for k in np.flatnonzero(still[1:] & ~still[:-1]) + 1:
        before, level = energy[:, :, k - 1], energy[0, 0, k]
        with np.errstate(over="ignore"):
            weights = np.exp(-(chains.betas[k] - chains.betas[k - 1]) * (before - before.min()))
        away = float(weights[before != level].sum() / weights.sum())
        found[k] = away * before.size > SURELY
    return found
