"""The sampled reference: MBAR, thermodynamic integration beside it, and the checks both must pass.

A number stays in the result when a check fails (it is the best so far), but its status is `not_converged` and its
message says which check and what to change. Where the draws say nothing about an error there is no number.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from statfe.chains import Chains
from statfe.estimators.bound_check import upper_bounds
from statfe.estimators.mbar import MbarResult, mbar
from statfe.estimators.thermodynamic_integration import IntegrationResult, thermodynamic_integration
from statfe.models.ising import IsingModel
from statfe.result import Outcome, failure
from statfe.stats import MeanEstimate, mean_error, split_rhat

#: Limits of the checks.
MIN_OVERLAP = 0.04
MAX_RHAT = 1.1
MIN_EFFECTIVE = 100.0
#: Fewest replicas of an anneal, half of them down from the cold end, that can disagree in a way that R-hat sees.
MIN_ANNEALS = 4
MAX_SIGMAS = 4.0
#: Fewest draws of a rung, over all replicas, that say anything about an error.
MIN_DRAWS = 4
#: Energies are rounded to this share of the largest: differences below it are sums in another order, not physics.
ROUNDING = 2.0**-40

MBAR, INTEGRATION = "mbar", "thermodynamic-integration"


@dataclass(frozen=True)
class SampledReference:
    """Two estimates from one run, at the requested rungs, and the diagnostics of every rung.

    Attributes
    ----------
    betas
        The requested rungs, ascending.
    outcomes
        Method name to one `Outcome` a requested rung; MBAR, the preferred one, first.
    diagnostics
        Name to array over all rungs: energy_mean, energy_error, heat_capacity, tau, effective_draws, r_hat,
        swap_acceptance and overlap (both with the next rung, NaN at the last), disagreement (sigmas).
    """

    betas: np.ndarray
    outcomes: dict[str, list[Outcome]]
    diagnostics: dict[str, np.ndarray]


def ladder_diagnostics(chains: Chains) -> dict[str, np.ndarray]:
    """What the draws of every rung say about themselves."""
    energy = mean_error(chains.energy, chains.units)
    size = max(float(np.max(np.abs(chains.energy))), 1e-300)
    with np.errstate(over="ignore"):
        # Far outside the range of doubles: infinite, and the estimates say so.
        heat_capacity = (chains.betas * (chains.energy / size).std(axis=(0, 1)) * size) ** 2
    return {
        "energy_mean": energy.mean,
        "energy_error": energy.error,
        "heat_capacity": heat_capacity,
        "tau": energy.tau,
        "effective_draws": energy.effective,
        "r_hat": split_rhat(chains.energy, chains.units),
        "swap_acceptance": _to_next(chains.swap_acceptance),
    }


def sampled_reference(model: IsingModel, chains: Chains) -> SampledReference:
    """Reference free energies of `chains`, whose first rung must be beta = 0.

    The energies' constant `IsingModel.offset` is not in `chains`, and not in the outcomes.
    """
    if chains.betas[0] != 0.0:
        raise ValueError("a reference needs a rung at beta = 0, where beta F = -N ln 2 exactly")
    chains = replace(chains, energy=_rounded(chains.energy))
    anchor = -model.n_sites * math.log(2.0)
    with np.errstate(over="ignore", invalid="ignore"):
        # Beta times the energy may leave the range of doubles; the outcome then is a failure.
        integration = thermodynamic_integration(chains, anchor)
        bennett = mbar(chains, anchor, integration.beta_f)
        first = mean_error(bennett.influence, chains.units)
        second = mean_error(integration.influence, chains.units)
        diagnostics = ladder_diagnostics(chains)
        disagreement = _disagreement(bennett, integration, first, chains.units)
        own_rhat = split_rhat(bennett.influence, chains.units)
    diagnostics["overlap"] = _to_next(bennett.overlap)
    diagnostics["disagreement"] = disagreement
    informed = _informed(chains, bennett)
    errors = {MBAR: np.where(informed, first.error, np.nan),
              INTEGRATION: np.where(informed, np.hypot(second.error, integration.quadrature), np.nan)}
    values = {MBAR: bennett.beta_f, INTEGRATION: integration.beta_f}
    wanted = np.flatnonzero(chains.requested).tolist()
    bounds = dict(zip(wanted, upper_bounds(model, chains.betas[wanted]), strict=True))
    estimate = _Estimate(chains, bennett, first.error, first.effective, own_rhat, diagnostics)
    problems = {k: _problems(estimate, bounds[k], k) for k in wanted}
    outcomes = {
        name: [_outcome(name, values, errors, estimate, problems[k], bounds[k], k) for k in wanted] for name in values}
    return SampledReference(chains.betas[wanted], outcomes, diagnostics)


@dataclass(frozen=True)
class _Estimate:
    """MBAR's estimate at every rung, with what its own series and the energies say about it."""

    chains: Chains
    bennett: MbarResult
    error: np.ndarray
    effective: np.ndarray
    r_hat: np.ndarray
    diagnostics: dict[str, np.ndarray]


