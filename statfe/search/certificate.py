"""Whether an energy found is certainly the lowest: all terms satisfied, or an exact lower bound that it meets."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from statfe.methods.exact import auto
from statfe.models.ising import IsingModel
from statfe.registry import run_method
from statfe.search.reads import energy_scale

#: Elementary operations (about nanoseconds) that a certificate may cost.
MAX_COST = 1e9
#: How far the free energy may lie below the ground state by entropy alone, relative to the sum of all |J| and |h|.
ENTROPY = 1e-10
#: Rounding of both, relative to the same.
ROUNDING = 1e-9


@dataclass(frozen=True)
class Certificate:
    """A rigorous lower bound of the ground-state energy, and in `reason` where it comes from.

    `known` is the ground-state energy where it is known but was not found, slightly rounded up, else None.
    """

    certified: bool
    lower_bound: float
    reason: str
    known: float | None = None


def certify(model: IsingModel, energy: float, state: np.ndarray) -> Certificate:
    """What is known from below about the ground state of `model`, where `state` with `energy` is the lowest found."""
    scale = energy_scale(model)
    if satisfied(model, state):
        return Certificate(True, energy, "every coupling and field is satisfied")
    naive = model.offset - scale
    bound = exact_bound(model, scale)
    if bound is None:
        return Certificate(False, naive, "an upper bound of the ground-state energy; no proof that it is the lowest")
    lowest, method = bound
    # The sum of all terms is a bound, too, and sharper where rounding has the last word.
    lowest = max(naive, lowest)
    if energy - lowest <= ROUNDING * (scale + abs(model.offset)):
        return Certificate(True, min(lowest, energy), f"it is the ground-state energy by {method}")
    return Certificate(
        False, lowest, f"an upper bound; by {method} the ground-state energy is {lowest:.10g}, raise sweeps or reads",
        known=lowest + ROUNDING * (scale + abs(model.offset)))


def satisfied(model: IsingModel, state: np.ndarray) -> bool:
    """Whether no coupling and no field is at odds with `state`: E = -sum |J| - sum |h|, and nothing lies below."""
    i, j, J = model.pairs
    signs = state.astype(np.float64)
    return bool(np.all(J * signs[i] * signs[j] > 0.0) and np.all(model.fields * signs >= 0.0))


def exact_bound(model: IsingModel, scale: float) -> tuple[float, str] | None:
    """F(beta) at a beta so large that the entropy hardly counts, by the cheapest exact method where that is cheap.

    exp(-beta E_0) <= Z <= 2^N exp(-beta E_0), so E_0 - N ln 2 / beta <= F <= E_0.
    """
    if auto.obstacle(model) or auto.cost(model, 1) > MAX_COST:
        return None
    beta = model.n_sites * math.log(2.0) / (ENTROPY * scale)
    result = run_method(model, np.array([beta]), "exact")[0]
    if result.status != "converged":
        return None
    return result.free_energy, str(result.stats["exact_method"])
