"""Particles of a model with two layers: moves of whole layers or of single spins, weights without the large layer.

Given one layer the spins of the other are independent, so a move draws whole layers; and a weight needs the small layer
alone, which leaves far less of it to chance (Salakhutdinov and Murray 2008, eq. 16, who sum out the hidden units).
Where the small layer is narrow its spins are drawn one by one instead, with the large layer summed out of the moves as
well: that costs about as much, and mixes far better when couplings are strong.
"""

from __future__ import annotations

import math
import weakref
from dataclasses import dataclass

import numpy as np

from statfe.annealed.walkers import Walkers
from statfe.executors import map_tasks
from statfe.kernels.layer_flips import SEGMENTS, flip_walk
from statfe.kernels.layer_list import list_tile
from statfe.kernels.layers import BLOCK, enumerate_block, move_block, step_block, walk_block
from statfe.models.ising import IsingModel
from statfe.models.states import all_spins
from statfe.models.structure import per_model, two_colouring
from statfe.random import generator, streams
from statfe.trial import log_2cosh

#: Share of the pairs between the layers that must be coupled, and most entries of the matrix of couplings.
DENSE, MOST_ENTRIES = 0.5, 2.0e7
#: Most entries of the matrix of couplings for which spins of the small layer are drawn one by one: it must fit a cache.
MOST_FLIPPED = 65_536
#: Largest small layer whose states are listed.
MAX_LISTED = 22
#: Fewest spins that are listed in two halves, and states of one half that are worked on together.
LEAST_HALVED, TILE = 8, 128
#: Largest logarithm of a product, and fewest factors of one for which halves pay.
MOST_LOG, LEAST_GROUP = 700.0, 4
#: Stream keys.
LAYER_KEY, LIST_KEY = 61, 62


