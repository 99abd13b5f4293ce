"""Schedules of annealing: from where spins are free to where the smallest gap is frozen out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from statfe.errors import UsageError
from statfe.models.ising import IsingModel
from statfe.sampling.bit_graph import obstacle, unit_of
from statfe.spec import parse_grid
from statfe.store.commands import Grid

#: beta times the largest local field (root mean square over random spins) at the hot end.
HOT = 0.6
#: beta times the smallest change of energy at the cold end, where all changes are multiples of one.
COLD_STEPS = 8.0
#: beta times the local field (root mean square) of a weakly bound spin at the cold end, where there is no such unit.
COLD = 8.0
#: Share of the spins that are bound more weakly than that one.
WEAK = 0.1
#: Most values of beta of a schedule that is chosen here.
MAX_STEPS = 500


@dataclass(frozen=True)
class Schedule:
    """`sweeps` sweeps spread evenly over `betas`, in their order."""

    betas: np.ndarray
    sweeps: int

    @property
    def steps(self) -> np.ndarray:
        """Index of the beta of each sweep, int64, shape (sweeps,)."""
        return np.arange(self.sweeps) * len(self.betas) // self.sweeps


def make_schedule(
    model: IsingModel, sweeps: int, betas: Grid | None = None, beta_min: float | None = None,
    beta_max: float | None = None,
) -> Schedule:
    """The grid `betas` in the order given, or one from `beta_min` to `beta_max`, chosen from the model where None.

    Raises
    ------
    UsageError
        A beta that is not positive, fewer sweeps than betas, or ends that are given beside a grid or out of order.
    """
    if betas is not None:
        if beta_min is not None or beta_max is not None:
            raise UsageError("give either a grid of beta or its ends, beta_min and beta_max")
        grid = parse_grid(betas)
        if np.any(grid <= 0.0):
            raise UsageError(f"annealing needs beta > 0, got {grid.min():g}; leave that value out")
        if sweeps < len(grid):
            raise UsageError(f"{sweeps} sweeps cannot visit {len(grid)} betas; raise sweeps or thin the grid")
        return Schedule(grid, sweeps)
    hot, cold = default_ends(model)
    ends = parse_grid([hot if beta_min is None else beta_min, cold if beta_max is None else beta_max])
    if np.any(ends <= 0.0):
        raise UsageError(f"annealing needs beta > 0, got {ends.min():g}")
    if ends[1] < ends[0]:
        raise UsageError(f"beta_min {ends[0]:g} is above beta_max {ends[1]:g}; lower the first or raise the second")
    # Gaps of one size freeze out together; where they have all sizes, so should the steps.
    spaced = np.geomspace if unit_of_changes(model) is None else np.linspace
    return Schedule(spaced(ends[0], ends[1], min(sweeps, MAX_STEPS)), sweeps)


def default_ends(model: IsingModel) -> tuple[float, float]:
    """Hot and cold beta of the schedule for `model`.

    The size of a local field h_i + sum_j J_ij s_j over random spins has mean square h_i^2 + sum_j J_ij^2.
    """
    scale = max(np.abs(model.weights).max(initial=0.0), np.abs(model.fields).max(initial=0.0))
    if scale == 0.0:
        return 1.0, 1.0
    # Squares of very large or small couplings would leave the range of doubles.
    square = (model.adjacency / scale).power(2) @ np.ones(model.n_sites) + (model.fields / scale) ** 2
    size = scale * np.sqrt(square[square > 0.0])
    hot = HOT / float(size.max())
    change = unit_of_changes(model)
    return hot, max(hot, COLD / float(np.quantile(size, WEAK)) if change is None else COLD_STEPS / change)


def unit_of_changes(model: IsingModel) -> float | None:
    """Where all is a multiple of one J, the smallest change of energy but 0 that a flip can make; else None.

    It is 2 J, or 4 J where every spin has an even number of J around it.
    """
    unit = unit_of(model)
    if unit is None or obstacle(model):
        return None
    units = np.rint((abs(model.adjacency) @ np.ones(model.n_sites) + np.abs(model.fields)) / unit)
    return (2.0 if np.any(units % 2 == 1) else 4.0) * unit
