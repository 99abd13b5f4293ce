"""TAP solutions as attractors: minima that descents of the TAP free energy from random starts end at.

The attractors of several inverse temperatures stand in one set; `stats` says the beta of each. The stability is minus
the smallest eigenvalue of the scaled Hessian of beta F: negative at a minimum.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from statfe.attractors.found import AttractorSet
from statfe.errors import UsageError
from statfe.models.ising import IsingModel
from statfe.search.tap_solutions import DEFAULT_STARTS, tap_solutions
from statfe.search.tap_solutions_result import Attractors
from statfe.store.commands import Grid

#: Root mean square of the means below which a solution is the paramagnet (without fields).
PARAMAGNET = 1e-4


def tap_attractors(
    model: str | IsingModel, beta: Grid, starts: int = DEFAULT_STARTS, *, seed: int | None = None, workers: int = 1,
    progress: Callable[[str, float], None] | None = None,
) -> AttractorSet:
    """All TAP solutions that `starts` descents at each beta end at.

    Returns
    -------
    AttractorSet
        Kinds ``paramagnet`` (all means 0), ``magnetized``, and ``beyond TAP`` where Plefka's parameter is 1 or more:
        there the expansion behind TAP does not hold. `stats` has ``beta``, ``beta_f``, ``plefka``, ``q`` (mean of
        m_i^2) and ``unseen_basin`` (share of starts that would find a new one).

    Raises
    ------
    UsageError
        For bad input, or beta = 0 or below, where the free energy itself is infinite.
    """
    found = tap_solutions(model, beta, starts=starts, seed=seed, workers=workers, progress=progress)
    if any(at.beta <= 0.0 for at in found.at):
        raise UsageError("attractors are told by their free energy, so beta must be above 0")
    spins = found.model
    means = np.concatenate([at.means for at in found.at])
    values = {name: np.concatenate([getattr(at, name) for at in found.at])
              for name in ("beta_f", "stabilities", "plefka", "basins", "basin_errors")}
    counts = [len(at.beta_f) for at in found.at]
    betas = np.repeat([at.beta for at in found.at], counts)
    lost = [at for at in found.at if at.not_converged]
    return AttractorSet(
        system=spins.spec, method="tap", kinds=tuple(word for at in found.at for word in _kinds(at)), states=means,
        coordinates=tuple(f"m{i}" for i in range(spins.n_sites)), free_energy=values["beta_f"] / betas,
        stability=-values["stabilities"], basin_fraction=values["basins"],
        basin_fraction_error=values["basin_errors"], starts=np.empty((0, spins.n_sites)),
        labels=np.empty(0, dtype=np.int64), seed=found.seed, status="not_converged" if lost else "converged",
        message=_message(lost, found.starts),
        stats={"beta": betas, "beta_f": values["beta_f"], "plefka": values["plefka"], "q": np.mean(means**2, axis=1),
               "unseen_basin": np.repeat([at.unseen_basin for at in found.at], counts)})


def _kinds(at: Attractors) -> list[str]:
    size = np.sqrt(np.mean(at.means**2, axis=1))
    return ["beyond TAP" if x >= 1.0 else "paramagnet" if s < PARAMAGNET else "magnetized"
            for s, x in zip(size, at.plefka, strict=True)]


def _message(lost: list[Attractors], starts: int) -> str:
    if not lost:
        return ""
    worst = max(lost, key=lambda at: at.not_converged)
    return (f"{worst.not_converged} of {starts} descents at beta {worst.beta:g} did not converge; their attractors are "
            "missing, take a lower beta")
