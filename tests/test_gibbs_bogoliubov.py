"""The Gibbs-Bogoliubov bound: a bound, a minimum, and the lowest that a far longer search finds."""

from __future__ import annotations

import functools
import math

import numpy as np
import pytest
import scipy.sparse.linalg
from scipy.optimize import minimize

from statfe.methods.approximate import gibbs_bogoliubov, mean_field
from statfe.models.catalogue import build_model
from statfe.models.ising import IsingModel
from statfe.registry import run_method
from statfe.result import FreeEnergy
from statfe.trial import ProductTrial
from statfe.variational.fixed_point import FixedPoint
from statfe.variational.mean_field import product_beta_f
from statfe.variational.minima import Minima, settle
from statfe.variational.solutions import Search, Solution
from statfe.variational.stability import _edge, soft_mode
from tests import models_for_tests as special
from tests.naive import ising as naive


@functools.cache
def model(name: str) -> IsingModel:
    return build_model(name)


def result(of: IsingModel, beta: float, seed: int = 1, **options: object) -> FreeEnergy:
    return run_method(of, np.array([beta]), "gibbs-bogoliubov", seed=seed, **options)[0]


def bound(m: IsingModel, beta: float, lambdas: np.ndarray) -> tuple[float, np.ndarray]:
    """The bound and its gradient in lambda, from the definitions."""
    J = np.zeros((m.n_sites, m.n_sites))
    np.add.at(J, (m.rows, m.cols), m.couplings)
    J += J.T
    means = np.tanh(lambdas)
    p = 0.5 * (1 + np.array([means, -means]))
    value = np.sum(p * np.log(np.maximum(p, 1e-300))) - beta * means @ (0.5 * J @ means + m.fields)
    return float(value), (1 - means**2) * (lambdas - beta * (J @ means + m.fields))


def descents(m: IsingModel, beta: float, starts: int) -> list[float]:
    """Values of the bound that BFGS reaches from random starts in the box that holds all stationary points.

    In lambda the bound is flat near saturation, so BFGS stops early; one site after the other is solved to finish.
    """
    rng = np.random.default_rng(0)
    J = m.adjacency.toarray()
    reach = beta * (abs(J).sum(axis=1) + np.abs(m.fields))
    values = []
    for _ in range(starts):
        x = minimize(lambda x: bound(m, beta, x), rng.uniform(-1, 1, m.n_sites) * reach, jac=True, method="BFGS",
                     options={"gtol": 1e-5, "maxiter": 100}).x
        means = np.tanh(x)
        for _ in range(100):
            before = means.copy()
            for i in range(m.n_sites):
                means[i] = math.tanh(beta * (J[i] @ means + m.fields[i]))
            if np.max(np.abs(means - before)) < 1e-10:
                break
        values.append(bound(m, beta, beta * (J @ means + m.fields))[0])
    return values


def stationary(m: IsingModel, beta: float, lambdas: np.ndarray) -> Search:
    """A search that found nothing but the point `lambdas`."""
    trial = ProductTrial(lambdas)
    point = FixedPoint(lambdas, 0.0, 1, True)
    return Search([Solution(product_beta_f(m, beta, trial), trial.means, point, "given")], [])


@pytest.mark.parametrize("seed", range(10))
def test_never_below_the_truth_nor_above_mean_field(seed):
    rng = np.random.default_rng(seed)
    i, j = np.triu_indices(9, 1)
    m = IsingModel.from_edges(9, i, j, rng.normal(size=36), rng.normal(size=9) * rng.choice([0.0, 0.5]))
    betas = np.array([1.5, 0.1, 0.4, 3.0])
    found = run_method(m, betas, "gibbs-bogoliubov", seed=seed)
    plain = run_method(m, betas, "mean-field", seed=seed)
    for g, p, beta in zip(found, plain, betas, strict=True):
        assert g.kind == "upper_bound"
        assert naive.beta_f(m, beta) <= g.beta_f + 1e-12
        assert g.beta_f <= p.beta_f


