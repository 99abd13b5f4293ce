"""Replica-symmetric free energy of SK and Hopfield models: N times the limit N -> infinity.

Computes
    beta_f = N beta f, with f of Sherrington and Kirkpatrick (`statfe.limits.sk`), or of Amit, Gutfreund and
    Sompolinsky at alpha = patterns / N (`statfe.limits.hopfield`). The stats give energy, entropy, order parameters and
    the eigenvalue of de Almeida and Thouless, negative where replica symmetry is broken.
Valid
    For large N where the eigenvalue is not negative: SK above the AT line, Hopfield networks outside their glass phase.
    Below, SK's entropy becomes negative at low temperature.
Bound
    For SK, beta f is a lower bound of the average over disorder a site, at any N (Guerra 2001). Of one sample: none
    (`uncontrolled`); exact at beta = 0 and without couplings.
Cost
    A few milliseconds a beta, whatever N.
Source
    D. Sherrington and S. Kirkpatrick, Phys. Rev. Lett. 35, 1792 (1975); D. J. Amit, H. Gutfreund and H. Sompolinsky,
    Ann. Phys. 173, 30 (1987).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from statfe.limits import hopfield, sk
from statfe.limits.finite import family_of, in_units, outcomes, sk_parameters
from statfe.limits.limit import Limit
from statfe.models.ising import IsingModel
from statfe.registry import Context, Method
from statfe.result import Outcome


def obstacle(model: IsingModel) -> str:
    """Refuse all but SK and Hopfield models."""
    family, options = family_of(model)
    if family == "sk" or (family == "hopfield" and options["coupling"] >= 0.0):
        return ""
    if family == "hopfield":
        return "needs coupling >= 0 in a Hopfield network; use tap"
    return "needs the spec of an sk or hopfield model; use cavity for random-regular graphs, tap for others"


def run(model: IsingModel, betas: np.ndarray, context: Context) -> Sequence[Outcome]:
    """N beta f at every beta."""
    family, options = family_of(model)
    scale, field = sk_parameters(options)

    def limit(beta: float) -> Limit:
        if family == "sk":
            return in_units(sk.replica_symmetric(beta * scale, field), scale)
        alpha = options["patterns"] / model.n_sites
        return in_units(hopfield.replica_symmetric(beta * scale, alpha, field), scale)

    return outcomes(model, betas, context, limit, METHOD.name)


METHOD = Method(
    name="replica-symmetric",
    family="approximate",
    summary="replica-symmetric limit of SK and Hopfield models, times N",
    kinds=("uncontrolled", "exact"),
    reference="Sherrington and Kirkpatrick, Phys. Rev. Lett. 35, 1792 (1975); Amit, Gutfreund and Sompolinsky, "
              "Ann. Phys. 173, 30 (1987)",
    run=run,
    obstacle=obstacle,
)
