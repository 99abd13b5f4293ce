"""The complete graph with one coupling and one field: a sum over the magnetisation.

Valid where every pair has the same coupling J and every site the same field h; exact. With M = N - 2k,

    Z = sum_k C(N, k) exp(beta [J (M^2 - N) / 2 + h M]).

Cost: N + 1 terms a beta.
Source: M. Kac, in Statistical Physics, Phase Transitions and Superfluidity, Brandeis lectures 1966, vol. 1, p. 241
(1968); the sum is elementary.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import gammaln, logsumexp

from statfe.models.ising import IsingModel
from statfe.models.structure import per_model
from statfe.registry import Context, Method
from statfe.result import Outcome, exact_outcome

#: Couplings and fields are called equal when they differ by no more than their rounding.
ROUNDING = 4e-16


@per_model
def obstacle(model: IsingModel) -> str:
    """Refuse all but equal couplings between all pairs and one field."""
    n = model.n_sites
    if model.n_pairs != n * (n - 1) // 2:
        return f"needs a coupling between all {n * (n - 1) // 2} pairs, there are {model.n_pairs}; use {_others(n)}"
    for name, values in (("couplings", model.weights), ("fields", model.fields)):
        if len(values) and np.ptp(values) > ROUNDING * np.max(np.abs(values)):
            return f"the {name} are not all equal; use {_others(n)}"
    return ""


def _others(n: int) -> str:
    return "enumeration" if n <= 42 else "mbar"


def cost(model: IsingModel, n_betas: int) -> float:
    """Three elementary functions a term."""
    return 1e5 + 50.0 * model.n_sites * n_betas


def run(model: IsingModel, betas: np.ndarray, context: Context) -> Sequence[Outcome]:
    """ln Z at every beta, either sign."""
    n = model.n_sites
    J, h = (float(values[0]) if len(values) else 0.0 for values in (model.weights, model.fields))
    k = np.arange(n + 1.0)
    M = n - 2.0 * k
    log_count = gammaln(n + 1.0) - gammaln(k + 1.0) - gammaln(n - k + 1.0)
    minus_energy = 0.5 * J * (M * M - n) + h * M
    with np.errstate(over="ignore"):  # the outcome says so
        values = [logsumexp(log_count + beta * minus_energy) for beta in betas]
    return [exact_outcome(x) for x in values]


METHOD = Method(
    name="curie-weiss",
    family="exact",
    summary="complete graph with one coupling and one field, by its binomial sum",
    kinds=("exact",),
    reference="M. Kac, Brandeis lectures 1966, vol. 1, p. 241 (1968)",
    run=run,
    obstacle=obstacle,
    cost=cost,
    negative_beta=True,
)
