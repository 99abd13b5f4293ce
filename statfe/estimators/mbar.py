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
from statfe.kernels.mbar import objective_terms, score_bins, self_consistent_step
from statfe.stats import MAX_BINS

MAX_NEWTON = 200
TOLERANCE = 1e-11
#: Self-consistent steps before Newton's: they turn any start into one that is concave in beta.
FIRST_STEPS = 2
#: Smallest eigenvalue of a Hessian that is trusted, relative to the largest.
FLOOR = 1e-14


@dataclass(frozen=True)
class MbarResult:
    """ln Z along a ladder.

    Attributes
    ----------
    beta_f
        -ln Z of each rung, shape (K,); the anchor's is exact. NaN where the energies left the range of doubles.
    influence
        Time series whose mean is the error of `beta_f` to first order, shape (R, B, K). NaN where there is none.
    overlap
        Two-state overlap of rungs k and k+1 (see `pair_overlap`), shape (K - 1,); 1 for equal distributions.
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
        A first guess of beta F at every rung, shape (K,); any finite one will do.
    """
    betas = chains.betas
    K = len(betas)
    values, counts = np.unique(chains.energy, return_counts=True)
    # Only differences of energy matter; centring keeps the exponents small.
    centre = 0.5 * float(values[0]) + 0.5 * float(values[-1])
    values = values - centre
    with np.errstate(over="ignore", invalid="ignore"):
        shift = betas * centre
        usable = np.all(np.isfinite(shift)) and bool(np.isfinite(4.0 * betas[-1] * np.max(np.abs(values))))
        first = start - shift
    if not usable:
        return _no_result(chains)
    weights = counts.astype(np.float64)
    log_n = np.full(K, np.log(chains.n_replicas * chains.n_draws))
    f, hessian, converged, iterations = _solve(
        values, weights, betas, log_n, first if np.all(np.isfinite(first)) else np.zeros(K))
    if not (np.all(np.isfinite(f)) and np.all(np.isfinite(hessian))):
        return _no_result(chains)
    influence = _influence(chains, centre, log_n + f, hessian)
    beta_f = f + shift
    return MbarResult(
        beta_f=beta_f - beta_f[0] + anchor, influence=influence, overlap=pair_overlap(chains, centre, f),
        converged=converged and bool(np.all(np.isfinite(influence))), iterations=iterations)


def pair_overlap(chains: Chains, centre: float, f: np.ndarray) -> np.ndarray:
    """Two-state overlap of neighbouring rungs, 4 <p (1 - p)>, over the draws of these two rungs only; shape (K - 1,).

    p is the probability that a draw came from rung k rather than from k+1. It is 2 int q_k q_{k+1} / (q_k + q_{k+1}):
    1 for equal laws, 0 where they share nothing, 0.2 for Gaussian energies 3 sigma apart and 0.02 for 5 sigma;
    other rungs play no part.
    """
    out = np.empty(len(f) - 1)
    for k in range(len(out)):
        x = np.diff(chains.betas)[k] * (chains.energy[:, :, k:k + 2] - centre) - (f[k + 1] - f[k])
        e = np.exp(-np.abs(x))
        out[k] = np.mean(4.0 * e / (1.0 + e) ** 2)
    return out


def _no_result(chains: Chains) -> MbarResult:
    """NaN all over: beta times the energy cannot be written as doubles, or nothing solves the equations."""
    K = len(chains.betas)
    return MbarResult(
        beta_f=np.full(K, np.nan), influence=np.full((chains.n_replicas, 1, K), np.nan),
        overlap=np.full(K - 1, np.nan), converged=False, iterations=0)


