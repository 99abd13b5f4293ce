"""Wang-Landau: the density of states, learned and then sampled with fixed weights, and its sum at every beta.

Walkers learn weights 1 / g(E) with ln f = 1/t; then they sample with these weights, fixed, and the draws are reweighted
with their own energies to every beta, and to beta = 0 where the sum over all states is 2^N. Valid for any model whose
walkers go to and fro between hot and cold; consistent as sweeps grow, with an error that includes autocorrelation.
Not a bound. Shares no temperatures with a ladder, and crosses first-order transitions in the energy.
Cost: walkers x sweeps x bonds x 2.5. Sources: Wang and Landau, Phys. Rev. Lett. 86, 2050 (2001); Belardinelli and
Pereyra, J. Chem. Phys. 127, 184105 (2007); Berg and Neuhaus, Phys. Rev. Lett. 68, 9 (1992).
"""

from __future__ import annotations

import math

import numpy as np

from statfe.estimators.bound_check import upper_bounds
from statfe.flat.grid import check_energies
from statfe.flat.histogram import NAME
from statfe.flat.wang_landau import DEFAULT_WALKERS, flat_histogram
from statfe.models.ising import IsingModel
from statfe.registry import Context, Method
from statfe.result import Outcome
from statfe.spec import Option

#: Measured sweeps of each walker.
DEFAULT_SWEEPS = 10_000


def run(model: IsingModel, betas: np.ndarray, context: Context, *, sweeps: int, walkers: int,
        bins: int | None) -> list[Outcome]:
    """One flat histogram from infinite temperature to the largest beta, for all of `betas`."""
    check_energies(model)
    exact = Outcome(beta_f=-model.n_sites * math.log(2.0), kind="estimate")
    grid = np.unique(betas)
    if grid[-1] == 0.0:
        return [exact for _ in betas]
    found = flat_histogram(model, context, beta_max=float(grid[-1]), sweeps=sweeps, walkers=walkers, bins=bins)
    bounds = upper_bounds(model, grid)
    outcomes = {float(b): found.outcome(float(b), float(bound)) for b, bound in zip(grid, bounds, strict=True)}
    return [outcomes[float(b)] for b in betas]


def obstacle(model: IsingModel) -> str:
    """Lattices whose bonds are not listed are too large to walk through."""
    return "it has too many spins to walk through its energies; use mbar" if model.uniform is not None else ""


METHOD = Method(
    name=NAME,
    family="sampled",
    summary="density of states by Wang-Landau learning and a multicanonical run, summed at every beta",
    kinds=("estimate",),
    reference="Wang and Landau, Phys. Rev. Lett. 86, 2050 (2001); Belardinelli and Pereyra, J. Chem. Phys. 127, 184105 "
              "(2007)",
    run=run,
    obstacle=obstacle,
    work="sweeps",
    options=(
        Option("sweeps", "int", DEFAULT_SWEEPS, "measured sweeps a walker; learning takes as many again", minimum=1),
        Option("walkers", "int", DEFAULT_WALKERS, "independent walkers", minimum=2),
        Option("bins", "int", doc="most intervals of the table of weights (default: every level, or by the model)",
               minimum=2, optional=True),
    ),
    cost=lambda model, n_betas: 5e7 * (model.n_sites + model.n_pairs),
)
