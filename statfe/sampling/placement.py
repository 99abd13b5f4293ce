"""Rungs at equal distances along the barrier that exchanges meet, from measured swap rates.

The rejection r between two rungs is their distance along the communication barrier, Lambda = sum of r (Syed,
Bouchard-Cote, Deligiannidis and Doucet, J. R. Stat. Soc. B 84, 321, 2022, section 4). That holds for short steps; here
a step counts with its length 2 erfinv(r), which is its distance in standard deviations of the energy where energies are
Gaussian (r = erf(d sigma / 2), Kofke 2002), and adds up over longer steps too. The lengths are added up along the
ladder, interpolated, and cut into equal parts. What is placed changes what is measured, so this goes in rounds.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.interpolate import PchipInterpolator
from scipy.special import erf, erfinv

from statfe.chains import MIN_ACCEPTANCE
from statfe.models.ising import IsingModel
from statfe.sampling.ladder import MAX_RUNGS, Ladder
from statfe.sampling.rounds import Round, Rounds

if TYPE_CHECKING:
    from statfe.sampling.plan import Plan

#: Share of the sweeps of a run that go into placing its rungs, and how many at most.
SHARE, MOST_SWEEPS = 0.08, 4000
#: Rounds at most, each twice as long as the one before, and sweeps of the first at least.
ROUNDS, LEAST_SWEEPS = 5, 24
#: Moves that need no measurement to be trusted, as a share of a step.
NEAR = 0.6
#: How much longer a step is by its energies than by its rejection where they jump.
JUMP = 1.25
#: How much better an earlier ladder must be than a later one, which was measured for longer.
BETTER = 1.2
#: Largest over smallest rejection at which a measured ladder is left alone.
EVEN = 1.15
#: Longest and shortest step that a rejection is taken for: rates near 0 and 1 are known badly.
LONGEST, SHORTEST = 4.0, 1e-3
#: A segment takes one more rung when its steps would otherwise be longer than the spacing by this share of a step.
SPARE = 0.3
#: Draws of the next rung that each draw is paired with, of as many replicas and times.
SHIFTS = 4

#: ``measure(betas, spins, sweeps, number)``: round `number`, from the spins by rung of the one before (None: no round).
Measure = Callable[[np.ndarray, np.ndarray | None, int, int], Round]
Progress = Callable[[str, float], None] | None


def rounds_of(sweeps: int) -> list[int]:
    """Sweeps of each round of placing rungs for a run of `sweeps`, burn-in counted; empty where it is too short."""
    budget = min(int(SHARE * sweeps), MOST_SWEEPS)
    count = next((n for n in range(ROUNDS, 1, -1) if budget // (2**n - 1) >= LEAST_SWEEPS), 0)
    return [budget // (2**count - 1) * 2**k for k in range(count)]


def step_lengths(rejection: np.ndarray, divergence: np.ndarray | None = None) -> np.ndarray:
    """Lengths of steps in standard deviations of the energy, from their rejections.

    Parameters
    ----------
    divergence
        d beta (<E>_a - <E>_b) of each step, the symmetric Kullback-Leibler divergence of its two laws; for Gaussian
        energies the square of the length. Where it is far above that, energies jump, and chains that are stuck on both
        sides may hide it from the rejections: it then sets the length.
    """
    lengths = 2.0 * erfinv(np.clip(rejection, 0.0, 1.0))
    if divergence is not None:
        lengths = np.maximum(lengths, np.sqrt(np.maximum(divergence, 0.0)) / JUMP)
    return np.clip(lengths, SHORTEST, LONGEST)


def rejections(betas: np.ndarray, energy: np.ndarray) -> np.ndarray:
    """Mean rejection 1 - E[min(1, exp((beta_a - beta_b)(E_a - E_b)))] of each step, shape (K - 1,).

    Draws of other times, and of other replicas, are paired too. In equilibrium that changes nothing, since rungs and
    replicas are independent. Where replicas are stuck on both sides of a jump, each of them alone would not show it.

    Parameters
    ----------
    energy
        Shape (replicas, draws, K).
    """
    accepted = np.zeros(len(betas) - 1)
    for k in range(SHIFTS):
        gap = energy[:, :, :-1] - np.roll(energy[:, :, 1:], (k, energy.shape[1] * k // SHIFTS), axis=(0, 1))
        accepted += np.exp(np.minimum(0.0, -np.diff(betas) * gap)).mean(axis=(0, 1)) / SHIFTS
    return 1.0 - accepted


def placed(ladder: Ladder, lengths: np.ndarray, spacing: float) -> Ladder:
    """`ladder`, which was measured, with its added rungs moved: steps between fixed ones equal and about `spacing`.

    Where exchanges hardly passed, the ends of the step stay too, and it is cut into equal parts of beta: a jump is
    somewhere in it, nobody knows where. The result carries the rejections to expect; such parts have that of the whole.
    """
    assert ladder.rejection is not None
    along, gap = _along(lengths), ladder.rejection > 1.0 - MIN_ACCEPTANCE
    beta_at = PchipInterpolator(along, ladder.betas)
    fixed = np.flatnonzero(ladder.fixed | np.append(gap, False) | np.append(False, gap))
    parts, steps = [ladder.betas[:1]], []
    for first, last in itertools.pairwise(fixed):
        length = along[last] - along[first]
        n = max(1, int(np.ceil(length / spacing - SPARE)))
        low, high = ladder.betas[first], ladder.betas[last]
        inner = np.linspace(low, high, n + 1)[1:-1] if gap[first] else beta_at(
            np.linspace(along[first], along[last], n + 1)[1:-1])
        # Where a jump is cut ever finer, doubles end.
        inner = np.unique(inner[(inner > low) & (inner < high)])
        parts += [inner, ladder.betas[last:last + 1]]
        expected = ladder.rejection[first] if gap[first] else erf(0.5 * length / (len(inner) + 1))
        steps += [expected] * (len(inner) + 1)
    grid = np.concatenate(parts)
    return Ladder(grid, np.isin(grid, ladder.betas[ladder.requested]), rejection=np.array(steps))


def _along(lengths: np.ndarray) -> np.ndarray:
    """Length of the ladder up to each rung, shape (K,)."""
    return np.concatenate([[0.0], np.cumsum(lengths)])


def even_ladder(model: IsingModel, plan: Plan, spacing: float, progress: Progress = None) -> Ladder:
    """The ladder of `plan` with rungs that can be moved at even swap rates.

    It stays as it is where there is nothing to move, the run is too short to spare sweeps for it, or all spins would
    take too much memory.
    """
    ladder, run = plan.ladder, Rounds(model, plan)
    if np.all(ladder.fixed) or not run.fits(len(ladder.betas)):
        return ladder
    return even_out(ladder, run, spacing=spacing, rounds=rounds_of(plan.sweeps + plan.burn_in), progress=progress)


def even_out(ladder: Ladder, measure: Measure, *, spacing: float, rounds: list[int],
             progress: Progress = None) -> Ladder:
    """`ladder` with rungs moved, added and taken away until its swap rates are even, or the `rounds` are over.

    The ladder that comes back was measured or is near one that was: the last, unless one before was clearly better.

    Parameters
    ----------
    spacing
        Distance of rungs in standard deviations of the energy.
    rounds
        Sweeps of each round.
    """
    spins: np.ndarray | None = None
    best, now = ladder, ladder
    for number, sweeps in enumerate(rounds):
        if progress is not None:
            progress("evening out rungs", number / len(rounds))
        run = measure(now.betas, spins, sweeps, number)
        # What chains take to settle at other temperatures: half of the first round, a quarter of the others.
        rejection, divergence = _measured(now.betas, run, sweeps // (4 if number else 2))
        now = replace(now, rejection=rejection)
        best = now if number == 0 or _rate(now) * BETTER >= _rate(best) else best
        lengths = step_lengths(rejection, divergence)
        if now.unevenness <= EVEN and np.all(np.abs(lengths[now.free_steps] / spacing - 1.0) < SPARE):
            break
        moved = placed(now, lengths, spacing)
        if len(moved.betas) > MAX_RUNGS:
            break
        if number + 1 == len(rounds):
            return _last_moves(best, now, moved, lengths, spacing)
        spins = run.spins()[:, _nearest(now.betas, lengths, moved.betas)]
        now = moved
    if progress is not None and rounds:
        progress("evening out rungs", 1.0)
    return best


def _last_moves(best: Ladder, now: Ladder, moved: Ladder, lengths: np.ndarray, spacing: float) -> Ladder:
    """The `moved` rungs where they are near those that were measured `now`, and else the `best` that was measured."""
    K, along = len(now.betas), _along(lengths)
    if best is not now or len(now.gaps) or abs(len(moved.betas) - K) > K // 10:
        return best
    shift = np.interp(moved.betas, now.betas, along) - along[_nearest(now.betas, lengths, moved.betas)]
    return moved if np.max(np.abs(shift)) <= NEAR * spacing else best


def _rate(ladder: Ladder) -> float:
    """Round trips that a chain makes in a sweep at the measured rejections (Syed et al. 2022, eq. 14), up to a factor.

    A rejection of 1 counts as the highest that can be told from it.
    """
    assert ladder.rejection is not None
    rejection = np.minimum(ladder.rejection, 1.0 - 1e-6)
    return float(1.0 / (len(ladder.betas) * (1.0 + np.sum(rejection / (1.0 - rejection)))))


def _measured(betas: np.ndarray, run: Round, skip: int) -> tuple[np.ndarray, np.ndarray]:
    """Rejections and divergences of the steps, from all sweeps but the first `skip`."""
    total, mean, weight = np.zeros(len(betas) - 1), np.zeros(len(betas)), 0
    for energy in run.energies():
        kept = energy[:, min(skip, energy.shape[1]):]
        skip = max(0, skip - energy.shape[1])
        if kept.shape[1]:
            total += kept.shape[1] * rejections(betas, kept)
            mean += kept.shape[1] * kept.mean(axis=(0, 1))
            weight += kept.shape[1]
    return total / weight, -np.diff(betas) * np.diff(mean / weight)


def _nearest(betas: np.ndarray, lengths: np.ndarray, moved: np.ndarray) -> np.ndarray:
    """For each of the `moved` rungs the nearest of the old ones, along the barrier."""
    along = _along(lengths)
    middles = 0.5 * (along[1:] + along[:-1])
    return np.searchsorted(middles, np.interp(moved, betas, along))


