"""Which spanning forest: pairs by what the bound gains where they alone are correlated, then exchanges of bonds.

Two spins with means m_i, m_j and a coupling K = beta J between them lower the bound by

    gain = max over c of G(c),   G(c) = K (c - m_i m_j) + S(m_i, m_j, c) - S(m_i) - S(m_j)                      (1)

when their correlation c is set free. Were pairs off the forest uncorrelated, the best forest at given means would be
the one with the largest sum of gains (Chow and Liu 1968 with (1) for the mutual information), which Kruskal's algorithm
finds. They are correlated along the forest, so that is where the search starts: pairs left out for which (1) is far
above G at the correlation that the forest gives them are then exchanged for a bond of the cycle that they close.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from statfe.junction.subgraph import strongest_tree
from statfe.kernels.tree_trial import find_path
from statfe.models.ising import IsingModel
from statfe.trials.forest import TreeTrial

#: Spread of the random factors, exp(spread x normal), that vary the order of exchanges.
SPREAD = 0.3


def pair_gains(model: IsingModel, beta: float, means: np.ndarray) -> np.ndarray:
    """The gain (1) of each of `IsingModel.pairs` at the given means, shape (n_pairs,)."""
    i, j, J = model.pairs
    # Flipping one of the spins makes K negative, and e^(4K) at most 1.
    a, b = 0.5 * (1.0 + means[i]), 0.5 * (1.0 - np.sign(beta * J) * means[j])
    K = -np.abs(beta * J)
    both = _both_up(a, b, np.exp(4.0 * K))
    return np.maximum(_gain_at(K, a, b, both), 0.0)


def pair_gains_at(model: IsingModel, beta: float, means: np.ndarray, correlations: np.ndarray) -> np.ndarray:
    """G of (1) of each of `IsingModel.pairs` at given means and correlations, shape (n_pairs,)."""
    i, j, J = model.pairs
    both = 0.25 * (1.0 + means[i] + means[j] + correlations)
    return _gain_at(beta * J, 0.5 * (1.0 + means[i]), 0.5 * (1.0 + means[j]), both)


def _gain_at(K: np.ndarray, a: np.ndarray, b: np.ndarray, both: np.ndarray) -> np.ndarray:
    """G for spins that are up with chances a and b, together with the chance `both`."""
    joint = _entropy(both, a - both, b - both, 1.0 - a - b + both)
    return np.asarray(4.0 * K * (both - a * b) + joint - _entropy(a, 1.0 - a) - _entropy(b, 1.0 - b))


def _both_up(a: np.ndarray, b: np.ndarray, w: np.ndarray) -> np.ndarray:
    """The x in [0, min(a, b)] with x (1 - a - b + x) = w (a - x) (b - x): P(++) of two spins, w = e^(4K) <= 1."""
    linear = 1.0 - a - b + w * (a + b)
    root = np.sqrt(np.maximum(linear**2 + 4.0 * (1.0 - w) * w * a * b, 0.0))
    with np.errstate(divide="ignore", invalid="ignore"):
        x = np.where(linear > 0.0, 2.0 * w * a * b / (linear + root), (root - linear) / (2.0 * (1.0 - w)))
    return np.clip(np.where(np.isfinite(x), x, a * b), 0.0, np.minimum(a, b))


def _entropy(*chances: np.ndarray) -> np.ndarray:
    p = np.clip(chances, 0.0, 1.0)
    return np.asarray(-np.sum(p * np.log(np.maximum(p, 1e-300)), axis=0))


def forest_by_gain(model: IsingModel, gains: np.ndarray) -> np.ndarray:
    """Whether each pair is in the forest with the largest sum of `gains`; bool, shape (n_pairs,).

    Equal gains go by |J|, then by number.
    """
    size = np.abs(model.pairs[2])
    return strongest_tree(model, np.lexsort((np.arange(len(size)), -size, -gains)))


def exchanges(trial: TreeTrial, beta: float, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Forests that differ by one bond, the most promising first; bool, shape (n_pairs,).

    In comes a pair that would gain much on being set free, out goes the bond of its cycle that gains least; both
    compared after random factors, for in regular lattices all are alike.
    """
    forest, model = trial.forest, trial.forest.model
    i, j, _ = model.pairs
    gains = pair_gains(model, beta, trial.means)
    freed = gains - pair_gains_at(model, beta, trial.means, trial.correlations)
    left = np.flatnonzero(~forest.inside)
    path = np.empty(model.n_sites + 1, dtype=np.int64)
    for pair in left[np.argsort(-freed[left] * np.exp(SPREAD * rng.standard_normal(len(left))), kind="stable")]:
        sites = path[:find_path(i[pair], j[pair], forest.parents, forest.depths, path)]
        child = np.where(forest.parents[sites[:-1]] == sites[1:], sites[:-1], sites[1:])
        cycle = forest.bonds[child]
        inside = forest.inside.copy()
        inside[pair] = True
        inside[cycle[np.argmin(gains[cycle] * np.exp(SPREAD * rng.standard_normal(len(cycle))))]] = False
        yield inside
