"""F_p = -ln p(x) by quadrature over z: the reference for a latent space of up to three dimensions.

The grid lies in z = m + C u, with mean m and covariance C C^T of the posterior itself: from weighted samples of a broad
mixture (the prior, q, all modes found), then from the grid. Two rules are refined until each settles,

    Gauss-Hermite:  ln p(x) = ln sum_k w_k exp[ln p(x, m + C u_k) + u_k^2 / 2] + ln det C + (latent / 2) ln 2 pi,  (1)
    trapezoidal:    ln p(x) = ln sum_k h^latent exp[ln p(x, m + C u_k)] + ln det C,                               (2)

and (2), whose error falls exponentially for smooth densities, holds its ground where the posterior has two modes or
broad tails (L. N. Trefethen and J. A. C. Weideman, SIAM Review 56, 385 (2014)). The value is that of the rule whose
last refinement changed it less, the error that change, or where the rules disagree well beyond both, how much.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import scipy.linalg
import scipy.ndimage
from scipy.special import logsumexp

from statfe.estimators.log_weights import LogMean, log_mean_weight
from statfe.learned.vae.laplace import Mode, find_modes
from statfe.learned.vae.posterior import Posterior
from statfe.random import generator
from statfe.result import Outcome, failure

#: Most latent dimensions.
MAX_LATENT = 3
#: Orders of (1) and steps of (2), in standard deviations of the posterior, by the latent dimension.
ORDERS = {1: (16, 32, 64, 128, 192), 2: (12, 24, 36, 54, 80), 3: (10, 16, 24, 32, 40)}
STEPS = {1: (0.8, 0.4, 0.2, 0.1, 0.05), 2: (0.8, 0.5, 0.3, 0.2, 0.1, 0.05), 3: (0.9, 0.6, 0.45, 0.35)}
#: How far (2) reaches in standard deviations, and the share of the sum that may lie in its outermost one.
REACH, MAX_REACH, EDGE = 7.0, 16.0, 1e-11
#: Cells of the first step whose ln p, and that of their neighbours, is so far below the largest are left out.
NOTHING = 60.0
#: A change below this, by the latent dimension, is small enough; one above LARGE is no reference.
SETTLED, LARGE = {1: 1e-10, 2: 1e-10, 3: 1e-5}, 1e-4
#: Rules that are this many times farther apart than both changed are not as good as they seem.
DISAGREE = 10.0
#: Samples of the mixture and their stream; rounds of (1) that fit m and C.
SAMPLES, MIXTURE_KEY, ROUNDS = 3000, 9205, 4


@dataclass(frozen=True, eq=False)
class Frame:
    """z = centre + axes u, and ln det of the axes."""

    centre: np.ndarray
    axes: np.ndarray

    @property
    def log_volume(self) -> float:
        """ln |det axes|."""
        return float(np.sum(np.log(np.abs(np.diag(self.axes)))))

    def places(self, u: np.ndarray) -> np.ndarray:
        """z of u, each of shape (count, latent)."""
        return np.asarray(self.centre + u @ self.axes.T)


def quadrature(posterior: Posterior, seed: int, settled: float | None = None) -> Outcome:
    """-ln p(x) with the change of the last refinement as its error; refined until that is below `settled`."""
    if posterior.latent > MAX_LATENT:
        return failure(
            "estimate", "not_converged",
            f"quadrature goes to {MAX_LATENT} latent dimensions, this model has {posterior.latent}; use ais")
    broad, frame = _mixture(posterior, find_modes(posterior, seed), seed)
    for _ in range(ROUNDS):
        frame = _fitted(posterior, frame)
    enough = SETTLED[posterior.latent] if settled is None else settled
    hermite, first_change = _refined(_hermite(posterior, frame), enough)
    trapezoid, second_change = _refined(_trapezoid(posterior, frame), enough)
    value, change = min((hermite, first_change), (trapezoid, second_change), key=lambda pair: pair[1])
    apart = abs(hermite - trapezoid)
    error = max(change, 4.0 * np.finfo(float).eps * abs(value))
    if apart > DISAGREE * (first_change + second_change):
        error = max(error, apart)
    stats = {
        "gauss_hermite": -hermite, "gauss_hermite_change": first_change, "trapezoid": -trapezoid,
        "trapezoid_change": second_change, "mixture": -broad.value, "mixture_error": broad.error}
    problem = ""
    if not math.isfinite(value) or error > LARGE:
        problem = (f"the last refinement changed the value by {change:.2g}, and two rules disagree by {apart:.2g}; "
                   "use ais")
    elif broad.k_hat < 0.7 and abs(broad.value - value) > 6.0 * broad.error + error:
        problem = f"weighted samples of a broad mixture disagree by {abs(broad.value - value):.2g}; use ais"
    if problem and not math.isfinite(value):
        return failure("estimate", "not_converged", problem, **stats)
    return Outcome(
        beta_f=-value, beta_f_error=error, kind="estimate", status="not_converged" if problem else "converged",
        message=problem, stats=stats)


def grid(nodes: np.ndarray, weights: np.ndarray, latent: int) -> tuple[np.ndarray, np.ndarray]:
    """All tuples of `nodes`, shape (n^latent, latent), and the products of their `weights`."""
    axes = np.meshgrid(*([nodes] * latent), indexing="ij")
    product = np.ones(1)
    for _ in range(latent):
        product = np.multiply.outer(product, weights).ravel()
    return np.stack([axis.ravel() for axis in axes], axis=1), product


def hermite_grid(order: int, latent: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes u and weights of a mean over independent normal u; those of no weight are left out."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(order)
    u, w = grid(nodes, weights / weights.sum(), latent)
    kept = w > 1e-60
    return u[kept], w[kept]


def _hermite(posterior: Posterior, frame: Frame) -> Iterator[float]:
    """Equation (1)."""
    latent = posterior.latent
    for order in ORDERS[latent]:
        u, w = hermite_grid(order, latent)
        logs = np.log(w) + posterior.log_joint(frame.places(u)) + 0.5 * np.sum(u * u, axis=1)
        yield float(logsumexp(logs)) + frame.log_volume + 0.5 * latent * math.log(2.0 * math.pi)


def _trapezoid(posterior: Posterior, frame: Frame) -> Iterator[float]:
    """Equation (2), as far out as there is anything; finer steps leave out what the first one saw to be nothing."""
    latent, steps = posterior.latent, STEPS[posterior.latent]
    reach = REACH
    while True:
        u = _lattice(steps[0], reach, latent)
        logs = posterior.log_joint(frame.places(u))
        total = float(logsumexp(logs))
        edge = np.max(np.abs(u), axis=1) > reach - 1.0
        if reach >= MAX_REACH or float(logsumexp(logs[edge])) - total < math.log(EDGE):
            break
        reach *= 1.3
    yield total + latent * math.log(steps[0]) + frame.log_volume
    side = round(len(u) ** (1.0 / latent))
    near = scipy.ndimage.maximum_filter(logs.reshape((side,) * latent), size=3)
    dense = near > logs.max() - NOTHING
    for step in steps[1:]:
        u = _lattice(step, reach, latent)
        cells = np.clip(np.rint(u / steps[0]).astype(np.int64) + side // 2, 0, side - 1)
        u = u[dense[tuple(cells.T)]]
        yield float(logsumexp(posterior.log_joint(frame.places(u)))) + latent * math.log(step) + frame.log_volume


def _lattice(step: float, reach: float, latent: int) -> np.ndarray:
    """Points of a cubic lattice of that step from -reach to reach, shape (count, latent)."""
    count = math.ceil(reach / step)
    nodes = step * np.arange(-count, count + 1)
    return grid(nodes, np.ones(len(nodes)), latent)[0]


def _refined(values: Iterator[float], settled: float) -> tuple[float, float]:
    """The last value and its change from the one before, once that is small."""
    last, change = math.nan, math.inf
    for before, last in itertools.pairwise(values):
        change = abs(last - before)
        if change < settled:
            break
    return last, change


def _mixture(posterior: Posterior, modes: list[Mode], seed: int) -> tuple[LogMean, Frame]:
    """ln p(x) from weighted samples of prior, broadened q and broadened modes, and the frame that they give."""
    rng, latent = generator(seed, MIXTURE_KEY), posterior.latent
    frames = [Frame(np.zeros(latent), np.eye(latent)), Frame(posterior.mean, 1.5 * np.diag(posterior.width))]
    frames += [Frame(mode.place, 1.5 * np.linalg.cholesky(np.linalg.inv(mode.precision))) for mode in modes]
    each = SAMPLES // len(frames)
    z = np.concatenate([frame.places(rng.standard_normal((each, latent))) for frame in frames])
    densities = []
    for frame in frames:
        u = scipy.linalg.solve_triangular(frame.axes, (z - frame.centre).T, lower=True)
        densities.append(-0.5 * np.sum(u * u, axis=0) - frame.log_volume)
    constant = math.log(len(frames)) + 0.5 * latent * math.log(2.0 * math.pi)
    logs = posterior.log_joint(z) - logsumexp(np.array(densities), axis=0) + constant
    return log_mean_weight(logs), _frame(z, logs)


def _fitted(posterior: Posterior, frame: Frame) -> Frame:
    """The frame of the mean and covariance that (1) gives in `frame`."""
    u, w = hermite_grid(ORDERS[posterior.latent][1], posterior.latent)
    z = frame.places(u)
    return _frame(z, np.log(w) + posterior.log_joint(z) + 0.5 * np.sum(u * u, axis=1))


def _frame(z: np.ndarray, logs: np.ndarray) -> Frame:
    """Mean and covariance of places with weights exp(logs)."""
    weights = np.exp(logs - logs.max())
    weights /= weights.sum()
    centre = weights @ z
    apart = z - centre
    covariance = (weights[:, None] * apart).T @ apart
    # never flat, where a few places carry all the weight
    covariance += 1e-6 * np.trace(covariance) / len(centre) * np.eye(len(centre)) + 1e-24 * np.eye(len(centre))
    return Frame(centre, np.linalg.cholesky(covariance))