def _solve(
    values: np.ndarray, weights: np.ndarray, betas: np.ndarray, log_n: np.ndarray, start: np.ndarray
) -> tuple[np.ndarray, np.ndarray, bool, int]:
    """Newton's method with the first rung fixed and steps halved until the convex objective falls."""
    K = len(betas)
    n_k = np.exp(log_n)
    f = start - start[0]
    for _ in range(FIRST_STEPS):
        new = np.empty(K)
        self_consistent_step(values, weights, betas, log_n + f, is_concave(betas, f), new)
        f = new - new[0]
    value, gradient, hessian = _objective(values, weights, betas, log_n, f)
    for iteration in range(1, MAX_NEWTON + 1):
        if K == 1 or np.max(np.abs(gradient[1:]) / n_k[1:]) < TOLERANCE:
            return f, hessian, True, iteration
        step = np.zeros(K)
        step[1:] = -symmetric_solve(hessian[1:, 1:], gradient[1:])
        if not np.all(np.isfinite(step)):
            return f, hessian, False, iteration
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


def is_concave(betas: np.ndarray, f: np.ndarray) -> bool:
    """Whether `f` is concave along `betas`, to rounding."""
    slopes = np.diff(f) / np.diff(betas)
    rounding = 1e-13 * float(np.max(np.abs(f), initial=1.0)) / np.diff(betas)
    return bool(np.all(np.diff(slopes) <= rounding[1:] + rounding[:-1]))


def symmetric_solve(matrix: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Solution of a symmetric system that should be positive; eigenvalues below `FLOOR` of the mean are lifted to it.

    NaN where the matrix is not finite, or its eigenvalues cannot be found.
    """
    n = len(matrix)
    floor = FLOOR * float(np.trace(matrix)) / n
    if not (np.all(np.isfinite(matrix)) and np.all(np.isfinite(right)) and floor > 0.0):
        return np.full_like(right, np.nan)
    lifted = matrix.copy()
    lifted.flat[:: n + 1] += floor
    try:
        return scipy.linalg.cho_solve(scipy.linalg.cho_factor(lifted, lower=True, overwrite_a=True), right)
    except scipy.linalg.LinAlgError:
        # Rounding made it indefinite: rungs that share no sample, or rungs nearly on top of each other.
        return _lifted_solve(matrix, right, floor)


def _lifted_solve(matrix: np.ndarray, right: np.ndarray, floor: float) -> np.ndarray:
    """`symmetric_solve` by eigenvalues, which always works and is slow."""
    try:
        size, vectors = scipy.linalg.eigh(matrix)
    except scipy.linalg.LinAlgError:
        return np.full_like(right, np.nan)
    return vectors @ ((vectors.T @ right).T / np.maximum(size, floor)).T


def _objective(
    values: np.ndarray, weights: np.ndarray, betas: np.ndarray, log_n: np.ndarray, f: np.ndarray
) -> tuple[float, np.ndarray, np.ndarray]:
    """Objective sum_n ln D_n - sum_k N_k f_k, its gradient and its Hessian (eqs. C6 and C9)."""
    K = len(betas)
    total, hessian = np.zeros(K), np.zeros((K, K))
    value = objective_terms(values, weights, betas, log_n + f, is_concave(betas, f), total, hessian)
    n_k = np.exp(log_n)
    return value - float(n_k @ f), total - n_k, hessian


def _influence(chains: Chains, centre: float, log_n_f: np.ndarray, hessian: np.ndarray) -> np.ndarray:
    """-H^-1 times the score of each moment, scaled so that the mean over all bins is the error of f."""
    R, T, K = chains.energy.shape
    per_bin = -(-T // MAX_BINS)
    bins = T // per_bin
    scores = np.zeros((R, bins, K))
    concave = is_concave(chains.betas, log_n_f)
    for r in range(R):
        tail = chains.energy[r, T - bins * per_bin:] - centre
        score_bins(tail, chains.betas, log_n_f, concave, per_bin, scores[r])
    scores /= per_bin
    # A moment gives each state one draw, so the expected membership of each state is one.
    scores -= 1.0
    scores[..., 0] = 0.0
    if K > 1:
        flat = scores[..., 1:].reshape(-1, K - 1)
        scores[..., 1:] = -symmetric_solve(hessian[1:, 1:] / (R * T), flat.T).T.reshape(R, bins, K - 1)
    return scores
