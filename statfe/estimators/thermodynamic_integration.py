"""Thermodynamic integration: beta F(beta) = -N ln 2 + int_0^beta <E> dbeta' (Kirkwood 1935).

Between two rungs, <E> and its derivatives -Var(E) and kappa_3(E) at both ends make the two-point Taylor rule
int = h/2 (E_a + E_b) + h^2/10 (E_a' - E_b') + h^3/120 (E_a'' + E_b'') + O(h^7). The next rule, with -kappa_4 as well,
says how large the quadrature error is. No reweighting: the estimate shares only the draws with MBAR.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from statfe.chains import Chains
from statfe.stats import MAX_BINS, bin_means, mean_error

#: Weights of h^n (d/dbeta)^(n-1) <E> at the left end; at the right end the sign alternates.
QUINTIC = (1 / 2, 1 / 10, 1 / 120, 0.0)
SEPTIC = (1 / 2, 3 / 28, 1 / 84, 1 / 1680)


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
        Estimated error of the quadrature, shape (K,): the change that the next rule makes from the anchor to each
        rung, with what its own noise explains taken off.
    """

    beta_f: np.ndarray
    influence: np.ndarray
    quadrature: np.ndarray


def thermodynamic_integration(chains: Chains, anchor: float, max_bins: int = MAX_BINS) -> IntegrationResult:
    """Integrate the mean energy of `chains` from the first rung, where beta F is `anchor`."""
    h = np.diff(chains.betas)
    K = len(chains.betas)
    pieces, changes = np.zeros(K), np.zeros(K)
    influence = change_influence = np.zeros((chains.n_replicas, 1, K))
    for k in range(K):
        values, series, mean, sigma = _cumulants(chains.energy[:, :, k], max_bins)
        if k == 0:
            influence, change_influence = np.zeros((*series[0].shape, K)), np.zeros((*series[0].shape, K))
        for j in [i for i in (k - 1, k) if 0 <= i < K - 1]:
            # Rung k is the left end of interval k and the right end of interval k - 1.
            quintic, septic = (_weights(rule, h[j] * sigma, left=j == k) for rule in (QUINTIC, SEPTIC))
            pieces[j + 1] += h[j] / 2 * mean + quintic @ values
            changes[j + 1] += (septic - quintic) @ values
            influence[..., j + 1] += np.tensordot(quintic, series, 1)
            change_influence[..., j + 1] += np.tensordot(septic - quintic, series, 1)
    np.cumsum(influence, axis=2, out=influence)
    np.cumsum(change_influence, axis=2, out=change_influence)
    change, noise = np.cumsum(changes), mean_error(change_influence, chains.units).error
    # Two sigma of noise: one would let a third of all runs count noise as a quadrature error.
    quadrature = np.sqrt(np.maximum(change**2 - 4.0 * noise**2, 0.0))
    return IntegrationResult(beta_f=anchor + np.cumsum(pieces), influence=influence, quadrature=quadrature)


def _weights(rule: tuple[float, ...], width: float, *, left: bool) -> np.ndarray:
    """Weights of the standardised cumulants 1 to 4 at one end of an interval of `width` standard deviations.

    (d/dbeta)^(n-1) <E> = (-1)^(n-1) kappa_n; the right end turns the sign of every second derivative.
    """
    signs = np.array([1.0, -1.0, 1.0, -1.0]) if left else np.ones(4)
    # A frozen rung has width 0, and no cumulants.
    return np.array([signs[n] * rule[n] * width ** (n + 1) if width > 0.0 else 0.0 for n in range(4)])


def _cumulants(energy: np.ndarray, max_bins: int) -> tuple[np.ndarray, np.ndarray, float, float]:
    """Cumulants of (E - mean) / sigma, shape (4,), their influence series, (4, R, B), and the mean and sigma of E.

    The influence of a draw x (standardised) on kappa_1..4 is x, x^2 - 1, x^3 - m3 - 3 x and
    x^4 - m4 - 4 m3 x - 6 (x^2 - 1).
    """
    mean = float(energy.mean())
    x = np.ascontiguousarray(energy) - mean
    size = float(np.max(np.abs(x)))
    sigma = size * float(np.sqrt(np.mean((x / size) ** 2))) if size > 0.0 else 0.0
    if sigma == 0.0:
        return np.zeros(4), np.zeros((4, *bin_means(x, max_bins).shape)), mean, 0.0
    x /= sigma
    x2 = x * x
    x3, x4 = x2 * x, x2 * x2
    binned = [bin_means(power, max_bins) for power in (x, x2, x3, x4)]
    m3, m4 = float(np.mean(x3)), float(np.mean(x4))
    one, two = binned[0], binned[1] - 1.0
    series = np.stack([one, two, binned[2] - m3 - 3.0 * one, binned[3] - m4 - 4.0 * m3 * one - 6.0 * two])
    return np.array([0.0, 1.0, m3, m4 - 3.0]), series, mean, sigma
