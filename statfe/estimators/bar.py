"""Bennett's acceptance ratio for each pair of neighbouring rungs, summed along the ladder.

For rungs a and b with as many draws each, df = f_b - f_a solves <p>_a + <p>_b = 1, where p = 1 / (1 + exp(h E - df))
is the chance that a draw of energy E came from b (Bennett, J. Comput. Phys. 22, 245 (1976), eqs. 12a and 12b). It has
the least variance of all from these two rungs. Neighbouring pairs share a rung, and exchanges tie all of them: each
pair's error is a time series, and the series are added before their variance is taken.
"""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from statfe.chains import Chains
from statfe.estimators.pairs import PairResult, along_ladder
from statfe.stats import MAX_BINS, bin_means

MAX_STEPS = 200


def bar(chains: Chains, anchor: float) -> PairResult:
    """beta F along the ladder of `chains` from the first rung, where it is `anchor`."""
    return along_ladder(chains, anchor, _pair)


def _pair(a: np.ndarray, b: np.ndarray) -> tuple[float, np.ndarray]:
    """df and its influence series, from h E at both rungs, shape (R, T) each."""
    df = _solve(a, b)
    p, q = expit(df - a), expit(df - b)
    slope = float(np.mean(p * (1.0 - p)) + np.mean(q * (1.0 - q)))
    score = bin_means(p + q - 1.0, MAX_BINS)
    if not slope > 0.0:
        return np.nan, np.full_like(score, np.nan)
    return df, -score / slope


def _solve(a: np.ndarray, b: np.ndarray) -> float:
    """The root of mean p(a) + mean p(b) - 1, which rises with df: Newton's steps, kept within a bracket.

    They start at 0: for energies from the mean of both rungs, the trapezoid rule gives that.
    """
    low = float(min(a.min(), b.min())) - 50.0
    high = float(max(a.max(), b.max())) + 50.0
    df = 0.0
    for _ in range(MAX_STEPS):
        p, q = expit(df - a), expit(df - b)
        value = float(p.mean() + q.mean()) - 1.0
        slope = float(np.mean(p * (1.0 - p)) + np.mean(q * (1.0 - q)))
        if value > 0.0:
            high = df
        else:
            low = df
        new = df - value / slope if slope > 1e-300 else np.inf
        if not low < new < high:
            new = 0.5 * (low + high)
        if abs(new - df) <= 1e-13 * max(1.0, abs(df)):
            return new
        df = new
    return df
