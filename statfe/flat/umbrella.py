"""Umbrella sampling: beta F along the magnetisation at one beta, or along the energy for all, and its absolute value.

Along M: the saturated state M = N is one known state, so -ln Z = beta E(all up) + ln p(M = N). Where fields tell up
from down, both ends are known; they must agree, and a mean of the two is taken. Without fields M and -M weigh the same:
only |M| is biased, and the chains must show no preference.
Along E: at infinite temperature the sum over all states is 2^N, and one run serves all beta.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from statfe.errors import UsageError
from statfe.estimators.bound_check import upper_bounds
from statfe.estimators.phases import phase_problem
from statfe.estimators.wham import log_weight, log_weights_of_groups
from statfe.flat.checks import MAX_SIGMAS, anchor_problems, as_outcome, round_trips, series_problems
from statfe.flat.grid import EnergyGrid, check_energies, energy_grid
from statfe.flat.learning import Walk
from statfe.flat.wang_landau import learn_range
from statfe.flat.windows import DEFAULT_REPLICAS, WindowRun, default_sweeps, default_windows, run_all_windows
from statfe.kernels.biased_learning import ABSOLUTE
from statfe.models.ising import IsingModel
from statfe.registry import Context
from statfe.result import Outcome
from statfe.stats import bin_means, mean_error

#: Least two-window overlap and share of exchanges of neighbours; fewest ways of chains through all windows and back.
MIN_OVERLAP, MIN_SWAPS, MIN_TRIPS = 0.04, 0.02, 8
#: Weight of the lowest energies below which it does not matter who found them.
GROUND_WEIGHT, SEEN_BY = 0.01, 0.75


@dataclass(frozen=True)
class Curve:
    """beta F along a coordinate, without the model's constant: values, beta F, errors; bin width (0 for levels)."""

    coordinate: np.ndarray
    beta_f: np.ndarray
    error: np.ndarray
    bin_width: float = 0.0


def check_beta(model: IsingModel, beta: float) -> None:
    """Refuse energies that leave the range of doubles."""
    check_energies(model)
    if not math.isfinite(4.0 * beta * model.reach):
        raise UsageError(f"beta times the energies of {model.spec} overflow; scale the couplings down or lower beta")


def magnetization_windows(model: IsingModel, beta: float, context: Context, *, windows: int | None = None,
                          replicas: int = DEFAULT_REPLICAS, sweeps: int | None = None, number: int = 0) -> WindowRun:
    """Sample windows along M, or |M| where there are no fields; `number` tells the runs of one seed apart."""
    check_beta(model, beta)
    # Energies are not biased; the grid only says in which unit they are kept.
    grid = energy_grid(model, -math.inf, math.inf)
    walk = Walk.in_magnetization(model.n_sites, beta, not model.has_fields)
    return run_all_windows(model, grid, walk, context, windows=windows, replicas=replicas, sweeps=sweeps, number=number)


def magnetization_curve(model: IsingModel, run: WindowRun) -> tuple[Curve, Outcome]:
    """beta F(M) and the checked total beta F."""
    m, solved, n = run.solved.values, run.solved, model.n_sites
    log_c, influence = log_weights_of_groups(solved, np.arange(len(m)), len(m))
    log_all, series = log_weight(solved, np.zeros(len(m)))
    up, down = (run.walk.beta * e for e in saturated_energies(model))
    folded = run.walk.along == ABSOLUTE
    # |M| = N are two states, all up and all down, of one energy.
    ends = [(n, up - math.log(2.0) if folded else up)] + ([] if folded else [(-n, down)])
    reached = [(int(np.searchsorted(m, end)), known) for end, known in ends if end in (m[0], m[-1])]
    if not reached:
        nothing = np.full(len(m), np.nan)
        return (Curve(m.astype(np.float64), nothing, nothing),
                as_outcome(math.nan, series, ["no window reached saturation; raise sweeps or windows"]))
    # beta F of state sets: known value at the end, plus the logarithm of how much less they were seen.
    shares = _shares([influence[..., k] for k, _ in reached])
    offset = sum(s * (known + log_c[k]) for s, (k, known) in zip(shares, reached, strict=True))
    anchor = influence[..., [k for k, _ in reached]] @ np.array(shares)
    problems = _window_problems(run) + _symmetry_problems(run)
    if len(reached) == 2:
        (a, first), (b, second) = reached
        gap = (first + log_c[a]) - (second + log_c[b])
        sigma = float(mean_error(influence[..., a] - influence[..., b]).error)
        if abs(gap) > MAX_SIGMAS * sigma + 1e-9 * (1.0 + abs(first)):
            problems.append(f"the two saturated states differ from what they must by {abs(gap) / sigma:.1f} sigma; "
                            "raise sweeps or windows")
    total = offset - log_all
    problems += series_problems(anchor - series) + _bound_problems(model, run.walk.beta, total, anchor - series)
    outcome = as_outcome(float(total), anchor - series, problems, **_stats(run))
    error = mean_error(anchor[..., None] - influence).error
    return _unfolded(m, offset - log_c, error, folded), outcome


