"""The verdict on a sampled reference: numbers that tell whether it can be trusted, limits for them, and one line.

What could be wrong, and what would show it:

- The chains never reached equilibrium, or split into parts that do not meet. No estimate from the same draws can know.
  The first half then differs from the second, replicas from each other (half start hot, half cold), chains make few
  trips along the ladder, or the estimate lies above a rigorous bound.
- Too few draws for their errors: independent draws are counted.
- Rungs too far apart. MBAR and the acceptance ratio need shared energies (overlap); thermodynamic integration needs
  none, but a mean energy that is smooth from rung to rung. They fail at different gaps, and then differ.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

#: Limits of the checks.
MIN_OVERLAP = 0.04
MAX_RHAT = 1.1
MIN_EFFECTIVE = 100.0
MAX_SIGMAS = 4.0
#: Fewest replicas of an anneal, half of them down from the cold end, that can disagree in a way that R-hat sees.
MIN_ANNEALS = 4
#: Farthest that the mean energy at beta = 0 may be from that of all states, and largest factor of its variance: loose,
#: for energies with long tails.
MAX_HOT_SIGMAS, MAX_HOT_SPREAD = 6.0, 4.0
#: Fewest trips from beta = 0 to a rung and back, over all replicas, and the first rung that needs them.
MIN_TRIPS, FIRST_TRIP = 10, 3


@dataclass(frozen=True)
class Verdict:
    """What the checks found at one beta, or at all of a run.

    Attributes
    ----------
    problems
        What is wrong and what to change, a sentence each; none where the reference passed.
    halves
        Estimate from the first half of the run minus that from the second, in standard deviations.
    r_hat
        Largest split R-hat over replicas, of the energy at any rung up to this one and of the estimate.
    draws
        Least number of independent draws behind any of these.
    overlap
        Least overlap of neighbouring rungs up to this one.
    trips
        Trips of all replicas from beta = 0 to here and back; NaN where chains do not move between rungs.
    barrier
        Communication barrier up to here: the sum of the shares of refused exchanges.
    agreement
        Difference of MBAR and thermodynamic integration, in standard deviations.
    """

    problems: tuple[str, ...] = ()
    halves: float = math.nan
    r_hat: float = math.nan
    draws: float = math.nan
    overlap: float = math.nan
    trips: float = math.nan
    barrier: float = math.nan
    agreement: float = math.nan

    @property
    def passed(self) -> bool:
        """Whether nothing was found."""
        return not self.problems

    @property
    def message(self) -> str:
        """The problems in one line; "" where there are none."""
        return "; ".join(self.problems)

    def line(self) -> str:
        """One readable line."""
        facts = [text for value, text in (
            (self.halves, f"halves {abs(self.halves):.1f} sigma apart"),
            (self.r_hat, f"R-hat {self.r_hat:.2f}"),
            (self.draws, f"{self.draws:.2g} independent draws"),
            (self.overlap, f"overlap >= {self.overlap:.2f}"),
            (self.trips, f"{self.trips:.0f} round trips"),
            (self.barrier, f"barrier {self.barrier:.1f}"),
            (self.agreement, f"two estimators {abs(self.agreement):.1f} sigma apart")) if not math.isnan(value)]
        numbers = ", ".join(facts) or "exact at beta = 0"
        return f"reference: passed - {numbers}" if self.passed else f"reference: failed - {self.message} ({numbers})"


def worst(verdicts: list[Verdict]) -> Verdict:
    """The verdict on a whole run: the problems of all rungs, and of each number the worst."""
    problems = tuple(dict.fromkeys(p for v in reversed(verdicts) for p in v.problems))
    largest = {name: _extreme([abs(getattr(v, name)) for v in verdicts], max)
               for name in ("halves", "r_hat", "barrier", "agreement")}
    least = {name: _extreme([getattr(v, name) for v in verdicts], min) for name in ("draws", "overlap", "trips")}
    return Verdict(problems, **largest, **least)


def _extreme(values: list[float], choose) -> float:  # type: ignore[no-untyped-def]
    known = [v for v in values if not math.isnan(v)]
    return choose(known) if known else math.nan


@dataclass(frozen=True)
class Evidence:
    """What was measured of a ladder, all arrays over its rungs, shape (K,), unless said otherwise.

    Attributes
    ----------
    solved
        Whether the MBAR equations were solved.
    beta_f, error, draws
        MBAR's estimate, its error, and the independent draws behind it.
    estimate_r_hat, halves, agreement
        R-hat of MBAR's influence series; see `Verdict`.
    r_hat, effective
        R-hat and independent draws of the energy.
    overlap, rejection
        With the next rung, shape (K - 1,); the rejection is NaN where no exchange was tried.
    trips
        See `Verdict`; NaN where chains do not move between rungs.
    trips_needed
        Whether trips are what makes draws independent: not where moves flip whole clusters.
    anneals
        Replicas of an anneal; 0 for other schedules.
    hot_mean, hot_spread
        At beta = 0, where both are known of all states: mean energy less that, in standard errors, and variance of the
        energy over that.
    twins
        Whether two replicas are one and the same.
    stuck
        Whether a rung stands still at one energy where it should not, bool.
    """

    betas: np.ndarray
    solved: bool
    beta_f: np.ndarray
    error: np.ndarray
    draws: np.ndarray
    estimate_r_hat: np.ndarray
    halves: np.ndarray
    agreement: np.ndarray
    r_hat: np.ndarray
    effective: np.ndarray
    overlap: np.ndarray
    rejection: np.ndarray
    trips: np.ndarray
    trips_needed: bool
    anneals: int
    hot_mean: float
    hot_spread: float
    twins: bool
    stuck: np.ndarray


def judge(evidence: Evidence, k: int, bound: float, missed: Callable[[float, float], str] | None = None) -> Verdict:
    """The verdict at rung `k`, which rests on all rungs from 0 to k.

    Parameters
    ----------
    bound
        A rigorous upper bound on beta F.
    missed
        Says of an estimate of beta F and its error which phases it missed, or "".
    """
    if k == 0:
        # The anchor is exact whatever the chains did.
        return Verdict()
    e = evidence
    problems = [*_ladder_problems(e, k), *_mixing_problems(e, k), *_estimate_problems(e, k, bound, missed)]
    return Verdict(
        tuple(problems), halves=float(e.halves[k]),
        r_hat=max(float(e.r_hat[: k + 1].max()), float(e.estimate_r_hat[k])),
        draws=min(float(e.effective[1: k + 1].min()), float(e.draws[k])), overlap=float(e.overlap[:k].min()),
        trips=float(e.trips[k]), barrier=float(e.rejection[:k].sum()), agreement=float(e.agreement[k]))


def _ladder_problems(e: Evidence, k: int) -> list[str]:
    """Rungs too far apart."""
    found = []
    if not e.solved:
        found.append(
            "the MBAR equations were not solved; add rungs (smaller spacing), or lower beta or the couplings where "
            "beta times the energy is huge")
    if e.overlap[:k].min() < MIN_OVERLAP:
        gap = int(e.overlap[:k].argmin())
        found.append(
            f"rungs {e.betas[gap]:.4g} and {e.betas[gap + 1]:.4g} hardly overlap ({e.overlap[gap]:.3f}); lower the "
            "sampler's spacing or raise the sweeps")
    return found


def _mixing_problems(e: Evidence, k: int) -> list[str]:
    """Chains that disagree with each other, with their past or with what is known, or too few independent draws."""
    found = []
    if abs(e.hot_mean) > MAX_HOT_SIGMAS or not 1.0 / MAX_HOT_SPREAD < e.hot_spread < MAX_HOT_SPREAD:
        found.append(
            f"at beta=0 the mean energy is {abs(e.hot_mean):.3g} sigma from that of all states, and its variance "
            f"{e.hot_spread:.3g} times theirs: the chains do not sample this model; take other chains")
    if e.twins:
        found.append("two replicas are the same chain; give each a stream of its own")
    if e.stuck[: k + 1].any():
        found.append(f"all chains stand still at beta={e.betas[int(e.stuck.argmax())]:.4g}, where the energies of the "
                     "rung before say that they should move; raise sweeps, or take another kernel")
    if 0 < e.anneals < MIN_ANNEALS:
        # A chain that is annealed falls into one phase, and nothing in it tells of the others.
        found.append(f"an anneal needs {MIN_ANNEALS} replicas to be checked; raise replicas, or use schedule=tempering")
    r_hat = np.append(e.r_hat[: k + 1], e.estimate_r_hat[k])
    if r_hat.max() > MAX_RHAT:
        place = min(int(r_hat.argmax()), k)
        found.append(
            f"replicas disagree at beta={e.betas[place]:.4g} (R-hat {r_hat.max():.2f}); raise sweeps and burn_in")
    if abs(e.halves[k]) > MAX_SIGMAS:
        found.append(
            f"the first half of the run differs from the second by {abs(e.halves[k]):.1f} sigma; raise burn_in and "
            "sweeps")
    effective = np.append(e.effective[1: k + 1], e.draws[k])
    if effective.min() < MIN_EFFECTIVE:
        place = min(int(effective.argmin()) + 1, k)
        found.append(f"only {effective.min():.0f} independent draws at beta={e.betas[place]:.4g}; raise sweeps")
    if e.trips_needed and k >= FIRST_TRIP and e.trips[k] < MIN_TRIPS:
        found.append(
            f"only {e.trips[k]:.0f} round trips between beta=0 and {e.betas[k]:.4g}, and {MIN_TRIPS} are the least; "
            "raise sweeps, or lower spacing where exchanges are refused")
    return found


def _estimate_problems(e: Evidence, k: int, bound: float,
                       missed: Callable[[float, float], str] | None) -> list[str]:
    """Estimates that disagree, with each other, with a bound, or with what starts in other phases."""
    found = []
    if abs(e.agreement[k]) > MAX_SIGMAS:
        found.append(
            f"MBAR and thermodynamic integration differ by {abs(e.agreement[k]):.1f} sigma; raise sweeps or lower "
            "spacing")
    value, error = float(e.beta_f[k]), float(e.error[k])
    excess = value - bound - 1e-9 * (1.0 + abs(value))
    if excess > MAX_SIGMAS * error:
        found.append(
            f"beta F lies above a rigorous upper bound by {excess / max(error, 1e-300):.3g} sigma: the chains miss a "
            "phase of lower free energy; start from other states or use another method")
    elif missed and (text := missed(value, error)):
        found.append(f"{text}; raise sweeps, or use another method")
    return found
