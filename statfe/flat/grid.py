"""Where the table of log weights along the energy has its nodes, and the model in the unit in which energies are kept.

Where all couplings and fields are whole multiples of one J, energies are integers, kept without rounding, and every
level has a node of its own unless that makes too many. Elsewhere weights are linear between nodes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from statfe.errors import UsageError
from statfe.models.ising import IsingModel
from statfe.sampling.bit_graph import unit_of

#: Most nodes of a table, by spin and in all, for energy levels; and their number where energies are continuous.
NODES_A_SPIN, LEAST_MOST, MOST_NODES = 4, 256, 4096
FEWEST, DEFAULT_MOST = 16, 1024
#: Distance of nodes in units of the root mean square of the local field, where energies are continuous.
SPACING = 0.5


@dataclass(frozen=True, eq=False)
class EnergyGrid:
    """Nodes low, low + width, ... along the energy, in units of `scale`.

    Attributes
    ----------
    weights, fields
        Couplings (as in `IsingModel.weights`) and fields in units of `scale`.
    levels
        Whether every node is an energy level and every level between the ends a node.
    whole
        Whether the table reaches over all energies that the model may have.
    """

    scale: float
    weights: np.ndarray
    fields: np.ndarray
    low: float
    width: float
    nodes: int
    levels: bool
    whole: bool

    @property
    def energies(self) -> np.ndarray:
        """Energies of the nodes, without the model's constant; shape (nodes,)."""
        return (self.low + self.width * np.arange(self.nodes)) * self.scale

    def places(self, energy: np.ndarray) -> np.ndarray:
        """Places of energies (in the model's unit) on the table."""
        return (np.asarray(energy) / self.scale - self.low) / self.width


def check_energies(model: IsingModel) -> None:
    """Refuse a model whose energies leave the range of doubles, or whose bonds are not listed."""
    if not math.isfinite(model.reach):
        raise UsageError(f"the energies of {model.spec} overflow; scale the couplings and fields down")


def energy_grid(model: IsingModel, low: float, high: float, bins: int | None = None) -> EnergyGrid:
    """Nodes from `low` to `high`, or to the ends of what the model may have where these are nearer.

    Parameters
    ----------
    bins
        Most intervals between nodes; by default every level up to `NODES_A_SPIN` a spin, or what `SPACING` gives.
    """
    check_energies(model)
    reach = model.reach
    # Rounding must not cut off the lowest level.
    reach += 1e-9 * reach
    low, high = max(low, -reach), min(high, reach)
    whole = bool(low == -reach and high == reach)
    unit = unit_of(model)
    if unit is not None and 2.0 * reach / unit < 2.0**50:
        weights, fields = np.rint(model.weights / unit), np.rint(model.fields / unit)
        step = _step(model, weights, fields)
        aligned = -(0.5 * weights.sum() + fields.sum())
        first = aligned + step * math.ceil((low / unit - aligned) / step)
        count = max(1, 1 + math.floor((high / unit - first) / step))
        most = bins or min(max(NODES_A_SPIN * model.n_sites, LEAST_MOST), MOST_NODES)
        every = -(-count // most)
        nodes = -(-(count - 1) // every) + 1
        return EnergyGrid(unit, weights, fields, first, step * every, nodes, every == 1, whole)
    if bins is None:
        wanted = (high - low) / max(SPACING * model.local_field, 1e-300)
        bins = int(np.clip(math.ceil(min(wanted, 1e9)), FEWEST, DEFAULT_MOST))
    width = max((high - low) / bins, 1e-300)
    return EnergyGrid(1.0, model.weights, model.fields, low, width, bins + 1, False, whole)


def _step(model: IsingModel, weights: np.ndarray, fields: np.ndarray) -> float:
    """Distance of energy levels: a flip of i changes E by 2 s_i (sum_j +-w_ij + h_i), so by 2 d_i modulo 4 w_ij."""
    site = np.repeat(np.arange(model.n_sites), model.degrees)
    sums = np.bincount(site, weights, minlength=model.n_sites) + fields
    numbers = np.abs(np.concatenate([2.0 * sums, 4.0 * weights])).astype(np.int64)
    return float(np.gcd.reduce(numbers)) or 1.0
