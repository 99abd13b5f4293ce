"""Hopfield networks as N grows: the phases of Amit, Gutfreund and Sompolinsky."""

from __future__ import annotations

import math

import pytest

from statfe.limits.hopfield import replica_symmetric, retrieves
from tests.naive import limits as naive


@pytest.mark.parametrize(("beta", "alpha", "phase"), [
    (0.5, 0.1, "paramagnet"), (1.2, 0.3, "spin glass"), (4.0, 0.02, "retrieval"), (6.0, 0.5, "spin glass")])
def test_solutions_are_stationary_points_of_the_published_functional(beta, alpha, phase):
    found = replica_symmetric(beta, alpha)
    point = [found.order[name] for name in ("m", "q", "r")]
    assert found.order["phase"] == phase
    assert found.beta_f == pytest.approx(naive.hopfield_beta_f(beta, alpha, *point), abs=1e-11)
    if phase == "paramagnet":
        assert found.beta_f == pytest.approx(0.5 * alpha * (beta + math.log(1 - beta)) - math.log(2), abs=1e-13)
        return
    d = 1e-5
    for k in range(3):
        up, down = ([x + d * s * (i == k) for i, x in enumerate(point)] for s in (1, -1))
        slope = (naive.hopfield_beta_f(beta, alpha, *up) - naive.hopfield_beta_f(beta, alpha, *down)) / (2 * d)
        assert slope == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize(("beta", "alpha", "field"), [
    (0.7, 0.1, 0.0), (2.0, 0.08, 0.0), (2.0, 0.08, -0.2), (5.0, 0.01, 0.1)])
def test_energies_and_magnetisations_are_derivatives(beta, alpha, field):
    d = 1e-4
    here = replica_symmetric(beta, alpha, field)
    up, down = replica_symmetric(beta + d, alpha, field), replica_symmetric(beta - d, alpha, field)
    assert here.energy == pytest.approx((up.beta_f - down.beta_f) / (2 * d), abs=1e-7)
    assert here.entropy == pytest.approx(beta * here.energy - here.beta_f, abs=1e-12)
    up, down = replica_symmetric(beta, alpha, field + d), replica_symmetric(beta, alpha, field - d)
    assert here.order["magnetization"] == pytest.approx(
        -(up.free_energy - down.free_energy) / (2 * d), abs=1e-7)


def test_published_loads_at_zero_temperature():
    """Amit, Gutfreund and Sompolinsky 1987: retrieval up to alpha = .138, and lowest up to about .05."""
    assert retrieves(math.inf, 0.1378)
    assert not retrieves(math.inf, 0.1382)
    assert replica_symmetric(math.inf, 0.05).order["phase"] == "retrieval"
    assert replica_symmetric(math.inf, 0.053).order["phase"] == "spin glass"


@pytest.mark.parametrize("alpha", [0.2, 1.0])
def test_the_glass_at_zero_temperature_in_closed_form(alpha):
    """sqrt(r) = 1 + sqrt(2 / (pi alpha)), energy -1 / pi - sqrt(2 alpha / pi), which is f without an entropy."""
    found = replica_symmetric(math.inf, alpha)
    assert found.order["r"] == pytest.approx((1.0 + math.sqrt(2.0 / (math.pi * alpha))) ** 2, rel=1e-12)
    assert found.free_energy == pytest.approx(-1.0 / math.pi - math.sqrt(2.0 * alpha / math.pi), abs=1e-12)
    assert found.energy == pytest.approx(found.free_energy, abs=1e-12)
    cold = replica_symmetric(1e4, alpha)
    assert cold.entropy == pytest.approx(found.entropy, abs=1e-3)
    assert found.entropy < 0.0


def test_the_glass_begins_at_one_plus_root_alpha_where_it_is_marginal():
    alpha = 0.3
    T = 1.0 + math.sqrt(alpha)
    assert replica_symmetric(1.0 / (T + 1e-3), alpha).order["phase"] == "paramagnet"
    assert replica_symmetric(1.0 / (T - 1e-3), alpha).order["phase"] == "spin glass"
    assert replica_symmetric(1.0 / T, alpha).stability == pytest.approx(0.0, abs=1e-6)
    assert replica_symmetric(1.0 / (T + 0.1), alpha).stability > 0.01
    assert replica_symmetric(1.0 / (T - 0.1), alpha).stability < -1e-4


@pytest.mark.parametrize("beta", [0.8, 1.5, 3.0])
def test_few_patterns_are_mean_field(beta):
    """alpha -> 0: m = tanh(beta m), the Curie-Weiss model."""
    m = 1.0
    for _ in range(2000):
        m = math.tanh(beta * m)
    exact = 0.5 * beta * m * m - naive.log_2cosh(beta * m)
    found = replica_symmetric(beta, 1e-9)
    assert found.beta_f == pytest.approx(exact, abs=1e-7)
    assert found.order["m"] == pytest.approx(m, abs=1e-6)
