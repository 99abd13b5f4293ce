"""Cumulants of posteriors beyond the plain sum: the Gaussian part in closed form, half of the way, defended weights."""

from __future__ import annotations

import math

import numpy as np
import pytest

from statfe.learned.vae.annealing import ais
from statfe.learned.vae.bounds import drawn_exponents, elbo, importance, mixture_weights
from statfe.learned.vae.cumulants import cumulants, expand
from statfe.learned.vae.gaussian_part import GaussianPart, gaussian_cumulants, gaussian_part
from statfe.learned.vae.halfway import SAMPLES_KEY, halfway_cumulants, halfway_sums
from statfe.learned.vae.posterior import Posterior
from statfe.learned.vae.quadrature import hermite_grid, quadrature
from statfe.series.cumulant_terms import BLOCKS
from tests.test_vae_posterior import linear_gaussian, posterior, two_modes


def widened(target: Posterior, factor: float) -> Posterior:
    """The same posterior with another q."""
    target.width = factor * target.width
    return target


def quadratic(latent=3, seed=2, size=0.7):
    """V of a random quadratic form on a grid under q, with what (1) should find."""
    rng = np.random.default_rng(seed)
    Q = rng.standard_normal((latent, latent))
    Q = size * (Q + Q.T) / np.max(np.abs(np.linalg.eigvalsh(Q + Q.T)))
    part = GaussianPart(0.4, 0.3 * rng.standard_normal(latent), Q)
    u, w = hermite_grid(16, latent)
    V = part.mean + u @ part.slope + 0.5 * (np.einsum("ki,ij,kj->k", u, Q, u) - np.trace(Q))
    return part, u, w / w.sum(), V


def test_the_gaussian_part_of_a_quadratic_form_is_itself():
    part, u, w, V = quadratic()
    found = gaussian_part(u, V, w)
    assert found.mean == pytest.approx(part.mean, abs=1e-12)
    assert found.slope == pytest.approx(part.slope, abs=1e-12)
    assert found.curvature == pytest.approx(part.curvature, abs=1e-11)


def test_its_terms_add_up_to_its_free_energy_and_that_to_the_integral():
    part, _, w, V = quadratic()
    assert part.beta_f == pytest.approx(-math.log(w @ np.exp(-V)), abs=1e-6)
    assert float(np.sum(part.terms(200))) == pytest.approx(part.beta_f, abs=1e-12)
    wide = GaussianPart(part.mean, part.slope, 1.3 * part.curvature)
    assert wide.radius == pytest.approx(1.0 / (1.3 * 0.7), rel=1e-12)


@pytest.mark.parametrize("latent", [1, 2, 3, 5])
def test_both_are_exact_where_all_is_gaussian(latent):
    """q is 1.6 times too broad, so its variance 2.56 times: the plain series diverges."""
    target, exact, _, precision = linear_gaussian(latent, visible=6)
    target = widened(target, 1.6)
    part = gaussian_cumulants(target, 3, 1, samples=2**14)
    assert part.beta_f == pytest.approx(exact, abs=1e-8 if latent <= 3 else max(1e-9, 5.0 * part.beta_f_error))
    if latent > 3:
        return
    s = np.diag(target.width)
    assert part.stats["ratios"] == pytest.approx(np.linalg.eigvalsh(s @ precision @ s), rel=1e-9)
    gap = elbo(target, 0).beta_f - exact
    assert abs(cumulants(target, 0, 6).beta_f - exact) > gap
    halves = np.abs(np.array(halfway_cumulants(target, 0, 6).stats["partial_sums"]) - exact)
    assert halves[5] < 0.1 * halves[0]
    assert halves[0] < gap


def test_series_converge_as_the_radius_says():
    """b < 2 or not: the last of 6 terms is smaller than the fourth, or larger."""
    for factor, small in ((0.4, True), (0.9, True), (1.2, True), (1.6, False)):
        target = widened(linear_gaussian(2, visible=6)[0], factor)
        part = gaussian_cumulants(target, 0, 2)
        terms = np.abs(expand(target, 6, 0).terms)
        assert (part.stats["radius"] > 1.0) == small == (terms[5] < terms[3])


@pytest.mark.parametrize("latent", [1, 2])
def test_they_approach_the_truth_where_nothing_is_gaussian(latent):
    target = posterior("bernoulli", latent, seed=5, spread=0.3)
    exact = quadrature(target, 0).beta_f
    gap = elbo(target, 0).beta_f - exact
    assert 0.0 < halfway_cumulants(target, 0, 1).beta_f - exact < gap
    for method in (gaussian_cumulants, halfway_cumulants):
        assert abs(method(target, 0, 6).beta_f - exact) < 0.1 * gap
        drawn = method(target, 4, 3, "sampling", 2**15)
        assert abs(drawn.beta_f - method(target, 0, 3).beta_f) < 4.0 * drawn.beta_f_error


