"""Multistate Bennett acceptance ratio over a ladder of beta, with errors that know about autocorrelation.

All draws are pooled; ln Z at every rung is the minimum of one convex function (Shirts and Chodera, J. Chem. Phys. 129,
124105 (2008); the same estimate as Geyer's reverse logistic regression, 1994). The anchor is beta = 0, where
beta F = -N ln 2 exactly.

The error is the sandwich H^-1 V H^-1: H is the Hessian of that function and V the covariance of the summed scores.
The scores are kept as time series, summed over the rungs of one moment, so that autocorrelation, and correlation
between rungs through exchanges, are in V (Doss and Tan, J. R. Stat. Soc. B 76, 683 (2014), use the same form).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.linalg

from statfe.chains import Chains
from statfe.kernels.mbar import objective_terms, overlaps, score_bins

MAX_NEWTON = 200
TOLERANCE = 1e-11
#: Bins a replica that the score series are averaged into before their autocorrelation is measured.
MAX_BINS = 4096


@dataclass(frozen=True)
class MbarResult:
    """ln Z along a ladder.

    Attributes
    ----------
    beta_f
        -ln Z of each rung, shape (K,); the anchor's is exact.
    influence
        Time series whose mean is the error of `beta_f` to first order, shape (R, B, K).
    overlap
        Share of samples that rungs k and k+1 have in common, shape (K - 1,); 1/4 for equal distributions.
    converged
        Whether the equations were solved to `TOLERANCE`.
    """

    beta_f: np.ndarray
    influence: np.ndarray
    overlap: np.ndarray
    converged: bool
    iterations: int


def mbar(chains: Chains, anchor: float, start: np.ndarray) -> MbarResult:
    """Solve the MBAR equations for the ladder of `chains`.

    Parameters
    ----------
    anchor
        beta F of the first rung, exact.
    start
        A first guess of beta F at every rung, shape (K,).
    """
    K = len(chains.betas)
    values, counts = np.unique(chains.energy, return_counts=True)
    # Only differences of energy matter; centring keeps the exponents small.
    centre = float(values.mean())
    values = values - centre
    weights = counts.astype(np.float64)
    log_n = np.full(K, np.log(chains.n_replicas * chains.n_draws))
    f, hessian, converged, iterations = _solve(values, weights, chains.betas, log_n, start - chains.betas * centre)
    log_n_f = log_n + f
    shared = np.zeros(K - 1)
    overlaps(values, weights, chains.betas, log_n_f, shared)
    influence = _influence(chains, centre, log_n_f, hessian)
    beta_f = f + chains.betas * centre
    return MbarResult(
        beta_f=beta_f - beta_f[0] + anchor, influence=influence, overlap=shared / np.exp(log_n[0]),
        converged=converged, iterations=iterations)


def _solve(
    values: np.ndarray, weights: np.ndarray, betas: np.ndarray, log_n: np.ndarray, start: np.ndarray
) -> tuple[np.ndarray, np.ndarray, bool, int]:
    """Newton's method with the first rung fixed and steps halved until the convex objective falls."""
    K = len(betas)
    n_k = np.exp(log_n)
    f = start - start[0]
    value, gradient, hessian = _objective(values, weights, betas, log_n, f)
    for iteration in range(1, MAX_NEWTON + 1):
        if K == 1 or np.max(np.abs(gradient[1:]) / n_k[1:]) < TOLERANCE:
            return f, hessian, True, iteration
        step = np.zeros(K)
        reduced = hessian[1:, 1:]
        # A ridge keeps the step finite where neighbouring rungs share no sample.
        ridge = 1e-14 * np.trace(reduced) / (K - 1)
        step[1:] = -scipy.linalg.solve(reduced + ridge * np.eye(K - 1), gradient[1:], assume_a="sym")
        scale = min(1.0, 50.0 / max(float(np.max(np.abs(step))), 1e-300))
        for _ in range(40):
            trial = _objective(values, weights, betas, log_n, f + scale * step)
            if trial[0] <= value + 1e-12 * abs(value):
                break
            scale *= 0.5
        moved = scale * float(np.max(np.abs(step)))
        f = f + scale * step
        value, gradient, hessian = trial
        if moved < 1e-13 * max(1.0, float(np.max(np.abs(f)))):
            break
    done = bool(np.max(np.abs(gradient[1:]) / n_k[1:]) < 1e-8)
    return f, hessian, done, iteration


def _objective(
    values: np.ndarray, weights: np.ndarray, betas: np.ndarray, log_n: np.ndarray, f: np.ndarray
) -> tuple[float, np.ndarray, np.ndarray]:
    """Objective sum_n ln D_n - sum_k N_k f_k, its gradient and its Hessian (eqs. C6 and C9)."""
    K = len(betas)
    total, hessian = np.zeros(K), np.zeros((K, K))
    value = objective_terms(values, weights, betas, log_n + f, total, hessian)
    n_k = np.exp(log_n)
    lower = np.tril(hessian, -1)
    return value - float(n_k @ f), total - n_k, np.diag(np.diag(hessian)) + lower + lower.T


def _influence(chains: Chains, centre: float, log_n_f: np.ndarray, hessian: np.ndarray) -> np.ndarray:
    """-H^-1 times the score of each moment, scaled so that the mean over all bins is the error of f."""
    R, T, K = chains.energy.shape
    per_bin = max(1, T // MAX_BINS)
    bins = T // per_bin
    scores = np.zeros((R, bins, K))
    for r in range(R):
        tail = chains.energy[r, T - bins * per_bin:] - centre
        score_bins(tail, chains.betas, log_n_f, per_bin, scores[r])
    scores /= per_bin
    out = np.zeros_like(scores)
    if K > 1:
        # A moment gives each state one draw, so the expected membership of each state is one.
        reduced = hessian[1:, 1:] / (R * T)
        ridge = 1e-14 * np.trace(reduced) / (K - 1)
        flat = (scores[..., 1:] - 1.0).reshape(-1, K - 1)
        out[..., 1:] = -scipy.linalg.solve(
            reduced + ridge * np.eye(K - 1), flat.T, assume_a="sym").T.reshape(R, bins, K - 1)
    return out
