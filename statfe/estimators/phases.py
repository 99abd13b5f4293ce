"""A second estimate of Z that starts from order: phases that a run from high temperature never met show up in it.

Particles start from the product trial of each minimum of mean field, and from free spins, and are annealed to the
Boltzmann distribution at fixed beta along q_i^(1-x) p^x. Their weights are unbiased for Z whatever they do, and so they
are for the part of Z on any set of states (Neal 2001). With the sets A_i on which trial i is the likeliest of all, the
sum over i of

    Z_i(A_i) = mean of w 1[s in A_i] over particles of i                                                         (1)

is unbiased for Z, and each phase is weighed by particles that are in it from the start. Where walks are too short the
weights spread, and Z is too small with a probability near one: as a mean of weights exceeds its expectation by a factor
of a with a probability of 1 / a at most (Markov), an estimate of Z that lies far below this one has missed states.
The minima are the lowest that a few descents find: nothing is said of phases that mean field does not know.

Source: R. Neal, Stat. Comput. 11, 125 (2001); the same check for populations, Wang, Machta and Katzgraber, Phys. Rev. E
92, 063307 (2015), compares with another method.
"""

from __future__ import annotations

import math
import weakref
from dataclasses import dataclass

import numpy as np

from statfe.junction.mixture import interactions
from statfe.junction.trials import fields_of_minima
from statfe.kernels.junction_down import heat_bath_sweep
from statfe.models.ising import IsingModel
from statfe.random import generator
from statfe.trial import ProductTrial, log_2cosh
from statfe.variational.mean_field import product_beta_f
from statfe.variational.minima import minimise
from statfe.variational.solutions import Start
from statfe.variational.start_points import FROZEN, budget, is_settled

#: Particles of a minimum, most and fewest steps of their way, and spins (with bonds) that all may visit.
PARTICLES, MOST_STEPS, FEWEST_STEPS, BUDGET = 128, 256, 16, 1.5e8
#: Largest model that minima are sought for, in sites and pairs.
LARGEST = 2.0e5
#: Sites whose neighbourhood is turned over to look for lower minima, and minima that are weighed.
HUBS, MOST_MINIMA = 12, 8
#: Fields that are smaller are 0, and two minima that are closer are one.
SAME = 1e-2
#: Stream keys; the check does not depend on the seed of the run.
SEED, WALK_KEY = 0, 7401
#: An estimate of Z below that of the phases by so many errors has missed some; by so many it may have.
MAX_SIGMAS, SUSPICIOUS = 4.0, 1.5


@dataclass(frozen=True, eq=False)
class PhaseEstimate:
    """beta F from particles that start in the phases of mean field.

    Attributes
    ----------
    beta_f, error
        Without the model's constant; the error is infinite where nothing is known.
    starts
        Fields of the trials, shape (M, n_sites); one of a pair of opposite ones.
    steps, particles
        Steps of each particle's way, and particles of each trial.
    """

    beta_f: float
    error: float
    starts: np.ndarray
    steps: int
    particles: int

    def apart(self, value: float, error: float) -> tuple[float, float]:
        """How far `value`, an estimate of beta F, lies above this one: in nats, and in standard deviations."""
        gap, sigma = value - self.beta_f, math.hypot(error, self.error)
        if not (math.isfinite(gap) and math.isfinite(sigma)) or gap <= 1e-9 * (1.0 + abs(value)):
            return 0.0, 0.0
        return gap, gap / max(sigma, 1e-300)


_known: weakref.WeakKeyDictionary[IsingModel, dict[float, PhaseEstimate | None]] = weakref.WeakKeyDictionary()


def phase_problem(model: IsingModel, beta: float, value: float, error: float) -> str:
    """What is wrong with an estimate of beta F, without the model's constant, or "".

    A gap that is no clear case is looked at again with more particles and longer ways.
    """
    found = phase_estimate(model, beta)
    if found is None:
        return ""
    gap, sigmas = found.apart(value, error)
    if SUSPICIOUS < sigmas <= MAX_SIGMAS:
        gap, sigmas = _weigh(model, beta, found.starts, 2 * found.steps, 4 * PARTICLES).apart(value, error)
    if sigmas <= MAX_SIGMAS:
        return ""
    return (f"particles that start from the phases of mean field find a beta F lower by {gap:.3g} ({sigmas:.3g} "
            "sigma): a phase is missed or has too little weight")


def phase_estimate(model: IsingModel, beta: float) -> PhaseEstimate | None:
    """Weigh the phases that mean field knows at `beta`; None where nothing is ordered, or the model is too large."""
    known = _known.setdefault(model, {})
    if beta not in known:
        known[beta] = _estimate(model, beta)
    return known[beta]


