"""Parisi's solution of SK models with a few steps of replica-symmetry breaking: N times the limit N -> infinity.

Computes
    beta_f = N beta f, with f the largest value of the Parisi functional with `steps` steps (`statfe.limits.parisi`).
    The stats give overlaps and break points, energy, entropy, and the stability against further breaking.
Valid
    For large N at any temperature: the limit of infinitely many steps is exact (Talagrand 2006), and what is missing
    falls as 1 / steps^4: with 4 steps 5e-7 at T = 1/2 and 6e-5 at T = 0. Finite samples differ by far more.
Bound
    beta f is a lower bound of the average over disorder a site, at any N (Guerra 2003). Of one sample: none
    (`uncontrolled`); exact at beta = 0 and without couplings.
Cost
    About a second a beta with 4 steps, whatever N; it grows as the cube of the steps.
Source
    G. Parisi, J. Phys. A 13, 1101 (1980); M. Talagrand, Ann. Math. 163, 221 (2006).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from statfe.limits.finite import family_of, in_units, outcomes, sk_parameters
from statfe.limits.limit import Limit
from statfe.limits.replica_breaking import STEPS, broken
from statfe.models.ising import IsingModel
from statfe.registry import Context, Method
from statfe.result import Outcome


def obstacle(model: IsingModel) -> str:
    """Refuse all but SK models."""
    if family_of(model)[0] == "sk":
        return ""
    return "needs the spec of an sk model; use replica-symmetric for hopfield, cavity for random-regular, or tap"


def run(model: IsingModel, betas: np.ndarray, context: Context, *, steps: int) -> Sequence[Outcome]:
    """N beta f at every beta."""
    scale, field = sk_parameters(family_of(model)[1])

    def limit(beta: float) -> Limit:
        return in_units(broken("parisi", beta * scale, field, steps), scale)

    return outcomes(model, betas, context, limit, METHOD.name)


METHOD = Method(
    name="parisi",
    family="approximate",
    summary="Parisi's solution of SK models, times N",
    kinds=("uncontrolled", "exact"),
    reference="Parisi, J. Phys. A 13, 1101 (1980); Talagrand, Ann. Math. 163, 221 (2006)",
    run=run,
    options=(STEPS,),
    obstacle=obstacle,
)
