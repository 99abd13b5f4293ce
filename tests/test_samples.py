"""One form for draws and counts: the same sums, whatever stands for the energies; and the kernels' slow twins."""

from __future__ import annotations

import numpy as np
import pytest

from statfe.estimators.mbar import influence_on, mbar
from statfe.estimators.reference import INTEGRATION, MBAR, ladder_diagnostics, sampled_reference
from statfe.estimators.samples import MAX_LEVELS, samples_of
from statfe.estimators.thermodynamic_integration import thermodynamic_integration
from statfe.kernels.mbar import distinct, membership_table, objective_terms, score_bins
from statfe.models.catalogue import build_model
from statfe.stats import mean_error
from statfe.tally import Tally
from tests.ladders_for_tests import chains_of, gaussian_chains
from tests.naive import estimators as naive
from tests.naive.chains import mbar_beta_f

BETAS = np.linspace(0.0, 0.4, 6)
SIGMA = 12.0


def levels_of(chains, step: float = 4.0):
    """The same chains with energies in whole steps, and those levels."""
    energy = step * np.rint(chains.energy / step)
    return chains_of(energy, chains.betas), np.arange(energy.min(), energy.max() + step, step)


def tally_of(chains, levels: np.ndarray, per_stretch: int) -> Tally:
    return Tally(betas=chains.betas, levels=levels, per_stretch=per_stretch,
                 **naive.tally_of(chains.energy, levels, per_stretch))


@pytest.mark.parametrize("concave", [True, False])
def test_memberships_are_the_formula(concave):
    rng = np.random.default_rng(1)
    energies = rng.normal(-30.0, 40.0, 150)
    f = -0.5 * BETAS**2 * SIGMA**2 if concave else 30.0 * np.cos(9.0 * BETAS)
    table, twin = np.empty((150, 6)), naive.memberships(energies, BETAS, f)
    membership_table(energies, BETAS, f, concave, table)
    assert np.allclose(table, twin, atol=1e-10)
    counts, total, hessian = rng.integers(1, 5, 150).astype(float), np.zeros(6), np.zeros((6, 6))
    value = objective_terms(energies, counts, BETAS, f, concave, total, hessian)
    assert total == pytest.approx(counts @ twin, rel=1e-12)
    assert np.allclose(hessian, np.diag(counts @ twin) - (counts * twin.T) @ twin, atol=1e-10)
    assert value == pytest.approx(counts @ np.log(np.sum(np.exp(f - BETAS * energies[:, None]), axis=1)), rel=1e-12)


@pytest.mark.parametrize("per_bin", [1, 3, 70])
def test_score_bins_are_the_formula(per_bin):
    chains = gaussian_chains(BETAS, SIGMA, 2, 145, 1)
    f, bins = -0.5 * BETAS**2 * SIGMA**2, 145 // per_bin
    out = np.zeros((bins, 6))
    score_bins(chains.energy[0] + 5.0, 5.0, BETAS, f, True, per_bin, out)
    assert np.allclose(out, naive.bin_scores(chains.energy[0], BETAS, f, per_bin, bins), atol=1e-8)


def test_distinct_energies():
    rng = np.random.default_rng(3)
    energies = rng.integers(-50, 50, 5000) * 0.1
    levels, index = np.empty(200), np.empty(5000, dtype=np.int32)
    found = distinct(energies + 0.0, levels, index)
    assert found == len(np.unique(energies))
    assert np.array_equal(levels[index], energies)
    assert distinct(energies, np.empty(found - 1), index) == -1


def test_few_points_stand_for_many_energies():
    """Interpolation in narrow bins is exact to rounding, for the functions that MBAR sums."""
    chains = gaussian_chains(BETAS, SIGMA, 4, 20_000)
    samples = samples_of(chains)
    assert len(samples.nodes) < 0.02 * chains.energy.size
    f, flat = -0.5 * BETAS**2 * SIGMA**2, chains.energy.reshape(-1)
    with_nodes = samples.weights @ naive.memberships(samples.nodes + samples.centre, BETAS, f)
    direct = naive.memberships(flat, BETAS, f).sum(axis=0)
    assert np.max(np.abs(with_nodes / direct - 1.0)) < 1e-12
    logs = [w @ np.log(np.sum(np.exp(f - BETAS * e[:, None]), axis=1))
            for w, e in ((samples.weights, samples.nodes + samples.centre), (np.ones(len(flat)), flat))]
    assert logs[0] == pytest.approx(logs[1], rel=1e-13)


@pytest.mark.parametrize("draws", [300, 3000])
def test_mbar_of_floats_is_plain_iteration(draws):
    """With all energies, and with points that stand for them."""
    chains = gaussian_chains(BETAS, SIGMA, 5, draws, 1)
    assert (len(samples_of(chains).nodes) < chains.energy.size) == (draws == 3000)
    twin = mbar_beta_f(np.moveaxis(chains.energy, 2, 0).reshape(6, -1), BETAS, iterations=400)
    assert np.max(np.abs(mbar(chains, 0.0, np.zeros(6)).beta_f - twin)) < 1e-9


