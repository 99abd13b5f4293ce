"""Trials that are Markov on a spanning forest of the coupling graph (Saul and Jordan 1996; Wiegerinck 2000).

    q(s) = exp[sum over the bonds of the forest K_ij s_i s_j + sum_i lambda_i s_i] / norm                       (1)

`TreeTrial` is the distribution, with its moments, independent samples and its log-probability; the one with the lowest
Gibbs-Bogoliubov bound is searched for in `statfe.trials.tree_trial`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from statfe.kernels.tree import forest_order
from statfe.kernels.tree_trial import path_covariances, path_steps, sum_out, tree_moments
from statfe.models.ising import IsingModel
from statfe.result import Moments
from statfe.trial import log_2cosh

#: Sites on paths that may be gone through at every step of a descent, some 16 ns each.
MOST_STEPS = 5_000_000


@dataclass(frozen=True, eq=False)
class Forest:
    """A spanning forest of a model's coupling graph, with a root in each tree.

    Attributes
    ----------
    model
        Whose graph it spans.
    inside
        Whether each of `IsingModel.pairs` is a bond of it; bool, shape (n_pairs,).
    order
        Sites, each after its parent; int64, shape (n_sites,).
    parents, depths
        Parent of each site, -1 at a root, and its distance from the root; int64, shape (n_sites,).
    bonds
        Number in `IsingModel.pairs` of the bond to the parent, -1 at a root; int64, shape (n_sites,).
    """

    model: IsingModel
    inside: np.ndarray
    order: np.ndarray
    parents: np.ndarray
    depths: np.ndarray
    bonds: np.ndarray

    @classmethod
    def of(cls, model: IsingModel, inside: np.ndarray) -> Forest:
        """The forest of the pairs marked in `inside`, which must have no cycle."""
        n, (i, j, _) = model.n_sites, model.pairs
        graph = IsingModel.from_edges(n, i[inside], j[inside], np.ones(int(inside.sum())))
        order, bond = np.empty(n, dtype=np.int64), np.empty(n, dtype=np.int64)
        forest_order(graph.indptr, graph.indices, order, bond)
        parents = np.full(n, -1, dtype=np.int64)
        parents[bond >= 0] = graph.indices[bond[bond >= 0]]
        depths = np.zeros(n, dtype=np.int64)
        for site in order.tolist():
            if parents[site] >= 0:
                depths[site] = depths[parents[site]] + 1
        chosen = np.flatnonzero(inside)
        child = np.where(parents[j[chosen]] == i[chosen], j[chosen], i[chosen])
        bonds = np.full(n, -1, dtype=np.int64)
        bonds[child] = chosen
        return cls(model, inside, order, parents, depths, bonds)

    @cached_property
    def outside(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(i, j, J) of the coupled pairs that the forest leaves out; int64, int64, float64."""
        i, j, J = self.model.pairs
        out = ~self.inside
        return i[out].astype(np.int64), j[out].astype(np.int64), J[out]

    @cached_property
    def steps(self) -> int:
        """Sites on the paths between all pairs left out, `MOST_STEPS` at most: the cost of an evaluation."""
        i, j, _ = self.outside
        return int(path_steps(i, j, self.parents, self.depths, MOST_STEPS))

    def couplings_of(self, by_pair: np.ndarray) -> np.ndarray:
        """Numbers of the forest's bonds, given by pair, at the child of each; 0 at roots."""
        return np.where(self.bonds >= 0, by_pair[self.bonds] if by_pair.size else 0.0, 0.0)


