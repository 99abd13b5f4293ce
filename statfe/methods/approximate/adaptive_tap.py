"""Adaptive TAP: the fixed points of expectation propagation for spins in a Gaussian of their couplings.

Computes
    beta_f = -ln Z of expectation propagation: the spins' single-site laws and one Gaussian with the couplings J agree
    in all <s_i> and <s_i^2> = 1. It is the stationary value of a free energy of the means m,
    beta_f(m) = naive mean field + max over L of [ln det(diag(L) - D^(1/2) beta J D^(1/2)) - sum_i (L_i - 1)] / 2,
    D = diag(1 - m_i^2); see `statfe.variational.adaptive_tap`.
Valid
    For weak couplings in any model: right through beta^2 at fixed m, with the triangles of beta^3 and all longer rings
    of couplings. For infinite-range models whatever their ensemble: the reaction is that of the couplings at hand,
    where TAP takes that of SK.
Bound
    None (`uncontrolled`); exact where no spins are coupled and at beta = 0.
Solving
    Newton's steps down beta_f(m), with a search along each: no cycles, unlike parallel expectation propagation.
Choice among several solutions
    m = 0 is a minimum at every beta without fields; at low temperature the Gaussian freezes there and its entropy falls
    below 0. The lowest beta_f among the solutions whose entropy, ln Z + beta <E>, is not negative is taken; where none
    is, the status is `diverged`, and the stats keep the value at the largest entropy. The others found are listed.
    Starts: the solutions at the neighbouring beta, free spins with a small bias, and the lowest minima of naive mean
    field.
Moments
    m_i, and correlations by linear response with the whole Hessian of beta_f(m), the answer of L included; NaN where
    rounding hides the Gaussian, or the Hessian is not positive definite.
Cost
    Dense linear algebra: some 10 steps from each start, each of a few inverses of N x N matrices. At most 600 sites.
Source
    M. Opper and O. Winther, Phys. Rev. E 64, 056131 (2001), and J. Mach. Learn. Res. 6, 2177 (2005); T. P. Minka,
    Proc. UAI 2001, p. 362.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from statfe.models.ising import IsingModel
from statfe.random import generator
from statfe.registry import Context, Method
from statfe.result import Kind, Moments, Outcome, failure
from statfe.trial import ProductTrial
from statfe.variational.adaptive_tap import Descent, descend, scaled_hessian
from statfe.variational.linear_response import response_moments
from statfe.variational.mean_field import is_exact_product
from statfe.variational.minima import minimise
from statfe.variational.solutions import Search, Solution, Start, along_betas, continued, fixed_point_options, search
from statfe.variational.start_points import STARTS_KEY, gauge_signs, paramagnetic, standard_starts
from statfe.variational.tap import NAIVE_TOLERANCE, ranked

#: Most sites: a step takes some 0.1 s there.
MAX_SITES = 600
#: Solutions followed from one beta to the next, and naive minima that are starts.
FOLLOWED, NAIVE_STARTS = 2, 3
#: Iterations of the naive mean-field minima, which are only starts.
NAIVE_ITERATIONS = 2000
#: An entropy this far below 0, a site, is rounding.
LEAST_ENTROPY = -1e-9


class _State(NamedTuple):
    """What the next beta starts from."""

    naive: Search
    found: Search


def run(
    model: IsingModel,
    betas: np.ndarray,
    context: Context,
    *,
    restarts: int,
    **driver: Any,
) -> Sequence[Outcome]:
    """Adaptive TAP at every beta; see the module's docstring. `driver` is for the fixed-point driver."""
    signs = gauge_signs(model)

    def step(beta: float, before: _State | None) -> tuple[Outcome, _State | None]:
        naive = minimise(
            model, beta, [*continued(before.naive if before else None),
                          *standard_starts(model, beta, context.seed, restarts)],
            workers=context.workers, damping=driver["damping"], tolerance=NAIVE_TOLERANCE, iterations=NAIVE_ITERATIONS)
        starts = [
            *continued(before.found if before else None, FOLLOWED),
            paramagnetic(model, beta, signs, generator(context.seed, STARTS_KEY))._replace(budget=None),
            *(Start(s.start, s.point.x) for s in naive.solutions[:NAIVE_STARTS])]
        found = search(
            starts, partial(descend, model, beta, **driver), model.n_sites, symmetric=not model.has_fields,
            workers=context.workers)
        return _outcome(model, beta, found, _State(naive, found) if found.found else before)

    return along_betas(betas, step, context.progress, METHOD.name)


def _outcome(
    model: IsingModel, beta: float, found: Search, state: _State | None
) -> tuple[Outcome, _State | None]:
    """The lowest solution with an entropy, or why there is none; and the state with it first."""
    kind: Kind = "exact" if is_exact_product(model, beta) else "uncontrolled"
    if not found.found:
        return found.failure(kind), state
    entropies = [_entropy(model, beta, s) for s in found.solutions]
    enough = LEAST_ENTROPY * model.n_sites
    k = next((k for k, s in enumerate(entropies) if s >= enough), int(np.argmax(entropies)))
    best, found = found.solutions[k], ranked(found, k)
    stats = {**found.stats(best), "entropy": entropies[k]}
    following = state._replace(found=found) if state else None
    if entropies[k] >= enough:
        moments = _moments(model, beta, best)
        return Outcome(beta_f=best.beta_f, kind=kind, stats=stats, moments=moments), following
    return failure(
        kind, "diverged", f"the entropy is negative at every solution ({entropies[k]:.3g} at best), so the Gaussian "
        "does not stand for the spins; lower beta, raise restarts, or use bethe", stationary_beta_f=best.beta_f,
        **stats), following


def _entropy(model: IsingModel, beta: float, solution: Solution) -> float:
    """Of the approximation at `solution`; minus infinity where rounding hides it."""
    descent, trial = Descent(model, beta), ProductTrial(solution.point.x)
    gaussian = descent.gaussian(trial)
    return -np.inf if gaussian is None else descent.entropy(trial, gaussian)


def _moments(model: IsingModel, beta: float, solution: Solution) -> Callable[[], Moments]:
    trial = ProductTrial(solution.point.x)

    def moments() -> Moments:
        gaussian = Descent(model, beta).gaussian(trial)
        if gaussian is None:  # rounding hides it where spins freeze
            return Moments(magnetizations=trial.means, correlations=np.full(model.n_pairs, np.nan))
        return response_moments(model, trial, lambda: scaled_hessian(trial, gaussian))

    return moments


def obstacle(model: IsingModel) -> str:
    """Why `model` is too large; "" where it is not."""
    if model.n_sites <= MAX_SITES:
        return ""
    return (f"each step inverts {model.n_sites} x {model.n_sites} matrices (at most {MAX_SITES} sites); use tap, or "
            "bethe for a sparse graph")


METHOD = Method(
    name="adaptive-tap",
    family="approximate",
    summary="adaptive TAP: expectation propagation between spins and a Gaussian",
    kinds=("uncontrolled", "exact"),
    reference="Opper and Winther, Phys. Rev. E 64, 056131 (2001); Minka, Proc. UAI 2001, p. 362",
    run=run,
    options=fixed_point_options(restarts=3, iterations=200, tolerance=1e-10),
    obstacle=obstacle,
    cost=lambda model, n_betas: 300.0 * n_betas * (1e4 + float(model.n_sites) ** 3),
)