def _estimate(model: IsingModel, beta: float) -> PhaseEstimate | None:
    size = model.n_sites + len(model.indices)
    # A ferromagnet in fields that favour one side has one phase, or two that are mirror images.
    if beta <= 0.0 or is_settled(model) or size > LARGEST or not math.isfinite(4.0 * beta * model.reach):
        return None
    starts = _lowest(model, beta)
    if not model.has_fields and np.max(np.abs(starts), initial=0.0) < SAME:
        return None
    steps = min(MOST_STEPS, int(BUDGET / (PARTICLES * size * len(starts))))
    return _weigh(model, beta, starts, steps, PARTICLES) if steps >= FEWEST_STEPS else None


def _lowest(model: IsingModel, beta: float) -> np.ndarray:
    """The lowest minima that are found, the lowest first, and free spins; shape (M, n_sites).

    From the lowest one, sites with the strongest bonds are turned over, with all that they hold: a phase may be made of
    parts that are ordered or not, each on its own.
    """
    free, *minima = fields_of_minima(model, beta, SEED)
    found = [(product_beta_f(model, beta, ProductTrial(x)), x) for x in minima]
    strength = np.asarray(abs(model.adjacency).sum(axis=0)).ravel()
    for hub in np.argsort(-strength, kind="stable")[:HUBS if found else 0].tolist():
        _, x = min(found, key=lambda one: one[0])
        turned, near = x.copy(), slice(model.indptr[hub], model.indptr[hub + 1])
        turned[hub] = -math.copysign(FROZEN, x[hub])
        turned[model.indices[near]] = np.sign(turned[hub] * model.weights[near]) * FROZEN
        found += [(s.beta_f, s.point.x) for s in minimise(
            model, beta, [Start("turned over", turned, budget(model))]).solutions]
    found.sort(key=lambda one: one[0])
    kept = _distinct([x for _, x in found], not model.has_fields)[:MOST_MINIMA]
    # Free spins are no minimum, but what is left of them at beta may be a phase that mean field does not hold.
    return np.array(_distinct([*kept, free], not model.has_fields))


def _distinct(minima: list[np.ndarray], symmetric: bool) -> list[np.ndarray]:
    """Without repeats, and without one of two mirror images where these weigh the same."""
    kept: list[np.ndarray] = []
    for x in minima:
        images = (x, -x) if symmetric else (x,)
        if not any(np.max(np.abs(np.tanh(image) - np.tanh(y))) < SAME for y in kept for image in images):
            kept.append(x)
    return kept


def _weigh(model: IsingModel, beta: float, starts: np.ndarray, steps: int, particles: int) -> PhaseEstimate:
    """Equation 1; where fields are absent each start stands for its mirror image too."""
    doubled = (not model.has_fields) & (np.max(np.abs(starts), axis=1) > SAME)
    trials = [ProductTrial(x) for x in starts] + [ProductTrial(-x) for x in starts[doubled]]
    copies, kept = np.where(doubled, math.log(2.0), 0.0), []
    for k in range(len(starts)):
        log_w, spins = _walk(model, beta, trials[k], steps, particles, k)
        own = np.argmax([trial.log_prob(spins) for trial in trials], axis=0) == k
        kept.append(np.where(own, log_w + copies[k], -np.inf))
    logs = np.array(kept)
    top = float(logs.max())
    if not math.isfinite(top):
        return PhaseEstimate(math.nan, math.inf, starts, steps, particles)
    weights = np.exp(logs - top)
    total = float(weights.mean(axis=1).sum())
    error = math.sqrt(float(weights.var(axis=1, ddof=1).sum()) / particles) / total
    return PhaseEstimate(-top - math.log(total), error, starts, steps, particles)


def _walk(model: IsingModel, beta: float, trial: ProductTrial, steps: int, particles: int,
          key: int) -> tuple[np.ndarray, np.ndarray]:
    """(ln w, spins) of particles led from `trial` to `beta`: the mean of w is unbiased for Z."""
    rng = generator(SEED, (WALK_KEY, key))
    spins = np.ascontiguousarray(trial.sample(particles, rng).T)
    # ln of the sum over all states of exp(lambda s), which divides it in the trial
    log_w = np.full(particles, float(np.sum(log_2cosh(trial.lambdas))))
    for step in range(steps):
        log_w += (beta * interactions(model, spins.T) - spins.T @ trial.lambdas) / steps
        if step == steps - 1:
            break
        x = (step + 1) / steps
        heat_bath_sweep(
            model.indptr, model.indices, x * beta * model.weights, x * beta * model.fields + (1.0 - x) * trial.lambdas,
            1.0, rng.random(spins.shape), spins)
    return log_w, np.ascontiguousarray(spins.T)
