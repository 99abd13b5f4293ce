"""Bennett's acceptance ratio and the stepping stone: slow twins, bias, and errors against chance."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom, chi2, norm

from statfe.estimators.bar import bar
from statfe.estimators.mbar import mbar
from statfe.estimators.reference import BAR, INTEGRATION, MBAR, STEPPING, sampled_reference
from statfe.estimators.stepping_stone import jackknifed_log_mean, stepping_stone
from statfe.estimators.thermodynamic_integration import thermodynamic_integration
from statfe.models.ising import IsingModel
from statfe.stats import mean_error
from tests.ladders_for_tests import chains_of, gaussian_chains
from tests.naive import estimators as naive
from tests.retry import sequential

SIGMA = 10.0
BETAS = np.linspace(0.0, 0.5, 6)


def test_bar_is_the_equation_of_bennett():
    chains = gaussian_chains(BETAS, SIGMA, 1, 300)
    twin = [0.0]
    for k in range(5):
        centre = chains.energy[:, :, k:k + 2].mean()
        a, b = ((BETAS[k + 1] - BETAS[k]) * (chains.energy[:, :, i].reshape(-1) - centre) for i in (k, k + 1))
        twin.append(twin[-1] + naive.bar_pair(a, b) + (BETAS[k + 1] - BETAS[k]) * centre)
    assert np.allclose(bar(chains, 0.0).beta_f, twin, atol=1e-10)


def test_two_rungs_are_mbar():
    """With two states MBAR is the acceptance ratio, and so is its error."""
    chains = gaussian_chains(BETAS[:2], SIGMA, 2, 400, rho=0.5)
    a, b = bar(chains, -3.0), mbar(chains, -3.0, np.zeros(2))
    assert np.allclose(a.beta_f, b.beta_f, atol=1e-10)
    assert np.allclose(a.influence, b.influence, atol=1e-8)


@pytest.mark.parametrize("estimator", [bar, stepping_stone])
def test_influence_is_the_derivative(estimator):
    """Draws of the first half counted twice move the estimate as their influence says."""
    chains = gaussian_chains(BETAS, SIGMA, 3, 2000, 1)
    base = estimator(chains, 0.0)
    doubled = chains_of(np.concatenate([chains.energy, chains.energy[:, :1000]], axis=1), BETAS)
    moved, weight = estimator(doubled, 0.0).beta_f - base.beta_f, np.where(np.arange(2000) < 1000, 2.0, 1.0)
    predicted = weight @ base.influence[0] / 3000
    assert np.allclose(moved, predicted, atol=0.1 * np.max(np.abs(predicted)))
    assert np.max(np.abs(predicted)) > 0.01


def test_the_jackknife_takes_off_the_bias():
    """E ln of a mean of few lognormal weights is too low; the bias of order 1 / n goes."""
    weights = np.exp(np.random.default_rng(4).normal(-0.5, 1.0, (4000, 2, 25)))
    plain = np.array([np.log(w.mean()) for w in weights])
    better = np.array([jackknifed_log_mean(w) for w in weights])
    noise = plain.std() / np.sqrt(4000)
    assert plain.mean() == pytest.approx(-0.5 * (np.e - 1) / 50, abs=4 * noise)
    assert plain.mean() < -4 * noise
    assert abs(better.mean()) < 4 * noise


def test_one_block_with_all_the_weight():
    weights = np.zeros((1, 100))
    weights[0, 3] = 5.0
    assert jackknifed_log_mean(weights) == pytest.approx(np.log(0.05))


def z_of(estimator: str, seed: int) -> float:
    """Error of the last rung in its own sigma, of autocorrelated draws: tau is 1.5, and rungs are tied by exchanges."""
    rng = np.random.default_rng(10_000 + seed)
    chains = gaussian_chains(BETAS, SIGMA, seed, 400, rho=0.5)
    # A common part of neighbouring rungs, with the law of each kept.
    common = gaussian_chains(np.zeros(1), SIGMA, int(rng.integers(2**31)), 400, rho=0.5).energy
    mean = -BETAS * SIGMA**2
    energy = mean + np.sqrt(0.7) * (chains.energy - mean) + np.sqrt(0.3) * common
    chains = chains_of(energy, BETAS)
    if estimator == MBAR:
        found = mbar(chains, 0.0, np.zeros(6))
    elif estimator == INTEGRATION:
        found = thermodynamic_integration(chains, 0.0)
    else:
        found = bar(chains, 0.0) if estimator == BAR else stepping_stone(chains, 0.0)
    return float((found.beta_f[-1] + 0.5 * BETAS[-1]**2 * SIGMA**2) / mean_error(found.influence).error[-1])


@pytest.mark.statistical
@pytest.mark.parametrize("estimator", [MBAR, INTEGRATION, BAR, STEPPING])
def test_errors_cover(estimator):
    """Mean, spread and coverage of z of 150 runs; a spread of 1.15 or a mean of 0.1 is still allowed for."""

    def p_value(look: int) -> float:
        n = 150
        z = np.array([z_of(estimator, 1000 * look + seed) for seed in range(n)])
        spread = float(np.sum((z - z.mean()) ** 2))
        inside = int(np.sum(np.abs(z) < 1.0))
        return min(2 * norm.sf(max(0.0, abs(z.mean()) - 0.1) * np.sqrt(n)),
                   chi2.sf(spread / 1.15**2, n - 1), chi2.cdf(spread / 0.9**2, n - 1),
                   2 * binom.cdf(inside, n, 0.64), 2 * binom.sf(inside - 1, n, 0.72))

    sequential(p_value)


def test_all_four_in_one_reference():
    model = IsingModel.from_edges(40, np.arange(39), np.arange(1, 40), np.ones(39))
    sigma = np.sqrt(39.0)
    betas = np.linspace(0.0, 0.2, 5)
    chains = gaussian_chains(betas, sigma, 5, 4000)
    found = sampled_reference(model, chains, estimators=(MBAR, INTEGRATION, BAR, STEPPING))
    values = [found.outcomes[name][-1] for name in (MBAR, INTEGRATION, BAR, STEPPING)]
    for one in values:
        assert one.status == "converged", one.message
        assert abs(one.beta_f - (-40 * np.log(2) - 0.5 * 0.04 * 39)) < 4 * one.beta_f_error
    assert values[2].beta_f_error >= 0.99 * values[0].beta_f_error
    assert values[3].beta_f_error > values[0].beta_f_error


def test_a_stepping_stone_too_far_is_noticed():
    """Rungs four sigma apart: the weight of the colder rung hangs on draws that were never made."""
    model = IsingModel.from_edges(40, np.arange(39), np.arange(1, 40), np.ones(39))
    found = sampled_reference(model, gaussian_chains(np.array([0.0, 4.6]) / np.sqrt(39.0), np.sqrt(39.0), 6, 5000),
                              estimators=(MBAR, STEPPING))
    outcome = found.outcomes[STEPPING][-1]
    assert outcome.status == "not_converged"
    assert "overlap" in outcome.message or "differ" in outcome.message
