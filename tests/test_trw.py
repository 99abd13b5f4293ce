"""Tree-reweighted belief propagation: a bound at any messages, the polytope, the best forests, exact limits."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from statfe.junction.distribution import ExactDistribution
from statfe.models.catalogue import build_model
from statfe.models.ising import IsingModel
from statfe.propagation.belief_propagation import Graph
from statfe.propagation.spanning_forests import all_forests, cover, pair_probabilities, scaled
from statfe.propagation.tree_reweighted import Point, Reweighted
from statfe.registry import get_method, run_method
from statfe.result import FreeEnergy
from statfe.variational.fixed_point import FixedPoint
from tests.models_for_tests import disconnected, isolated, peaked
from tests.naive import ising as naive
from tests.naive.local_polytope import local_minimum, mutual_informations, spanning_trees


def solve(model: IsingModel, *betas: float, **options: object) -> list[FreeEnergy]:
    return run_method(model, np.array(betas), "trw", seed=1, **options)


def random_model(seed: int, most: int = 9) -> IsingModel:
    """Any graph, often in pieces, with fields on every other model."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, most + 1))
    i, j = np.triu_indices(n, 1)
    kept = rng.random(len(i)) < rng.uniform(0.1, 1.0)
    return IsingModel.from_edges(
        n, i[kept], j[kept], rng.normal(size=kept.sum()), rng.normal(size=n) * (seed % 2))


def tree(n: int, seed: int) -> IsingModel:
    rng = np.random.default_rng(seed)
    parents = [int(rng.integers(k)) for k in range(1, n)]
    return IsingModel.from_edges(n, parents, np.arange(1, n), 1.5 * rng.normal(size=n - 1), rng.normal(size=n))


def at(reweighted: Reweighted, shares: np.ndarray, messages: np.ndarray) -> Point:
    """The bound at these very messages."""
    return reweighted._bound(reweighted._law(shares), shares, None, FixedPoint(messages, np.nan, 0, False))


@pytest.mark.parametrize("seed", range(40))
def test_never_above_the_truth(seed):
    model = random_model(seed)
    betas = np.random.default_rng(seed).uniform(0, 3, 3)
    for result in solve(model, *betas):
        assert result.kind in ("lower_bound", "exact")
        assert result.status == "converged"
        assert result.beta_f <= naive.beta_f(model, result.beta) + 1e-10


@pytest.mark.parametrize("iterations", [1, 3])
def test_a_bound_however_early_it_stops(iterations):
    for seed in range(1, 30, 2):
        model = random_model(seed)
        (result,) = solve(model, 2.0, iterations=iterations, updates=seed % 3)
        assert result.beta_f <= naive.beta_f(model, 2.0) + 1e-10


@pytest.mark.parametrize("seed", range(20))
def test_a_bound_at_random_messages(seed):
    """(4) holds for messages that never heard of the model; most are far from any fixed point."""
    model, rng = random_model(2 * seed + 1), np.random.default_rng(seed)
    reweighted = Reweighted(Graph.of(model), 1.3)
    shares = pair_probabilities(model, scaled(rng.random(model.n_pairs)))
    for size in (0.0, 0.1, 1.0, 5.0):
        found = at(reweighted, shares, size * rng.normal(size=2 * model.n_pairs))
        assert found.log_z >= -naive.beta_f(model, 1.3) - 1e-10
        assert found.slack >= 0.0


def test_far_from_a_fixed_point_only_the_slack_makes_it_a_bound():
    model, rng = tree(8, 1), np.random.default_rng(1)
    reweighted = Reweighted(Graph.of(model), 1.0)
    found = [at(reweighted, np.ones(7), rng.normal(size=14)) for _ in range(200)]
    assert min(point.settled for point in found) < -naive.beta_f(model, 1.0) - 0.1
    assert min(point.log_z for point in found) >= -naive.beta_f(model, 1.0)


def in_polytope(model: IsingModel, rho: np.ndarray) -> bool:
    """Edmonds: no set of sites holds more than its size less one."""
    i, j, _ = model.pairs
    for size in range(2, model.n_sites + 1):
        for chosen in itertools.combinations(range(model.n_sites), size):
            inside = np.isin(i, chosen) & np.isin(j, chosen)
            if rho[inside].sum() > size - 1:
                return False
    return True


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("law", [all_forests, cover])
def test_probabilities_lie_in_the_forest_polytope(seed, law, monkeypatch):
    monkeypatch.setattr(
        "statfe.propagation.spanning_forests.MAX_INVERSE", 1000 if law is all_forests else 0)
    model, rng = random_model(seed + 50, most=8), np.random.default_rng(seed)
    if model.n_pairs == 0:
        return
    for low in (1.0, 1e-3, 1e-6):
        rho = pair_probabilities(model, scaled(low ** rng.random(model.n_pairs)))
        assert np.all(rho > 0.0)
        assert in_polytope(model, rho * (1.0 if not model.is_forest else 1.0 - 1e-12))
        assert rho.sum() == pytest.approx(model.n_sites - 1 - model.components.max(), rel=1e-6)


def test_probabilities_are_those_of_all_trees():
    model, rng = peaked(5), np.random.default_rng(3)
    trees, weights = spanning_trees(model), rng.random(10) + 0.1
    assert len(trees) == 5**3  # Cayley
    law = np.prod(np.where(trees > 0, weights, 1.0), axis=1)
    np.testing.assert_allclose(all_forests(model, weights), law / law.sum() @ trees, rtol=1e-12)