def test_levels_and_floats_are_one_estimate():
    """Energies that take few values, and the same moved by nothing that matters."""
    chains, _ = levels_of(gaussian_chains(BETAS, SIGMA, 6, 2000))
    moved = chains_of(chains.energy + 1e-9 * np.random.default_rng(1).normal(size=chains.energy.shape), BETAS)
    assert len(samples_of(chains).nodes) < MAX_LEVELS < len(np.unique(moved.energy))
    a, b = mbar(chains, 0.0, np.zeros(6)), mbar(moved, 0.0, np.zeros(6))
    assert np.allclose(a.beta_f, b.beta_f, atol=1e-7)
    assert np.allclose(a.influence, b.influence, atol=1e-6)
    assert np.allclose(a.overlap, b.overlap, atol=1e-7)


def test_a_tally_of_all_draws_is_these_draws():
    chains, levels = levels_of(gaussian_chains(BETAS, SIGMA, 7, 400, rho=0.5))
    tally = tally_of(chains, levels, 1)
    start = np.zeros(6)
    a, b = mbar(chains, 0.0, start), mbar(tally, 0.0, start)
    assert np.allclose(a.beta_f, b.beta_f, atol=1e-10)
    assert np.allclose(a.influence, b.influence, atol=1e-9)
    assert np.allclose(a.overlap, b.overlap, atol=1e-12)
    c, d = thermodynamic_integration(chains, 0.0), thermodynamic_integration(tally, 0.0)
    assert np.allclose(c.beta_f, d.beta_f, atol=1e-10)
    assert np.allclose(c.influence, d.influence, atol=1e-9)
    assert np.allclose(c.quadrature, d.quadrature, atol=1e-9)
    found, twin = ladder_diagnostics(chains, tally), ladder_diagnostics(chains)
    for name in ("energy_mean", "energy_error", "heat_capacity", "effective_draws"):
        assert np.allclose(found[name], twin[name], rtol=1e-9), name


def test_stretches_keep_values_and_errors():
    """The estimate does not depend on the stretches, and its error hardly."""
    chains, levels = levels_of(gaussian_chains(BETAS, SIGMA, 8, 2000, rho=0.6))
    fine, coarse = (mbar(tally_of(chains, levels, n), 0.0, np.zeros(6)) for n in (1, 20))
    assert np.allclose(fine.beta_f, coarse.beta_f, atol=1e-10)
    assert np.allclose(mean_error(fine.influence).error[1:], mean_error(coarse.influence).error[1:], rtol=0.2)


def test_a_reference_of_a_tally_uses_every_sweep():
    """Draws kept are a thinned part of the sweeps: the values are the tally's, tau is in kept draws."""
    model = build_model("ising:shape=12x12")
    sigma = float(np.sqrt(model.energy_variance))
    betas = np.linspace(0.0, 2.0 / sigma, 4)
    chains, levels = levels_of(gaussian_chains(betas, sigma, 9, 6000))
    tally, kept = tally_of(chains, levels, 60), chains_of(chains.energy[:, 9::10], betas)
    found = sampled_reference(model, kept, tally)
    every, some = sampled_reference(model, chains), sampled_reference(model, kept)
    for name in (MBAR, INTEGRATION):
        for own, all_of_it, part in zip(found.outcomes[name][1:], every.outcomes[name][1:], some.outcomes[name][1:],
                                        strict=True):
            assert own.status == "converged", own.message
            assert own.beta_f == pytest.approx(all_of_it.beta_f, abs=1e-9)
            assert own.beta_f_error == pytest.approx(all_of_it.beta_f_error, rel=0.25)
            assert own.beta_f_error < 0.5 * part.beta_f_error
    assert np.allclose(found.diagnostics["tau"], some.diagnostics["tau"])
    assert np.all(found.diagnostics["effective_draws"] > 6000)
    assert found.verdict.draws > 6000


def test_influence_on_other_draws_of_the_ladder():
    chains = gaussian_chains(BETAS, SIGMA, 10, 500)
    result = mbar(chains, 0.0, np.zeros(6))
    assert np.allclose(influence_on(samples_of(chains), result), result.influence, atol=1e-9)


def test_independent_errors_are_those_of_kong():
    """Shirts and Chodera (2008), eq. 8, by its pseudo-inverse."""
    chains = gaussian_chains(BETAS, SIGMA, 11, 25)
    result = mbar(chains, 0.0, np.zeros(6))
    n = chains.energy.size // 6
    w = naive.memberships(chains.energy.reshape(-1), BETAS, result.beta_f) / n
    theta = w.T @ np.linalg.pinv(np.eye(len(w)) - n * w @ w.T, rcond=1e-10) @ w
    variance = np.diag(theta) + theta[0, 0] - 2.0 * theta[0]
    assert np.allclose(result.independent_error[1:], np.sqrt(variance[1:]), rtol=1e-6)
    # Draws of one moment are independent here, so that time series say the same within their noise.
    assert np.allclose(mean_error(result.influence).error[1:], np.sqrt(variance[1:]), rtol=0.6)