def test_mean_field_runs_along_a_grid_are_never_lower_in_a_glass():
    m, betas = model("ea:shape=6x6x6,seed=3"), np.linspace(0.1, 2.5, 7)
    plain = run_method(m, betas, "mean-field", seed=5)
    for restarts in (0, 20):
        found = run_method(m, betas, "gibbs-bogoliubov", seed=5, restarts=restarts)
        reference = plain if restarts else run_method(m, betas, "mean-field", seed=5, restarts=0)
        assert all(g.beta_f <= p.beta_f for g, p in zip(found, reference, strict=True))
        if restarts:
            assert any(g.beta_f < p.beta_f - 1e-3 for g, p in zip(found, reference, strict=True))


def test_its_first_search_is_the_default_one_of_mean_field():
    (restarts,) = (o for o in mean_field.METHOD.options if o.name == "restarts")
    assert restarts.default == gibbs_bogoliubov.NAIVE_RESTARTS
    ours = {o.name: o.default for o in gibbs_bogoliubov.METHOD.options}
    theirs = {o.name: o.default for o in mean_field.METHOD.options}
    assert {name: 3 if name == "restarts" else ours[name] for name in theirs} == theirs


@pytest.mark.parametrize("spec", [
    "sk:n=12,seed=2", "sk:n=16,seed=5", "ea:shape=4x4,seed=2", "hopfield:n=14,patterns=3,seed=1",
    "random-regular:n=14,degree=3,couplings=gaussian,seed=4", "triangular:shape=3x4,coupling=-1,field=0.3"])
@pytest.mark.parametrize("beta", [0.8, 2.5])
def test_finds_what_an_exhaustive_search_finds(spec, beta):
    m = model(spec)
    found = result(m, beta)
    lowest = min(descents(m, beta, 100))
    assert found.beta_f == pytest.approx(lowest, abs=1e-7)


def test_frustration_gives_other_minima_and_lists_them_in_order():
    m = special.peaked(8, 5)
    found = result(m, 3.0)
    listed = found.stats["other_minima"]
    assert listed
    assert listed == sorted(listed)
    assert found.beta_f <= listed[0]
    # Each is a value of the bound where BFGS stops too.
    values = descents(m, 3.0, 200)
    for value in listed:
        assert min(abs(v - value) for v in values) < 1e-6


def test_more_restarts_never_raise_the_bound():
    m = model("ea:shape=4x4x4,seed=1")
    values = [result(m, 2.0, restarts=r).beta_f for r in (0, 3, 20, 60)]
    assert values == sorted(values, reverse=True)


def test_soft_mode_is_the_hessian():
    # Equation (1) of statfe.variational.minima against second differences of the bound.
    m, beta = special.peaked(6, 3), 0.9
    x = np.zeros(6)
    for _ in range(2000):
        x = 0.5 * x + 0.5 * beta * (m.adjacency @ np.tanh(x) + m.fields)
    step = 1e-5
    hessian = np.array([
        (bound(m, beta, x + step * e)[1] - bound(m, beta, x - step * e)[1]) / (2 * step) for e in np.eye(6)])
    trial = ProductTrial(x)
    root = np.sqrt(trial.variances)
    mode = soft_mode(m, beta, trial)
    values, vectors = np.linalg.eigh(hessian / np.outer(root, root))
    assert 1.0 - mode.theta == pytest.approx(values[0], abs=1e-6)
    expected = vectors[:, 0] / root
    cosine = mode.direction @ expected / np.linalg.norm(mode.direction) / np.linalg.norm(expected)
    assert abs(cosine) == pytest.approx(1.0, abs=1e-6)


def test_large_and_small_eigenvalue_searches_agree():
    m = model("ea:shape=5x5x5,couplings=gaussian,seed=1")
    theta, vector = _edge(m.adjacency)
    dense = np.linalg.eigvalsh(m.adjacency.toarray())[-1]
    assert theta == pytest.approx(dense, rel=1e-8)
    assert np.linalg.norm(m.adjacency @ vector - theta * vector) < 1e-4


