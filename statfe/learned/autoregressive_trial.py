"""An autoregressive trial q(s) = prod_i q_i(s_i | s_<i): sampled without a Markov chain, with a known probability.

Log-odds start from the couplings to the spins already there, which is right to first order in beta; direct weights and
hidden units add what is learned. Without fields the network is odd in the spins, so q is symmetric under the global
flip by construction: both phases of a ferromagnet are in it, and nothing is gained by averaging q(s) and q(-s).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import scipy.sparse
import scipy.sparse.csgraph

from statfe.executors import map_tasks
from statfe.kernels.autoregressive import LANES, walk
from statfe.learned.masked_network import MaskedNetwork
from statfe.models.ising import IsingModel
from statfe.random import generator

#: Key of the random stream of the first weights (see `statfe.random.generator`).
WEIGHTS_KEY = 9101
#: Samples of a task of its own, and of a walk of many.
TASK, CHUNK = 4 * LANES, 4096
#: Orders that sites can be drawn in.
ORDERS = ("auto", "given", "breadth-first")


class EarlierCouplings(NamedTuple):
    """The model in the order of the walk: couplings of each site to the earlier ones in sparse rows, and fields."""

    indptr: np.ndarray
    indices: np.ndarray
    couplings: np.ndarray
    fields: np.ndarray


class Walk(NamedTuple):
    """Samples with what a gradient needs.

    Attributes
    ----------
    spins, odds
        +-1 and the log-odds of +1, float64, shape (n_sites, count), in the order of the walk.
    units
        Hidden units, float64, shape (units, count).
    log_prob, energy
        ln q and E without the model's offset, shape (count,).
    """

    spins: np.ndarray
    odds: np.ndarray
    units: np.ndarray
    log_prob: np.ndarray
    energy: np.ndarray


@dataclass(frozen=True)
class Training:
    """What the steps of a training saw: beta, and mean and standard deviation of V over the batch of each.

    Attributes
    ----------
    settled
        Whether the bound stopped falling before the steps ran out.
    """

    betas: np.ndarray
    means: np.ndarray
    deviations: np.ndarray
    settled: bool

    @property
    def steps(self) -> int:
        """Steps made."""
        return len(self.betas)


@dataclass(frozen=True, eq=False)
class AutoregressiveTrial:
    """A masked network over the spins of a model, at one beta; a `statfe.trial.Trial`.

    Attributes
    ----------
    model, beta
        The target whose couplings the log-odds start from.
    order, earlier
        Site at each position of the walk, int64, shape (n_sites,), and the couplings in that order.
    parameters
        Flat, as ``network.layout`` says; float64.
    training
        How it came about; None for one that was not trained.
    """

    model: IsingModel
    beta: float
    network: MaskedNetwork
    order: np.ndarray
    earlier: EarlierCouplings = field(repr=False)
    parameters: np.ndarray = field(repr=False)
    training: Training | None = field(default=None, repr=False)

    @property
    def n_sites(self) -> int:
        """Number of spins."""
        return self.model.n_sites

    def sample(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """Independent spins, int8, shape (count, n_sites)."""
        out = np.empty((count, self.n_sites), dtype=np.int8)
        for first in range(0, count, CHUNK):
            drawn = self.draw(min(CHUNK, count - first), rng)
            out[first:first + CHUNK, self.order] = drawn.spins.T
        return out

    def log_prob(self, spins: np.ndarray) -> np.ndarray:
        """ln q(s) of spins of shape (count, n_sites); float64, shape (count,)."""
        given = np.asarray(spins)
        return np.concatenate([
            self.walked(given[first:first + CHUNK]).log_prob for first in range(0, max(len(given), 1), CHUNK)])

    def draw(self, count: int, rng: np.random.Generator, workers: int = 1) -> Walk:
        """`count` samples with all that a gradient needs; the same for any number of workers."""
        uniforms = rng.random((self.n_sites, count))
        return self._walk(np.empty((self.n_sites, count)), uniforms, workers)

    def walked(self, spins: np.ndarray, workers: int = 1) -> Walk:
        """The same for given spins, in the order of the sites: shape (count, n_sites)."""
        ordered = np.ascontiguousarray(np.asarray(spins, dtype=np.float64)[:, self.order].T)
        return self._walk(ordered, None, workers)

    def valued(self, spins: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """V = beta E + ln q of spins of shape (count, n_sites), without the model's offset; nothing is drawn."""
        taken = self.walked(spins)
        return np.asarray(self.beta * taken.energy + taken.log_prob)

    def score(self, samples: Walk, weights: np.ndarray) -> np.ndarray:
        """sum_b weights_b d ln q(s_b) / d parameters; shape of `parameters`."""
        return self.network.score(self.parameters, samples.spins, samples.odds, samples.units, weights)

    def _walk(self, spins: np.ndarray, uniforms: np.ndarray | None, workers: int) -> Walk:
        n, count = spins.shape
        network, drawn = self.network, uniforms is not None
        odds, units = np.empty((n, count)), np.empty((sum(network.hidden), count))
        log_prob, energy = np.empty(count), np.empty(count)

        def task(first: int) -> None:
            walk(
                drawn, spins, uniforms if drawn else spins, self.parameters, network.starts, network.widths,
                network.reach, *self.earlier, self.beta, first, min(count, first + TASK), odds, units, log_prob,
                energy)

        map_tasks(task, range(0, count, TASK), workers)
        return Walk(spins, odds, units, log_prob, energy)


def site_order(model: IsingModel, order: str) -> np.ndarray:
    """The site at each position, int64, shape (n_sites,).

    Breadth first is Cuthill and McKee's order, in which few spins touch the rest of the graph at any time: the
    conditional of the next depends on these alone. ``auto`` is that, but on a lattice the order given.
    """
    if order == "given" or (order == "auto" and model.lattice is not None):
        return np.arange(model.n_sites)
    reverse = scipy.sparse.csgraph.reverse_cuthill_mckee(model.adjacency, symmetric_mode=True)
    return reverse[::-1].astype(np.int64)


def free_trial(
    model: IsingModel, beta: float, *, seed: int = 0, depth: int = 2, hidden: int | None = None, order: str = "auto"
) -> AutoregressiveTrial:
    """The trial before any training: log-odds from the couplings to the spins already there.

    Parameters
    ----------
    seed
        Of the first weights of hidden layers.
    depth
        Layers of weights: 1 for logistic regressions, 2 for one hidden layer, ...
    hidden
        Units of a hidden layer; as many as sites when None.
    order
        One of `ORDERS`.
    """
    layers = (hidden or model.n_sites,) * (depth - 1) if model.n_sites > 1 else ()
    network = MaskedNetwork(model.n_sites, layers, biased=model.has_fields)
    places = site_order(model, order)
    return AutoregressiveTrial(
        model, beta, network, places, _earlier(model, places), network.initial(generator(seed, WEIGHTS_KEY)))


def _earlier(model: IsingModel, order: np.ndarray) -> EarlierCouplings:
    lower = scipy.sparse.tril(model.adjacency[order][:, order], -1).tocsr()
    lower.sort_indices()
    return EarlierCouplings(
        lower.indptr.astype(np.int64), lower.indices.astype(np.int64), lower.data.astype(np.float64),
        np.ascontiguousarray(model.fields[order]))
