"""Stepping stone: the ratio of two neighbouring Z as a mean of weights over the hotter rung alone.

Z_b / Z_a = <exp(-h E)>_a (Xie, Lewis, Fan, Kuo and Chen, Syst. Biol. 60, 150 (2011), eq. 8, here along beta; Zwanzig
1954). Its logarithm is too low by half of the relative variance of the mean, which a jackknife over stretches of time
takes off. Only draws from below are used: it shares no overlap function with the acceptance ratio, and needs rungs
closer together, for a rare draw of low energy may hold most of the weight.
"""

from __future__ import annotations

import numpy as np

from statfe.chains import Chains
from statfe.estimators.pairs import PairResult, along_ladder
from statfe.stats import BATCHES, MAX_BINS, bin_means


def stepping_stone(chains: Chains, anchor: float) -> PairResult:
    """beta F along the ladder of `chains` from the first rung, where it is `anchor`."""
    return along_ladder(chains, anchor, lambda a, b: _pair(a, chains.units))


def _pair(a: np.ndarray, units: np.ndarray | None) -> tuple[float, np.ndarray]:
    """df = -ln <exp(-a)> and its influence series, from a = h E at the hotter rung, shape (R, T)."""
    least = float(a.min())
    weights = np.exp(least - a)
    df = least - jackknifed_log_mean(weights, units)
    return df, 1.0 - bin_means(weights, MAX_BINS) / weights.mean()


def jackknifed_log_mean(weights: np.ndarray, units: np.ndarray | None = None) -> float:
    """ln of the mean of (R, T) weights, without the bias of order 1 / n; blocks are stretches of replicas, or of units.

    Where one block holds all the weight, nothing can be taken off.
    """
    plain = float(np.log(weights.mean()))
    blocks = bin_means(weights, BATCHES)
    if units is not None:
        blocks = np.stack([blocks[units == u].sum(axis=0) for u in range(int(units.max()) + 1)])
    n, sums = blocks.size, blocks.reshape(-1)
    left = sums.sum() - sums
    if n < 2 or not np.all(left > 1e-12 * sums.sum()):
        return plain
    # theta - bias, bias = (n - 1) (mean of theta without one block - theta) (Efron 1982, eq. 2.8).
    whole = np.log(sums.sum() / n)
    return plain - (n - 1) * float(np.mean(np.log(left / (n - 1))) - whole)