@pytest.mark.parametrize("spec", ["curie-weiss:n=40", "ising:shape=10x10", "ising:shape=6x6,coupling=-1"])
def test_the_disordered_saddle_is_left(spec):
    m = model(spec)
    theta = soft_mode(m, 1.0, ProductTrial(np.zeros(m.n_sites))).theta
    beta = 1.3 / theta
    saddle = stationary(m, beta, np.zeros(m.n_sites))
    minima = settle(m, beta, saddle, tolerance=1e-12, iterations=5000)
    assert minima.saddles_left >= 1
    assert minima.stabilities[0] > 0.0
    # Here theta = beta z J, so the mean solves m = tanh(1.3 m).
    magnetization = 0.5
    for _ in range(500):
        magnetization = math.tanh(1.3 * magnetization)
    p = 0.5 * (1 + magnetization)
    per_site = -0.65 * magnetization**2 + p * math.log(p) + (1 - p) * math.log(1 - p)
    assert minima.search.solutions[0].beta_f == pytest.approx(m.n_sites * per_site, rel=1e-10)
    found = result(m, beta)
    assert found.beta_f == pytest.approx(m.n_sites * per_site, rel=1e-10)
    disordered = -m.n_sites * math.log(2)
    assert all(abs(other - disordered) > 1e-6 for other in found.stats["other_minima"])


def test_above_its_transition_the_disordered_state_stays():
    m = model("ising:shape=10x10")
    minima = settle(m, 0.2, stationary(m, 0.2, np.zeros(100)), tolerance=1e-12, iterations=5000)
    assert minima.saddles_left == 0
    assert minima.stabilities == [pytest.approx(0.2)]


def test_two_walls_that_balance_are_a_saddle():
    # Two domains of equal size on a ring: by symmetry stationary, with m = 0 on the two sites between them.
    m, beta = model("ising:shape=10"), 0.8
    x = np.array([0, 1, 1, 1, 1, 0, -1, -1, -1, -1], dtype=float)
    for _ in range(3000):
        x = beta * (m.adjacency @ np.tanh(x))
        x[[0, 5]] = 0.0
    np.testing.assert_allclose(x, beta * (m.adjacency @ np.tanh(x)), atol=1e-12)
    minima = settle(m, beta, stationary(m, beta, x), tolerance=1e-12, iterations=5000)
    assert minima.saddles_left >= 1
    aligned = minimize(lambda y: bound(m, beta, np.full(10, y[0]))[0], [1.0], method="Nelder-Mead").fun
    assert minima.search.solutions[0].beta_f == pytest.approx(aligned, abs=1e-6)


def test_at_the_transition_it_converges():
    found = result(model("ising:shape=8x8"), 0.25)
    assert found.status == "converged"
    assert found.beta_f == pytest.approx(-64 * math.log(2), rel=1e-12)


def test_what_is_reported_is_a_minimum():
    for seed in range(5):
        m = special.peaked(8, seed)
        for beta in (0.5, 2.0):
            assert result(m, beta).stats["stability"] > -1e-6


def test_a_saddle_that_cannot_be_left_in_time_is_no_result():
    m = model("curie-weiss:n=40")
    minima = settle(m, 1.2, stationary(m, 1.2, np.zeros(40)), tolerance=1e-14, iterations=2)
    assert not minima.found
    assert math.isfinite(minima.unsettled)
    assert minima.search.failure("upper_bound").status == "not_converged"


def test_a_minimum_above_a_point_that_led_nowhere_is_no_result():
    search = stationary(model("curie-weiss:n=40"), 0.5, np.zeros(40))
    lowest = search.solutions[0].beta_f
    assert Minima(search, [0.5], 0, lowest + 1.0).found
    assert not Minima(search, [0.5], 1, lowest - 1.0).found


def test_the_solutions_of_mean_field_are_listed_too():
    m, beta = model("ea:shape=6x6x6,seed=3"), 2.5
    (plain,) = run_method(m, np.array([beta]), "mean-field", seed=5)
    found = result(m, beta, seed=5)
    values = np.array([found.beta_f, *found.stats["other_minima"]])
    assert plain.stats["other_solutions"]
    for value in (plain.beta_f, *plain.stats["other_solutions"]):
        assert np.min(np.abs(values - value)) < 1e-9


