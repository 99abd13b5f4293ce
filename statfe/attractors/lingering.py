"""Whether an orbit lingers: rates of growth that are alike over stretches as long as the windows of a run.

Where volumes are kept, chaos lies beside islands of regular motion, and orbits stay near those for times whose
distribution has a power law for its tail (Chirikov and Shepelyansky, Physica D 13, 395 (1984)). Longer blocks then give
larger errors, up to the whole run, and what the run has not met is in no error. Where correlations fall exponentially
they are far below the length of a window, and the variance of block means falls as one over their length.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.stats import norm

from statfe.stats import autocovariance

#: Lags, in windows, over which correlations are summed.
LAGS = 7
#: Standard deviations above none from which they count, for one exponent; and where volumes are kept, as they do there.
SIGMAS, EXPECTED = 3.0, 2.0
#: Relative variation of rates that is rounding.
ROUNDING = 1e-9


def memory(rates: np.ndarray) -> tuple[np.ndarray, float]:
    """What the variance of block means over `LAGS` + 1 windows is, in those of independent windows, and its error.

    Parameters
    ----------
    rates
        shape (trajectory, window, count).

    Returns
    -------
    tuple
        The ratio, shape (count,): 1 + 2 sum (1 - k / (`LAGS` + 1)) rho_k; and its standard deviation where no window
        knows of another, nan with too few windows.
    """
    trajectories, windows = rates.shape[:2]
    if windows < 2 * (LAGS + 1):
        return np.ones(rates.shape[2]), math.nan
    gamma = autocovariance(rates)
    lags = np.arange(1, LAGS + 1)
    weights = 1.0 - lags / (LAGS + 1)
    varies = gamma[0] > (ROUNDING * np.abs(rates.mean(axis=(0, 1)))) ** 2
    rho = np.where(varies, gamma[1:LAGS + 1] / np.where(varies, gamma[0], 1.0), 0.0)
    deviation = 2.0 * math.sqrt(float(np.sum(weights**2 / (trajectories * (windows - lags)))))
    return 1.0 + 2.0 * weights @ rho, deviation


def lingers(rates: np.ndarray, kept: bool) -> str:
    """Why errors of `rates` (trajectory, window, count) do not cover; "" where blocks have levelled off.

    Parameters
    ----------
    rates
        Of the positive exponents.
    kept
        Whether the law keeps volumes.
    """
    if not rates.shape[2]:
        return ""
    ratio, deviation = memory(rates)
    # the largest of many may be further off by chance
    sigmas = norm.isf(norm.sf(EXPECTED if kept else SIGMAS) / rates.shape[2])
    worst = float(np.max(ratio))
    if not worst > 1.0 + sigmas * deviation:
        return ""
    return (f"errors still grow with the length of blocks, over {LAGS + 1} windows by a factor {math.sqrt(worst):.1f}: "
            "orbits linger, as beside islands of regular motion")
