"""beta F along a ladder as a sum over pairs of neighbouring rungs, with the time series of its error."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from statfe.chains import Chains

#: ``pair(a, b)``: f_{k+1} - f_k and its influence series (R, B), from h (E - centre) at rungs k and k+1, (R, T) each;
#: the centre is the mean of both rungs.
Pair = Callable[[np.ndarray, np.ndarray], tuple[float, np.ndarray]]


@dataclass(frozen=True)
class PairResult:
    """beta F along a ladder from pairs of rungs.

    Attributes
    ----------
    beta_f
        Shape (K,); the anchor's is exact. NaN where the energies left the range of doubles.
    influence
        Time series whose mean is the error of `beta_f` to first order, shape (R, B, K).
    """

    beta_f: np.ndarray
    influence: np.ndarray


def along_ladder(chains: Chains, anchor: float, pair: Pair) -> PairResult:
    """Sum `pair` along the rungs of `chains`; only the influence of all pairs together knows their covariance."""
    h = np.diff(chains.betas)
    pieces, series = [anchor], []
    right = np.ascontiguousarray(chains.energy[:, :, 0])
    for k, step in enumerate(h):
        left, right = right, np.ascontiguousarray(chains.energy[:, :, k + 1])
        # Centred energies keep the exponents, and the rounding of their sums, small.
        centre = 0.5 * float(left.mean()) + 0.5 * float(right.mean())
        a, b = step * (left - centre), step * (right - centre)
        if np.all(np.isfinite(a)) and np.all(np.isfinite(b)):
            df, influence = pair(a, b)
        else:
            df, influence = np.nan, np.full((chains.n_replicas, 1), np.nan)
        pieces.append(df + step * centre)
        series.append(influence)
    bins = max((s.shape[1] for s in series), default=1)
    influence = np.zeros((chains.n_replicas, bins, len(pieces)))
    for k, own in enumerate(series):
        influence[..., k + 1] = own
    return PairResult(np.cumsum(pieces), np.cumsum(influence, axis=2))
