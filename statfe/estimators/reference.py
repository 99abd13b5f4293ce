"""The sampled reference: MBAR, thermodynamic integration beside it, and the checks both must pass.

A number stays in the result when a check fails (it is the best so far), but its status is `not_converged` and its
message says which check and what to change. Where the draws say nothing about an error there is no number.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from statfe.chains import Chains
from statfe.estimators.bar import bar
from statfe.estimators.bound_check import upper_bounds
from statfe.estimators.mbar import MbarResult, influence_on, mbar
from statfe.estimators.phases import phase_problem
from statfe.estimators.samples import Samples, samples_of
from statfe.estimators.stepping_stone import stepping_stone
from statfe.estimators.suspects import hot_end, stuck, twins
from statfe.estimators.thermodynamic_integration import IntegrationResult, thermodynamic_integration
from statfe.estimators.verdict import MAX_SIGMAS, Evidence, Verdict, judge, worst
from statfe.models.ising import IsingModel
from statfe.result import Outcome, failure
from statfe.stats import MeanEstimate, binned_error, halves_apart, mean_error, split_rhat
from statfe.tally import Tally

#: Fewest draws of a rung, over all replicas, that say anything about an error.
MIN_DRAWS = 4
#: Energies are rounded to this share of the largest: differences below it are sums in another order, not physics.
ROUNDING = 2.0**-40
#: Largest model, in sites and bonds both ways, whose phases are weighed beside a run of chains.
MOST_FOR_PHASES = 4000
#: Kernels whose own moves cross from phase to phase: their draws are independent without trips along the ladder.
CLUSTER_KERNELS = ("swendsen-wang", "wolff")

MBAR, INTEGRATION, BAR, STEPPING = "mbar", "thermodynamic-integration", "bar", "stepping-stone"


@dataclass(frozen=True)
class SampledReference:
    """Estimates from one run, at the requested rungs, and the diagnostics of every rung.

    Attributes
    ----------
    betas
        The requested rungs, ascending.
    outcomes
        Method name to one `Outcome` a requested rung; MBAR, the preferred one, first.
    diagnostics
        Name to array over all rungs; `statfe.store.run_file` says what each is.
    verdicts
        One a requested rung.
    """

    betas: np.ndarray
    outcomes: dict[str, list[Outcome]]
    diagnostics: dict[str, np.ndarray]
    verdicts: list[Verdict]

    @property
    def verdict(self) -> Verdict:
        """The verdict on all rungs; its `line` is for people."""
        return worst(self.verdicts)


def ladder_diagnostics(chains: Chains, tally: Tally | None = None) -> dict[str, np.ndarray]:
    """What the energies of every rung say about themselves; tau is in draws of `chains`."""
    drawn = binned_error(chains.energy, chains.units)
    mean, error, sigma, effective = drawn.mean, drawn.error, chains.energy.std(axis=(0, 1)), drawn.effective
    if tally is not None:
        samples = samples_of(tally)
        found = [samples.powers(k)[:2] for k in range(len(tally.betas))]
        mean, sigma = np.array([m for m, _ in found]), np.array([s for _, s in found])
        error = tally.scale * mean_error(tally.moments[0], tally.units).error
        effective = np.where(error > 0.0, (sigma / np.where(error > 0.0, error, 1.0)) ** 2, effective)
    with np.errstate(over="ignore"):
        # Far outside the range of doubles: infinite, and the estimates say so.
        heat_capacity = (chains.betas * sigma) ** 2
    trips = _trips(chains)
    return {
        "energy_mean": mean, "energy_error": error, "heat_capacity": heat_capacity, "tau": drawn.tau,
        "effective_draws": effective, "r_hat": split_rhat(chains.energy, chains.units),
        "swap_acceptance": _to_next(chains.swap_acceptance), "round_trips": trips,
        "barrier": np.concatenate([[0.0], np.cumsum(1.0 - chains.swap_acceptance)]),
    }


def sampled_reference(model: IsingModel, chains: Chains, tally: Tally | None = None, *,
                      estimators: Sequence[str] = (MBAR, INTEGRATION)) -> SampledReference:
    """Reference free energies of `chains`, whose first rung must be beta = 0.

    The energies' constant `IsingModel.offset` is not in `chains`, and not in the outcomes.

    Parameters
    ----------
    tally
        Counts of every sweep: where given, MBAR and thermodynamic integration are made from them. Pairs of rungs need
        time series of draws.
    estimators
        What to report, of `MBAR`, `INTEGRATION`, `BAR` and `STEPPING`. The first two are made in any case.
    """
    if chains.betas[0] != 0.0:
        raise ValueError("a reference needs a rung at beta = 0, where beta F = -N ln 2 exactly")
    chains = replace(chains, energy=_rounded(chains.energy))
    anchor = -model.n_sites * math.log(2.0)
    with np.errstate(over="ignore", invalid="ignore"):
        # Beta times the energy may leave the range of doubles; the outcome then is a failure.
        drawn = samples_of(chains)
        samples = drawn if tally is None else samples_of(tally)
        integration = thermodynamic_integration(samples, anchor)
        bennett = mbar(samples, anchor, integration.beta_f)
        own = mean_error(bennett.influence, chains.units)
        diagnostics = ladder_diagnostics(chains, tally)
        series = bennett.influence if tally is None else influence_on(drawn, bennett)
        diagnostics |= {
            "overlap": _to_next(bennett.overlap), "estimate_draws": own.effective if tally is None else _independent(
                series, own), "estimate_r_hat": split_rhat(series, chains.units),
            "halves": halves_apart(bennett.influence, chains.units),
            "disagreement": _disagreement(bennett, integration, own, chains.units)}
        made = _estimates(estimators, chains, anchor, bennett, integration, own)
    informed = _informed(samples, bennett)
    evidence = _evidence(model, chains, bennett, own.error, diagnostics)
    wanted = np.flatnonzero(chains.requested).tolist()
    bounds = upper_bounds(model, chains.betas[wanted])
    verdicts = [judge(evidence, k, float(bound), _phases(model, float(chains.betas[k])))
                for k, bound in zip(wanted, bounds, strict=True)]
    outcomes = {
        name: [_outcome(name, made, informed, verdict, float(bound), k)
               for k, verdict, bound in zip(wanted, verdicts, bounds, strict=True)] for name in estimators}
    return SampledReference(chains.betas[wanted], outcomes, diagnostics, verdicts)


def _phases(model: IsingModel, beta: float) -> Callable[[float, float], str] | None:
    """What says which phases an estimate missed at `beta`, in small models with fields.

    Without fields phases that matter are joined by round trips, or are mirror images; and the search takes time.
    """
    small = model.n_sites + len(model.indices) <= MOST_FOR_PHASES
    return partial(phase_problem, model, beta) if model.has_fields and small else None


@dataclass(frozen=True)
class _Estimate:
    """beta F at every rung and its error, what else makes part of that error, and advice on it."""

    beta_f: np.ndarray
    error: np.ndarray
    quadrature: np.ndarray | None = None
    widest: np.ndarray | None = None


def _estimates(names: Sequence[str], chains: Chains, anchor: float, bennett: MbarResult,
               integration: IntegrationResult, own: MeanEstimate) -> dict[str, _Estimate]:
    """The estimates called `names`, and MBAR and thermodynamic integration."""
    statistical = mean_error(integration.influence, chains.units).error
    middle = 0.5 * (chains.betas[integration.widest] + chains.betas[np.minimum(
        integration.widest + 1, len(chains.betas) - 1)])
    made = {
        MBAR: _Estimate(bennett.beta_f, own.error),
        INTEGRATION: _Estimate(integration.beta_f, np.hypot(statistical, integration.quadrature),
                               integration.quadrature, middle)}
    for name, estimator in ((BAR, bar), (STEPPING, stepping_stone)):
        if name in names:
            found = estimator(chains, anchor)
            made[name] = _Estimate(found.beta_f, mean_error(found.influence, chains.units).error)
    return made


def _evidence(model: IsingModel, chains: Chains, bennett: MbarResult, error: np.ndarray,
              diagnostics: dict[str, np.ndarray]) -> Evidence:
    hot_mean, hot_spread = hot_end(
        model, chains, float(diagnostics["energy_mean"][0]), float(diagnostics["energy_error"][0]))
    return Evidence(
        betas=chains.betas, solved=bennett.converged, beta_f=bennett.beta_f, error=error,
        draws=diagnostics["estimate_draws"], estimate_r_hat=diagnostics["estimate_r_hat"],
        halves=diagnostics["halves"], agreement=diagnostics["disagreement"], r_hat=diagnostics["r_hat"],
        effective=diagnostics["effective_draws"], overlap=bennett.overlap, rejection=1.0 - chains.swap_acceptance,
        trips=diagnostics["round_trips"],
        trips_needed=chains.trips is not None and chains.kernel not in CLUSTER_KERNELS,
        anneals=chains.n_replicas if chains.schedule == "annealing" else 0, hot_mean=hot_mean, hot_spread=hot_spread,
        twins=twins(chains.energy[:, :, 0]), stuck=stuck(chains))


def _trips(chains: Chains) -> np.ndarray:
    """Trips of all replicas from the hot end to each rung and back; NaN where there are none to make."""
    if chains.trips is None:
        return np.full(len(chains.betas), np.nan)
    return chains.trips.sum(axis=0).astype(np.float64)


def _independent(series: np.ndarray, own: MeanEstimate) -> np.ndarray:
    """Independent draws behind an error: those of the variance of `series`, of draws, that would give it."""
    error = np.where(own.error > 0.0, own.error, 1.0)
    return np.where(own.error > 0.0, (series.std(axis=(0, 1)) / error) ** 2, np.inf)


def _rounded(energy: np.ndarray) -> np.ndarray:
    """`energy` in whole steps of `ROUNDING` of its size; a power of two, so that multiples of it stay exact."""
    size = max(float(energy.max()), -float(energy.min()))
    if not (math.isfinite(size) and size > 1e-280):
        return energy
    step = 2.0 ** math.ceil(math.log2(size)) * ROUNDING
    rounded = energy / step
    np.rint(rounded, out=rounded)
    rounded *= step
    return rounded


def _informed(samples: Samples, bennett: MbarResult) -> np.ndarray:
    """Whether the error at each rung rests on draws: enough of them, and some shared between all rungs up to it."""
    draws = samples.draws
    shared = np.concatenate([[True], np.cumprod(2 * draws[1:] * bennett.overlap >= 1.0).astype(bool)])
    informed = shared & (draws >= MIN_DRAWS)
    informed[0] = True
    return informed


def _to_next(values: np.ndarray) -> np.ndarray:
    return np.concatenate([values, [np.nan]])


def _disagreement(
    bennett: MbarResult, integration: IntegrationResult, own: MeanEstimate, units: np.ndarray | None
) -> np.ndarray:
    """(MBAR - integration) in standard deviations of that difference.

    Both use the same draws, so the difference has an error of its own, far below either; a twentieth of MBAR's error is
    added for the terms of second order that the linearised error leaves out. A step of <E> that no rung
    resolves is no excuse: MBAR knows better, or fails too.
    """
    difference = bennett.beta_f - integration.beta_f
    statistical = mean_error(bennett.influence - integration.influence, units).error
    sigma = np.sqrt(statistical**2 + integration.by_order**2 + (0.05 * own.error) ** 2)
    rounding = 1e-10 * np.maximum(1.0, np.abs(bennett.beta_f))
    return difference / np.maximum(sigma, rounding)


def _outcome(name: str, made: dict[str, _Estimate], informed: np.ndarray, verdict: Verdict, bound: float,
             k: int) -> Outcome:
    """The outcome of estimator `name` at rung `k`."""
    own, other = made[name], INTEGRATION if name == MBAR else MBAR
    value, error = float(own.beta_f[k]), float(own.error[k])
    second, second_error = float(made[other].beta_f[k]), float(made[other].error[k])
    problem = verdict.message
    if not (math.isfinite(value) and math.isfinite(error) and informed[k]):
        return failure("estimate", "diverged", problem or "too few draws to know the error; raise sweeps")
    # Pairs of rungs know less than MBAR of the same draws: their larger error covers the difference.
    apart = abs(value - second) / max(error, second_error, 1e-10 * max(1.0, abs(value)))
    if name in (BAR, STEPPING) and apart > MAX_SIGMAS:
        text = f"{name} and MBAR differ by {apart:.1f} sigma; raise sweeps or lower spacing"
        problem = f"{problem}; {text}" if problem else text
    stats = {
        "own_beta_f": value, "second_method": other, "second_beta_f": second, "second_error": second_error,
        "disagreement_sigmas": verdict.agreement, "effective_draws": verdict.draws, "max_r_hat": verdict.r_hat,
        "halves_sigmas": verdict.halves, "least_overlap": verdict.overlap, "round_trips": verdict.trips,
        "upper_bound": bound}
    if own.quadrature is not None and own.widest is not None:
        stats["quadrature_error"] = float(own.quadrature[k])
        # Where it is most of the error, more sweeps hardly help; another rung does.
        if 2.0 * own.quadrature[k] ** 2 > error**2 > 0.0:
            stats["add_rung_at"] = float(own.widest[k])
    return Outcome(
        beta_f=value, beta_f_error=error, kind="estimate", status="not_converged" if problem else "converged",
        message=problem, stats=stats)
