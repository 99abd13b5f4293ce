"""Partitions of the sites of a model into connected blocks that hold its strongest bonds."""

from __future__ import annotations

import numpy as np

from statfe.kernels.partition import grow_blocks, merge_blocks, refine_blocks
from statfe.models.ising import IsingModel

#: Passes of moves and swaps over all sites, and the steps of one that swaps may take.
PASSES, MOST_STEPS = 20, 2e8
#: Weight of |J|, relative to the largest, beside gains: it decides where spins are frozen and nothing gains.
TIE_BREAK = 1e-9


def partition(model: IsingModel, gains: np.ndarray, size: int) -> np.ndarray:
    """Connected blocks of at most `size` sites, with much of the sum of `gains` (one a pair, >= 0) inside.

    Blocks grow from the strongest pairs by the neighbour that most ties to them, which keeps them compact; small ones
    are joined; then sites move and swap as long as the sum rises. A component of at most `size` sites is one block.

    Returns
    -------
    ndarray of int64, shape (n_sites,)
        Block of each site, numbered from 0 by their first sites.
    """
    n, labels = model.n_sites, np.empty(model.n_sites, dtype=np.int64)
    weights = _by_slot(model, gains)
    ranked = np.argsort(-gains, kind="stable")
    i, j, _ = model.pairs
    seeds = np.concatenate([np.stack([i[ranked], j[ranked]], axis=1).ravel(), np.arange(n)]).astype(np.int64)
    count = grow_blocks(model.indptr, model.indices, weights, seeds, size, labels)
    merge_blocks(model.indptr, model.indices, weights, size, labels, count)
    if 1 < size < n:
        swaps = 2.0 * size * float(np.sum(model.degrees.astype(np.float64) ** 2)) < MOST_STEPS
        refine_blocks(model.indptr, model.indices, weights, size, labels, count, PASSES, swaps)
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return np.asarray(rank[inverse])


def _by_slot(model: IsingModel, gains: np.ndarray) -> np.ndarray:
    """Weights of the pairs in the order of `IsingModel.weights`, all positive."""
    i, j, J = model.pairs
    if not len(J):
        return np.empty(0)
    size = np.abs(J)
    own = gains / max(float(gains.max()), 1e-300) + TIE_BREAK * np.maximum(size / size.max(), 1e-3)
    rows = np.repeat(np.arange(model.n_sites, dtype=np.int64), model.degrees)
    low, high = np.minimum(rows, model.indices), np.maximum(rows, model.indices)
    keys = i.astype(np.int64) * model.n_sites + j
    return np.asarray(own[np.searchsorted(keys, low * model.n_sites + high)])