def _rounded(energy: np.ndarray) -> np.ndarray:
    """`energy` in whole steps of `ROUNDING` of its size; a power of two, so that multiples of it stay exact."""
    size = float(np.max(np.abs(energy)))
    if not (math.isfinite(size) and size > 1e-280):
        return energy
    step = 2.0 ** math.ceil(math.log2(size)) * ROUNDING
    rounded = energy / step
    np.rint(rounded, out=rounded)
    rounded *= step
    return rounded


def _informed(chains: Chains, bennett: MbarResult) -> np.ndarray:
    """Whether the error at each rung rests on draws: enough of them, and some shared between all rungs up to it."""
    draws = chains.n_replicas * chains.n_draws
    shared = np.concatenate([[True], np.cumprod(2 * draws * bennett.overlap >= 1.0).astype(bool)])
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
    added for the terms of second order that the linearised error leaves out.
    """
    difference = bennett.beta_f - integration.beta_f
    statistical = mean_error(bennett.influence - integration.influence, units).error
    sigma = np.sqrt(statistical**2 + integration.quadrature**2 + (0.05 * own.error) ** 2)
    rounding = 1e-10 * np.maximum(1.0, np.abs(bennett.beta_f))
    return difference / np.maximum(sigma, rounding)


def _problems(estimate: _Estimate, bound: float, k: int) -> str:
    """What is wrong with the estimate at rung `k`, which rests on all rungs from 0 to k; "" if nothing is."""
    if k == 0:
        # The anchor is exact whatever the chains did.
        return ""
    chains, bennett, diagnostics = estimate.chains, estimate.bennett, estimate.diagnostics
    found = []
    if not bennett.converged:
        found.append(
            "the MBAR equations were not solved; add rungs (smaller spacing), or lower beta or the couplings where "
            "beta times the energy is huge")
    overlap = diagnostics["overlap"][:k]
    if overlap.min() < MIN_OVERLAP:
        worst = int(overlap.argmin())
        found.append(
            f"rungs {chains.betas[worst]:.4g} and {chains.betas[worst + 1]:.4g} hardly overlap "
            f"({overlap[worst]:.3f}); lower the sampler's spacing or raise the sweeps")
    found += _mixing_problems(estimate, k)
    sigmas = float(diagnostics["disagreement"][k])
    if abs(sigmas) > MAX_SIGMAS:
        found.append(
            f"MBAR and thermodynamic integration differ by {abs(sigmas):.1f} sigma; raise sweeps or lower spacing")
    value, error = float(bennett.beta_f[k]), float(estimate.error[k])
    excess = value - bound - 1e-9 * (1.0 + abs(value))
    if excess > MAX_SIGMAS * error:
        found.append(
            f"beta F lies above a rigorous upper bound by {excess / max(error, 1e-300):.3g} sigma: the chains miss a "
            "phase of lower free energy; start from other states or use another method")
    return "; ".join(found)


def _mixing_problems(estimate: _Estimate, k: int) -> list[str]:
    """Replicas that disagree, or too few independent draws: in the energies up to rung `k`, or in the estimate."""
    chains, diagnostics, found = estimate.chains, estimate.diagnostics, []
    if k > 0 and chains.schedule == "annealing" and chains.n_replicas < MIN_ANNEALS:
        # A chain that is annealed falls into one phase, and nothing in it tells of the others.
        found.append(f"an anneal needs {MIN_ANNEALS} replicas to be checked; raise replicas, or use schedule=tempering")
    r_hat = np.append(diagnostics["r_hat"][: k + 1], estimate.r_hat[k])
    if r_hat.max() > MAX_RHAT:
        worst = min(int(r_hat.argmax()), k)
        found.append(
            f"replicas disagree at beta={chains.betas[worst]:.4g} (R-hat {r_hat.max():.2f}); raise sweeps and burn_in")
    effective = np.append(diagnostics["effective_draws"][1: k + 1], estimate.effective[k])
    if effective.min() < MIN_EFFECTIVE:
        worst = min(int(effective.argmin()) + 1, k)
        found.append(
            f"only {effective.min():.0f} independent draws at beta={chains.betas[worst]:.4g}; raise sweeps")
    return found


def _outcome(name: str, values: dict[str, np.ndarray], errors: dict[str, np.ndarray],
             estimate: _Estimate, problem: str, bound: float, k: int) -> Outcome:
    value, error = float(values[name][k]), float(errors[name][k])
    other = INTEGRATION if name == MBAR else MBAR
    if not (math.isfinite(value) and math.isfinite(error)):
        return failure("estimate", "diverged", problem or "too few draws to know the error; raise sweeps")
    return Outcome(
        beta_f=value, beta_f_error=error, kind="estimate", status="not_converged" if problem else "converged",
        message=problem,
        stats={
            "own_beta_f": value, "second_method": other, "second_beta_f": float(values[other][k]),
            "second_error": float(errors[other][k]),
            "disagreement_sigmas": float(estimate.diagnostics["disagreement"][k]),
            "effective_draws": float(estimate.effective[k]),
            "max_r_hat": float(max(estimate.diagnostics["r_hat"][: k + 1].max(), estimate.r_hat[k])),
            "upper_bound": bound,
        })