@dataclass(frozen=True, eq=False)
class Layers:
    """The two layers of a model.

    Attributes
    ----------
    large, small
        Their sites, int64, shapes (L,) and (S,).
    weights
        Couplings, shape (L, S).
    large_fields, small_fields
        Fields, shapes (L,) and (S,).
    """

    large: np.ndarray
    small: np.ndarray
    weights: np.ndarray
    large_fields: np.ndarray
    small_fields: np.ndarray

    def arrays(self, tilts: np.ndarray) -> tuple[np.ndarray, ...]:
        """What the kernels take of the model and of a product trial with fields `tilts`."""
        return (self.weights, self.large_fields, tilts[self.large], self.small_fields, tilts[self.small])


    def rows(self) -> int:
        """L and as many empty rows as make it a multiple of `SEGMENTS`."""
        return -(-len(self.large) // SEGMENTS) * SEGMENTS

    def columns(self, tilts: np.ndarray) -> tuple[np.ndarray, ...]:
        """What `flip_walk` takes of the model and of a product trial with fields `tilts`."""
        more = (0, self.rows() - len(self.large))
        return (np.pad(self.weights.T, ((0, 0), more)), np.pad(self.large_fields, more),
                np.pad(tilts[self.large], more), self.small_fields, tilts[self.small])


def flip_part(layers: Layers, beta: float) -> int:
    """Rows of `flip_walk` that can be multiplied at `beta` without overflow; 0 where it cannot or should not run."""
    reach = float(np.max(np.abs(layers.large_fields) + np.abs(layers.weights).sum(axis=1)))
    # a product trial adds less than 4 to what enters an exponential
    if layers.weights.size > MOST_FLIPPED or 2.0 * beta * reach > MOST_LOG - 4.0:
        return 0
    sums = 4.0 * beta * np.pad(np.abs(layers.weights), ((0, layers.rows() - len(layers.large)), (0, 0)))
    part = layers.rows()
    while part:
        if float(np.add.reduceat(sums, range(0, len(sums), part)).max()) <= MOST_LOG:
            return part
        part = part // (2 * SEGMENTS) * SEGMENTS
    return 0


@per_model
def layers_of(model: IsingModel) -> Layers | None:
    """The layers of a model with dense couplings between two; None for others."""
    colour = two_colouring(model)
    if colour is None or model.n_pairs == 0:
        return None
    label = model.components
    ones, size = np.bincount(label, weights=colour), np.bincount(label)
    is_small = (colour == (2 * ones <= size)[label]) & (model.degrees > 0)
    small, large = np.flatnonzero(is_small), np.flatnonzero(~is_small)
    if model.n_pairs < DENSE * len(small) * len(large) or float(len(small)) * len(large) > MOST_ENTRIES:
        return None
    weights = model.adjacency[large][:, small].toarray()
    return Layers(large, small, np.ascontiguousarray(weights), model.fields[large].copy(), model.fields[small].copy())


class LayerWalkers(Walkers):
    """Small layers of the particles, 64 a block; groups are blocks.

    Parameters
    ----------
    laws
        The path, shape (K, 2); see `statfe.kernels.layers`.
    small
        Where the particles start: small layers, +-1, shape (P, S).
    tilts
        Fields of the product trial, shape (n_sites,).
    flips
        See `flip_part`; 0 to draw whole layers.
    """

    def __init__(self, model: IsingModel, layers: Layers, laws: np.ndarray, small: np.ndarray, tilts: np.ndarray,
                 seed: int, flips: int = 0) -> None:
        self.n_sites, self.layers, self.laws, self.tilts = model.n_sites, layers, np.ascontiguousarray(laws), tilts
        self.arrays, self.flips = layers.arrays(tilts), flips
        self.columns = layers.columns(tilts) if flips else ()
        self.particles = len(small)
        blocks = -(-self.particles // BLOCK)
        self.groups = [slice(k * BLOCK, min((k + 1) * BLOCK, self.particles)) for k in range(blocks)]
        self.spins = np.ones((blocks, len(layers.small), BLOCK))
        self._put(small)
        self.states = streams(seed, blocks * BLOCK, LAYER_KEY).reshape(blocks, BLOCK, 4).transpose(0, 2, 1).reshape(
            blocks, 4 * BLOCK).copy()

    def _put(self, small: np.ndarray) -> None:
        for block, own in zip(self.spins, self.groups, strict=True):
            block[:, :own.stop - own.start] = small[own].T

    def small(self) -> np.ndarray:
        """Small layers, +-1, float64, shape (P, S)."""
        return self.spins.transpose(0, 2, 1).reshape(-1, self.spins.shape[1])[:self.particles]

    def at(self, laws: np.ndarray) -> LayerWalkers:
        """The same particles on another path."""
        self.laws = np.ascontiguousarray(laws)
        return self

    def log_ratio(self, group: int, here: int, there: int) -> np.ndarray:
        """ln f_there - ln f_here of the small layers."""
        out = np.zeros(BLOCK)
        step_block(True, False, self.laws[here], self.laws[there], *self.arrays, self.spins[group],
                   self.states[group], out)
        own = self.groups[group]
        return out[:own.stop - own.start]

    def move(self, group: int, there: int, moves: int) -> None:
        """Draw the large layer and then the small one, or the spins of the small one in turn, `moves` times."""
        if self.flips:
            own = self.groups[group]
            self.stretch(group, np.array([there, there]), moves, np.zeros(own.stop - own.start))
            return
        move_block(moves, self.laws[there], *self.arrays, self.spins[group], self.states[group])

    def stretch(self, group: int, order: np.ndarray, moves: int, total: np.ndarray) -> np.ndarray:
        """Visit the laws `order`; a weight and the move after it share their exponentials."""
        out, own = np.zeros((len(order), BLOCK)), np.zeros(BLOCK)
        own[:len(total)] = total
        if self.flips:
            flip_walk(self.laws[order], moves, self.flips, len(total), *self.columns, self.spins[group],
                      self.states[group], own, out)
            total[:] = own[:len(total)]
            return out[:, :len(total)]
        walk_block(self.laws[order], moves, np.arange(len(order)), *self.arrays, self.spins[group],
                   self.states[group], own, out)
        total[:] = own[:len(total)]
        return out[:, :len(total)]

    def resample(self, parents: np.ndarray) -> None:
        """Copy small layers."""
        self._put(self.small()[parents])

    def large_means(self) -> np.ndarray:
        """Mean of the small layer, and of the large one given it, at the last law."""
        c, d = self.laws[-1]
        inputs = self.small() @ self.layers.weights.T + self.layers.large_fields
        out = np.empty(self.n_sites)
        out[self.layers.large] = np.tanh(c * inputs + d * self.tilts[self.layers.large]).mean(axis=0)
        out[self.layers.small] = self.small().mean(axis=0)
        return out


def log_z_of_trial(tilts: np.ndarray) -> float:
    """ln Z of the product trial, sum_i ln 2 cosh a_i."""
    return float(np.sum(log_2cosh(tilts)))


def trial_small(layers: Layers, tilts: np.ndarray, particles: int, seed: int, key: int) -> np.ndarray:
    """Small layers drawn from the product trial, +-1, shape (particles, S)."""
    up = 0.5 * (1.0 + np.tanh(tilts[layers.small]))
    return np.where(generator(seed, key).random((particles, len(layers.small))) < up, 1.0, -1.0)


def listed_log_weights(layers: Layers, beta: float, workers: int = 1) -> np.ndarray:
    """ln f of all states of the small layer at `beta`, shape (2^S,); bit j of the index up is spin j up."""
    S = len(layers.small)
    # no factor of a product is larger than exp(reach)
    reach = math.log(2.0) + 2.0 * abs(beta) * float(
        np.max(np.abs(layers.large_fields) + np.abs(layers.weights).sum(axis=1)))
    if S >= LEAST_HALVED and reach <= MOST_LOG / LEAST_GROUP:
        return _listed_in_halves(layers, beta, int(MOST_LOG / reach), workers)
    arrays, law = layers.arrays(np.zeros(S + len(layers.large))), np.array([beta, 0.0])
    out = np.empty(max(1 << S, BLOCK))
    # Some at a time: a task a block would cost more than the block.
    many = 256

    def task(first: int) -> None:
        room = np.empty((S, BLOCK))
        for block in range(first, min(first + many, len(out) // BLOCK)):
            enumerate_block(block, law, *arrays, room, np.zeros(4 * BLOCK, dtype=np.uint64),
                            out[block * BLOCK:(block + 1) * BLOCK])

    map_tasks(task, range(0, len(out) // BLOCK, many), workers)
    return out[:1 << S]


def _listed_in_halves(layers: Layers, beta: float, group: int, workers: int) -> np.ndarray:
    """As `listed_log_weights`, with a product a state and row where that has an exponential: some times as fast."""
    S = len(layers.small)
    low = S // 2
    inputs, linear = [], []
    for own in (slice(low, S), slice(low)):
        spins = all_spins(len(layers.small[own]))
        inputs.append(beta * (spins @ layers.weights[:, own].T))
        linear.append(beta * (spins @ layers.small_fields[own]))
    inputs[0] += beta * layers.large_fields
    left, right = (np.exp(-2.0 * x) for x in inputs)
    linear = [own + x.sum(axis=1) for own, x in zip(linear, inputs, strict=True)]
    out = np.empty((len(left), len(right)))

    def task(first: int) -> None:
        some = slice(first, first + TILE)
        found = np.empty((len(left), len(right[some])))
        list_tile(left, np.ascontiguousarray(right[some].T), *(linear[0], linear[1][some]), group, found)
        out[:, some] = found

    map_tasks(task, range(0, len(right), TILE), workers)
    return out.ravel()


#: Running sums of the weights of all states of a small layer, at the last beta asked for.
_shares: weakref.WeakKeyDictionary[Layers, dict[float, np.ndarray]] = weakref.WeakKeyDictionary()


def exact_small(layers: Layers, beta: float, particles: int, seed: int, workers: int = 1) -> np.ndarray:
    """Independent draws of the small layer at `beta` from the list of its states, +-1, shape (particles, S)."""
    known = _shares.setdefault(layers, {})
    if beta not in known:
        logs = listed_log_weights(layers, beta, workers)
        known.clear()
        known[beta] = np.cumsum(np.exp(logs - logs.max()))
    shares = known[beta]
    u = generator(seed, LIST_KEY).random(particles) * shares[-1]
    codes = np.minimum(np.searchsorted(shares, u, side="right"), len(shares) - 1)
    return np.where((codes[:, None] >> np.arange(len(layers.small))) & 1, 1.0, -1.0)
