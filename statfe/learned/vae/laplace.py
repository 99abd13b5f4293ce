"""Laplace's approximation of a posterior, at its highest mode.

    F = -ln p(x, z*) - (latent / 2) ln 2 pi + (1/2) ln det H,    H = -d^2 ln p(x, z) / dz^2 at the mode z*,       (1)

exact for a linear decoder with Gaussian units. Modes are sought from the mean of q and from draws of q and the prior.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy.optimize

from statfe.learned.vae.posterior import Posterior
from statfe.random import generator
from statfe.result import Outcome, failure

#: Key of the random stream of the starts (see `statfe.random.generator`), and how many of q and of the prior.
STARTS_KEY, STARTS = 9204, (2, 5)
#: Step of the differences that make H of gradients; modes nearer than SAME widths are one.
STEP, SAME = 1e-4, 0.1
#: Largest slope at a mode.
FLAT = 1e-3


@dataclass(frozen=True, eq=False)
class Mode:
    """A local maximum of ln p(x, z): its place, ln p(x, z) and H, which is positive definite."""

    place: np.ndarray
    log_joint: float
    precision: np.ndarray

    @property
    def beta_f(self) -> float:
        """Equation (1)."""
        return float(-self.log_joint - 0.5 * len(self.place) * math.log(2.0 * math.pi)
                     + np.sum(np.log(np.diag(np.linalg.cholesky(self.precision)))))


def find_modes(posterior: Posterior, seed: int, starts: tuple[int, int] = STARTS) -> list[Mode]:
    """Distinct modes, the one of the lowest free energy (1) first; empty where none has a positive definite H."""
    rng = generator(seed, STARTS_KEY)
    of_q, of_prior = (rng.standard_normal((count, posterior.latent)) for count in starts)
    first = [posterior.mean[None], posterior.mean + posterior.width * of_q, of_prior]
    found: list[Mode] = []
    for start in np.concatenate(first):
        mode = _climb(posterior, start)
        if mode is not None and not any(_same(mode, other) for other in found):
            found.append(mode)
    return sorted(found, key=lambda mode: mode.beta_f)


def laplace(posterior: Posterior, seed: int) -> Outcome:
    """(1) at the mode of the lowest free energy; what the other modes say stands in `stats`."""
    modes = find_modes(posterior, seed)
    if not modes:
        return failure(
            "uncontrolled", "not_converged", "no maximum of ln p(x, z) with a positive definite curvature was found; "
            "use quadrature or ais")
    values = np.array([mode.beta_f for mode in modes])
    together = float(values[0] - np.log(np.sum(np.exp(values[0] - values))))
    return Outcome(
        beta_f=float(values[0]), kind="uncontrolled",
        stats={"modes": len(modes), "modes_beta_f": values.tolist(), "all_modes_beta_f": together,
               "mode": modes[0].place.tolist()})


def _climb(posterior: Posterior, start: np.ndarray) -> Mode | None:
    def cost(z: np.ndarray) -> tuple[float, np.ndarray]:
        value, slopes = posterior.log_joint_slopes(z[None])
        return -float(value[0]), -slopes[0]

    found = scipy.optimize.minimize(cost, start, jac=True, method="BFGS", options={"gtol": 1e-7, "maxiter": 300})
    place = np.asarray(found.x)
    # twice by Newton: BFGS stops where the value no longer changes
    for _ in range(2):
        precision = _curvature(posterior, place)
        slope = posterior.log_joint_slopes(place[None])[1][0]
        if not np.all(np.isfinite(precision)) or np.linalg.eigvalsh(precision)[0] <= 0.0:
            return None
        step = np.linalg.solve(precision, slope)
        if posterior.log_joint((place + step)[None])[0] >= posterior.log_joint(place[None])[0]:
            place = place + step
    value, slopes = posterior.log_joint_slopes(place[None])
    precision = _curvature(posterior, place)
    if np.linalg.eigvalsh(precision)[0] <= 0.0 or np.max(np.abs(slopes)) > FLAT * (1.0 + abs(float(value[0]))):
        return None
    return Mode(place, float(value[0]), precision)


def _curvature(posterior: Posterior, place: np.ndarray) -> np.ndarray:
    """H by central differences of the gradient."""
    shifts = STEP * np.eye(len(place))
    up = posterior.log_joint_slopes(place + shifts)[1]
    down = posterior.log_joint_slopes(place - shifts)[1]
    rows = -(up - down) / (2.0 * STEP)
    return np.asarray(0.5 * (rows + rows.T))


def _same(a: Mode, b: Mode) -> bool:
    apart = a.place - b.place
    return bool(apart @ a.precision @ apart < SAME**2 * len(apart))
