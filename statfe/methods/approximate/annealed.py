"""Annealed free energy: the disorder averaged inside the logarithm.

Computes
    beta_f = -ln E[Z], the average over the couplings of the model's family at its own N, graph and fields. For SK
    E[Z] = (2 cosh beta h)^N exp[beta^2 (N - 1) / 4]; formulas in `statfe.limits.annealed`.
Valid
    At high temperature: in SK without a field it agrees with the quenched free energy a site for beta < 1 as N grows.
Bound
    Of the average over disorder, E[-ln Z] >= -ln E[Z], by Jensen's inequality. Of one sample: none (`uncontrolled`);
    exact at beta = 0, without couplings, and for +-J without fields on a forest.
Cost
    None to speak of.
Source
    M. Mezard, G. Parisi and M. A. Virasoro, Spin Glass Theory and Beyond, World Scientific 1987, chapter I.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from statfe.limits.annealed import annealed_beta_f, even_bonds, same_for_all
from statfe.limits.finite import family_of
from statfe.models.ising import IsingModel
from statfe.registry import Context, Method
from statfe.result import Kind, Outcome


def obstacle(model: IsingModel) -> str:
    """Refuse models whose couplings are not drawn from a law that is known and even."""
    family, options = family_of(model)
    if family == "hopfield" or (family and even_bonds(family, options)):
        return ""
    return ("needs a model drawn at random, by its spec: sk, hopfield, or ea, random-regular or erdos-renyi with "
            "couplings=gaussian, or bimodal with p=0.5; use mean-field or bethe")


def run(model: IsingModel, betas: np.ndarray, context: Context) -> Sequence[Outcome]:
    """-ln E[Z] at every beta."""
    def one(beta: float) -> Outcome:
        kind: Kind = "exact" if same_for_all(model, beta) else "uncontrolled"
        return Outcome(
            beta_f=annealed_beta_f(model, beta), kind=kind, stats={"bound_of_the_average": "lower_bound"})

    return [one(float(beta)) for beta in betas]


METHOD = Method(
    name="annealed",
    family="approximate",
    summary="annealed average, -ln E[Z] over the couplings of the family",
    kinds=("uncontrolled", "exact"),
    reference="Mezard, Parisi and Virasoro, Spin Glass Theory and Beyond (1987)",
    run=run,
    obstacle=obstacle,
)
