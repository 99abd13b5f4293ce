"""Thermodynamic integration: beta F(beta) = -N ln 2 + int_0^beta <E> dbeta' (Kirkwood 1935).

Between two rungs, <E> and its derivatives -Var(E) and kappa_3(E) at both ends make the two-point Taylor rule
int = h/2 (E_a + E_b) + h^2/10 (E_a' - E_b') + h^3/120 (E_a'' + E_b'') + O(h^7). How large the quadrature error is say
the rule with one derivative less and the one with -kappa_4 as well. No reweighting: the estimate shares only the draws
with MBAR.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from statfe.chains import Chains
from statfe.estimators.samples import Samples, samples_of
from statfe.stats import bin_means, mean_error
from statfe.tally import Tally

#: Stretches a replica that the noise of a change of rule is known from.
NOISE_BINS = 256
#: Weights of h^n (d/dbeta)^(n-1) <E> at the left end; at the right end the sign alternates.
CUBIC = (1 / 2, 1 / 12, 0.0, 0.0)
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
        rung, and steps of <E> that no rule resolves, with what their own noise explains taken off.
    by_order
        The part of it that is the change of rule.
    widest
        Interval below each rung, as the number of its left end, whose quadrature error is the largest; int, shape (K,).
    """

    beta_f: np.ndarray
    influence: np.ndarray
    quadrature: np.ndarray
    by_order: np.ndarray
    widest: np.ndarray


def thermodynamic_integration(source: Chains | Tally | Samples, anchor: float) -> IntegrationResult:
    """Integrate the mean energy of `source` from the first rung, where beta F is `anchor`."""
    samples = samples_of(source)
    h = np.diff(samples.betas)
    pieces = np.zeros(len(h) + 1)
    # The change from the rule before, that to the next, and the jump of each interval; and the time series of these.
    changes, influences = np.zeros((3, len(pieces))), np.zeros((4, *samples.shape))
    steps = np.zeros(len(pieces))
    for k in range(len(pieces)):
        values, series, mean, sigma = _cumulants(samples, k)
        for j in [i for i in (k - 1, k) if 0 <= i < len(h)]:
            # Rung k is the left end of interval k and the right end of interval k - 1.
            left, width = j == k, h[j] * sigma
            cubic, quintic, septic = (_weights(rule, width, left=left) for rule in (CUBIC, QUINTIC, SEPTIC))
            pieces[j + 1] += h[j] / 2 * mean + quintic @ values
            steps[j + 1] += -h[j] * mean if left else h[j] * mean
            jump = np.array([-1.0 if left else 1.0, 1 / 2, -1 / 12 if left else 1 / 12, 0.0]) * width ** np.arange(1, 5)
            for n, rule in enumerate((quintic - cubic, septic - quintic, jump)):
                changes[n, j + 1] += rule @ values
                influences[n, ..., j + 1] += np.tensordot(rule, series, 1)
            influences[3, ..., j + 1] += np.tensordot(quintic, series, 1)
    changes[2] += steps
    by_order, lost, widest = _quadrature(changes, influences[:3], steps, samples.units)
    return IntegrationResult(
        beta_f=anchor + np.cumsum(pieces), influence=np.cumsum(influences[3], axis=2), by_order=by_order,
        quadrature=np.hypot(by_order, lost), widest=widest)


def _quadrature(changes: np.ndarray, influences: np.ndarray, steps: np.ndarray,
                units: np.ndarray | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Error of the quadrature up to each rung by order and by jumps, and the interval that gives most of it.

    A step of <E> between two rungs does not show in the cumulants at either, and all rules agree on a wrong value. It
    shows in the difference of <E> itself, which must be the integral of -Var(E): what that lacks is a jump, at a place
    that is not known, and the rule assumes the middle.

    Parameters
    ----------
    changes, influences
        In each interval the change from the rule before to ours, that from ours to the next, and h times the jump,
        shape (3, K); and their time series, shape (3, R, B, K).
    steps
        h times the difference of <E> over each interval, shape (K,).
    """
    # Two sigma of noise: one would let a third of all runs count noise as a quadrature error.
    total = _beyond(np.cumsum(changes[1]), np.cumsum(influences[1], axis=2), units, 2.0)
    before, after, jump = (_beyond(c, i, units, 3.0) for c, i in zip(changes, influences, strict=True))
    # Rules of rising order do not converge in an interval whose next change is as large as the last: then that one may
    # be small by chance, and the last stands for both.
    stuck = np.where(after > 0.5 * before, before, 0.0)
    # Uniform over the interval; where the jump is a small part of the difference, it is a higher order of a smooth <E>.
    share = np.minimum(1.0, 4.0 * jump / np.maximum(np.abs(steps), 1e-300))
    lost = jump * share / np.sqrt(12.0)
    size, widest, best = np.hypot(np.maximum(before, after), lost), np.zeros(len(steps), dtype=np.int64), 0
    for k in range(1, len(widest)):
        best = k - 1 if size[k] > size[best + 1] else best
        widest[k] = best
    return np.sqrt(total**2 + np.cumsum(stuck**2)), np.sqrt(np.cumsum(lost**2)), widest


def _beyond(values: np.ndarray, influence: np.ndarray, units: np.ndarray | None, sigmas: float) -> np.ndarray:
    """sqrt(value^2 - (sigmas noise)^2), or 0."""
    noise = mean_error(bin_means(influence, NOISE_BINS), units).error
    return np.sqrt(np.maximum(values**2 - (sigmas * noise) ** 2, 0.0))


def _weights(rule: tuple[float, ...], width: float, *, left: bool) -> np.ndarray:
    """Weights of the standardised cumulants 1 to 4 at one end of an interval of `width` standard deviations.

    (d/dbeta)^(n-1) <E> = (-1)^(n-1) kappa_n; the right end turns the sign of every second derivative.
    """
    signs = np.array([1.0, -1.0, 1.0, -1.0]) if left else np.ones(4)
    # A frozen rung has width 0, and no cumulants.
    return np.array([signs[n] * rule[n] * width ** (n + 1) if width > 0.0 else 0.0 for n in range(4)])


def _cumulants(samples: Samples, k: int) -> tuple[np.ndarray, np.ndarray, float, float]:
    """Cumulants of z = (E - mean) / sigma at rung k, (4,), their influence series, (4, R, B), and mean and sigma of E.

    The influence of a draw on kappa_1..4 is z, z^2 - 1, z^3 - m3 - 3 z and z^4 - m4 - 4 m3 z - 6 (z^2 - 1).
    """
    mean, sigma, powers = samples.powers(k)
    if sigma == 0.0:
        return np.zeros(4), powers, mean, 0.0
    one, two = powers[0], powers[1] - 1.0
    m3, m4 = float(powers[2].mean()), float(powers[3].mean())
    series = np.stack([one, two, powers[2] - m3 - 3.0 * one, powers[3] - m4 - 4.0 * m3 * one - 6.0 * two])
    return np.array([0.0, 1.0, m3, m4 - 3.0]), series, mean, sigma
