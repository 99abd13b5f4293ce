"""A grid of temperatures of one drawn model, as outcomes."""

from __future__ import annotations

import math

import numpy as np

from statfe.executors import map_tasks
from statfe.models.ising import IsingModel
from statfe.planar.embedding import Drawing
from statfe.planar.partition import TOLERANCE, Found, log_z, plan
from statfe.registry import Context
from statfe.result import Outcome, exact_outcome, failure


def outcomes(label: str, model: IsingModel, drawing: Drawing, betas: np.ndarray, context: Context) -> list[Outcome]:
    """One outcome a beta: -N ln 2 exactly at beta = 0, a failure where digits are lost."""
    made = plan(drawing)
    done = [0]

    def at(beta: float) -> Outcome:
        if beta == 0.0:
            outcome = _outcome(model, Found(model.n_sites * math.log(2.0), 0.0, 16, 0))
        else:
            outcome = _outcome(model, log_z(made, beta)) if _in_range(model, beta) else exact_outcome(math.inf)
        done[0] += 1
        if context.progress is not None:
            context.progress(label, done[0] / len(betas))
        return outcome

    return map_tasks(at, [float(beta) for beta in betas], context.workers)


def _in_range(model: IsingModel, beta: float) -> bool:
    """Whether twice beta times any energy is a double."""
    return math.isfinite(4.0 * beta * model.reach) and math.isfinite(4.0 * model.reach)


def _outcome(model: IsingModel, found: Found) -> Outcome:
    stats = {"digits": found.digits, "ways": found.ways, "difference": found.difference}
    if math.isnan(found.log_z):
        gap = "have no digit left" if math.isinf(found.difference) else f"differ by {found.difference:.0e} of ln Z"
        return failure(
            "exact", "not_converged", f"digits cancel: two ways to ln Z {gap}, more than {TOLERANCE:.0e}, with "
            f"{found.digits} digits; take a smaller beta, or use mbar", **stats)
    return exact_outcome(found.log_z, **stats)
