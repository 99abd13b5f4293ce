"""Models whose energies are whole numbers times a unit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from statfe.models.ising import IsingModel
from statfe.models.structure import per_model

#: The unit is the smallest |J| or |h| by a whole number up to this.
MAX_PARTS = 64
#: How close to a whole number a coupling over the unit must be, relative to itself.
ROUNDING = 1e-14
#: Most levels worth a table.
MAX_TOTAL = 1 << 22


@dataclass(frozen=True)
class Whole:
    """E = unit (total - 2 m) without the offset, m the weight of satisfied bonds and fields.

    Attributes
    ----------
    unit
        The largest number of which all couplings and fields are whole multiples.
    weights, fields
        Couplings in the order of `IsingModel.weights`, and fields, over the unit; int64.
    total
        Sum of all |J| (each pair once) and |h| over the unit.
    step
        All states have the same m modulo this.
    """

    unit: float
    weights: np.ndarray
    fields: np.ndarray
    total: int
    step: int


@per_model
def whole(model: IsingModel) -> Whole | None:
    """`model` in whole numbers, or None where there is no unit, or one so small that levels are too many."""
    values = np.concatenate([model.weights, model.fields])
    sizes = np.unique(np.abs(values[values != 0]))
    unit = 1.0
    if len(sizes):
        units = (float(sizes[0]) / parts for parts in range(1, MAX_PARTS + 1))
        unit = next((u for u in units if _is_whole(sizes, u)), 0.0)
    if unit == 0.0:
        return None
    weights, fields = (np.rint(v / unit).astype(np.int64) for v in (model.weights, model.fields))
    total = int(np.abs(weights).sum() // 2 + np.abs(fields).sum())
    if total > MAX_TOTAL:
        return None
    # A flip of spin i changes m by its field in units, which is their sum here but for twice some of the couplings.
    sums = fields.copy()
    np.add.at(sums, np.repeat(np.arange(model.n_sites), model.degrees), weights)
    step = int(np.gcd.reduce(np.concatenate([sums, 2 * weights]))) or 1
    return Whole(unit, weights, fields, total, step)


def _is_whole(sizes: np.ndarray, unit: float) -> bool:
    with np.errstate(over="ignore", divide="ignore"):
        ratio = sizes / unit
    return bool(np.all(ratio < MAX_TOTAL) and np.all(np.abs(ratio - np.rint(ratio)) <= ROUNDING * ratio))
