"""One step of replica-symmetry breaking for SK models: N times the limit N -> infinity.

Computes
    beta_f = N beta f, with f the largest value of the Parisi functional with two overlaps q_0 < q_1 and one break point
    x (`statfe.limits.parisi`). The stats give both, energy, entropy, and the stability against further breaking.
Valid
    For large N; a better approximation than replica symmetry below the AT line, where the exact limit has infinitely
    many steps (method parisi). Above the line the two are one.
Bound
    beta f is a lower bound of the average over disorder a site, at any N (Guerra 2003). Of one sample: none
    (`uncontrolled`); exact at beta = 0 and without couplings.
Cost
    A tenth of a second a beta, whatever N.
Source
    G. Parisi, Phys. Lett. A 73, 203 (1979); F. Guerra, Commun. Math. Phys. 233, 1 (2003).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from statfe.limits.finite import family_of, in_units, outcomes, sk_parameters
from statfe.limits.limit import Limit
from statfe.limits.replica_breaking import broken
from statfe.models.ising import IsingModel
from statfe.registry import Context, Method
from statfe.result import Outcome


def obstacle(model: IsingModel) -> str:
    """Refuse all but SK models."""
    if family_of(model)[0] == "sk":
        return ""
    return "needs the spec of an sk model; use replica-symmetric for hopfield, cavity for random-regular, or tap"


def run(model: IsingModel, betas: np.ndarray, context: Context) -> Sequence[Outcome]:
    """N beta f at every beta."""
    scale, field = sk_parameters(family_of(model)[1])

    def limit(beta: float) -> Limit:
        return in_units(broken("1rsb", beta * scale, field, 1), scale)

    return outcomes(model, betas, context, limit, METHOD.name)


METHOD = Method(
    name="one-step-rsb",
    family="approximate",
    summary="one step of replica-symmetry breaking for SK models, times N",
    kinds=("uncontrolled", "exact"),
    reference="Parisi, Phys. Lett. A 73, 203 (1979); Guerra, Commun. Math. Phys. 233, 1 (2003)",
    run=run,
    obstacle=obstacle,
)
