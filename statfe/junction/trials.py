"""Trial distributions of a spin model for importance sampling: product or tree, one for each minimum of mean field.

A trial that holds one phase of several gives a steady estimate of the wrong number. So the trials are mixtures: of the
lowest minima of the Gibbs-Bogoliubov bound, of the disordered state, and of the uniform distribution.
"""

from __future__ import annotations

import numpy as np

from statfe.junction.distribution import ExactDistribution
from statfe.junction.mixture import MixtureTrial, Part, exact_part, interactions, product_part
from statfe.junction.subgraph import strongest_tree
from statfe.models.ising import IsingModel
from statfe.random import generator
from statfe.variational.mean_field import coupling_fields
from statfe.variational.minima import minimise
from statfe.variational.start_points import random_states, standard_starts

#: Minima taken, the lowest ones, and random starts that look for them.
MINIMA, RESTARTS = 6, 6
#: Key of the random stream of starts (see `statfe.random.generator`).
STARTS_KEY = 7003
#: Rounds of fields from the bonds that the tree leaves out, and the change of a mean that ends them.
ROUNDS, SETTLED = 12, 1e-3
#: Samples of each part that decide its share, and what every part keeps.
PILOTS, LEAST_SHARE = 400, 0.02


def product_trial(
    model: IsingModel, beta: float, minima: list[np.ndarray], softness: float, uniform: float, rng: np.random.Generator
) -> MixtureTrial:
    """Independent spins in the fields of each of `minima` (see `fields_of_minima`), times `softness`."""
    return _mixture(model, beta, [product_part(softness * x) for x in minima], None, softness, uniform, rng)


def tree_trial(
    model: IsingModel, beta: float, minima: list[np.ndarray], softness: float, uniform: float, rng: np.random.Generator
) -> MixtureTrial:
    """Exact distributions on a spanning tree of the largest |J|, at `softness` times beta.

    One leaves the other bonds out; in the others, one for each of `minima`, they act as fields of the means on the
    tree: h_i + sum_j J_ij <s_j> over the bonds that the tree lacks.
    """
    tree, rest = split_by_tree(model)
    parts = [exact_part(ExactDistribution(tree, softness * beta))]
    for x in minima if rest.n_pairs else []:
        means = np.tanh(x)
        for _ in range(ROUNDS):
            fields = coupling_fields(rest, means)
            # Means that are 0 say nothing that the first part does not.
            if np.max(np.abs(fields)) < SETTLED:
                break
            q = ExactDistribution(_in_fields(tree, model.fields + fields), softness * beta)
            before, means = means, 0.5 * (means + q.magnetizations)
            if np.max(np.abs(means - before)) < SETTLED:
                break
        if np.max(np.abs(fields)) >= SETTLED:
            parts.append(exact_part(q))
    return _mixture(model, beta, parts, _in_fields(tree, np.zeros(model.n_sites)), softness, uniform, rng)


def split_by_tree(model: IsingModel) -> tuple[IsingModel, IsingModel]:
    """A spanning forest of the largest |J| with the model's fields, and the other bonds without fields."""
    i, j, J = model.pairs
    inside = strongest_tree(model)
    bonds = [IsingModel.from_edges(model.n_sites, i[some], j[some], J[some], fields)
             for some, fields in ((inside, model.fields), (~inside, None))]
    return bonds[0], bonds[1]


def _in_fields(model: IsingModel, fields: np.ndarray) -> IsingModel:
    return IsingModel.from_edges(model.n_sites, *model.pairs, fields)


def fields_of_minima(model: IsingModel, beta: float, seed: int) -> list[np.ndarray]:
    """lambda of free spins, and of the lowest minima of the Gibbs-Bogoliubov bound."""
    rng = generator(seed, STARTS_KEY)
    starts = [*standard_starts(model, beta, seed, RESTARTS), *random_states(RESTARTS, np.ones(model.n_sites), rng, 200)]
    found = minimise(model, beta, starts)
    return [beta * model.fields, *(one.point.x for one in found.solutions[:MINIMA])]


def _mixture(
    model: IsingModel, beta: float, parts: list[Part], bonds: IsingModel | None, softness: float, uniform: float,
    rng: np.random.Generator,
) -> MixtureTrial:
    """`parts` by their bounds on ln Z, from a few samples of each; symmetric where the model has no fields."""
    bounds = []
    for part in parts:
        spins = part.trial.sample(PILOTS, rng)
        bounds.append(float(np.mean(beta * interactions(model, spins) - part.trial.log_prob(spins))))
    shares = np.exp(np.array(bounds) - max(bounds))
    shares = np.maximum(shares / shares.sum(), LEAST_SHARE)
    return MixtureTrial(parts, shares / shares.sum(), bonds, softness * beta, uniform, not model.has_fields)
