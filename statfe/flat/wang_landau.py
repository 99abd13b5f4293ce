"""Wang-Landau learning, one refinement, and the multicanonical run that all numbers come from."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from statfe.errors import UsageError
from statfe.estimators.wham import Wham, wham
from statfe.flat.grid import EnergyGrid, check_energies, energy_grid
from statfe.flat.histogram import FlatHistogram
from statfe.flat.learning import Learned, Walk, learn
from statfe.flat.production import Draws, Weights, produce
from statfe.models.catalogue import build_model
from statfe.models.ising import IsingModel
from statfe.registry import Context, check_integer, check_seed
from statfe.sampling.starts import start

#: Operations of a default run, and the range of its sweeps.
DEFAULT_WORK, FEWEST_SWEEPS, MOST_SWEEPS = 4e8, 2000, 200_000
DEFAULT_WALKERS = 8
#: Shares of the sweeps: learning, each round of refinement, burn-in before the draws.
LEARNING, REFINING, BURNING = 1.0, 0.25, 0.1
REFINEMENTS = 2
#: Standard deviations of the energy that the walk reaches beyond the means at beta = 0 and at the largest beta.
REACH = 4.5
#: Betas and sweeps at each of the pilot that looks for the energies of the largest beta.
PILOT_STEPS, PILOT_SWEEPS = 24, 24
#: The range grows while the largest beta has more than this of its weight at the cold end, but only so often.
EDGE, MOST_GROWTHS = 1e-4, 4
#: Visits added to each node before logarithms of visits are compared: rare ones say little.
PRIOR_VISITS = 4.0
LONGEST = 1e15


def default_sweeps(model: IsingModel, walkers: int, work: float = DEFAULT_WORK) -> int:
    """Sweeps a walker that make about `work` operations in all."""
    each = walkers * (2.0 * model.n_sites + model.n_pairs) * (LEARNING + 1.0)
    return int(np.clip(work / each, FEWEST_SWEEPS, MOST_SWEEPS))


def check_length(model: IsingModel, chains: int, sweeps: int) -> None:
    """Refuse a run that takes years."""
    if float(chains) * sweeps * (model.n_sites + model.n_pairs) > LONGEST:
        raise UsageError(f"{chains} chains of {sweeps} sweeps of {model.n_sites} spins take years; lower the sweeps")


def flat_histogram(model: IsingModel, context: Context, *, beta_max: float = math.inf, sweeps: int | None = None,
                   walkers: int = DEFAULT_WALKERS, bins: int | None = None) -> FlatHistogram:
    """Learn weights that make the histogram of the energy flat, and sample with them.

    Parameters
    ----------
    beta_max
        Largest beta of interest: energies far below those it has are left out. Infinite for the whole spectrum.
    sweeps
        Measured sweeps a walker; learning takes as many again. `default_sweeps` when None.
    walkers
        Independent walkers, in learning and in production.
    bins
        Intervals of the table where energies are continuous, or at most so many where they are levels.

    Raises
    ------
    UsageError
        Energies that overflow, or a run that takes years.
    """
    began = time.perf_counter()
    check_energies(model)
    if math.isfinite(beta_max) and not math.isfinite(4.0 * beta_max * model.reach):
        raise UsageError(f"beta times the energies of {model.spec} overflow; scale the couplings down or lower beta")
    length = default_sweeps(model, walkers) if sweeps is None else sweeps
    check_length(model, walkers, length)
    _tell(context, 0.0)
    grid, learned = learn_range(model, beta_max, walkers, lambda nodes: max(1, int(LEARNING * length)), bins, context)
    _tell(context, 0.5)
    table, spins = shaped(learned.table, grid, beta_max), learned.spins[:, None, :]
    for number in range(REFINEMENTS):
        draws = produce(model, grid, _weights(model, table), spins, max(1, int(REFINING * length)), 0, context,
                        1000 + number)
        spins, table = draws.spins, shaped(refined(table, grid.places(draws.energy)), grid, beta_max)
    _tell(context, 0.7)
    draws = produce(model, grid, _weights(model, table), spins, length, int(BURNING * length), context, 2000)
    _tell(context, 1.0)
    return FlatHistogram(
        model=model, grid=grid, solved=_solved(grid, table, draws), walkers=walkers, sweeps=length, seed=context.seed,
        log_f=float(learned.log_f.max()), beta_max=beta_max, seconds=time.perf_counter() - began)


def wang_landau(
    model: str | IsingModel, *, beta_max: float | None = None, sweeps: int | None = None,
    walkers: int = DEFAULT_WALKERS, bins: int | None = None, seed: int | None = None, workers: int = 1,
    progress: Callable[[str, float], None] | None = None,
) -> FlatHistogram:
    """The density of states of `model` by Wang-Landau learning and a multicanonical run.

    Parameters
    ----------
    beta_max
        Largest beta of interest: energies far below those it has, and far above those of beta = 0, are left out. The
        whole spectrum when None.
    sweeps
        Measured sweeps a walker; learning takes as many again. About 5 s of work when None.
    walkers
        Independent walkers, from which the errors come.
    bins
        Most intervals of the table of weights; one a level, or by the model, when None.
    seed
        Drawn when None, and kept in the result.
    workers
        Threads; the result is the same bits for any number.

    Returns
    -------
    FlatHistogram
        With `energy`, `log_g`, `log_g_error`, `round_trips`, and beta F at any beta by `free_energy`.

    Raises
    ------
    UsageError
        For bad input, energies that overflow, or a run that takes years.
    """
    spins = build_model(model)
    if spins.uniform is not None:
        raise UsageError(f"{spins.spec} has too many spins to walk through its energies; take a smaller lattice")
    if beta_max is not None and not beta_max > 0.0:
        raise UsageError(f"beta_max must be above 0, got {beta_max}")
    context = Context(check_seed(seed), check_integer("workers", workers, 1), progress)
    return flat_histogram(
        spins, context, beta_max=math.inf if beta_max is None else float(beta_max),
        sweeps=None if sweeps is None else check_integer("sweeps", sweeps, 1),
        walkers=check_integer("walkers", walkers, 2), bins=None if bins is None else check_integer("bins", bins, 2))


def _solved(grid: EnergyGrid, table: np.ndarray, draws: Draws) -> Wham:
    values = np.unique(draws.energy)
    bias = np.interp(grid.places(values), np.arange(grid.nodes), table)
    return wham(draws.energy, bias[None, :], values)


def _weights(model: IsingModel, table: np.ndarray) -> Weights:
    return Weights(0.0, table[None, :], np.empty((1, 0)))


def _tell(context: Context, share: float) -> None:
    if context.progress is not None:
        context.progress("flat histogram", share)


def _range(model: IsingModel, beta_max: float, context: Context) -> tuple[float, float]:
    """Energies from well below those of `beta_max` to well above those of beta = 0, by a short anneal and a start from
    order."""
    if not math.isfinite(beta_max):
        return -math.inf, math.inf
    hot = REACH * math.sqrt(model.energy_variance)
    grid = energy_grid(model, -math.inf, math.inf)
    spins = np.array([start(model, context.seed, r, 1) for r in (0, 1)])
    none = np.empty((1, 0))
    lowest = math.inf
    for step, beta in enumerate(np.linspace(0.0, beta_max, PILOT_STEPS + 1)[1:]):
        # Only the first is annealed; the other stays in order, at the largest beta.
        last = step == PILOT_STEPS - 1
        chosen = slice(0, 2 if last else 1)
        draws = produce(model, grid, Weights(float(beta), none, none), spins[chosen], 2 * PILOT_SWEEPS,
                        PILOT_SWEEPS, replace(context, progress=None, workers=1), 3000 + step)
        spins[chosen] = draws.spins
        if last:
            energy = draws.energy[..., 0]
            reach = REACH * energy.std(axis=1) + 4.0 * model.local_field
            lowest = float(np.min(energy.mean(axis=1) - reach))
    return min(lowest, -hot), hot


def learn_range(model: IsingModel, beta_max: float, walkers: int, sweeps: Callable[[int], int], bins: int | None,
                context: Context) -> tuple[EnergyGrid, Learned]:
    """Learn, and learn again over more energies while `beta_max` has weight at the cold end; `sweeps` of a table."""
    low, high = _range(model, beta_max, context)
    for growth in range(MOST_GROWTHS + 1):
        grid = energy_grid(model, low, high, bins)
        learned = learn(model, grid, Walk.in_energy(grid), walkers, sweeps(grid.nodes), context, growth)
        if grid.energies[0] <= -model.reach or growth == MOST_GROWTHS:
            break
        # The table is -S(E) up to a constant.
        log_p = np.where(learned.seen.any(axis=0), -learned.table - beta_max * grid.energies, -np.inf)
        p = np.exp(log_p - log_p.max())
        if p[:2].sum() <= EDGE * p.sum():
            break
        low -= 0.5 * (high - low)
    return grid, learned


def shaped(table: np.ndarray, grid: EnergyGrid, beta_max: float) -> np.ndarray:
    """`table` without what hurts: energies below those of `beta_max` need no more than its Boltzmann weight.

    The table is -S(E), so it rises to both sides of its lowest node; where energies are continuous, few levels between
    two nodes can leave pits in it, which would shut levels out.
    """
    best, new = int(np.argmin(table)), table.copy()
    if not grid.levels:
        smooth = np.convolve(np.pad(table, 2, mode="edge"), np.ones(5) / 5.0, mode="valid")
        best = int(np.argmin(smooth))
        new[:best + 1] = np.maximum.accumulate(new[:best + 1][::-1])[::-1]
        new[best:] = np.maximum.accumulate(new[best:])
    most = beta_max * grid.width * grid.scale
    if math.isfinite(most):
        for k in range(best - 1, -1, -1):
            new[k] = min(new[k], new[k + 1] + most)
    return new


def refined(table: np.ndarray, places: np.ndarray) -> np.ndarray:
    """`table` less the logarithm of the visits of each node: one step of the multicanonical recursion.

    Berg and Neuhaus, Phys. Rev. Lett. 68, 9 (1992), with `PRIOR_VISITS` of the mean added to each node.
    """
    last = len(table) - 1
    x = np.clip(places.ravel(), 0.0, last)
    below = np.minimum(x.astype(np.int64), max(last - 1, 0))
    share = x - below
    visits = np.bincount(below, 1.0 - share, minlength=len(table))
    visits += np.bincount(np.minimum(below + 1, last), share, minlength=len(table))
    # A node that no place is nearest to follows those beside it, as in learning.
    known = np.flatnonzero(np.bincount(np.rint(x).astype(np.int64), minlength=len(table)))
    new = table[known] - np.log((visits[known] + PRIOR_VISITS) / (visits[known].mean() + PRIOR_VISITS))
    return np.interp(np.arange(len(table)), known, new)

