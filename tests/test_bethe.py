"""Bethe: exact on forests, the ring, bounds, stationarity, critical points, failures."""

from __future__ import annotations

import math

import numpy as np
import pytest

from statfe.kernels.belief_propagation import message, reverse_slots
from statfe.methods.approximate.bethe import Graph, Propagation
from statfe.models.catalogue import build_model
from statfe.models.ising import IsingModel
from statfe.registry import run_method
from statfe.result import FreeEnergy
from statfe.variational.solutions import Start
from tests.models_for_tests import disconnected, frustrated_triangle, isolated, peaked
from tests.naive.approximate_tap_bethe import bethe_beta_f
from tests.naive.ising import beta_f


def solve(model: IsingModel, *betas: float, **options: object) -> list[FreeEnergy]:
    return run_method(model, np.array(betas), "bethe", seed=1, **options)


def random_tree(n: int, seed: int) -> IsingModel:
    rng = np.random.default_rng(seed)
    parents = [int(rng.integers(k)) for k in range(1, n)]
    return IsingModel.from_edges(n, parents, np.arange(1, n), rng.normal(size=n - 1) * 1.5, rng.normal(size=n))


def attractive(n: int, seed: int) -> IsingModel:
    """A ferromagnet in a random gauge, in random fields of both signs."""
    rng = np.random.default_rng(seed)
    i, j = np.triu_indices(n, 1)
    kept = rng.random(len(i)) < 0.5
    t = rng.choice([-1.0, 1.0], n)
    J = rng.exponential(size=len(i)) * t[i] * t[j]
    return IsingModel.from_edges(n, i[kept], j[kept], J[kept], rng.normal(size=n))


def test_message_is_the_formula_at_any_size() -> None:
    rng = np.random.default_rng(1)
    for a, g in rng.normal(size=(200, 2)) * 3:
        assert message(a, math.exp(-2 * abs(a)), g) == pytest.approx(
            math.atanh(math.tanh(a) * math.tanh(g)), rel=1e-10, abs=1e-15)
    for a, g, u in [(400.0, 700.0, 400.0), (1e3, -2.0, -2.0), (500.0, 500.0, 500.0 - 0.5 * math.log(2)), (0.0, 3.0, 0)]:
        assert message(a, math.exp(-2 * abs(a)), g) == pytest.approx(u, rel=1e-14)
    assert message(1e-9, math.exp(-2e-9), 1e-7) == pytest.approx(1e-16, rel=1e-6)


def test_reverse_slots() -> None:
    model = attractive(9, 2)
    reverse = reverse_slots(model.indptr, model.indices)
    row = np.repeat(np.arange(9), model.degrees)
    np.testing.assert_array_equal(row[reverse], model.indices)
    np.testing.assert_array_equal(model.indices[reverse], row)
    np.testing.assert_array_equal(reverse[reverse], np.arange(len(reverse)))


@pytest.mark.parametrize("seed", range(8))
def test_exact_on_trees_with_fields(seed: int) -> None:
    model = random_tree(3 + seed, seed)
    for result in solve(model, 0.0, 0.2, 1.0, 3.0):
        assert result.kind == "exact"
        assert result.beta_f == pytest.approx(beta_f(model, result.beta), rel=1e-12)
        assert result.stats["iterations"] <= 2


@pytest.mark.parametrize("model", [disconnected(), isolated(1), isolated(4)])
def test_exact_on_forests(model: IsingModel) -> None:
    for result in solve(model, 0.0, 0.7, 1e3):
        assert result.kind == "exact"
        assert result.beta_f == pytest.approx(beta_f(model, result.beta), rel=1e-12)


@pytest.mark.parametrize("coupling", [1.0, -1.0])
def test_ring_lacks_the_closing_factor(coupling: float) -> None:
    """Z = l1^n + l2^n and Z_Bethe = l1^n; -1 on an odd ring is frustrated, so Z < Z_Bethe."""
    n, beta = 7, 0.8
    model = IsingModel.from_edges(n, np.arange(n), (np.arange(n) + 1) % n, np.full(n, coupling))
    (result,) = solve(model, beta)
    assert result.beta_f == pytest.approx(-n * math.log(2 * math.cosh(beta)), rel=1e-13)
    gap = result.beta_f - beta_f(model, beta)
    assert gap == pytest.approx(math.log1p(coupling * math.tanh(beta) ** n), rel=1e-10)
    assert result.kind == ("upper_bound" if coupling > 0 else "uncontrolled")


def test_ring_in_a_field_is_the_larger_eigenvalue() -> None:
    n, beta, h = 6, 0.9, 0.35
    model = IsingModel.from_edges(n, np.arange(n), (np.arange(n) + 1) % n, np.ones(n), np.full(n, h))
    (result,) = solve(model, beta)
    top = math.exp(beta) * math.cosh(beta * h) + math.sqrt(
        math.exp(2 * beta) * math.sinh(beta * h) ** 2 + math.exp(-2 * beta))
    assert result.beta_f == pytest.approx(-n * math.log(top), rel=1e-12)


@pytest.mark.parametrize("model", [peaked(5), frustrated_triangle(), attractive(6, 1), build_model("ising:shape=2x3")])
def test_value_is_that_of_plain_flooding(model: IsingModel) -> None:
    """Another schedule and the belief form of the free energy give the same number."""
    (result,) = solve(model, 0.25)
    assert result.beta_f == pytest.approx(bethe_beta_f(model, 0.25, model.fields, sweeps=200), rel=1e-11)


