"""Random regular graphs as N grows: closed forms, one dimension, tables of cavity fields, stars by summation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import brentq

import statfe
from statfe.kernels.cavity import measure_population, message, message_slope, update_population
from statfe.limits.cavity import RegularGraph, growth, solve
from statfe.limits.population import Population
from tests.naive import limits as naive

SMALL = Population(size=1000, burn=60, sweeps=60)


def solved(graph: RegularGraph, beta: float, seed: int = 1, population: Population = SMALL):
    found = solve(graph, beta, population, seed)
    assert found.status == "converged", found.message
    return found


def test_messages_are_those_of_one_bond():
    for K, x in ((0.7, 0.4), (-1.2, 2.0), (0.3, -3.0)):
        assert message(K, x) == pytest.approx(math.atanh(math.tanh(K) * math.tanh(x)), abs=1e-13)
        slope = (message(K, x + 1e-6) - message(K, x - 1e-6)) / 2e-6
        assert message_slope(K, x) == pytest.approx(slope, abs=1e-9)
    assert message(500.0, 600.0) == pytest.approx(500.0)
    assert message(500.0, -300.0) == pytest.approx(-300.0)


@pytest.mark.parametrize("H", [0.0, 0.6])
def test_the_free_energy_of_a_site_is_that_of_its_star(H):
    rng = np.random.default_rng(4)
    for c in (1, 2, 4):
        x, K = rng.normal(size=c), rng.normal(size=(1, c))
        out = np.empty(4)
        measure_population(x, np.arange(c)[None], K, H, out)
        site, bonds, m, like = naive.star_log_z(K[0], x, H)
        assert out[0] == pytest.approx(site - 0.5 * sum(bonds), abs=1e-12)
        assert out[1] == pytest.approx(-H * m - 0.5 * float(K[0] @ like), abs=1e-12)
        assert out[2:] == pytest.approx([m, m * m], abs=1e-12)


def test_updates_are_the_cavity_equation():
    rng = np.random.default_rng(5)
    x, v = rng.normal(size=6), rng.random(6)
    parents, K, tally = rng.integers(0, 6, size=(6, 2)), rng.normal(size=(6, 2)), np.zeros(2)
    expected, squares, sent, received = x.copy(), v.copy(), 0.0, 0.0
    for i in range(6):
        u = [math.atanh(math.tanh(k) * math.tanh(expected[j])) for k, j in zip(K[i], parents[i], strict=True)]
        slopes = [math.tanh(k) * (1 - math.tanh(expected[j]) ** 2) / (1 - math.tanh(a) ** 2)
                  for k, j, a in zip(K[i], parents[i], u, strict=True)]
        sent += sum(squares[j] for j in parents[i])
        gain = sum(s * s * squares[j] for s, j in zip(slopes, parents[i], strict=True))
        received += gain
        expected[i], squares[i] = 0.2 + sum(u), gain
    update_population(x, v, parents, K, 0.2, tally)
    np.testing.assert_allclose(x, expected, rtol=1e-12)
    np.testing.assert_allclose(v, squares, rtol=1e-10)
    np.testing.assert_allclose(tally, [sent, received], rtol=1e-10)


@pytest.mark.parametrize("couplings", ["bimodal", "gaussian"])
def test_high_temperature_is_closed_and_its_end_is_known(couplings):
    for c in (3, 6):
        def square(beta: float, c: int = c) -> float:
            return growth(RegularGraph(c, couplings), beta)[1] - 1.0

        beta_c = brentq(square, 0.1, 5.0)
        if couplings == "bimodal":
            assert (c - 1) * math.tanh(beta_c) ** 2 == pytest.approx(1.0, abs=1e-12)
        beta = 0.9 * beta_c
        found = solved(RegularGraph(c, couplings), beta)
        mean = naive.log_2cosh(beta) if couplings == "bimodal" else naive.average(naive.log_2cosh, 0.0, beta)
        assert found.beta_f == pytest.approx(-math.log(2) - 0.5 * c * (mean - math.log(2)), abs=1e-10)
        assert (found.beta_f_error, found.order["q"]) == (0.0, 0.0)
        assert 0.0 < found.stability < 0.5


@pytest.mark.statistical
def test_below_it_the_glass_order_sets_in_and_replica_symmetry_breaks():
    graph = RegularGraph(3)
    beta = 1.3 * math.atanh(math.sqrt(0.5))
    found = solved(graph, beta)
    paramagnet = -math.log(2) - 1.5 * math.log(math.cosh(beta))
    assert found.order["q"] > 0.2
    assert abs(found.order["m"]) < 0.05
    assert found.stability < -0.01
    # As in SK, f of the glass lies above that of the paramagnet, whose entropy would be too low.
    assert found.beta_f > paramagnet + 10 * found.beta_f_error


def test_ferromagnets_order_where_their_branches_say():
    for c in (3, 4, 8):
        beta_c = math.atanh(1.0 / (c - 1))
        above, below = (solved(RegularGraph(c, "ferro"), s * beta_c) for s in (0.99, 1.01))
        assert above.order["m"] == 0.0
        assert above.beta_f == pytest.approx(-math.log(2) - 0.5 * c * math.log(math.cosh(0.99 * beta_c)), abs=1e-13)
        assert 0.05 < below.order["m"] < 0.5
        assert below.stability > 0.0


@pytest.mark.parametrize("field", [0.4, -0.4])
def test_degree_two_is_the_chain(field):
    """The larger eigenvalue of the transfer matrix, and its derivatives."""
    def log_lambda(beta: float, h: float) -> float:
        K, H = beta, beta * h
        return math.log(math.exp(K) * math.cosh(H)
                        + math.sqrt(math.exp(2 * K) * math.sinh(H) ** 2 + math.exp(-2 * K)))

    beta, d = 0.8, 1e-6
    found = solved(RegularGraph(2, "ferro", field=field), beta)
    assert found.beta_f == pytest.approx(-log_lambda(beta, field), abs=1e-13)
    slope = (log_lambda(beta + d, field) - log_lambda(beta - d, field)) / (2 * d)
    assert found.energy == pytest.approx(-slope, abs=1e-8)
    slope = (log_lambda(beta, field + d) - log_lambda(beta, field - d)) / (2 * d) / beta
    assert found.order["m"] == pytest.approx(slope, abs=1e-8)


@pytest.mark.parametrize(("p", "field", "beta"), [(0.5, 0.5, 0.6), (0.9, 0.2, 0.8)])
@pytest.mark.statistical
def test_populations_give_the_law_of_the_fields(p, field, beta):
    found = solved(RegularGraph(3, "bimodal", p=p, field=field), beta)
    exact = naive.regular_graph_beta_f(beta, 3, p, field)
    assert 0.0 < found.beta_f_error < 2e-3
    assert found.beta_f == pytest.approx(exact, abs=4 * found.beta_f_error + 2e-5)


@pytest.mark.statistical
def test_a_ferromagnet_in_the_population_is_the_single_field():
    """+-J with p = 1 is solved in closed form; the population of p = 1 - 1e-12 is the same model."""
    exact = solved(RegularGraph(4, "ferro", field=0.1), 0.5)
    found = solved(RegularGraph(4, "bimodal", p=1.0 - 1e-12, field=0.1), 0.5)
    assert found.beta_f == pytest.approx(exact.beta_f, abs=1e-9)
    assert found.energy == pytest.approx(exact.energy, abs=1e-9)
    assert found.stability == pytest.approx(exact.stability, abs=1e-9)


@pytest.mark.statistical
def test_antiferromagnets_are_glasses_without_a_field():
    """Odd loops frustrate a random graph: J = -1 on all bonds is, in law, +-J."""
    anti, glass = (solved(g, 1.2) for g in (RegularGraph(3, "ferro", -1.0), RegularGraph(3)))
    assert anti.beta_f == pytest.approx(glass.beta_f, abs=4 * math.hypot(anti.beta_f_error, glass.beta_f_error) + 1e-3)
    assert abs(anti.order["m"]) < 0.05


@pytest.mark.parametrize("graph", [
    RegularGraph(3), RegularGraph(3, "gaussian", field=0.3), RegularGraph(3, "ferro"), RegularGraph(1, "gaussian")])
def test_the_ends_of_the_range(graph):
    assert solved(graph, 0.0).beta_f == pytest.approx(-math.log(2), abs=1e-15)
    cold = solved(graph, 500.0)
    assert math.isfinite(cold.beta_f)
    assert -2.5 < cold.energy < -0.3
    assert cold.free_energy == pytest.approx(cold.energy, abs=0.02)


def test_unsettled_populations_say_so():
    """Just below a Curie point fields settle slowly: no burn-in is too little."""
    found = solve(RegularGraph(3, "bimodal", p=0.999), 0.552, Population(size=10_000, burn=0, sweeps=30), 1)
    assert found.status == "not_converged"
    assert "burn" in found.message
    assert math.isfinite(found.beta_f)


def test_the_same_seed_gives_the_same_bits():
    one, two, other = (solve(RegularGraph(3), 1.5, SMALL, seed) for seed in (3, 3, 4))
    assert one.beta_f == two.beta_f != other.beta_f
    grid = [statfe.thermodynamic_limit("random-regular", [1.2, 1.5], seed=3, workers=w, population=200, sweeps=20)
            for w in (1, 2)]
    assert [x.beta_f for x in grid[0]] == [x.beta_f for x in grid[1]]