def test_halfway_sums_of_three_states_written_out():
    V, q = np.array([0.3, -1.2, 2.0]), np.array([0.5, 0.2, 0.3])
    pi = q * np.exp(-V / 2.0)
    half, pi = -math.log(pi.sum()), pi / pi.sum()
    mean = float(pi @ V)
    variance, third = (float(pi @ (V - mean) ** k) for k in (2, 3))
    wanted = np.cumsum([half + mean / 2.0, -variance / 8.0, third / 48.0])
    assert halfway_sums(V, q, 3) == pytest.approx(wanted, rel=1e-12)
    many = halfway_sums(V, q, 8)
    assert many[-1] == pytest.approx(-math.log(q @ np.exp(-V)), abs=1e-3)


def test_halfway_samples_are_jackknifed_as_written_out():
    """Estimates without one block in turn; their mean takes off the bias, their spread is the error."""
    target = posterior("bernoulli", 2, seed=5, spread=0.3)
    found = halfway_cumulants(target, 4, 2, "sampling", 640)
    V = drawn_exponents(target, 640, 4, SAMPLES_KEY)
    whole, without = (np.array([halfway_sums(v, np.full(len(v), 1.0 / len(v)), 2)[-1] for v in some]) for some in (
        [V], [np.delete(V, np.arange(k, len(V), BLOCKS)) for k in range(BLOCKS)]))
    assert found.beta_f == pytest.approx(BLOCKS * whole[0] - (BLOCKS - 1) * without.mean(), abs=1e-11)
    assert found.beta_f_error == pytest.approx(math.sqrt((BLOCKS - 1) * without.var()), rel=1e-9)


def test_a_posterior_that_no_gaussian_has_is_refused():
    """Between two modes the curvature of ln p(x, z) has the other sign."""
    target = two_modes()
    target.mean, target.width = np.zeros(1), np.full(1, 0.5)
    found = gaussian_cumulants(target, 0, 2)
    assert found.status == "not_converged"
    assert "no Gaussian posterior" in found.message
    assert math.isnan(found.beta_f)


def test_defended_weights_are_those_of_the_mixture_and_bounded():
    target = posterior("bernoulli", 2, seed=5, spread=0.8)
    exact = quadrature(target, 0).beta_f
    plain, defended = importance(target, 1, defence=0.0), importance(target, 1)
    assert abs(defended.beta_f - exact) < 4.0 * defended.beta_f_error
    assert plain.stats["defence"] == 0.0
    assert defended.stats["k_hat"] < max(0.3, plain.stats["k_hat"])
    # no weight beyond p(x|z) over the prior's share, and p(x|z) <= 1
    assert mixture_weights(target, 4096, 0, 0.2).max() <= -math.log(0.1)
    assert mixture_weights(widened(target, 1e-3), 4096, 0, 0.2).max() <= -math.log(0.1)


def test_a_second_mode_that_q_misses_is_found_by_the_defence():
    target = two_modes()
    exact = quadrature(target, 0).beta_f
    blind, defended = importance(target, 0, defence=0.0), importance(target, 0)
    assert blind.beta_f > exact + 0.5
    assert abs(defended.beta_f - exact) < 4.0 * defended.beta_f_error


def test_annealing_that_has_missed_a_mode_says_so():
    """Walks from q alone stay on its side of a barrier, with weights that are all alike."""
    target = two_modes()
    exact = quadrature(target, 0).beta_f
    blind = ais(target, 0, particles=32, reverse=False)
    assert blind.stats["effective_samples"] > 25
    assert blind.beta_f > exact + 0.5
    assert blind.status == "not_converged"
    assert "a mode with about" in blind.message
    seen = ais(target, 0, base="prior", particles=64, reverse=False)
    assert (seen.status, seen.stats["missed"]) == ("converged", 0.0)
    assert abs(seen.beta_f - exact) < 4.0 * seen.beta_f_error


@pytest.mark.parametrize(("latent", "leaps"), [(8, 1), (8, 4), (20, 1), (20, 4)])
def test_annealing_brackets_the_truth_in_many_dimensions(latent, leaps):
    """Hamiltonian and Langevin moves, on a posterior that is known; the way back from exact draws and from its own."""
    target, exact, mean, precision = linear_gaussian(latent, visible=2 * latent)
    root = np.linalg.inv(np.linalg.cholesky(precision))
    draws = mean + np.random.default_rng(0).standard_normal((64, latent)) @ root
    for given in (draws, None):
        found = ais(target, 1, leaps=leaps, temperatures=300, exact=given)
        s = found.stats
        assert found.status == "converged"
        assert abs(found.beta_f - exact) < 4.0 * found.beta_f_error
        assert s["lower_bound"] - 4.0 * s["lower_bound_error"] < exact
        assert exact < s["upper_bound"] + 4.0 * s["upper_bound_error"]
        assert s["upper_bound"] - s["lower_bound"] < 0.5


def test_half_of_the_way_holds_where_weights_fail():
    """Eight dimensions: q is 3 nats off."""
    target, exact, *_ = linear_gaussian(8, visible=16, seed=3)
    gap = elbo(target, 0).beta_f - exact
    halves, weighted = halfway_cumulants(target, 0, 3, samples=2**14), importance(target, 0)
    assert gap > 1.0
    assert weighted.status == "not_converged"
    assert abs(halves.beta_f - exact) < 0.2 * gap
