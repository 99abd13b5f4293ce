"""Thermodynamic integration: beta F(beta) = -N ln 2 + int_0^beta <E> dbeta' (Kirkwood 1935).

Between two rungs, <E> and its slope -Var(E) at both ends make the corrected trapezoid rule
int = h/2 (E_a + E_b) + h^2/12 (E_a' - E_b') + O(h^5). The next rule, with E'' = third cumulant of E as well, says
how large the quadrature error is. No reweighting: the estimate shares only the draws with MBAR.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from statfe.chains import Chains
from statfe.stats import bin_means


@dataclass(frozen=True)
class IntegrationResult:
    """beta F along a ladder by quadrature.

    Attributes
    ----------
    beta_f
        Shape (K,); the anchor's is exact.
    influence
        Time series whose mean is the statistical error of `beta_f` to first order, shape (R, B, K).
    quadrature
        Estimated error of the quadrature, shape (K,): the change that the next rule makes, added up.
    """

    beta_f: np.ndarray
    influence: np.ndarray
    quadrature: np.ndarray


def thermodynamic_integration(chains: Chains, anchor: float, max_bins: int = 4096) -> IntegrationResult:
    """Integrate the mean energy of `chains` from the first rung, where beta F is `anchor`."""
    h = np.diff(chains.betas)
    energy = chains.energy
    mean = energy.mean(axis=(0, 1))
    shifted = energy - mean
    variance = (shifted**2).mean(axis=(0, 1))
    third = (shifted**3).mean(axis=(0, 1))
    cubic = _cubic(h, mean, -variance)
    quintic = h / 2 * (mean[:-1] + mean[1:]) + h**2 / 10 * (variance[1:] - variance[:-1]) + h**3 / 120 * (
        third[:-1] + third[1:])
    # To first order the error of the estimate is the rule applied to the errors of both moments.
    slopes = -(bin_means(shifted**2, max_bins) - variance)
    influence = _accumulate(_cubic(h, bin_means(shifted, max_bins), slopes))
    return IntegrationResult(
        beta_f=anchor + _accumulate(cubic), influence=influence, quadrature=_accumulate(np.abs(quintic - cubic)))


def _cubic(h: np.ndarray, mean: np.ndarray, slope: np.ndarray) -> np.ndarray:
    """Corrected trapezoid rule on every interval, over the last axis."""
    return h / 2 * (mean[..., :-1] + mean[..., 1:]) + h**2 / 12 * (slope[..., :-1] - slope[..., 1:])


def _accumulate(pieces: np.ndarray) -> np.ndarray:
    """Running sum over the last axis, starting from 0."""
    return np.concatenate([np.zeros((*pieces.shape[:-1], 1)), np.cumsum(pieces, axis=-1)], axis=-1)
