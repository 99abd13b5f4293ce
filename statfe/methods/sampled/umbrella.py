"""Umbrella sampling: windows along the magnetisation or the energy, joined by the weighted histogram equations.

Windows lie on a weight that was learned to be flat, exchange neighbours, and are unbinned over the exact values of the
coordinate. Along the magnetisation ln Z is anchored at the saturated state, one known state, at every beta on its own:
nothing comes from other temperatures, so that first-order transitions in temperature play no part. Along the energy it
is anchored at beta = 0, where there are 2^N states, and one run serves all beta. Consistent as sweeps grow, with an
error that includes autocorrelation and exchanges. Not a bound. Cost: windows x replicas x sweeps x bonds x 2, a beta.
Sources: Torrie and Valleau, J. Comput. Phys. 23, 187 (1977); Ferrenberg and Swendsen, Phys. Rev. Lett. 63, 1195 (1989).
"""

from __future__ import annotations

import math

import numpy as np

from statfe.flat.profile import ALONG
from statfe.flat.umbrella import (
    check_beta,
    energy_outcome,
    energy_windows,
    magnetization_curve,
    magnetization_windows,
)
from statfe.flat.windows import DEFAULT_REPLICAS
from statfe.models.ising import IsingModel
from statfe.registry import Context, Method
from statfe.result import Outcome
from statfe.spec import Option

#: Measured sweeps of each window.
DEFAULT_SWEEPS = 4_000


def run(model: IsingModel, betas: np.ndarray, context: Context, *, along: str, windows: int | None, replicas: int,
        sweeps: int) -> list[Outcome]:
    """One run of windows for all betas along the energy, one a beta along the magnetisation."""
    grid = np.unique(betas)
    check_beta(model, float(grid[-1]))
    cold = grid[grid > 0.0]
    outcomes = {0.0: Outcome(beta_f=-model.n_sites * math.log(2.0), kind="estimate")}
    if along == "energy" and len(cold):
        nodes, found = energy_windows(
            model, float(cold[-1]), context, windows=windows, replicas=replicas, sweeps=sweeps)
        outcomes |= {float(b): energy_outcome(model, nodes, found, float(b)) for b in cold}
        cold = cold[:0]
    for number, beta in enumerate(cold.tolist()):
        if context.progress is not None:
            context.progress("windows", number / len(cold))
        found = magnetization_windows(
            model, beta, context, windows=windows, replicas=replicas, sweeps=sweeps, number=number)
        outcomes[beta] = magnetization_curve(model, found)[1]
    return [outcomes[float(b)] for b in betas]


def obstacle(model: IsingModel) -> str:
    """Lattices whose bonds are not listed are too large to walk from end to end."""
    return "it has too many spins for windows; use mbar" if model.uniform is not None else ""


METHOD = Method(
    name="umbrella",
    family="sampled",
    summary="windows along the magnetisation or the energy, joined and anchored at a known state",
    kinds=("estimate",),
    reference="Torrie and Valleau, J. Comput. Phys. 23, 187 (1977); Ferrenberg and Swendsen, Phys. Rev. Lett. 63, 1195 "
              "(1989)",
    run=run,
    obstacle=obstacle,
    work="sweeps",
    options=(
        Option("along", "str", ALONG[0], "coordinate of the windows", ALONG),
        Option("windows", "int", doc="number of windows (default: by the range of the coordinate)", minimum=1,
               maximum=1000, optional=True),
        Option("replicas", "int", DEFAULT_REPLICAS, "independent sets of windows", minimum=2),
        Option("sweeps", "int", DEFAULT_SWEEPS, "measured sweeps a window", minimum=1),
    ),
    cost=lambda model, n_betas: 5e7 * (model.n_sites + model.n_pairs),
    variants=({"along": "magnetization"}, {"along": "energy"}),
)
