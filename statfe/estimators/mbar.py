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
from statfe.estimators.samples import Samples, samples_of
from statfe.kernels.mbar import objective_terms, self_consistent_step
from statfe.tally import Tally

MAX_NEWTON = 200
TOLERANCE = 1e-11
#: Self-consistent steps before Newton's where the start is not concave in beta: they turn any start into one that is.
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
    hessian
        Of the objective at the solution, a moment of all rungs, shape (K, K); None where there is no solution.
    independent_error
        Standard error of `beta_f` if all draws were independent, shape (K,) (see `_independent_error`).
    converged
        Whether the equations were solved to `TOLERANCE`.
    """

    beta_f: np.ndarray
    influence: np.ndarray
    overlap: np.ndarray
    hessian: np.ndarray | None
    independent_error: np.ndarray
    converged: bool
    iterations: int


def mbar(source: Chains | Tally | Samples, anchor: float, start: np.ndarray) -> MbarResult:
    """Solve the MBAR equations for the ladder of `source`.

    Parameters
    ----------
    anchor
        beta F of the first rung, exact.
    start
        A first guess of beta F at every rung, shape (K,); any finite one will do.
    """
    samples = samples_of(source)
    betas, K = samples.betas, len(samples.betas)
    with np.errstate(over="ignore", invalid="ignore"):
        # Only differences of energy matter; centring keeps the exponents small.
        shift = betas * samples.centre
        usable = np.all(np.isfinite(shift)) and bool(np.isfinite(4.0 * betas[-1] * np.max(np.abs(samples.nodes))))
        first = start - shift
    if not usable:
        return _no_result(samples)
    log_n = np.log(samples.draws)
    f, hessian, converged, iterations = _solve(
        samples.nodes, samples.weights, betas, log_n, first if np.all(np.isfinite(first)) else np.zeros(K))
    if not (np.all(np.isfinite(f)) and np.all(np.isfinite(hessian))):
        return _no_result(samples)
    moment = hessian / samples.draws.mean()
    influence, beta_f = _influence(samples, log_n + f, moment), f + shift
    return MbarResult(
        beta_f=beta_f - beta_f[0] + anchor, influence=influence, overlap=pair_overlap(samples, f),
        hessian=moment, independent_error=_independent_error(hessian, samples.draws),
        converged=converged and bool(np.all(np.isfinite(influence))), iterations=iterations)


def influence_on(samples: Samples, result: MbarResult) -> np.ndarray:
    """The series `MbarResult.influence` of `result` for other samples of its ladder."""
    if result.hessian is None:
        return result.influence
    f = result.beta_f - samples.betas * samples.centre
    return _influence(samples, f - f[0], result.hessian)


def pair_overlap(samples: Samples, f: np.ndarray) -> np.ndarray:
    """Two-state overlap of neighbouring rungs, 4 <p (1 - p)>, over the draws of these two rungs only; shape (K - 1,).

    p is the probability that a draw came from rung k rather than from k+1. It is 2 int q_k q_{k+1} / (q_k + q_{k+1}):
    1 for equal laws, 0 where they share nothing, 0.2 for Gaussian energies 3 sigma apart and 0.02 for 5 sigma;
    other rungs play no part.
    """
    out = np.empty(len(f) - 1)
    pair = [samples.rung(0), samples.rung(0)]
    for k in range(len(out)):
        pair = [pair[1], samples.rung(k + 1)]
        parts = []
        for energy, count in pair:
            x = (samples.betas[k + 1] - samples.betas[k]) * energy - (f[k + 1] - f[k])
            e = np.exp(-np.abs(x))
            parts.append(count @ (4.0 * e / (1.0 + e) ** 2) / count.sum())
        out[k] = 0.5 * (parts[0] + parts[1])
    return out


def _no_result(samples: Samples) -> MbarResult:
    """NaN all over: beta times the energy cannot be written as doubles, or nothing solves the equations."""
    R, _, K = samples.shape
    return MbarResult(
        beta_f=np.full(K, np.nan), influence=np.full((R, 1, K), np.nan), overlap=np.full(K - 1, np.nan),
        hessian=None, independent_error=np.full(K, np.nan), converged=False, iterations=0)


def _solve(
    values: np.ndarray, weights: np.ndarray, betas: np.ndarray, log_n: np.ndarray, start: np.ndarray
) -> tuple[np.ndarray, np.ndarray, bool, int]:
    """Newton's method with the first rung fixed and steps halved until the convex objective falls."""
    K = len(betas)
    n_k = np.exp(log_n)
    f = start - start[0]
    for _ in range(0 if is_concave(betas, f) else FIRST_STEPS):
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


def _influence(samples: Samples, log_n_f: np.ndarray, hessian: np.ndarray) -> np.ndarray:
    """-H^-1 times the score of each moment, so that the mean over all bins is the error of f; H is for one moment."""
    K = len(samples.betas)
    scores = samples.scores(log_n_f, is_concave(samples.betas, log_n_f))
    # A moment gives each state one draw: the expected membership of each state is one, and so is the mean.
    scores -= scores.mean(axis=(0, 1))
    scores[..., 0] = 0.0
    if K > 1:
        flat = scores[..., 1:].reshape(-1, K - 1)
        solved = symmetric_solve(hessian[1:, 1:], flat.T)
        scores[..., 1:] = -solved.T.reshape(*scores.shape[:2], K - 1)
    return scores


def _independent_error(hessian: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """Errors of f_k - f_0 for independent draws: Var = (H^-1)_kk - 1 / N_k - 1 / N_0, with the first rung fixed in H.

    It is eq. 8 of Shirts and Chodera (2008): with A = N - H the sum of p p^T, their Theta is N^-1 A H^+ = H^+ - N^-1.
    """
    out = np.zeros(len(draws))
    inverse = symmetric_solve(hessian[1:, 1:], np.eye(len(draws) - 1)) if len(draws) > 1 else np.zeros((0, 0))
    out[1:] = np.sqrt(np.maximum(np.diag(inverse) - 1.0 / draws[1:] - 1.0 / draws[0], 0.0))
    return out
