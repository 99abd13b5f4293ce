"""A trial of bounded treewidth, fitted to samples of the model: couplings on every pair within a clique, and fields.

The strongest bonds whose graph has a narrow elimination order are kept. Pairs that the order joins cost nothing more,
so they carry couplings too, which stand for the bonds left out. All are fitted by maximum likelihood to spins that a
Markov chain drew: this lowers KL(p || q), which fears what q misses, and not KL(q || p), which does not. The spins only
shape the trial; whatever they are, weights of its samples stay unbiased.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import scipy.optimize

from statfe.junction.distribution import ExactDistribution, marginals
from statfe.junction.messages import Messages
from statfe.junction.mixture import Blend, MixtureTrial, exact_part
from statfe.junction.plan import JunctionTree, lay_out
from statfe.junction.subgraph import Narrow, narrow_subgraphs
from statfe.kernels.junction_down import heat_bath_sweep
from statfe.models.ising import IsingModel

#: Entries of all tables, at most: larger models get narrower trials.
MOST_ENTRIES = 2**22
#: Walkers that the fit sees, their sweeps from beta = 0, and moves of a spin by all together, at most.
WALKERS, SWEEPS, LEAST_SWEEPS, MOST_MOVES = 4096, 60, 20, 3e7
#: Subgraphs, at most.
PARTS = 3
#: Steps of the fit, and pairs whose means are taken at a time.
STEPS, PAIRS = 30, 256


class Fit(NamedTuple):
    """exp[sum of K_ij s_i s_j over the pairs of a chordal graph + sum_i a_i s_i] / norm: as a model, and its tree."""

    bonds: IsingModel
    tree: JunctionTree

    def trial(self, softness: float, uniform: float) -> MixtureTrial:
        """At `softness` times its couplings and fields, with a share `uniform` of the uniform law."""
        part = exact_part(ExactDistribution(self.bonds, softness, self.tree))
        bare = IsingModel.from_edges(self.bonds.n_sites, *self.bonds.pairs)
        return MixtureTrial([part], np.ones(1), bare, softness, uniform, not self.bonds.has_fields)


@dataclass(frozen=True, eq=False)
class FittedTrial:
    """Fits of several subgraphs, which leave out other bonds: what one gives too little weight another holds.

    Attributes
    ----------
    fits
        One a subgraph.
    exact
        Whether nothing was left out: there is one, the model's own law.
    """

    fits: list[Fit]
    exact: bool

    def trial(self, softness: float, uniform: float) -> Blend:
        """The blend of all; see `Fit.trial`."""
        return Blend([fit.trial(softness, uniform) for fit in self.fits])

    @property
    def width(self) -> int:
        """Largest width."""
        return max(fit.tree.width for fit in self.fits)


def fit_trial(model: IsingModel, beta: float, width: int, rng: np.random.Generator) -> FittedTrial:
    """The trial of a model at `beta` of at most `width`, less where tables would exceed `MOST_ENTRIES`."""
    widest = max(1, min(width, int(math.log2(MOST_ENTRIES / model.n_sites))))
    found = narrow_subgraphs(model, widest)
    if found[0].whole:
        i, j, J = model.pairs
        own = IsingModel.from_edges(model.n_sites, i, j, beta * J, beta * model.fields)
        return FittedTrial([Fit(own, lay_out(own, found[0].order))], True)
    spins = walkers(model, beta, rng)
    return FittedTrial([_fit(model, beta, narrow, spins) for narrow in found[:PARTS]], False)


def _fit(model: IsingModel, beta: float, narrow: Narrow, spins: np.ndarray) -> Fit:
    """The trial on one subgraph."""
    rows = np.repeat(narrow.order.sites, np.diff(narrow.order.ptr))
    chordal = IsingModel.from_edges(model.n_sites, rows, narrow.order.separators, np.ones(len(rows)))
    place = np.searchsorted(_keys(chordal), _keys(model)[narrow.kept])
    start = np.zeros(chordal.n_pairs)
    start[place] = beta * model.pairs[2][narrow.kept]
    likelihood = _Likelihood(lay_out(chordal, narrow.order), model.has_fields, start, beta * model.fields)
    couplings, fields = likelihood.fit(spins, chordal)
    own = IsingModel.from_edges(model.n_sites, *chordal.pairs[:2], couplings, fields)
    return Fit(own, lay_out(own, narrow.order))


def _keys(model: IsingModel) -> np.ndarray:
    """One number for each pair, ascending."""
    i, j, _ = model.pairs
    return i.astype(np.int64) * model.n_sites + j


def walkers(model: IsingModel, beta: float, rng: np.random.Generator) -> np.ndarray:
    """Spins after a walk from beta = 0 to `beta`, int8, shape (n_sites, walkers)."""
    n = model.n_sites
    sweeps = int(np.clip(MOST_MOVES / (WALKERS * n), LEAST_SWEEPS, SWEEPS))
    count = int(np.clip(MOST_MOVES / (sweeps * n), 256, WALKERS))
    spins = np.where(rng.random((n, count)) < 0.5, 1, -1).astype(np.int8)
    # Two thirds of the sweeps on the way, the others at the end.
    for t in range(sweeps):
        here = beta * min(1.0, 1.5 * (t + 1) / sweeps)
        heat_bath_sweep(model.indptr, model.indices, model.weights, model.fields, here, rng.random(spins.shape), spins)
    return spins


def pair_means(rows: np.ndarray, cols: np.ndarray, spins: np.ndarray) -> np.ndarray:
    """Mean of s_i s_j over samples, for spins of shape (n_sites, count)."""
    s, out = spins.astype(np.float32), np.empty(len(rows))
    for first in range(0, len(rows), PAIRS):
        some = slice(first, first + PAIRS)
        out[some] = np.einsum("pc,pc->p", s[rows[some]], s[cols[some]])
    return out / s.shape[1]


class _Likelihood:
    """Mean of -ln q over samples, and a Gaussian prior about the bonds that were kept."""

    def __init__(self, tree: JunctionTree, has_fields: bool, couplings: np.ndarray, fields: np.ndarray) -> None:
        self.tree, self.has_fields = tree, has_fields
        self.model_fields = fields
        self.start = np.concatenate([couplings, fields]) if has_fields else couplings
        self.n_pairs = len(couplings)

    def moments(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        """ln Z and the means that go with each number of x."""
        t = self.tree
        fields = x[self.n_pairs:] if self.has_fields else self.model_fields
        tree = replace(t, bond_weights=x[:self.n_pairs][t.bond_pair], fields=fields[t.sites])
        messages = Messages(tree, 1.0, keep=True)
        log_z = messages.run()
        by_site, by_pair = marginals(tree, messages.kept)
        return log_z, np.concatenate([by_pair, by_site]) if self.has_fields else by_pair

    def fit(self, spins: np.ndarray, chordal: IsingModel) -> tuple[np.ndarray, np.ndarray]:
        """Couplings and fields."""
        i, j, _ = chordal.pairs
        wanted, count = pair_means(i, j, spins), spins.shape[1]
        if self.has_fields:
            wanted = np.concatenate([wanted, spins.mean(axis=1)])
        apart = wanted - self.moments(self.start)[1]
        # What the means differ by beyond chance tells how far couplings may go: empirical Bayes.
        beyond = max(float(np.mean(apart**2)) - 1.0 / count, 1e-3 / count)
        stiff = 1.0 / (count * beyond)

        def slope(x: np.ndarray) -> tuple[float, np.ndarray]:
            log_z, means = self.moments(x)
            off = x - self.start
            return (log_z - float(np.dot(x, wanted)) + 0.5 * stiff * float(np.dot(off, off)),
                    means - wanted + stiff * off)

        found = scipy.optimize.minimize(
            slope, self.start, jac=True, method="L-BFGS-B", options={"maxiter": STEPS, "gtol": 1e-3}).x
        return found[:self.n_pairs], found[self.n_pairs:] if self.has_fields else self.model_fields