@pytest.mark.parametrize("beta", [0.3, 1.0])
def test_stationary_in_the_cavity_fields(beta: float) -> None:
    model = attractive(7, 3)
    p = Propagation(Graph.of(model), beta)
    found = p.solve(Start("test", np.zeros(len(model.weights))), iterations=2000, tolerance=1e-13)
    assert found.point.converged
    g = p.cavities(found.point.x)
    rng = np.random.default_rng(1)
    for _ in range(5):
        d = rng.normal(size=len(g))
        slope = (p.beta_f(g + 1e-4 * d) - p.beta_f(g - 1e-4 * d)) / 2e-4
        assert abs(slope) < 1e-6
    away = g + 0.1 * rng.normal(size=len(g))
    assert abs(p.beta_f(away + 1e-4 * d) - p.beta_f(away - 1e-4 * d)) / 2e-4 > 1e-4


@pytest.mark.parametrize("seed", range(12))
def test_bound_on_balanced_models(seed: int) -> None:
    model = attractive(8, seed)
    for result in solve(model, 0.1, 0.5, 2.0, 50.0):
        assert result.status == "converged"
        assert result.kind in ("upper_bound", "exact")
        assert result.beta_f >= beta_f(model, result.beta) - 1e-10
        others = result.stats["other_solutions"]
        assert all(value >= result.beta_f for value in others)


def test_kind_follows_the_model() -> None:
    assert solve(frustrated_triangle(), 0.5)[0].kind == "uncontrolled"
    assert solve(frustrated_triangle(), 0.0)[0].kind == "exact"
    assert solve(build_model("ising:shape=4x4,coupling=-1"), 0.5)[0].kind == "upper_bound"


@pytest.mark.parametrize("spec", ["ising:shape=6x6", "random-regular:n=60,degree=4,couplings=ferro,seed=1"])
def test_critical_point_is_z_minus_one_tanh(spec: str) -> None:
    """(z - 1) tanh beta J = 1 on any 4-regular ferromagnet (Bethe 1935)."""
    critical = math.atanh(1 / 3)
    below, above = solve(build_model(spec), critical * 0.999, critical * 1.001)
    assert below.stats["overlap"] < 1e-9
    pairs = build_model(spec).n_pairs
    n = below.n_sites
    expected = -n * math.log(2) - pairs * math.log(math.cosh(below.beta))
    assert below.beta_f == pytest.approx(expected, rel=1e-12)
    assert above.stats["overlap"] > 1e-4
    assert above.beta_f < -n * math.log(2) - pairs * math.log(math.cosh(above.beta))


def test_third_order_at_small_beta() -> None:
    """On a triangle without fields the Bethe value lacks tanh^3, so its error grows as beta^3."""
    model = frustrated_triangle()
    errors = [r.beta_f - beta_f(model, r.beta) for r in solve(model, 0.02, 0.04)]
    assert errors[1] / errors[0] == pytest.approx(8.0, rel=0.02)


def test_huge_beta_does_not_overflow() -> None:
    for spec in ("ising:shape=4x4", "ising:shape=4x4,field=0.3", "ising:shape=9,boundary=open"):
        (result,) = solve(build_model(spec), 1e3)
        assert result.status == "converged"
        assert math.isfinite(result.beta_f)


@pytest.mark.parametrize("model", [peaked(), random_tree(5, 1)])
def test_forced_failure_says_what_to_change(model: IsingModel) -> None:
    (result,) = solve(model, 1.0, iterations=1)
    assert result.status == "not_converged"
    assert math.isnan(result.beta_f)
    assert "raise iterations" in result.message


def test_without_its_double_loop_it_fails_honestly() -> None:
    """Belief propagation does not settle in a glass in fields at beta = 2; there is no number then."""
    (result,) = solve(build_model("ea:shape=4x4x4,seed=0,field=0.2"), 2.0, iterations=300, double_loop="never")
    assert result.status == "not_converged"
    assert math.isnan(result.beta_f)
    assert result.stats["failed_starts"] >= 1
    assert not result.stats["plain_converged"]


@pytest.mark.parametrize(("spec", "z"), [
    ("ising:shape=6x6", 4), ("random-regular:n=60,degree=3,couplings=ferro,seed=2", 3)])
def test_the_paramagnet_repels_above_its_transition(spec: str, z: int) -> None:
    """The largest eigenvalue passes 1 where (z - 1) tanh(beta J) = 1."""
    model, critical = build_model(spec), math.atanh(1.0 / (z - 1))
    silence = np.zeros(len(model.weights))
    below, at, above = (
        Propagation(Graph.of(model), beta).growth(silence) for beta in (0.9 * critical, critical, 1.1 * critical))
    assert below < 0.95 < 1.05 < above
    assert at == pytest.approx(1.0, abs=1e-6)


def test_a_paramagnet_that_repels_is_still_a_minimum_and_the_stats_say_so() -> None:
    """2 tanh(beta)^2 = 1 at beta = .881 for the +-J glass on random-regular graphs of degree 3 (Thouless 1986)."""
    model = build_model("random-regular:n=200,degree=3,seed=1")
    below, above = solve(model, 0.84, 0.95)
    assert below.stats["growth"] < 1 < above.stats["growth"]
    assert not below.stats["repelled"]
    assert above.stats["repelled"]
    assert above.stats["softest"] > 0
    assert not above.stats["plain_converged"]
    assert above.beta_f == pytest.approx(-200 * math.log(2) - 300 * math.log(math.cosh(0.95)), rel=1e-12)
