"""What samples of a learned trial say of beta F: the bound <V>, and -ln <exp(-V)> or the cumulants of V beyond it.

V = beta E + ln q, or with auxiliary variables z of q(s, z) and an encoder r(z|s), V = beta E + ln q(s, z) - ln r(z|s):
<exp(-V)> = Z in either case. All numbers are made of one set of samples that no training saw, or of all states where
they are few.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import Any, Protocol

import numpy as np

from statfe.estimators.log_weights import MAX_K_HAT
from statfe.estimators.weight_drift import drift, picked_by_weight
from statfe.executors import map_tasks
from statfe.kernels.junction_down import heat_bath_sweep
from statfe.learned.trial_bound import Exponents, TrialBound, bound_of
from statfe.models.ising import IsingModel
from statfe.random import generator
from statfe.result import Outcome, failure
from statfe.series.cumulant_outcome import RULES, summed
from statfe.series.cumulant_samples import of_blocks
from statfe.series.cumulant_terms import BLOCKS, Expansion, of_states
from statfe.series.drawn_states import distinct
from statfe.spec import Option

#: What can be made of the samples.
CORRECTIONS = ("none", "importance", "cumulants")
#: Highest cumulant.
HIGHEST_ORDER = 6
#: Keys of the random streams of the samples and of the walk (see `statfe.random.generator`).
SAMPLES_KEY, WALK_KEY = 9421, 9422
#: Samples of one stream.
CHUNK = 1024
#: Weighted samples that are moved, at most, sweeps that each is moved by, and how far they may drift.
WALKERS, SWEEPS, MAX_SIGMAS = 2000, 30, 4.0
#: Options of a method whose trial is corrected.
CORRECTION_OPTIONS = (
    Option("correction", "str", "none", "beyond the bound: the importance estimate, or cumulants of V",
           choices=CORRECTIONS),
    Option("cumulants", "int", 4, "highest cumulant of correction=cumulants", minimum=1, maximum=HIGHEST_ORDER),
    Option("sum", "str", "plain", "what is made of the cumulants: their sum, the sum to the smallest, or a Pade "
           "approximant", choices=RULES),
)


class LearnedTrial(Protocol):
    """What a correction asks of a trial."""

    @property
    def model(self) -> IsingModel:
        """The target."""
        ...

    @property
    def beta(self) -> float:
        """Its inverse temperature."""
        ...

    def valued(self, spins: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """V of given spins; auxiliary variables are drawn from their encoder."""
        ...


class DrawnTrial(LearnedTrial, Protocol):
    """One that is sampled."""

    def drawn(self, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Independent spins, shape (count, n_sites), and their V, shape (count,)."""
        ...