FIXED = {
    "grid": build_model("ea:shape=3x4,couplings=gaussian,seed=3,field=0.3,boundary=open"),
    "torus": build_model("ea:shape=4x4,seed=2,field=0.2"), "sk": build_model("sk:n=8,seed=1"),
    "cube": build_model("ea:shape=2x2x3,seed=1,field=-0.4,boundary=open"), "peaked": peaked(6),
    "random-regular": build_model("random-regular:n=12,degree=3,couplings=gaussian,seed=2")}


@pytest.mark.parametrize("beta", [0.3, 0.9])
@pytest.mark.parametrize("name", FIXED)
def test_value_and_moments_are_those_of_the_functional(name, beta):
    """The convex functional of Wainwright, Jaakkola and Willsky over the local polytope, by scipy."""
    model = FIXED[name]
    reweighted = Reweighted(Graph.of(model), beta, iterations=3000, tolerance=1e-12)
    point = reweighted.solve(reweighted.first())
    value, means, correlations = local_minimum(model, beta, point.shares)
    assert -point.log_z == pytest.approx(value, abs=1e-8)
    moments = reweighted.moments(point)
    np.testing.assert_allclose(moments.magnetizations, means, atol=1e-5)
    np.testing.assert_allclose(moments.correlations, correlations, atol=1e-5)


@pytest.mark.parametrize("n", [4, 5])
def test_no_other_law_of_trees_does_better(n):
    """The bound is convex in the law, with minus the sum of a tree's mutual informations as slope; all trees."""
    model = peaked(n)
    reweighted = Reweighted(Graph.of(model), 0.7)
    first = reweighted.first()
    point, _, gain = reweighted.improved(first, 60)
    informations = mutual_informations(model, *local_minimum(model, 0.7, point.shares)[1:])
    better = np.max(spanning_trees(model) @ informations) - point.shares @ informations
    assert gain == pytest.approx(better, abs=1e-4)
    assert better < 1e-3
    assert point.log_z < first.log_z - 1e-3


def test_larger_models_step_towards_forests(monkeypatch):
    monkeypatch.setattr("statfe.propagation.spanning_forests.MAX_INVERSE", 10)
    model = build_model("ea:shape=4x4,couplings=gaussian,seed=2,field=0.2")
    values = [solve(model, 1.0, updates=k)[0] for k in (0, 5, 60)]
    assert values[0].beta_f < values[1].beta_f < values[2].beta_f <= naive.beta_f(model, 1.0)
    assert values[2].stats["gain"] < 0.2 * values[0].stats["gain"]


@pytest.mark.parametrize("model", [tree(12, 1), tree(9, 2), disconnected(), isolated(1), isolated(4)])
def test_exact_on_forests(model):
    for result in solve(model, 0.0, 0.7, 3.0):
        assert result.kind == "exact"
        assert result.beta_f == pytest.approx(naive.beta_f(model, result.beta), rel=1e-12, abs=1e-11)
        truth, found = ExactDistribution(model, result.beta), result.moments()
        np.testing.assert_allclose(found.magnetizations, truth.magnetizations, atol=1e-11)
        np.testing.assert_allclose(found.correlations, truth.pair_correlations, atol=1e-11)


@pytest.mark.parametrize("options", [{"iterations": 1}, {"iterations": 3}, {"tolerance": 0.1}])
def test_unsettled_messages_on_a_forest_give_a_bound_and_nothing_exact(options):
    model = tree(12, 1)
    (found,) = solve(model, 1.5, **options)
    exact = naive.beta_f(model, 1.5)
    assert found.beta_f <= exact + 1e-11
    assert found.kind == ("exact" if found.beta_f == pytest.approx(exact, abs=1e-9) else "lower_bound")


def test_huge_beta_is_finite():
    for spec in ("ising:shape=4x4", "ising:shape=3x3,coupling=-1", "ea:shape=4x4,seed=1,field=0.3", "sk:n=9,seed=1"):
        model = build_model(spec)
        (result,) = solve(model, 500.0)
        assert math.isfinite(result.beta_f)
        assert result.beta_f <= naive.beta_f(model, 500.0) + 1e-10


def test_a_ferromagnet_at_low_temperature_is_nearly_exact():
    model = build_model("ising:shape=4x4")
    (result,) = solve(model, 3.0)
    assert result.beta_f == pytest.approx(naive.beta_f(model, 3.0), abs=1e-3)


def test_messages_that_have_not_settled_are_said():
    model = build_model("ea:shape=4x4,couplings=gaussian,seed=1,field=0.3")
    (result,) = solve(model, 20.0, iterations=1, updates=0)
    assert result.status == "not_converged"
    assert "raise iterations" in result.message
    assert result.beta_f <= naive.beta_f(model, 20.0)
    assert result.stats["slack"] > 1e-4 * 16


def test_dense_giants_are_refused():
    sparse = build_model("random-regular:n=2000,degree=3,seed=1")
    dense = build_model("curie-weiss:n=1600")
    assert get_method("trw").obstacle(sparse) == ""
    assert "tap" in get_method("trw").obstacle(dense)


def test_ten_thousand_bonds():
    (result,) = solve(build_model("random-regular:n=6000,degree=3,seed=1"), 0.6)
    (bethe,) = run_method(build_model("random-regular:n=6000,degree=3,seed=1"), np.array([0.6]), "bethe", seed=1)
    assert result.status == "converged"
    assert bethe.beta_f - 0.15 * 6000 < result.beta_f < bethe.beta_f
