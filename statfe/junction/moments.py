"""Exact means and correlations beside an exact free energy, where the graph is narrow enough for its tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from statfe.junction.distribution import ExactDistribution
from statfe.junction.messages import out_of_range
from statfe.junction.plan import JunctionTree, junction_tree, refusal
from statfe.models.ising import IsingModel
from statfe.result import Moments, Outcome


def exact_moments(model: IsingModel, beta: float, tree: JunctionTree | None = None) -> Moments:
    """<s_i> and <s_i s_j> of `model` at `beta` from its tree decomposition (planned here unless `tree` is given).

    Raises
    ------
    UsageError
        Where the tables do not fit into memory, or beta times the energy overflows.
    """
    law = ExactDistribution(model, beta, tree)
    magnetizations = law.magnetizations
    magnetizations[symmetric_sites(model)] = 0.0  # but for rounding they are
    return Moments(magnetizations=magnetizations, correlations=law.pair_correlations)


def symmetric_sites(model: IsingModel) -> np.ndarray:
    """Sites of components without any field, whose true mean is 0; bool, shape (n_sites,)."""
    label = model.components
    fields = np.zeros(int(label.max(initial=-1)) + 1, dtype=bool)
    fields[label[model.fields != 0.0]] = True
    return ~fields[label]


def narrow(model: IsingModel, betas: Iterable[float] = ()) -> bool:
    """Whether `exact_moments` takes the model at these betas."""
    tree = junction_tree(model)
    return tree is not None and not refusal(tree, keep=True) and not any(out_of_range(tree, b) for b in betas)


def with_exact_moments(model: IsingModel, betas: Sequence[float] | np.ndarray, outcomes: Sequence[Outcome]
                       ) -> list[Outcome]:
    """Exact `outcomes` of `model` with moments where they have none and the model is narrow; made when asked for."""
    if not narrow(model):
        return list(outcomes)
    tree = junction_tree(model)
    assert tree is not None
    return [
        o if o.moments is not None or o.status != "converged" or out_of_range(tree, float(beta))
        else replace(o, moments=partial(exact_moments, model, float(beta), tree))
        for o, beta in zip(outcomes, betas, strict=True)]
