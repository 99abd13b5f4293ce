"""Probabilities rho_ij with which a pair is in a random spanning forest of a model's coupling graph.

The forest has one tree in each component. Whatever its law, rho lies in the forest polytope, and bounds that average
over forests hold; numbers a little below such a rho lie in it too.
"""

from __future__ import annotations

import numpy as np

from statfe.junction.subgraph import strongest_tree
from statfe.models.ising import IsingModel

#: Most sites for which all forests are taken, whose probabilities need an inverse.
MAX_INVERSE = 1000
#: Least weight of a bond relative to the largest, where all forests are taken and in a cover.
LEAST, LEAST_IN_COVER = 1e-6, 0.1
#: Forests of a cover, at least.
COVER = 16
#: Probabilities are lowered by this share, and so many times that by which their sum is off: more than rounding may
#: have raised them by.
MARGIN, OFF = 1e-11, 10.0


def scaled(weights: np.ndarray) -> np.ndarray:
    """Weights from `LEAST` to 1 in proportion to `weights`, all 1 where these are 0."""
    top = float(np.max(weights, initial=0.0))
    return np.maximum(weights / top, LEAST) if top > 0.0 else np.ones_like(weights)


def pair_probabilities(model: IsingModel, weights: np.ndarray) -> np.ndarray:
    """rho of each of `IsingModel.pairs`, in (0, 1], larger where `weights` (see `scaled`) are; shape (n_pairs,)."""
    if model.is_forest:
        return np.ones(model.n_pairs)
    rho = all_forests(model, weights) if all_taken(model) else cover(model, np.maximum(weights, LEAST_IN_COVER))
    bonds = model.n_sites - 1 - int(model.components.max())  # of every spanning forest (Foster 1949)
    return rho * (1.0 - MARGIN - OFF * abs(float(np.sum(rho)) / bonds - 1.0))


def all_taken(model: IsingModel) -> bool:
    """Whether `pair_probabilities` are those of all forests."""
    return model.n_sites <= MAX_INVERSE


def all_forests(model: IsingModel, weights: np.ndarray) -> np.ndarray:
    """Each spanning forest with a chance in proportion to the product of its bonds' weights.

    A bond's probability is its weight times the effective resistance between its ends (Kirchhoff 1847): with the
    weighted Laplacian L, to which a constant within each component is added, G = (L + ...)^-1 and
    rho_ij = w_ij (G_ii + G_jj - 2 G_ij).
    """
    i, j, _ = model.pairs
    L = np.zeros((model.n_sites, model.n_sites))
    L[i, j] = L[j, i] = -weights
    np.fill_diagonal(L, -L.sum(axis=1))
    same = model.components[:, None] == model.components[None, :]
    G = np.linalg.inv(L + same / same.sum(axis=1, keepdims=True))
    return np.clip(weights * (G[i, i] + G[j, j] - 2.0 * G[i, j]), 0.0, 1.0)


def cover(model: IsingModel, weights: np.ndarray) -> np.ndarray:
    """Forests one after the other, each of pairs that had less than their share, until every pair was in one.

    Where that needs many, `weights` are evened out more and more.
    """
    counts, rounds = np.zeros(model.n_pairs), 0
    # scattered like random numbers, the same in every run
    spread = (np.arange(model.n_pairs) * 0.6180339887498949) % 1.0
    while rounds < COVER or not counts.all():
        if rounds and rounds % COVER == 0:
            weights = np.sqrt(weights)
        counts += strongest_tree(model, np.argsort((counts + spread) / weights))
        rounds += 1
    return counts / rounds
