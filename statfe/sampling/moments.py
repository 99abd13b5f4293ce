"""Means and correlations of the spins from a short run of chains, beside a reference that keeps energies alone.

A tempering ladder of independent replicas is looked at every few sweeps; a look counts the mean of each spin and pair
given all the others (`statfe.kernels.pair_means`), and errors are the scatter of the replicas' means. Half of the
replicas start from order (`statfe.sampling.starts`), so that replicas that are stuck disagree, and the two halves of
the run must agree within `MAX_RATIO` of their own scatter: else there is a reason and no numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from statfe.errors import UsageError
from statfe.executors import map_tasks
from statfe.junction.moments import symmetric_sites
from statfe.kernels.pair_means import add_conditional_means
from statfe.models.ising import IsingModel
from statfe.result import Moments
from statfe.sampling.bank import Bank, Block
from statfe.sampling.choice import get_kernel
from statfe.sampling.ladder import Ladder
from statfe.sampling.plan import Plan, plan_run
from statfe.sampling.samplers import make_sampler

#: Independent ladders, looks at each and sweeps between looks, the first choice first.
REPLICAS, EFFORTS = 8, ((400, 8), (400, 4), (400, 2), (200, 2), (100, 2))
#: Nanoseconds of one core that a run may take, and a site or pair at a look; bytes of the sums.
BUDGET_NS, LOOK_NS, MAX_BYTES = 1.5e9, 20.0, 1e8
#: Largest mean square difference of the two halves over what their scatter explains.
MAX_RATIO = 9.0
#: Looks that are thrown away first, as a share of those that count.
BURN_IN = 0.25
SAMPLER = "metropolis:schedule=tempering,ladder=fluctuation"

Progress = Callable[[str, float], None] | None


@dataclass(frozen=True)
class Sampled:
    """Moments at each beta that was asked for (None where the halves disagree), and what was done or went wrong."""

    moments: list[Moments | None]
    words: str


def sampled_moments(model: IsingModel, betas: Sequence[float], *, seed: int, workers: int = 1,
                    ladder: Ladder | None = None, share: float = 1.0, progress: Progress = None) -> Sampled:
    """Moments of `model` at `betas` (each at least 0) from a short run; the same bits for any number of workers.

    Parameters
    ----------
    ladder
        Rungs that are known to exchange, with all of `betas` among them; placed here when None.
    share
        Of `BUDGET_NS` that the run may take.
    """
    nothing: list[Moments | None] = [None] * len(betas)
    if min(betas) < 0.0:
        return Sampled(nothing, "not sampled at a negative beta")
    if 16.0 * REPLICAS * len(betas) * (model.n_sites + model.n_pairs) > MAX_BYTES:
        return Sampled(nothing, "not sampled: their sums would need more than 100 MB; take fewer beta")
    try:
        plan = plan_run(model, np.array(betas), make_sampler(SAMPLER), sweeps=math.prod(EFFORTS[0]), replicas=REPLICAS,
                        seed=seed, ladder=ladder, progress=progress)
    except UsageError as error:  # energies that overflow, too many rungs
        return Sampled(nothing, f"not sampled: {error}")
    sweep = get_kernel(plan.kernel).cost(model, plan.load) * model.n_sites * plan.load.total
    look = LOOK_NS * REPLICAS * len(betas) * (model.n_sites + model.n_pairs)
    able = [e for e in EFFORTS if e[0] * (sweep * e[1] * (1.0 + BURN_IN) + look) <= share * BUDGET_NS]
    if not able:
        return Sampled(nothing, f"not sampled: {math.prod(EFFORTS[-1])} sweeps of {plan.load.total} chains, or the "
                       "looks at them, are too many")
    rungs = np.searchsorted(plan.ladder.betas, np.array(betas))
    return _judged(model, _collect(model, plan, rungs, able[0], workers, progress), able[0])


@dataclass(frozen=True)
class _Sums:
    """Means of s_i, shape (2, replicas, betas, sites), and of s_i s_j, (2, replicas, betas, pairs), in each half."""

    spins: np.ndarray
    products: np.ndarray


def _collect(model: IsingModel, plan: Plan, rungs: np.ndarray, effort: tuple[int, int], workers: int,
             progress: Progress) -> _Sums:
    """Run the chains and add up what is seen at `rungs`; `effort` is looks and sweeps between them."""
    bank, (looks, apart) = get_kernel(plan.kernel).make(model, plan), effort
    shape = (2, plan.replicas, len(rungs))
    sums = _Sums(np.zeros((*shape, model.n_sites)), np.zeros((*shape, model.n_pairs)))
    burn_in, half = int(BURN_IN * looks), looks // 2
    _advance(bank, 0, burn_in * apart, workers)

    def look_at(r: int, part: int) -> None:
        local = np.empty(model.n_sites)
        rows = bank.spins(r)[bank.chain_at[r][rungs]]
        for b, rung in enumerate(rungs):
            add_conditional_means(
                plan.ladder.betas[rung], rows[b], model.indptr, model.indices, model.weights, model.fields, local,
                sums.spins[part, r, b], sums.products[part, r, b])

    for look in range(looks):
        _advance(bank, (burn_in + look) * apart, apart, workers)
        map_tasks(lambda r, part=look // half: look_at(r, part), range(plan.replicas), workers)  # type: ignore[misc]
        if progress and look % 20 == 0:
            progress("correlations", look / looks)
    return _Sums(sums.spins / half, sums.products / half)


def _advance(bank: Bank, first: int, sweeps: int, workers: int) -> None:
    nothing = np.empty((bank.plan.replicas, 0, bank.plan.n_rungs))
    block = Block(None, first, sweeps, None)
    map_tasks(lambda group: bank.advance(group, block, nothing, nothing.astype(np.int32)), range(len(bank.groups)),
              workers)


def _judged(model: IsingModel, sums: _Sums, effort: tuple[int, int]) -> Sampled:
    """Means, errors and the check of the halves."""
    means = _Sums(sums.spins.mean(axis=0), sums.products.mean(axis=0))
    still = symmetric_sites(model)
    found: list[Moments | None] = []
    for b in range(means.spins.shape[1]):
        m, m_error = _mean_and_error(means.spins[:, b])
        m[still] = m_error[still] = 0.0
        c, c_error = _mean_and_error(means.products[:, b])
        apart = max(_ratio(sums.products[:, :, b]), _ratio(sums.spins[:, :, b, ~still]))
        found.append(None if apart > MAX_RATIO else Moments(
            magnetizations=m, correlations=c, magnetization_errors=m_error, correlation_errors=c_error))
    words = f"{REPLICAS} short ladders of chains, {effort[0]} looks {effort[1]} sweeps apart"
    failed = sum(one is None for one in found)
    return Sampled(found, words + (f"; at {failed} beta its halves disagree and nothing is scored" if failed else ""))


def _mean_and_error(by_replica: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return by_replica.mean(axis=0), by_replica.std(axis=0, ddof=1) / math.sqrt(len(by_replica))


def _ratio(halves: np.ndarray) -> float:
    """Mean square difference of the halves over its expectation from the scatter of the replicas; 1 for nothing.

    Parameters
    ----------
    halves
        Shape (2, replicas, quantities).
    """
    if halves.shape[2] == 0:
        return 1.0
    (first, first_error), (second, second_error) = (_mean_and_error(half) for half in halves)
    expected = float(np.mean(first_error**2 + second_error**2))
    seen = float(np.mean((first - second) ** 2))
    # Two halves that stand still at one place agree; at two places they do not.
    return seen / expected if expected > 0.0 else (1.0 if seen == 0.0 else math.inf)
