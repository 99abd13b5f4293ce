"""Replica-symmetric cavity method for random regular graphs: N times the limit N -> infinity.

Computes
    beta_f = N beta f, with f the Bethe free energy a site of an infinite random graph of the model's degree, averaged
    over its law of couplings. A population of cavity fields stands for their law; equal couplings J >= 0 and the
    paramagnet are solved without it (`statfe.limits.cavity`). The stats give energy, entropy, m, q, and the stability
    against replica-symmetry breaking.
Valid
    For large N where the stability is not negative: ferromagnets, paramagnets, and spin glasses above their transition.
    Unlike `bethe` it knows neither the couplings nor the loops of the sample.
Bound
    None of one sample (`uncontrolled`); exact at beta = 0 and without couplings. The error is that of the population.
Cost
    Populations x size x degree x sweeps times 0.2 us: half a second a beta for degree 3; nothing where no population
    is needed. Same whatever N.
Source
    M. Mezard and G. Parisi, Eur. Phys. J. B 20, 217 (2001).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from statfe.limits.cavity import RegularGraph, solve
from statfe.limits.finite import family_of, outcomes
from statfe.limits.limit import Limit
from statfe.limits.population import POPULATION, Population
from statfe.models.ising import IsingModel
from statfe.registry import Context, Method
from statfe.result import Outcome

#: Degrees beyond which a population would take too long.
LARGEST_DEGREE = 100


def _graph(model: IsingModel) -> RegularGraph:
    options = family_of(model)[1]
    return RegularGraph(options["degree"], options["couplings"], options["coupling"], options["p"], options["field"])


def obstacle(model: IsingModel) -> str:
    """Refuse all but random regular graphs, and large degrees that need a population."""
    if family_of(model)[0] != "random-regular":
        return "needs the spec of a random-regular model; use bethe"
    graph = _graph(model)
    if graph.degree > LARGEST_DEGREE and graph.equal is None:
        return f"a population for degree {graph.degree} takes too long (at most {LARGEST_DEGREE}); use bethe or tap"
    return ""


def run(
    model: IsingModel, betas: np.ndarray, context: Context, *, population: int, burn: int, sweeps: int
) -> Sequence[Outcome]:
    """N beta f at every beta; each has the same random streams."""
    graph = _graph(model)

    def limit(beta: float) -> Limit:
        return solve(graph, beta, Population(population, burn=burn, sweeps=sweeps), context.seed)

    return outcomes(model, betas, context, limit, METHOD.name)


METHOD = Method(
    name="cavity",
    family="approximate",
    summary="replica-symmetric cavity method for random regular graphs, times N",
    kinds=("uncontrolled", "exact"),
    reference="Mezard and Parisi, Eur. Phys. J. B 20, 217 (2001)",
    run=run,
    options=POPULATION,
    obstacle=obstacle,
)