def test_exact_where_the_truth_is_a_product():
    for m, beta in ((special.isolated(), 0.9), (special.peaked(6, 3), 0.0)):
        found = result(m, beta)
        assert found.kind == "exact"
        assert found.beta_f == pytest.approx(naive.beta_f(m, beta), rel=1e-13)


def test_too_few_iterations_is_a_failure():
    found = result(special.peaked(6, 3), 2.0, iterations=1)
    assert (found.status, found.kind) == ("not_converged", "upper_bound")
    assert math.isnan(found.beta_f)
    assert "iterations" in found.message
    assert found.stats["failed_starts"] >= 20


def test_same_bits_for_any_number_of_workers_and_any_order_of_betas():
    m, betas = model("ea:shape=4x4x4,seed=2"), np.array([0.3, 0.8, 1.5])
    one = run_method(m, betas, "gibbs-bogoliubov", seed=4, workers=1)
    two = run_method(m, betas, "gibbs-bogoliubov", seed=4, workers=2)
    back = run_method(m, betas[::-1], "gibbs-bogoliubov", seed=4)
    assert [r.beta_f for r in one] == [r.beta_f for r in two] == [r.beta_f for r in reversed(back)]
    assert one[2].stats["other_minima"] == two[2].stats["other_minima"]


def test_gauge_invariant_and_twice_as_much_for_two_copies():
    m, beta = special.peaked(6, 4), 1.2
    alone = result(m, beta).beta_f
    signs = np.random.default_rng(2).choice([-1.0, 1.0], size=6)
    turned = IsingModel.from_edges(
        6, m.rows, m.cols, m.couplings * signs[m.rows] * signs[m.cols], m.fields * signs)
    assert result(turned, beta).beta_f == pytest.approx(alone, rel=1e-11)
    twice = IsingModel.from_edges(
        12, np.append(m.rows, m.rows + 6), np.append(m.cols, m.cols + 6), np.tile(m.couplings, 2), np.tile(m.fields, 2))
    assert result(twice, beta).beta_f == pytest.approx(2 * alone, rel=1e-11)


def frozen_star(n: int) -> IsingModel:
    """A hub held down by a field that no leaf can turn, and leaves of no coupling to each other."""
    leaves = np.arange(1, n + 1)
    return IsingModel.from_edges(
        n + 1, np.zeros(n, dtype=int), leaves, np.full(n, 0.5), np.concatenate([[-0.217 * n], np.full(n, 0.5)]))


def test_where_all_variances_underflow_there_is_no_soft_mode():
    star = frozen_star(1000)
    assert soft_mode(star, 2.0, ProductTrial(np.full(1001, 400.0))).theta == 0.0
    found = result(star, 2.0)
    assert found.status == "converged", found.message
    # Without coupling between leaves: the sum over the hub's two states is exact.
    exact = -np.logaddexp(*(
        2.0 * s * -217.0 + 1000 * np.logaddexp(*(np.array([1.0, -1.0]) * (1.0 + s))) for s in (1.0, -1.0)))
    assert found.beta_f >= exact - 1e-9
    assert found.beta_f == pytest.approx(exact, rel=1e-3)


@pytest.mark.parametrize("size", [1.0, 1e-100, 1e-200, 1e-300, 5e-324])
@pytest.mark.parametrize("n", [8, 60])
def test_the_edge_is_found_at_any_scale_and_rank(n, size):
    one = scipy.sparse.csr_array(([size, size], ([0, 1], [1, 0])), shape=(n, n))
    assert _edge(one)[0] == pytest.approx(size, rel=1e-6)
    assert _edge(scipy.sparse.csr_array((n, n)))[0] == 0.0


def test_a_search_that_fails_counts_as_stalled(monkeypatch):
    def fails(*args: object, **options: object) -> None:
        raise scipy.sparse.linalg.ArpackError(-9999)

    monkeypatch.setattr(scipy.sparse.linalg, "eigsh", fails)
    theta, guess = _edge(scipy.sparse.csr_array(np.ones((40, 40))))
    assert theta == np.inf
    assert np.all(np.isfinite(guess))
    assert _edge(scipy.sparse.csr_array(np.full((4, 4), np.inf)))[0] == np.inf