def saturated_energies(model: IsingModel) -> tuple[float, float]:
    """E of all spins up and of all spins down, without the model's constant."""
    pairs, fields = -0.5 * float(model.weights.sum()), float(model.fields.sum())
    return pairs - fields, pairs + fields


def _shares(influences: list[np.ndarray]) -> list[float]:
    """Shares of two estimates of one thing, by their errors as if independent; any that add up to 1 will do."""
    if len(influences) == 1:
        return [1.0]
    variance = np.array([float(mean_error(i).error) ** 2 for i in influences])
    return [0.5, 0.5] if variance.sum() == 0.0 else list(1.0 - variance / variance.sum())


def _unfolded(m: np.ndarray, beta_f: np.ndarray, error: np.ndarray, folded: bool) -> Curve:
    """Half of the weight of |M| > 0 belongs to each sign."""
    if not folded:
        return Curve(m.astype(np.float64), beta_f, error)
    positive = m > 0
    half = beta_f + np.where(positive, math.log(2.0), 0.0)
    return Curve(np.concatenate([-m[positive][::-1], m]).astype(np.float64),
                 np.concatenate([half[positive][::-1], half]), np.concatenate([error[positive][::-1], error]))


def _window_problems(run: WindowRun) -> list[str]:
    """Neighbours that share too little, chains that do not pass through, energies on which replicas disagree."""
    found = []
    if not run.solved.converged:
        found.append("the histogram equations were not solved; raise windows or sweeps")
    overlap, swaps = run.solved.neighbour_overlap, run.draws.swaps
    if len(overlap) and overlap.min() < MIN_OVERLAP:
        found.append(f"windows {overlap.argmin() + 1} and {overlap.argmin() + 2} hardly overlap ({overlap.min():.3f}); "
                     "raise windows")
    if len(swaps) and swaps.min() < MIN_SWAPS:
        found.append(f"only {swaps.min():.3f} of exchanges of windows {swaps.argmin() + 1} and {swaps.argmin() + 2} "
                     "are taken; raise windows")
    trips = _trips(run)
    if trips < MIN_TRIPS:
        found.append(f"only {trips} ways of a chain through all windows and back; raise sweeps")
    energies = bin_means(run.draws.energy, 128)
    from_series = series_problems(np.zeros_like(energies[..., 0]), {"the energies of the windows": energies})
    return found + [p for p in from_series if "energies" in p]


def _trips(run: WindowRun) -> int:
    """Ways of chains from the last window to the first and back; for one window, of the coordinate to and fro."""
    windows = run.values.shape[2]
    if windows == 1:
        low, high = np.quantile(run.values, [0.05, 0.95])
        return round_trips(run.values[..., 0] >= high, run.values[..., 0] <= low)
    chain, trips = run.draws.chain, 0
    for c in range(windows):
        trips += round_trips(chain[..., -1] == c, chain[..., 0] == c)
    return trips


def _symmetry_problems(run: WindowRun) -> list[str]:
    """Without fields M and -M are equally likely: their sign must average to nothing where chains cross M = 0."""
    if run.walk.along != ABSOLUTE:
        return []
    sign = np.sign(run.draws.magnetization[..., 0]).astype(np.float64)
    own = mean_error(sign)
    if abs(float(own.mean)) <= MAX_SIGMAS * float(own.error) + 1e-12:
        return []
    return [f"up is {abs(float(own.mean)):.3f} more frequent than down in the window about M = 0, where neither may "
            "be; raise sweeps"]


