"""How far apart two power spectra are, whatever the power: the form of the motion in time."""

from __future__ import annotations

import numpy as np

from statfe.attractors.spectrum import Spectrum


def spectral_distance(left: Spectrum, right: Spectrum) -> float:
    """Total variation between spectra normalised to one a column, averaged over the columns.

    Half of the sum of the absolute differences: 0 for the same spectra, 1 for those without a common frequency.
    """
    if left.density.shape != right.density.shape:
        raise ValueError(f"spectra of shapes {left.density.shape} and {right.density.shape}")
    return float(0.5 * np.mean(np.sum(np.abs(_normalised(left) - _normalised(right)), axis=0)))


def _normalised(found: Spectrum) -> np.ndarray:
    sums = found.density.sum(axis=0)
    return np.asarray(found.density / np.where(sums > 0.0, sums, 1.0))