def fresh_exponents(trial: DrawnTrial, samples: int, seed: int, workers: int = 1) -> Exponents:
    """V of `samples` fresh samples; one stream a chunk, so the bits do not depend on `workers`."""
    def chunk(number: int) -> tuple[np.ndarray, np.ndarray]:
        spins, v = trial.drawn(min(CHUNK, samples - number * CHUNK), generator(seed, (SAMPLES_KEY, number)))
        return spins.astype(np.int8), v

    pieces = map_tasks(chunk, range(-(-samples // CHUNK)), workers)
    return Exponents(np.concatenate([v for _, v in pieces]), np.concatenate([spins for spins, _ in pieces]))


def expansion_of(found: Exponents, order: int) -> Expansion:
    """The cumulants of V, with jackknife errors over blocks of samples."""
    if found.enumerated and found.log_chances is not None:
        return of_states(found.values, np.exp(found.log_chances), order, "enumeration")
    size = len(found.values) // BLOCKS

    def values(number: int) -> Iterator[np.ndarray]:
        return iter([found.values[number * size:(number + 1) * size]])

    return replace(of_blocks(values, size, order), drawn=distinct(found.values, _chances(found), found.spins))


def _chances(found: Exponents) -> np.ndarray:
    """ln q of each state; NaN where only which states they are is known."""
    return np.full(len(found.values), np.nan) if found.log_chances is None else found.log_chances


def drift_of(found: Exponents, trial: LearnedTrial, seed: int) -> float:
    """How far ln w of the weighted samples drifts when a heat bath moves them, in standard deviations."""
    rng, model = generator(seed, WALK_KEY), trial.model
    picks = picked_by_weight(-found.values, WALKERS, rng)
    if len(picks) < 2:
        return math.inf
    moved = np.ascontiguousarray(found.spins[picks].T)
    for _ in range(SWEEPS):
        heat_bath_sweep(
            model.indptr, model.indices, model.weights, model.fields, trial.beta, rng.random(moved.shape), moved)
    return drift(-found.values, -trial.valued(np.ascontiguousarray(moved.T), rng))


def corrected(
    found: Exponents, trial: LearnedTrial, seed: int, correction: str, order: int, rule: str, stats: dict[str, Any]
) -> Outcome:
    """The outcome under one of `CORRECTIONS`.

    All of them leave the bound, the importance estimate and the sums of the first 1, 2, ... cumulants in the stats.
    """
    if not np.all(np.isfinite(found.values)):
        return failure("upper_bound", "diverged", "V overflows; scale the couplings down or lower beta", **stats)
    bound = bound_of(found)
    stats = {**asdict(bound), **stats}
    value, error = stats.pop("beta_f"), stats.pop("error")
    few = not found.enumerated and len(found.values) < 2 * BLOCKS
    if not few:
        terms = expansion_of(found, HIGHEST_ORDER)
        stats |= {"partial_sums": terms.sums.tolist(), "partial_sum_errors": terms.sum_errors.tolist()}
    if correction == "none":
        return Outcome(beta_f=value, beta_f_error=error, kind="upper_bound", stats=stats)
    stats |= {"bound": value, "bound_error": error}
    if correction == "cumulants" and few:
        return failure(
            "uncontrolled", "not_converged", f"cumulants need {2 * BLOCKS} samples or more; raise samples", **stats)
    if correction == "cumulants":
        outcome = summed(
            expansion_of(found, order), rule, "upper_bound" if order == 1 else "uncontrolled", trial.model.n_sites,
            stats)
        return replace(outcome, kind="uncontrolled") if rule == "pade" else outcome
    return _importance(found, trial, seed, bound, stats)


def _importance(
    found: Exponents, trial: LearnedTrial, seed: int, bound: TrialBound, stats: dict[str, Any]
) -> Outcome:
    if found.enumerated:
        # the mean of q exp(-V) over all states is a sum over all states
        return Outcome(beta_f=bound.importance_beta_f, kind="exact", stats=stats)
    advice = "raise samples or the size of the trial, lower beta, or use mbar"
    if not (math.isfinite(bound.importance_beta_f) and math.isfinite(bound.importance_error)):
        return failure("estimate", "diverged", f"one sample carries all the weight; {advice}", **stats)
    sigmas = drift_of(found, trial, seed)
    problems = []
    if bound.weights_collapse:
        problems.append(
            f"the weights bear no error: {bound.effective_samples:.0f} of {bound.samples} samples are effective, and "
            f"their tail has k = {bound.k_hat:.2f}, where {MAX_K_HAT:g} is too heavy")
    if not abs(sigmas) <= MAX_SIGMAS:
        problems.append(
            f"the weighted samples drift by {abs(sigmas):.1f} sigma when a Markov chain moves them: the trial hardly "
            "reaches some states")
    few = distinct(found.values, _chances(found), found.spins).few(trial.model.n_sites)
    if few:
        problems.append(f"all samples show {few} state{'s' if few > 1 else ''}, and what others weigh is not seen")
    return Outcome(
        beta_f=bound.importance_beta_f, beta_f_error=bound.importance_error, kind="estimate",
        status="not_converged" if problems else "converged", stats={**stats, "drift_sigmas": sigmas},
        message=f"{'; '.join(problems)}; {advice}" if problems else "")
