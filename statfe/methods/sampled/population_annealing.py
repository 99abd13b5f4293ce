"""Population annealing: particles led down in temperature together, multiplied and removed by their weights.

At each step of beta every particle has exp(-(beta' - beta) E) offspring, relative to the mean weight of its population,
and then sweeps; the product of the mean weights is an unbiased estimate of Z / Z_0. Several populations run beside each
other: beta F is -ln of the mean of their Z, its error comes from their scatter. Few families left, or populations that
disagree, say that a population was too small for the landscape; the temperatures come from a pilot.
Cost: populations x particles x sweeps x bonds for all beta together. Sources: K. Hukushima and Y. Iba, AIP Conf. Proc.
690, 200 (2003); J. Machta, Phys. Rev. E 82, 026704 (2010); W. Wang, J. Machta and H. Katzgraber, Phys. Rev. E 92,
063307 (2015).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from statfe.annealed.population import Populations, anneal
from statfe.annealed.route import PATH_OPTIONS, Route, routes
from statfe.annealed.verdict import Limits, judged, limits_of
from statfe.estimators.log_weights import log_mean_weight
from statfe.models.ising import IsingModel
from statfe.registry import Context, Method
from statfe.result import Outcome
from statfe.spec import Option

ADVICE = "raise particles, or sweeps"
#: Sweeps at each temperature by default.
SWEEPS = 10.0
#: Fewest families of a population, and least ratio of its particles to their mean square family size.
MIN_FAMILIES, MIN_RATIO = 10, 10.0
#: Largest scatter of beta F between populations.
MAX_SCATTER = 0.5


def run(model: IsingModel, betas: np.ndarray, context: Context, *, populations: int, particles: int,
        sweeps: int | None, kernel: str, spacing: float) -> Sequence[Outcome]:
    """All populations together, and one pass for all betas."""
    def demand(length: float) -> tuple[float, float]:
        return length / spacing, SWEEPS * max(1.0, length / spacing)

    total = populations * particles
    paths = routes(model, betas, particles=total, sweeps=sweeps, kernel=kernel, seed=context.seed, demand=demand)
    limits = limits_of(model, betas)
    found = {0.0: Outcome(beta_f=-model.n_sites * float(np.log(2.0)), kind="estimate")}
    for route in paths:
        def tell(done: float) -> None:
            if context.progress is not None:
                context.progress("population annealing", done)

        walkers = route.start(total, context.seed)
        seen = anneal(walkers, route, populations, context.seed, context.workers, tell)
        for j, beta in enumerate(route.betas):
            found[float(beta)] = outcome(route, seen, j, particles, limits[float(beta)])
    return [found[float(beta)] for beta in betas]


def outcome(route: Route, seen: Populations, j: int, particles: int, limits: Limits) -> Outcome:
    """-ln of the mean of the populations' Z (Machta 2010, eq. 22), its error from whole populations."""
    logs = seen.log_ratio[j]
    mean = log_mean_weight(logs)
    scatter = float(logs.std(ddof=1))
    stats = {
        **route.facts(), "populations": len(logs), "particles": particles, "families": int(seen.families[j].min()),
        "rho_t": float(seen.family_size[j].mean()), "rho_f": particles * scatter**2, "scatter": scatter,
        "culled": seen.culled}
    trouble = ""
    if scatter > MAX_SCATTER:
        trouble = f"beta F of the populations scatters by {scatter:.2f}, at most {MAX_SCATTER:g} is allowed"
    elif stats["families"] < MIN_FAMILIES:
        trouble = f"{stats['families']} families are left in a population, {MIN_FAMILIES} are needed"
    elif stats["rho_t"] * MIN_RATIO > particles:
        trouble = (f"{particles} particles are fewer than {MIN_RATIO:g} times the mean square family size, "
                   f"{stats['rho_t']:.3g}")
    return judged(route.base - mean.value, mean.error, "estimate", trouble, ADVICE, limits, stats)


METHOD = Method(
    name="population-annealing",
    family="sampled",
    summary="particles cooled together, multiplied and removed by their weights; independent populations",
    kinds=("estimate",),
    reference="K. Hukushima and Y. Iba, AIP Conf. Proc. 690, 200 (2003); J. Machta, Phys. Rev. E 82, 026704 (2010)",
    run=run,
    work="particles",
    options=(
        Option("populations", "int", 32, "independent populations", minimum=4),
        Option("particles", "int", 512, "particles of each", minimum=2),
        *PATH_OPTIONS,
        Option("spacing", "float", 0.25, "distance of temperatures in standard deviations of the energy", minimum=0.01,
               maximum=4.0),
    ),
    cost=lambda model, n_betas: 1e8 * (model.n_sites + model.n_pairs),
)
