"""Errors of growth rates: means over long blocks, for neighbouring windows may be correlated of either sign.

The growth of a tangent vector over a window is in part a difference of its two ends, which cancels between neighbours:
errors from short windows are then several times too large. Blocks of many windows are nearly free of that, and of
positive correlations; where these are as long as windows, the larger error of `statfe.stats.mean_error` counts.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from statfe.stats import MeanEstimate, bin_means, mean_error

#: Blocks of each trajectory; times of correlation, in windows, from which windows tell more than blocks.
BLOCKS, LONG = 4, 1.0


def block_error(series: np.ndarray) -> MeanEstimate:
    """Mean and error of (trajectory, window, count) series; `tau` and `effective` are those of windows."""
    fine = mean_error(series)
    means = bin_means(series, BLOCKS)
    means = means.reshape(-1, *means.shape[2:])
    # a constant has no error, but for rounding
    block = means.std(axis=0, ddof=1) / np.sqrt(len(means))
    return dataclasses.replace(fine, error=np.where(fine.tau > LONG, np.maximum(fine.error, block), block))
