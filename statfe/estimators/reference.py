"""The sampled reference: MBAR, thermodynamic integration beside it, and the checks both must pass.

A number stays in the result when a check fails (it is the best so far), but its status is `not_converged` and its
message says which check and what to change.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from statfe.chains import Chains
from statfe.estimators.mbar import MbarResult, mbar
from statfe.estimators.thermodynamic_integration import IntegrationResult, thermodynamic_integration
from statfe.models.ising import IsingModel
from statfe.result import Outcome, failure
from statfe.stats import MeanEstimate, mean_error, split_rhat

#: Limits of the checks.
MIN_OVERLAP = 0.02
MAX_RHAT = 1.1
MIN_EFFECTIVE = 100.0
MAX_SIGMAS = 4.0

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
    energy = mean_error(chains.energy)
    variance = chains.energy.var(axis=(0, 1))
    return {
        "energy_mean": energy.mean,
        "energy_error": energy.error,
        "heat_capacity": chains.betas**2 * variance,
        "tau": energy.tau,
        "effective_draws": energy.effective,
        "r_hat": split_rhat(chains.energy),
        "swap_acceptance": _to_next(chains.swap_acceptance),
    }


def sampled_reference(model: IsingModel, chains: Chains) -> SampledReference:
    """Reference free energies of `chains`, whose first rung must be beta = 0.

    The energies' constant `IsingModel.offset` is not in `chains`, and not in the outcomes.
    """
    if chains.betas[0] != 0.0:
        raise ValueError("a reference needs a rung at beta = 0, where beta F = -N ln 2 exactly")
    anchor = -model.n_sites * math.log(2.0)
    integration = thermodynamic_integration(chains, anchor)
    bennett = mbar(chains, anchor, integration.beta_f)
    first, second = mean_error(bennett.influence), mean_error(integration.influence)
    errors = {MBAR: first.error, INTEGRATION: np.hypot(second.error, integration.quadrature)}
    diagnostics = ladder_diagnostics(chains)
    diagnostics["overlap"] = _to_next(bennett.overlap)
    diagnostics["disagreement"] = _disagreement(bennett, integration, first)
    problems = [_problems(chains, bennett, diagnostics, k) for k in range(len(chains.betas))]
    values = {MBAR: bennett.beta_f, INTEGRATION: integration.beta_f}
    wanted = np.flatnonzero(chains.requested).tolist()
    outcomes = {
        name: [_outcome(name, values, errors, diagnostics, problems[k], k) for k in wanted] for name in values}
    return SampledReference(chains.betas[wanted], outcomes, diagnostics)


def _to_next(values: np.ndarray) -> np.ndarray:
    return np.concatenate([values, [np.nan]])


def _disagreement(bennett: MbarResult, integration: IntegrationResult, own: MeanEstimate) -> np.ndarray:
    """(MBAR - integration) in standard deviations of that difference.

    Both use the same draws, so the difference has an error of its own, far below either; a tenth of MBAR's error is
    added for the terms of second order that the linearised error leaves out.
    """
    difference = bennett.beta_f - integration.beta_f
    statistical = mean_error(bennett.influence - integration.influence).error
    sigma = np.sqrt(statistical**2 + integration.quadrature**2 + (0.1 * own.error) ** 2)
    rounding = 1e-10 * np.maximum(1.0, np.abs(bennett.beta_f))
    return difference / np.maximum(sigma, rounding)


def _problems(chains: Chains, bennett: MbarResult, diagnostics: dict[str, np.ndarray], k: int) -> str:
    """What is wrong with the estimate at rung `k`, which rests on all rungs from 0 to k; "" if nothing is."""
    upto = slice(0, k + 1)
    found = []
    if not bennett.converged:
        found.append("the MBAR equations were not solved; add rungs (smaller spacing)")
    overlap = diagnostics["overlap"][:k]
    if k > 0 and overlap.min() < MIN_OVERLAP:
        worst = int(overlap.argmin())
        found.append(
            f"rungs {chains.betas[worst]:.4g} and {chains.betas[worst + 1]:.4g} hardly overlap "
            f"({overlap[worst]:.3f}); lower the sampler's spacing or raise the sweeps")
    r_hat = diagnostics["r_hat"][upto]
    if r_hat.max() > MAX_RHAT:
        worst = int(r_hat.argmax())
        found.append(
            f"replicas disagree at beta={chains.betas[worst]:.4g} (R-hat {r_hat[worst]:.2f}); raise sweeps and burn_in")
    effective = diagnostics["effective_draws"][upto]
    if effective.min() < MIN_EFFECTIVE:
        worst = int(effective.argmin())
        found.append(
            f"only {effective[worst]:.0f} independent draws at beta={chains.betas[worst]:.4g}; raise sweeps")
    sigmas = float(diagnostics["disagreement"][k])
    if abs(sigmas) > MAX_SIGMAS:
        found.append(
            f"MBAR and thermodynamic integration differ by {abs(sigmas):.1f} sigma; raise sweeps or lower spacing")
    return "; ".join(found)


def _outcome(name: str, values: dict[str, np.ndarray], errors: dict[str, np.ndarray],
             diagnostics: dict[str, np.ndarray], problem: str, k: int) -> Outcome:
    value, error = float(values[name][k]), float(errors[name][k])
    other = INTEGRATION if name == MBAR else MBAR
    if not (math.isfinite(value) and math.isfinite(error)):
        return failure("estimate", "diverged", problem or "the estimate is not finite; raise sweeps")
    return Outcome(
        beta_f=value, beta_f_error=error, kind="estimate", status="not_converged" if problem else "converged",
        message=problem,
        stats={
            "own_beta_f": value, "second_method": other, "second_beta_f": float(values[other][k]),
            "second_error": float(errors[other][k]), "disagreement_sigmas": float(diagnostics["disagreement"][k]),
            "effective_draws": float(diagnostics["effective_draws"][: k + 1].min()),
            "max_r_hat": float(diagnostics["r_hat"][: k + 1].max()),
        })
