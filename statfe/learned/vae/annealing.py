"""Annealed importance sampling of p(x) with Hamiltonian moves, from q(z|x) or from the prior, and back.

Along pi_t ~ base^(1-t) p(x, z)^t a particle gathers ln w = sum_k (t_k - t_{k-1}) [ln p(x, z) - ln base(z)], so that
<w> = p(x) (R. M. Neal, Stat. Comput. 11, 125 (2001)). Led back from a draw of the posterior, <1/w> = 1/p(x). With
Jensen's inequality the two means of ln w bracket ln p(x):

    <ln w>_forward <= ln p(x) <= <ln w>_backward                                                                  (1)

(R. B. Grosse, S. Ancha and D. Roy, NeurIPS 2016). The right side is rigorous where the posterior's draw is exact: that
z from which x itself was generated. Else draws are resampled from the end of a forward run of their own and moved on,
and it is an estimate.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from statfe.errors import UsageError
from statfe.estimators.log_weights import MAX_K_HAT, log_mean_weight
from statfe.kernels.latent_moves import hamiltonian_move, likelihood_slopes
from statfe.learned.dense_network import ACTIVATIONS
from statfe.learned.vae.laplace import find_modes
from statfe.learned.vae.posterior import Posterior
from statfe.random import generator
from statfe.result import Outcome, failure

#: Key of the random streams (see `statfe.random.generator`); the second number says of which run.
KEY = 9210
FORWARD, PILOT, BACKWARD, EQUILIBRATION, RESAMPLING = range(5)
#: Share of moves to be accepted, by leaps of a move (1, more), and the gain of the step length a temperature.
ACCEPTED, GAIN = (0.6, 0.8), 0.15
#: Particles of the pilot run, and moves that follow a resampling.
PILOTS, MOVES = 32, 50
#: Below this effective number the estimate is not trusted.
MIN_EFFECTIVE = 10.0
#: A mode is missed that holds this share of p(x) or more, and of whose share the particles have less than a fifth.
SHARE, SEEN = 0.02, 0.2


@dataclass(frozen=True, eq=False)
class _Path:
    """The base N(m, s^2), the temperatures, and how far a leapfrog step goes at each."""

    posterior: Posterior
    mean: np.ndarray
    width: np.ndarray
    times: np.ndarray
    leaps: int
    lengths: np.ndarray

    def log_base(self, z: np.ndarray) -> np.ndarray:
        """ln base(z), shape (particles,)."""
        u = (z - self.mean) / self.width
        return np.asarray(-0.5 * np.sum(u * u, axis=1) - np.sum(np.log(self.width))
                          - 0.5 * len(self.mean) * math.log(2.0 * math.pi))

    def steps(self, k: int, factor: float) -> np.ndarray:
        """Along each axis: the width that base and q have together at this t."""
        t = self.times[k]
        return np.asarray(factor / np.sqrt((1.0 - t) / self.width**2 + t / self.posterior.width**2))


class _Particles:
    """Places with what the kernel keeps of them."""

    def __init__(self, path: _Path, z: np.ndarray, rng: np.random.Generator) -> None:
        shape, vae = path.posterior.vae.shape, path.posterior.vae
        network = shape.decoder_network
        x, scale = path.posterior.x[None], {"bernoulli": 1.0, "spin": 2.0, "gaussian": 0.0}[shape.likelihood]
        self.path, self.rng, self.z = path, rng, np.ascontiguousarray(z)
        self._decoder: tuple[Any, ...] = (
            tuple(np.ascontiguousarray(vae.arrays[network.weights(k)]) for k in range(network.depth)),
            tuple(np.ascontiguousarray(vae.arrays[network.biases(k)]) for k in range(network.depth)),
            ACTIVATIONS[shape.activation], scale, 0.5 * x + 0.5 if shape.likelihood == "spin" else x,
            np.asarray(vae.variances, dtype=np.float64))
        self.log_p = np.empty(len(z))
        self.slopes = likelihood_slopes(self.z, *self._decoder, self.log_p)

    def move(self, k: int, factor: float) -> float:
        """One move at temperature number `k`; the share that was accepted."""
        path = self.path
        accepted = hamiltonian_move(
            self.z, path.times[k], path.mean, path.width, self.rng.standard_normal(self.z.shape),
            self.rng.random(len(self.z)), path.steps(k, factor), path.leaps, *self._decoder, self.log_p, self.slopes)
        return accepted / len(self.z)

    def log_ratio(self) -> np.ndarray:
        """ln p(x, z) - ln base(z)."""
        constant = 0.5 * self.z.shape[1] * math.log(2.0 * math.pi)
        prior = -0.5 * np.sum(self.z * self.z, axis=1) - constant
        return np.asarray(self.log_p + prior - self.path.log_base(self.z))


def ais(
    posterior: Posterior, seed: int, base: str = "q", temperatures: int = 100, particles: int = 64, leaps: int = 4,
    reverse: bool = True, exact: np.ndarray | None = None,
) -> Outcome:
    """-ln <w>, with the bracket (1) in `stats`.

    Parameters
    ----------
    base
        ``q`` or ``prior``.
    temperatures, particles, leaps
        Of the path; moves a temperature have `leaps` leapfrog steps, 1 for Langevin moves.
    reverse
        Whether to go back for the other side of the bracket.
    exact
        Independent draws of the posterior, shape (draws, latent), or the z that generated x: the lower bound on F_p
        is then rigorous (in the mean).
    """
    path = _tuned(_path(posterior, base, temperatures, leaps), seed)
    run, logs, accepted = _forward(path, particles, generator(seed, (KEY, FORWARD)))
    found = log_mean_weight(logs)
    upper, upper_error = -float(np.mean(logs)), float(np.std(logs, ddof=1)) / math.sqrt(particles)
    stats: dict[str, Any] = {
        "base": base, "temperatures": temperatures, "particles": particles, "leaps": leaps,
        "acceptance": accepted, "effective_samples": found.effective, "k_hat": found.k_hat,
        "upper_bound": upper, "upper_bound_error": upper_error}
    if reverse:
        start = _draws(exact, path, particles, seed)
        back = _backward(path, start, generator(seed, (KEY, BACKWARD)))
        units = len(start) if exact is None else len(np.atleast_2d(exact))
        # particles that start from one draw are not independent
        means = np.array([part.mean() for part in np.array_split(back, units)]) if units < particles else back
        error = float(np.std(means, ddof=1)) / math.sqrt(len(means)) if len(means) > 1 else math.nan
        stats |= {"lower_bound": -float(np.mean(back)), "lower_bound_error": error,
                  "lower_bound_rigorous": exact is not None}
    if not (math.isfinite(found.value) and math.isfinite(found.error)):
        return failure(
            "estimate", "diverged", "one particle carries all the weight; raise temperatures or particles", **stats)
    stats["missed"] = _missed(posterior, run.z, logs, found.value, found.error, seed)
    problem = _problem(found.effective, found.k_hat, stats)
    return Outcome(
        beta_f=-found.value, beta_f_error=found.error, kind="estimate",
        status="not_converged" if problem else "converged", message=problem, stats=stats)


def _problem(effective: float, k_hat: float, stats: dict[str, Any]) -> str:
    change = "raise temperatures or particles, or take the other base"
    if effective < MIN_EFFECTIVE:
        return f"only {effective:.0f} effective particles; {change}"
    if k_hat > MAX_K_HAT:
        return f"the weights have a heavy tail (k = {k_hat:.2f}), so the error is not known; {change}"
    if stats.get("lower_bound", -math.inf) - stats["upper_bound"] > 5.0 * math.hypot(
            stats.get("lower_bound_error", 0.0), stats["upper_bound_error"]) + 1e-9:
        return f"the way back lies above the way there: a mode was missed; {change}"
    if stats["missed"]:
        return f"a mode with about {stats['missed']:.0%} of p(x) has too few particles; {change}"
    return ""


def _missed(posterior: Posterior, z: np.ndarray, logs: np.ndarray, value: float, error: float, seed: int) -> float:
    """Share of p(x), by Laplace's approximation, of the largest mode that the particles have missed; 0 for none.

    Particles that all miss a mode have weights as good as those that do not, so it is sought where they may not be: by
    ascents from draws of q and of the prior.
    """
    modes = find_modes(posterior, seed)
    if len(modes) < 2:
        return 0.0
    apart = [z - mode.place for mode in modes]
    near = np.argmax([mode.log_joint - 0.5 * np.einsum("ki,ij,kj->k", d, mode.precision, d)
                      for d, mode in zip(apart, modes, strict=True)], axis=0)
    weights = np.exp(logs - logs.max())
    held = np.bincount(near, weights, len(modes)) / weights.sum()
    shares = np.exp(np.minimum(-value - np.array([mode.beta_f for mode in modes]), 0.0))
    missed = (held < SEEN * shares) & (shares > max(SHARE, 3.0 * error))
    return float(np.max(shares, where=missed, initial=0.0))


def _path(posterior: Posterior, base: str, temperatures: int, leaps: int) -> _Path:
    if base not in ("q", "prior"):
        raise UsageError(f"base {base!r} is neither q nor prior")
    even = np.arange(temperatures + 1) / temperatures
    if base == "q":
        return _Path(posterior, posterior.mean, posterior.width, even, leaps, np.ones(temperatures + 1))
    zero, one = np.zeros(posterior.latent), np.ones(posterior.latent)
    # the likelihood narrows the prior at once: short steps of t first
    return _Path(posterior, zero, one, even**3, leaps, np.ones(temperatures + 1))


def _tuned(path: _Path, seed: int) -> _Path:
    """The path with step lengths from a pilot run, which the weights never see."""
    rng = generator(seed, (KEY, PILOT))
    run = _Particles(path, path.mean + path.width * rng.standard_normal((PILOTS, len(path.mean))), rng)
    aim, factor = ACCEPTED[path.leaps > 1], 1.0 / path.leaps**0.5
    lengths = np.empty(len(path.times))
    for k in range(len(path.times)):
        factor *= math.exp(GAIN * (run.move(k, factor) - aim))
        lengths[k] = factor
    return _Path(path.posterior, path.mean, path.width, path.times, path.leaps, lengths)


def _forward(path: _Path, particles: int, rng: np.random.Generator) -> tuple[_Particles, np.ndarray, float]:
    run = _Particles(path, path.mean + path.width * rng.standard_normal((particles, len(path.mean))), rng)
    logs, accepted = np.zeros(particles), 0.0
    for k in range(1, len(path.times)):
        logs += (path.times[k] - path.times[k - 1]) * run.log_ratio()
        if k < len(path.times) - 1:
            accepted += run.move(k, path.lengths[k]) / max(len(path.times) - 2, 1)
    return run, logs, accepted


def _backward(path: _Path, start: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """ln w of the way there, seen from its end."""
    run, logs = _Particles(path, start, rng), np.zeros(len(start))
    for k in range(len(path.times) - 1, 0, -1):
        logs += (path.times[k] - path.times[k - 1]) * run.log_ratio()
        if k > 1:
            run.move(k - 1, path.lengths[k - 1])
    return logs


def _draws(exact: np.ndarray | None, path: _Path, particles: int, seed: int) -> np.ndarray:
    """Where the way back begins: the exact draws, repeated, or others."""
    if exact is not None:
        given = np.atleast_2d(np.asarray(exact, dtype=np.float64))
        if given.shape[1] != path.posterior.latent:
            raise UsageError(f"draws of the posterior have {given.shape[1]} numbers, z has {path.posterior.latent}")
        return np.repeat(given, max(1, particles // len(given)), axis=0)
    rng = generator(seed, (KEY, EQUILIBRATION))
    run, logs, _ = _forward(path, particles, rng)
    shares = np.exp(logs - logs.max())
    chosen = generator(seed, (KEY, RESAMPLING)).choice(particles, size=particles, p=shares / shares.sum())
    moved, last = _Particles(path, run.z[chosen], rng), len(path.times) - 1
    for _ in range(MOVES):
        moved.move(last, path.lengths[last])
    return moved.z