@dataclass(frozen=True, eq=False)
class TreeTrial:
    """The distribution (1): a `Trial` with known moments.

    Attributes
    ----------
    forest
        Its bonds.
    lambdas
        lambda_i, float64, shape (n_sites,).
    couplings
        K of the bond to the parent of each site, 0 at roots; float64, shape (n_sites,).
    """

    forest: Forest
    lambdas: np.ndarray
    couplings: np.ndarray

    @property
    def n_sites(self) -> int:
        """Number of spins."""
        return len(self.lambdas)

    @property
    def bonds(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(child, parent, K) of each bond of the forest."""
        child = np.flatnonzero(self.forest.parents >= 0)
        return child, self.forest.parents[child], self.couplings[child]

    @cached_property
    def _summed(self) -> tuple[np.ndarray, float]:
        """Fields t with the children summed out, and ln of the norm in (1)."""
        fields = np.empty(self.n_sites)
        log_norm = sum_out(self.forest.order, self.forest.parents, self.lambdas, self.couplings, fields)
        return fields, float(log_norm)

    @cached_property
    def _marginals(self) -> tuple[float, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Entropy, means, regressions down and up, correlations with the parents."""
        f, n = self.forest, self.n_sites
        logits, means, down, up, correlations = (np.empty(n) for _ in range(5))
        entropy = tree_moments(
            f.order, f.parents, self._summed[0], self.couplings, logits, means, down, up, correlations)
        return float(entropy), means, down, up, correlations

    @property
    def log_norm(self) -> float:
        """ln of the norm in (1)."""
        return self._summed[1]

    @property
    def entropy(self) -> float:
        """-<ln q>, as a sum of conditional entropies."""
        return self._marginals[0]

    @property
    def means(self) -> np.ndarray:
        """<s_i>, shape (n_sites,)."""
        return self._marginals[1]

    @property
    def regressions(self) -> tuple[np.ndarray, np.ndarray]:
        """Slopes of <s_i> given the parent, and of the parent's mean given s_i; 0 at roots, shape (n_sites,)."""
        return self._marginals[2], self._marginals[3]

    @property
    def bond_correlations(self) -> np.ndarray:
        """<s_i s_p> of each site with its parent, 0 at roots; shape (n_sites,)."""
        return self._marginals[4]

    @cached_property
    def correlations(self) -> np.ndarray:
        """<s_i s_j> of each coupled pair, in the order of `IsingModel.pairs`."""
        f = self.forest
        i, j, _ = f.outside
        out = np.empty(f.model.n_pairs)
        out[~f.inside] = self.pair_correlations(i, j)
        child = np.flatnonzero(f.bonds >= 0)
        out[f.bonds[child]] = self.bond_correlations[child]
        return out

    def pair_correlations(self, rows: np.ndarray, cols: np.ndarray) -> np.ndarray:
        """<s_i s_j> of any pairs of different sites, along the paths between them."""
        means, (down, up) = self.means, self.regressions
        rows, cols = np.asarray(rows, dtype=np.int64), np.asarray(cols, dtype=np.int64)
        out = np.empty(len(rows))
        path_covariances(rows, cols, self.forest.parents, self.forest.depths, means, down, up, out)
        return out + means[rows] * means[cols]

    def moments(self) -> Moments:
        """Means, and correlations of the coupled pairs."""
        return Moments(magnetizations=self.means, correlations=self.correlations)

    def sample(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """Independent spins, int8, shape (count, n_sites)."""
        out = np.empty((self.n_sites, count), dtype=np.int8)
        for i in self.forest.order.tolist():
            x = np.tanh(self._felt(i, out))
            out[i] = np.where(rng.random(count) < 0.5 * (1.0 + x), 1, -1)
        return np.ascontiguousarray(out.T)

    def log_prob(self, spins: np.ndarray) -> np.ndarray:
        """ln q(s), shape (count,)."""
        s = np.asarray(spins, dtype=np.float64)
        parents = self.forest.parents
        felt = self._summed[0] + np.where(parents >= 0, self.couplings * s[:, parents], 0.0)
        return np.asarray(np.sum(s * felt - log_2cosh(felt), axis=1))

    def _felt(self, i: int, spins: np.ndarray) -> np.ndarray:
        """t_i + K_i s_p, for spins of shape (n_sites, count)."""
        parent, t = int(self.forest.parents[i]), self._summed[0][i]
        if parent < 0:
            return np.full(spins.shape[1], t)
        return np.asarray(t + self.couplings[i] * spins[parent])
