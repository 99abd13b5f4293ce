"""The expansion at fixed means, its solutions, and linear response of the whole mean-field family."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import scipy.sparse

from statfe.models.catalogue import build_model
from statfe.models.ising import IsingModel
from statfe.registry import run_method
from statfe.result import FreeEnergy
from statfe.trial import ProductTrial
from statfe.variational import expansion, linear_response
from tests.models_for_tests import disconnected, frustrated_triangle, peaked
from tests.naive.approximate_tap_bethe import mean_field_beta_f, tap_beta_f
from tests.naive.expansion import taylor
from tests.naive.ising import beta_f, probabilities, states


def from_pairs(n: int, pairs: list[tuple[int, int]], seed: int) -> IsingModel:
    rng = np.random.default_rng(seed)
    rows, cols = zip(*pairs, strict=True)
    return IsingModel.from_edges(n, rows, cols, rng.normal(size=len(pairs)), 0.4 * rng.normal(size=n))


GRAPHS = {
    "one pair": from_pairs(2, [(0, 1)], 1),
    "tree": from_pairs(5, [(0, 1), (1, 2), (1, 3), (3, 4)], 2),
    "triangle": from_pairs(3, [(0, 1), (1, 2), (0, 2)], 3),
    "square": from_pairs(4, [(0, 1), (1, 2), (2, 3), (0, 3)], 4),
    "two triangles on a bond": from_pairs(4, [(0, 1), (1, 2), (0, 2), (1, 3), (2, 3)], 5),
    "three squares on a pair of corners": from_pairs(5, [(0, 2), (0, 3), (0, 4), (1, 2), (1, 3), (1, 4)], 6),
    "complete": from_pairs(5, list(itertools.combinations(range(5), 2)), 7),
    "pieces": disconnected(),
}


def means_of(model: IsingModel, seed: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-0.8, 0.8, model.n_sites)


def solve(model: IsingModel, beta: float, method: str = "plefka", **options: object) -> FreeEnergy:
    return run_method(model, np.array([beta]), method, seed=1, **options)[0]


@pytest.mark.parametrize("name", GRAPHS)
def test_terms_are_the_taylor_coefficients_of_the_free_energy_at_fixed_means(name):
    model = GRAPHS[name]
    m = means_of(model)
    expected = taylor(model, m, 5)
    T, sites = expansion.coupling_matrix(model, 1.0), expansion.Sites.of(ProductTrial(np.arctanh(m)))
    found = [expansion.term(T, sites, k).value for k in (2, 3, 4)]
    np.testing.assert_allclose(found, expected[2:], atol=2e-10)


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize("name", GRAPHS)
def test_slope_and_hessian_are_those_of_the_value(name, order, sparse, monkeypatch):
    if sparse:
        monkeypatch.setattr(expansion, "DENSE_SITES", 0)
        monkeypatch.setattr(expansion, "DENSE_SHARE", 2.0)
    model, beta, d = GRAPHS[name], 0.7, 1e-5
    m = means_of(model)
    T = expansion.coupling_matrix(model, beta)
    assert isinstance(T, np.ndarray) != sparse

    def value(at: np.ndarray) -> float:
        return expansion.expanded_beta_f(model, beta, ProductTrial(np.arctanh(at)), order)[-1]

    def slope(at: np.ndarray) -> np.ndarray:
        naive = np.arctanh(at) - beta * (model.adjacency @ at + model.fields)
        sites = expansion.Sites.of(ProductTrial(np.arctanh(at)))
        return naive + sum(
            (expansion.term(T, sites, k).chained(sites.slopes) for k in range(2, order + 1)), np.zeros(len(at)))

    steps = d * np.eye(model.n_sites)
    by_value = [(value(m + step) - value(m - step)) / (2 * d) for step in steps]
    np.testing.assert_allclose(slope(m), by_value, atol=1e-8)
    by_slope = np.array([(slope(m + step) - slope(m - step)) / (2 * d) for step in steps])
    scaled = expansion.scaled_hessian(model, beta, ProductTrial(np.arctanh(m)), order)
    assert isinstance(scaled, np.ndarray) != sparse
    scaled = scaled.toarray() if sparse else scaled
    root = np.sqrt(1 - m**2)
    np.testing.assert_allclose(scaled, root[:, None] * by_slope * root, atol=1e-8)


def test_orders_one_and_two_are_naive_mean_field_and_tap():
    for model in (peaked(), frustrated_triangle(), disconnected()):
        m = means_of(model)
        found = expansion.expanded_beta_f(model, 0.8, ProductTrial(np.arctanh(m)), 2)
        assert found[0] == pytest.approx(mean_field_beta_f(model, 0.8, m), rel=1e-13)
        assert found[1] == pytest.approx(tap_beta_f(model, 0.8, m), rel=1e-13)


@pytest.mark.parametrize("spec", [
    "ising:shape=4x4", "ea:shape=4x4,seed=2,field=0.2", "hopfield:n=12,patterns=2,seed=1"])
def test_lower_orders_are_those_of_their_methods(spec):
    model = build_model(spec)
    for beta in (0.2, 0.55):
        result = solve(model, beta, order=4)
        orders = result.stats["orders"]
        naive, tap, third = (solve(model, beta, m) for m in ("mean-field", "tap", "plefka:order=3"))
        for row, other in zip(orders, (naive, tap, third), strict=False):
            assert row["status"] == other.status
            assert row["beta_f"] == pytest.approx(other.beta_f, rel=1e-10, nan_ok=True)
        assert solve(model, beta, order=1).beta_f == pytest.approx(naive.beta_f, rel=1e-12)
        assert solve(model, beta, order=2).beta_f == pytest.approx(tap.beta_f, rel=1e-12, nan_ok=True)
        assert [row["order"] for row in orders] == [1, 2, 3, 4]
        if result.status == "converged":
            assert orders[3]["at_this_point"] == pytest.approx(result.beta_f, rel=1e-13)
            # A variational value at another point than its own minimum is not below it.
            assert orders[0]["at_this_point"] >= naive.beta_f - 1e-10
    assert solve(model, 0.2, order=1).kind == "upper_bound"


@pytest.mark.parametrize("order", [3, 4])
def test_solutions_are_minima(order):
    for spec, beta in (("triangular:shape=3x3", 0.5), ("ea:shape=3x4,seed=3,field=0.4", 0.3), ("sk:n=12,seed=1", 0.6)):
        model = build_model(spec)
        result = solve(model, beta, order=order)
        assert result.status == "converged"
        m = result.moments().magnetizations
        rng = np.random.default_rng(5)
        for _ in range(20):
            step = 1e-3 * (1 - m**2) * rng.normal(size=len(m))
            near = expansion.expanded_beta_f(model, beta, ProductTrial(np.arctanh(m + step)), order)[-1]
            assert near > result.beta_f - 1e-12


@pytest.mark.parametrize(("order", "ratio"), [(1, 4.0), (2, 8.0), (3, 16.0), (4, 32.0)])
def test_the_error_is_of_the_next_order(order, ratio):
    model = peaked()
    small, large = (abs(solve(model, b, order=order).beta_f - beta_f(model, b)) for b in (0.01, 0.02))
    assert large / small == pytest.approx(ratio, rel=0.25)


def test_every_order_is_better_in_a_strong_field():
    model = IsingModel.from_edges(4, [0, 1, 2, 0], [1, 2, 3, 3], [1.0, 0.8, -0.5, 0.7], [1.5, 1.2, 0.9, 1.4])
    errors = [abs(solve(model, 0.5, order=k).beta_f - beta_f(model, 0.5)) for k in (1, 2, 3, 4)]
    assert errors[0] > 2 * errors[1] > 4 * errors[2] > 4 * errors[3]


@pytest.mark.parametrize("order", [3, 4])
def test_no_valid_solution_is_said(order):
    result = solve(frustrated_triangle(), 1.5, order=order)
    assert result.status == "diverged"
    assert math.isnan(result.beta_f)
    assert math.isfinite(result.stats["stationary_beta_f"])
    assert "lower beta" in result.message
    short = solve(peaked(), 1.0, order=order, iterations=1)
    assert short.status == "not_converged"
    assert "raise iterations" in short.message
    assert math.isnan(short.stats["orders"][-1]["beta_f"])


@pytest.mark.parametrize("beta", [1e-300, 500.0])
def test_extreme_betas(beta):
    for spec in ("ising:shape=4x4", "ising:shape=3x3,coupling=-1", "ea:shape=3x3,seed=1,field=0.1"):
        for method in ("plefka:order=4", "adaptive-tap"):
            result = solve(build_model(spec), beta, method)
            assert math.isfinite(result.beta_f) or result.message
            if beta < 1:
                assert result.beta_f == pytest.approx(-build_model(spec).n_sites * math.log(2), rel=1e-12)
    frozen = solve(build_model("ising:shape=4x4"), beta, order=4)
    if beta > 1:
        assert frozen.beta_f == pytest.approx(-32 * beta, rel=1e-12)


@pytest.mark.parametrize("spec", ["sk:n=2000,seed=1", "ising:shape=1000x1000"])
def test_large_models_are_refused(spec):
    from statfe.variational.orders import obstacle

    assert "use tap" in obstacle(build_model(spec))
    assert obstacle(build_model("sk:n=100,seed=1")) == ""
    assert obstacle(build_model("ising:shape=100x100")) == ""


METHODS = ["mean-field", "tap", "plefka:order=3", "plefka:order=4", "adaptive-tap"]


def with_field(model: IsingModel, fields: np.ndarray) -> IsingModel:
    return IsingModel.from_edges(model.n_sites, model.rows, model.cols, model.couplings, fields)


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("method", METHODS)
def test_linear_response_is_the_derivative_of_the_means(method, sparse, monkeypatch):
    if sparse:
        monkeypatch.setattr(expansion, "DENSE_SITES", 0)
        monkeypatch.setattr(expansion, "DENSE_SHARE", 2.0)
        monkeypatch.setattr(linear_response, "DENSE_BELOW", 0)
    beta, d = 0.35, 1e-4
    model = build_model("ea:shape=3x4,couplings=gaussian,seed=4,field=0.5")
    moments = solve(model, beta, method, tolerance=1e-13).moments()
    i, j, _ = model.pairs
    connected = moments.correlations - moments.magnetizations[i] * moments.magnetizations[j]
    for column in range(0, 12, 3):
        step = d * np.eye(12)[column]
        up, down = (
            solve(with_field(model, model.fields + side * step), beta, method, tolerance=1e-13).moments().magnetizations
            for side in (1, -1))
        mine = j == column
        np.testing.assert_allclose(((up - down) / (2 * d * beta))[i[mine]], connected[mine], atol=1e-7)


@pytest.mark.parametrize(("method", "order"), [
    ("mean-field", 1), ("tap", 2), ("plefka:order=3", 3), ("plefka:order=4", 4), ("adaptive-tap", 2)])
def test_correlations_are_right_to_the_order_of_the_expansion(method, order):
    model = peaked(6, 3)
    s = states(6)
    i, j, _ = model.pairs
    errors = []
    for beta in (0.02, 0.04):
        exact = probabilities(model, beta) @ (s[:, i] * s[:, j])
        errors.append(np.max(np.abs(solve(model, beta, method).moments().correlations - exact)))
    assert errors[1] / errors[0] > 0.85 * 2.0 ** (order + 1)


def test_where_response_means_nothing_there_are_no_correlations():
    model = peaked()
    trial = ProductTrial(np.random.default_rng(1).normal(size=model.n_sites))
    i, j, _ = model.pairs
    for matrix in (-np.eye(model.n_sites), np.full((model.n_sites,) * 2, np.nan)):
        found = linear_response.response_moments(model, trial, lambda matrix=matrix: matrix)
        np.testing.assert_array_equal(found.magnetizations, trial.means)
        assert np.isnan(found.correlations).all()
        assert len(found.correlations) == len(i) == len(j)


@pytest.mark.parametrize("sparse", [False, True])
def test_correlations_that_no_spins_have_are_none(sparse):
    """Two pairs: the response of one is (B^-1)_01 = -a / (1 - a^2), outside [-1, 1] where a > 0.618."""
    model = IsingModel.from_edges(4, np.array([0, 2]), np.array([1, 3]), np.ones(2), np.zeros(4))
    B = np.eye(4)
    B[0, 1] = B[1, 0] = -0.7
    B[2, 3] = B[3, 2] = -0.5
    trial = ProductTrial(np.zeros(4))
    if sparse:
        inverse = linear_response._sparse_inverse(scipy.sparse.csc_array(B), np.array([0, 2]), np.array([1, 3]))
        np.testing.assert_allclose(inverse, [0.7 / 0.51, 0.5 / 0.75])
        negative = linear_response._sparse_inverse(scipy.sparse.csc_array(-B), np.array([0, 2]), np.array([1, 3]))
        assert np.isnan(negative).all()
    found = linear_response.response_moments(model, trial, lambda: B).correlations
    assert np.isnan(found).tolist() == [True, False]
    assert found[1] == pytest.approx(0.5 / 0.75)


def test_spins_of_a_model_too_large_are_independent():
    large = build_model("ising:shape=200x200")
    found = solve(large, 0.6, "tap").moments()
    np.testing.assert_allclose(found.correlations, np.full(80000, found.magnetizations[0] ** 2), rtol=1e-6)


def test_the_smallest_eigenvalue(monkeypatch):
    monkeypatch.setattr(linear_response, "EIGEN_DENSE", 0)
    B = expansion.scaled_hessian(build_model("ea:shape=12x12,seed=1"), 0.3, ProductTrial(np.zeros(144)), 2)
    assert not isinstance(B, np.ndarray)
    assert linear_response.lowest_eigenvalue(B) == pytest.approx(np.linalg.eigvalsh(B.toarray())[0], abs=1e-6)
    assert math.isnan(linear_response.lowest_eigenvalue(np.full((2, 2), np.nan)))