def _bound_problems(model: IsingModel, beta: float, value: float, influence: np.ndarray) -> list[str]:
    bound = float(upper_bounds(model, np.array([beta]))[0])
    error = float(mean_error(influence).error)
    excess = value - bound - 1e-9 * (1.0 + abs(value))
    if excess > MAX_SIGMAS * error:
        return [f"beta F lies above a rigorous upper bound by {excess / max(error, 1e-300):.3g} sigma: the chains "
                "miss a phase of lower free energy; raise sweeps or windows"]
    problem = phase_problem(model, beta, value, error)
    return [f"{problem}; raise sweeps or windows"] if problem else []


def _stats(run: WindowRun) -> dict[str, float]:
    overlap, swaps = run.solved.neighbour_overlap, run.draws.swaps
    return {"windows": run.values.shape[2], "sweeps": run.sweeps, "round_trips": _trips(run),
            "least_overlap": float(overlap.min(initial=1.0)), "least_swaps": float(swaps.min(initial=1.0))}


def energy_windows(model: IsingModel, beta_max: float, context: Context, *, windows: int | None = None,
                   replicas: int = DEFAULT_REPLICAS, sweeps: int | None = None) -> tuple[EnergyGrid, WindowRun]:
    """Sample windows along the energy, from infinite temperature to the energies of `beta_max`."""
    check_beta(model, beta_max)

    def learning(nodes: int) -> int:
        held = default_windows(nodes) if windows is None else windows
        each = default_sweeps(model, held * replicas) if sweeps is None else sweeps
        return max(1, held * each // 2)

    grid, learned = learn_range(model, beta_max, replicas, learning, None, context)
    run = run_all_windows(model, grid, Walk.in_energy(grid), context, windows=windows, replicas=replicas, sweeps=sweeps,
                          number=0, learned=learned, beta_max=beta_max)
    return grid, run


def energy_estimate(model: IsingModel, run: WindowRun, beta: float) -> tuple[float, np.ndarray]:
    """(beta F, series whose mean is its error): ln Z = N ln 2 + ln c_{-beta E} - ln c_0."""
    log_c, own = log_weight(run.solved, -beta * run.solved.values)
    log_all, all_states = log_weight(run.solved, np.zeros(len(run.solved.values)))
    return -(model.n_sites * math.log(2.0) + log_c - log_all), all_states - own


def energy_outcome(model: IsingModel, grid: EnergyGrid, run: WindowRun, beta: float) -> Outcome:
    """beta F of all states, checked."""
    if beta == 0.0:
        return Outcome(beta_f=-model.n_sites * math.log(2.0), kind="estimate")
    value, influence = energy_estimate(model, run, beta)
    problems = [*_window_problems(run), *anchor_problems(model, run.solved), *series_problems(influence),
                *_bound_problems(model, beta, value, influence)]
    values = run.solved.values
    log_p = -beta * values - run.solved.log_density + np.log(run.solved.counts)
    p = np.exp(log_p - log_p.max())
    p /= p.sum()
    ground = values <= values[0] + 1e-9 * max(model.reach, 1e-300)
    seen = int(np.any(run.solved.index <= np.flatnonzero(ground)[-1], axis=(1, 2)).sum())
    if p[ground].sum() > GROUND_WEIGHT and seen < SEEN_BY * len(run.values):
        problems.append(f"{seen} of {len(run.values)} replicas found the lowest energy, which has weight; lower "
                        "ones may be missing: raise sweeps")
    if p[grid.places(values) < -1e-9].sum() > 1e-3:
        problems.append("there is weight below the energies of the windows; raise sweeps")
    return as_outcome(value, influence, problems, **_stats(run))


def energy_curve(model: IsingModel, grid: EnergyGrid, run: WindowRun, beta: float) -> Curve:
    """beta F(E) of every level or bin."""
    values = run.solved.values
    group, inverse = np.unique(np.rint(grid.places(values)).astype(np.int64), return_inverse=True)
    # Inside a bin the true energies count.
    log_c, influence = log_weights_of_groups(run.solved, inverse, len(group), -beta * values)
    log_all, series = log_weight(run.solved, np.zeros(len(values)))
    beta_f = -(model.n_sites * math.log(2.0) + log_c - log_all)
    energy = (grid.low + grid.width * group) * grid.scale
    return Curve(energy, beta_f, mean_error(series[..., None] - influence).error,
                 0.0 if grid.levels else grid.width * grid.scale)
