"""Many biased runs of one model to one distribution: the weighted histogram equations, with errors from time series.

Windows w = 1..W sample with the weights q(x) e^{b_w(v)}, where v is the value (energy, magnetisation) on which the
biases depend. Every distinct value is a bin of its own, so binning adds no error, and the equations of WHAM
(Ferrenberg and Swendsen, Phys. Rev. Lett. 63, 1195 (1989)) are those of MBAR (Shirts and Chodera, J. Chem. Phys. 129,
124105 (2008)):

    e^{-f_w} = sum_v H_v e^{b_w(v)} / D_v,    D_v = sum_w T e^{f_w + b_w(v)},                                        (1)

H_v being all draws of value v. They are the minimum of sum_v H_v ln D_v - T sum_w f_w. For any weight e^{t(v)}

    ln c_t = ln sum_v H_v e^{t(v)} / D_v                                                                            (2)

is the logarithm of sum_x q(x) e^{t(v)}, up to one constant common to all t. One window is plain reweighting.

Errors are influence functions, kept as time series of moments as in `statfe.estimators.mbar`: a moment gives each
window one draw, so that correlations between windows through exchanges, and in time, are in the errors.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp

from statfe.estimators.mbar import symmetric_solve

#: Stretches of a replica that influences are averaged over, at most.
MAX_BINS = 512
MAX_NEWTON, FIRST_STEPS = 100, 20
#: Above so many distinct values the equations are first solved for every so-manieth of them.
FEW_VALUES = 2000
TOLERANCE = 1e-11


@dataclass(frozen=True)
class Wham:
    """A solution of the equations.

    Attributes
    ----------
    values
        Distinct values v, ascending, shape (V,), and how often each was drawn, `counts`.
    index
        Place in `values` of every draw, shape (R, T, W).
    free
        f_w, shape (W,), the first 0.
    log_density
        ln D_v, shape (V,).
    membership
        T e^{f_w + b_w(v)} / D_v, shape (V, W): the share of window w among draws of value v.
    influence
        Time series whose mean is the error of f_w to first order, shape (R, B, W).
    converged
        Whether (1) was solved to `TOLERANCE`.
    """

    values: np.ndarray
    counts: np.ndarray
    index: np.ndarray
    free: np.ndarray
    log_density: np.ndarray
    membership: np.ndarray
    influence: np.ndarray
    converged: bool

    @property
    def neighbour_overlap(self) -> np.ndarray:
        """Two-window overlap of neighbours, 2 int q q' / (q + q') of their laws, from their own draws; (W - 1,)."""
        pairs = self.membership[:, :-1] + self.membership[:, 1:]
        share = np.where(pairs > 0, self.membership[:, :-1] / np.where(pairs > 0, pairs, 1.0), 0.0)
        W = len(self.free)
        out = np.empty(max(W - 1, 0))
        for w in range(W - 1):
            p = share[self.index[:, :, w:w + 2], w]
            out[w] = np.mean(4.0 * p * (1.0 - p))
        return out


def wham(values: np.ndarray, log_bias: np.ndarray, distinct: np.ndarray) -> Wham:
    """Solve (1).

    Parameters
    ----------
    values
        Value of every draw, shape (R, T, W).
    log_bias
        b_w at the `distinct` values, shape (W, V).
    distinct
        ``np.unique(values)``.
    """
    index = np.searchsorted(distinct, values)
    counts = np.bincount(index.ravel(), minlength=len(distinct)).astype(np.float64)
    R, T, W = values.shape
    free = _first_free(counts, log_bias, float(R * T))
    free, membership, log_density, hessian, converged = _solve(counts, log_bias, float(R * T), free)
    per_bin, bins = binning(T)
    scores = membership[index[:, T - bins * per_bin:]].sum(axis=2).reshape(R, bins, per_bin, W).mean(axis=2) - 1.0
    influence = np.zeros((R, bins, W))
    if W > 1:
        flat = scores[..., 1:].reshape(-1, W - 1)
        influence[..., 1:] = -symmetric_solve(hessian[1:, 1:] / (R * T), flat.T).T.reshape(R, bins, W - 1)
    return Wham(distinct, counts, index, free, log_density, membership, influence,
                converged and bool(np.all(np.isfinite(influence))))


def binning(draws: int) -> tuple[int, int]:
    """(draws a bin, bins) of a replica."""
    per_bin = -(-draws // MAX_BINS)
    return per_bin, draws // per_bin


def _first_free(counts: np.ndarray, log_bias: np.ndarray, moments: float) -> np.ndarray:
    """A start for `_solve`: self-consistent steps, then Newton's on a part of the values where there are many."""
    free = np.zeros(len(log_bias))
    if len(free) == 1:
        return free
    every = -(-len(counts) // FEW_VALUES)
    place = np.arange(0, len(counts), every)
    some, few = log_bias[:, place], np.add.reduceat(counts, place)
    for _ in range(FIRST_STEPS):
        log_density = logsumexp(np.log(moments) + free[:, None] + some, axis=0)
        free = -logsumexp(np.log(few) - log_density + some, axis=1)
        free -= free[0]
    return _solve(few, some, moments, free)[0] if every > 1 else free


def _solve(
    counts: np.ndarray, log_bias: np.ndarray, moments: float, free: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, bool]:
    """Newton's method from `free`, with steps halved until the convex objective falls."""
    log_n = np.log(moments)
    value, gradient, hessian, membership, log_density = _objective(counts, log_bias, log_n, free)
    for _ in range(MAX_NEWTON):
        if np.max(np.abs(gradient[1:]), initial=0.0) < TOLERANCE * moments:
            break
        step = np.concatenate([[0.0], -symmetric_solve(hessian[1:, 1:], gradient[1:])])
        if not np.all(np.isfinite(step)):
            break
        scale = 1.0
        for _ in range(40):
            trial = _objective(counts, log_bias, log_n, free + scale * step)
            if trial[0] <= value + 1e-12 * abs(value):
                break
            scale *= 0.5
        free = free + scale * step
        value, gradient, hessian, membership, log_density = trial
        if scale * np.max(np.abs(step)) < 1e-14 * max(1.0, float(np.max(np.abs(free)))):
            break
    solved = bool(np.max(np.abs(gradient[1:]), initial=0.0) < 1e-8 * moments)
    return free, membership, log_density, hessian, solved


def _objective(
    counts: np.ndarray, log_bias: np.ndarray, log_n: float, free: np.ndarray
) -> tuple[float, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """sum_v H_v ln D_v - T sum_w f_w, its gradient and Hessian, the membership (V, W), and ln D."""
    terms = log_n + free[:, None] + log_bias
    log_density = logsumexp(terms, axis=0)
    membership = np.exp(terms - log_density).T
    weighted = counts[:, None] * membership
    total = weighted.sum(axis=0)
    moments = float(np.exp(log_n))
    value = float(counts @ log_density) - moments * float(free.sum())
    return value, total - moments, np.diag(total) - membership.T @ weighted, membership, log_density


def log_weight(solved: Wham, target: np.ndarray) -> tuple[float, np.ndarray]:
    """ln c_t of (2) for t at the distinct values, shape (V,), and its influence, shape (R, B)."""
    log_share = target - solved.log_density
    log_c = float(logsumexp(log_share + np.log(solved.counts)))
    share = np.exp(log_share - log_c)
    R, T, _ = solved.index.shape
    per_bin, bins = binning(T)
    series = R * T * share[solved.index[:, T - bins * per_bin:]].sum(axis=2).reshape(R, bins, per_bin).mean(axis=2)
    # d ln c / d f_w = - sum_n share_n p_w(n).
    slope = (solved.counts * share) @ solved.membership
    return log_c, series - 1.0 - solved.influence @ slope


def log_weights_of_groups(
    solved: Wham, group: np.ndarray, count: int, target: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """(2) for e^{t} (1 where `target` is None) on groups of values: `group` (V,) in 0..count-1.

    (ln c, influence (R, B, count)); -inf and NaN for a group without a draw.
    """
    log_share = -solved.log_density if target is None else target - solved.log_density
    # Shares span hundreds of nats between groups, so that each group has a scale of its own.
    base = np.full(count, -np.inf)
    np.maximum.at(base, group, log_share)
    share = np.exp(log_share - base[group])
    weight = solved.counts * share
    c = np.bincount(group, weight, minlength=count)
    R, T, W = solved.index.shape
    per_bin, bins = binning(T)
    index = solved.index[:, T - bins * per_bin:].ravel()
    series = np.zeros((R * bins, count))
    np.add.at(series, (np.repeat(np.arange(R * bins), per_bin * W), group[index]), share[index])
    slope = np.zeros((count, W))
    np.add.at(slope, group, weight[:, None] * solved.membership)
    with np.errstate(divide="ignore", invalid="ignore"):
        series = series.reshape(R, bins, count) * (R * T / per_bin) / c
        influence = series - 1.0 - np.einsum("rbw,kw->rbk", solved.influence, slope / c[:, None])
        return np.log(c) + base, influence
