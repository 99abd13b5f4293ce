"""The Boltzmann distribution itself, where a tree decomposition is narrow enough: marginals and independent samples."""

from __future__ import annotations

import math
from functools import cached_property

import numpy as np

from statfe.errors import NotApplicableError, UsageError
from statfe.junction.messages import Messages, out_of_range
from statfe.junction.plan import JunctionTree, junction_tree, refusal
from statfe.kernels.junction_down import distribute, draw
from statfe.models.ising import IsingModel

#: Spins drawn at a time: their uniform numbers take 32 MB.
CHUNK = 2**22


def marginals(t: JunctionTree, kept: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """<s_i> by site and <s_i s_j> by pair, from what `Messages` kept."""
    means, correlations = np.empty(len(t.sites)), np.empty(len(t.bond_to))
    distribute(
        t.ptr, t.separators, t.bond_ptr, t.bond_to, t.child_ptr, t.children, t.slots, np.empty(t.room),
        t.kept_ptr, kept, means, correlations)
    by_site, by_pair = np.empty_like(means), np.empty_like(correlations)
    by_site[t.sites] = means
    by_pair[t.bond_pair] = correlations
    return by_site, by_pair


class ExactDistribution:
    """p(s) = exp(-beta E(s)) / Z of a model of small treewidth: a `Trial` with known marginals.

    Attributes
    ----------
    model, beta
        What it is the distribution of; beta may have either sign.
    log_z
        ln Z, with the model's constant energy in it.

    Raises
    ------
    NotApplicableError
        Where the tables do not fit into memory.
    UsageError
        Where beta is not finite, or beta times the energy overflows.
    """

    def __init__(self, model: IsingModel, beta: float, tree: JunctionTree | None = None) -> None:
        if not math.isfinite(beta):
            raise UsageError(f"beta must be finite, got {beta}")
        tree = junction_tree(model) if tree is None else tree
        reason = refusal(tree, keep=True)
        if tree is None or reason:
            raise NotApplicableError(f"no exact distribution of {model.spec}: {reason}; draw from chains with simulate")
        if out_of_range(tree, beta):
            raise UsageError(f"beta times the energy of {model.spec} overflows; scale the couplings down")
        self.model, self.beta = model, float(beta)
        self._tree: JunctionTree = tree
        messages = Messages(tree, self.beta, keep=True)
        self.log_z = messages.run() - self.beta * model.offset
        self._kept = messages.kept

    def __repr__(self) -> str:
        """The model, beta and ln Z."""
        return f"ExactDistribution({self.model.spec!r}, beta={self.beta:g}, log_z={self.log_z:.12g})"

    @property
    def n_sites(self) -> int:
        """Number of spins."""
        return self.model.n_sites

    @property
    def width(self) -> int:
        """Width of the tree decomposition."""
        return self._tree.width

    @cached_property
    def _marginals(self) -> tuple[np.ndarray, np.ndarray]:
        return marginals(self._tree, self._kept)

    @property
    def magnetizations(self) -> np.ndarray:
        """<s_i>, float64, shape (n_sites,)."""
        return self._marginals[0].copy()

    @property
    def pair_correlations(self) -> np.ndarray:
        """<s_i s_j> of each coupled pair, in the order of `IsingModel.pairs`; float64, shape (n_pairs,)."""
        return self._marginals[1].copy()

    @property
    def energy(self) -> float:
        """<E>, with the model's constant."""
        return self.model.offset - self._interaction

    @property
    def entropy(self) -> float:
        """-<ln p> = beta <E> + ln Z, in nats."""
        return self.log_z + self.beta * self.energy

    @property
    def _interaction(self) -> float:
        means, correlations = self._marginals
        return float(np.dot(self.model.pairs[2], correlations) + np.dot(self.model.fields, means))

    def sample(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """Independent exact samples, int8, shape (count, n_sites); the same for the same state of `rng`."""
        t, n = self._tree, self.n_sites
        out = np.empty((count, n), dtype=np.int8)
        step = max(1, CHUNK // n)
        for first in range(0, count, step):
            some = min(step, count - first)
            spins = np.empty((n, some), dtype=np.int8)
            # one row a sample, so that the first samples do not depend on the count
            draw(t.ptr, t.separators, t.kept_ptr, self._kept, rng.random((some, n)).T.copy(), spins)
            out[first:first + some, t.sites] = spins.T
        return out

    def log_prob(self, spins: np.ndarray) -> np.ndarray:
        """ln p(s) = -beta E(s) - ln Z, shape (count,)."""
        return -self.beta * self.model.energy(spins) - self.log_z
