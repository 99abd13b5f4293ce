"""Cumulants of V in closed form against sums over all states, and what the truncated sums promise."""

from __future__ import annotations

import functools
import math

import numpy as np
import pytest

from statfe.kernels.cumulants import square_sum, triangle_sums
from statfe.models.catalogue import build_model
from statfe.models.ising import IsingModel
from statfe.registry import get_method, method_spec, run_method
from statfe.result import FreeEnergy
from statfe.series import cumulant_evaluation as evaluation
from statfe.series.cumulants import cumulants, cycle_graph, partial_sums
from statfe.trial import ProductTrial
from tests import models_for_tests as special
from tests.naive import ising as naive
from tests.naive.cumulants import trial_cumulants

SPECIAL = {
    **{f"dense{n}": functools.partial(special.peaked, n, n) for n in (4, 5, 6, 7)},
    "isolated": special.isolated, "triangle": special.frustrated_triangle, "disconnected": special.disconnected}
ZOO = (
    "ising:shape=1", "ising:shape=6", "ising:shape=2x2", "ising:shape=3x3,field=0.3", "ising:shape=2x2x2",
    "triangular:shape=3x3", "ea:shape=3x3,seed=2", "sk:n=9,seed=1", "curie-weiss:n=8", "hopfield:n=9,patterns=2,seed=1",
    "random-regular:n=10,degree=3,couplings=gaussian,seed=3", "rbm:visible=5,hidden=4,seed=2")
TRIALS = ("free", "mean-field")


@functools.cache
def model(name: str) -> IsingModel:
    return SPECIAL[name]() if name in SPECIAL else build_model(name)


def result(of: IsingModel, beta: float, seed: int = 1, **options: object) -> FreeEnergy:
    return run_method(of, np.array([beta]), "cumulants", seed=seed, **options)[0]


def joined(a: IsingModel, b: IsingModel) -> IsingModel:
    """Two models side by side."""
    n = a.n_sites
    return IsingModel.from_edges(
        n + b.n_sites, np.append(a.rows, b.rows + n), np.append(a.cols, b.cols + n),
        np.append(a.couplings, b.couplings), np.append(a.fields, b.fields))


def gauged(m: IsingModel, signs: np.ndarray) -> IsingModel:
    return IsingModel.from_edges(
        m.n_sites, m.rows, m.cols, m.couplings * signs[m.rows] * signs[m.cols], m.fields * signs)


@pytest.mark.parametrize("name", [*SPECIAL, *ZOO])
@pytest.mark.parametrize("spread", [0.1, 0.6, 1.5])
def test_cumulants_are_those_of_all_states(name, spread):
    m = model(name)
    rng = np.random.default_rng(len(name))
    for beta in (0.0, 0.3, 1.1, -0.7):
        lambdas = spread * rng.normal(size=m.n_sites)
        expected = trial_cumulants(m, beta, lambdas)
        found = cumulants(m, beta, ProductTrial(lambdas), 4)
        # Brute force loses digits where V is nearly constant.
        np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-13 * max(1.0, expected[1] ** 2))


def test_every_kind_of_diagram_is_in_the_zoo():
    # Without triangles, chains or four-cycles a mistake in their terms would pass unseen.
    m = model("dense6")
    trial = ProductTrial(np.random.default_rng(0).normal(size=6))
    whole = cumulants(m, 1.0, trial, 4)
    for lost in range(m.n_bonds):
        keep = np.arange(m.n_bonds) != lost
        less = IsingModel.from_edges(6, m.rows[keep], m.cols[keep], m.couplings[keep], m.fields)
        assert np.all(np.abs(cumulants(less, 1.0, trial, 4) - whole) > 1e-3)


def test_lower_orders_are_the_first_of_the_higher():
    m, trial = model("dense5"), ProductTrial(np.linspace(-1, 1, 5))
    highest = cumulants(m, 0.7, trial, 4)
    for order in (1, 2, 3):
        np.testing.assert_array_equal(cumulants(m, 0.7, trial, order), highest[:order])
    for order in (0, 5):
        with pytest.raises(ValueError, match="order 1 to 4"):
            cumulants(m, 0.7, trial, order)


def test_partial_sums():
    np.testing.assert_allclose(
        partial_sums(np.array([3.0, 5.0, 7.0, 11.0])), np.cumsum([3.0, -5 / 2, 7 / 6, -11 / 24]), rtol=1e-15)


def test_kernels_count_cycles_of_the_complete_graph():
    m = build_model("curie-weiss:n=7")
    graph, ones = cycle_graph(m), np.ones(7)
    out, square = np.empty(2), np.empty(1)
    links = np.ones(len(graph.indices))
    triangle_sums(graph.indptr, graph.indices, links, ones, ones, np.zeros(7), out)
    square_sum(graph.indptr, graph.indices, links, square)
    assert out.tolist() == [math.comb(7, 3), 3 * math.comb(7, 3)]
    assert square[0] == 3 * math.comb(7, 4)


def test_steps_count_the_kernels_inner_loops():
    for name in ("ising:shape=4x4", "sk:n=9,seed=1", "erdos-renyi:n=40,mean_degree=4,seed=2"):
        graph = cycle_graph(build_model(name))
        near = [graph.indices[a:b] for a, b in zip(graph.indptr, graph.indptr[1:], strict=False)]
        triangles = sum(int(np.sum(near[j] < j)) for i in range(len(near)) for j in near[i] if j < i)
        paths = sum(int(np.sum(near[j] < i)) for i in range(len(near)) for j in near[i] if j < i)
        assert graph.steps(2) == 0.0
        assert graph.steps(3) == triangles
        assert graph.steps(4) == triangles + 2 * paths


def test_a_star_is_as_cheap_as_a_chain():
    n = 30_000
    star = IsingModel.from_edges(n, np.zeros(n - 1, int), np.arange(1, n), np.ones(n - 1))
    assert cycle_graph(star).steps(4) <= 3 * n


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize("name", ["triangular:shape=3x3", "dense6", "sk:n=9,seed=2", "hopfield:n=9,patterns=2,seed=1"])
def test_free_trial_is_the_high_temperature_series(name, order):
    # The remainder is of the next order in beta: c beta^(n+1) (1 + O(beta)).
    m = model(name)
    betas = np.array([0.01, 0.02, 0.04]) * (1.0 if order < 3 else 2.5)
    scale = 1.0 / math.sqrt(m.energy_variance)
    errors = [
        abs(result(m, b * scale, order=order, trial="free").beta_f - naive.beta_f(m, b * scale)) for b in betas]
    slopes = np.diff(np.log(errors)) / np.log(2.0)
    assert np.all(np.abs(slopes - (order + 1)) < 0.25), slopes


@pytest.mark.parametrize("beta", [0.02, 0.04])
def test_square_lattice_has_an_even_series(beta):
    # ln Z / N = ln 2 + beta^2 + (5/6) beta^4 + O(beta^6) on the square lattice: 2 ln cosh beta + tanh^4 beta, expanded.
    m = build_model("ising:shape=8x8")
    found = result(m, beta, order=4, trial="free")
    assert found.per_site == pytest.approx(-(math.log(2) + beta**2 + 5 / 6 * beta**4), rel=1e-14)
    assert found.stats["cumulants"][2] == 0.0
    # Kaufman 1949 at beta = 0.2: what is left is of order beta^6.
    error = -result(m, 0.2, order=4, trial="free").per_site - 0.7345335535
    assert 0.0 < -error < 5 * 0.2**6


@pytest.mark.parametrize("name", ["dense6", "ising:shape=3x3,field=0.3", "sk:n=9,seed=1"])
def test_second_order_at_mean_field_is_the_onsager_term(name):
    m, beta = model(name), 1.3
    first = result(m, beta, order=1)
    second = result(m, beta)
    (mean_field,) = run_method(m, np.array([beta]), "mean-field", seed=1)
    assert first.beta_f == mean_field.beta_f
    trial = _mean_field_means(m, beta, mean_field.beta_f)
    i, j, J = m.pairs
    onsager = -0.5 * beta**2 * np.sum(J**2 * (1 - trial[i] ** 2) * (1 - trial[j] ** 2))
    assert second.beta_f - first.beta_f == pytest.approx(onsager, rel=1e-9)


def _mean_field_means(m: IsingModel, beta: float, lowest: float) -> np.ndarray:
    """Means at the mean-field minimum with value `lowest`, by plain iteration from many starts."""
    rng = np.random.default_rng(3)
    for _ in range(300):
        means = np.tanh(2 * rng.normal(size=m.n_sites))
        for _ in range(3000):
            means = 0.5 * means + 0.5 * np.tanh(beta * (m.adjacency @ means + m.fields))
        p = 0.5 * (1 + np.array([means, -means]))
        value = -beta * means @ (0.5 * (m.adjacency @ means) + m.fields) + np.sum(p * np.log(p))
        if abs(value - lowest) < 1e-8:
            return means
    raise AssertionError("the minimum of mean-field is not a fixed point")


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize("trial", TRIALS)
def test_kinds_and_what_is_exact(order, trial):
    m = model("dense6")
    assert result(m, 0.8, order=order, trial=trial).kind == ("upper_bound" if order == 1 else "uncontrolled")
    for of, beta in ((m, 0.0), (model("isolated"), 0.9)):
        found = result(of, beta, order=order, trial=trial)
        assert found.kind == "exact"
        assert found.beta_f == pytest.approx(naive.beta_f(of, beta), rel=1e-14)


def test_first_order_is_an_upper_bound():
    for seed in range(12):
        m = special.peaked(6, seed)
        for beta in (-1.0, 0.2, 1.0, 3.0):
            true = naive.beta_f(m, beta)
            for trial in TRIALS:
                assert result(m, beta, order=1, trial=trial).beta_f >= true - 1e-12


def test_first_order_without_fields_is_the_entropy_of_free_spins():
    assert result(model("sk:n=9,seed=1"), 0.7, order=1, trial="free").beta_f == pytest.approx(-9 * math.log(2))


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize("trial", TRIALS)
def test_extensive_gauge_invariant_and_blind_to_labels(order, trial):
    m, beta = model("dense5"), 0.9
    alone = result(m, beta, order=order, trial=trial, restarts=10).beta_f
    twice = result(joined(m, m), beta, order=order, trial=trial, restarts=60).beta_f
    assert twice == pytest.approx(2 * alone, rel=1e-10)
    rng = np.random.default_rng(1)
    turned = gauged(m, rng.choice([-1.0, 1.0], size=5))
    assert result(turned, beta, order=order, trial=trial).beta_f == pytest.approx(alone, rel=1e-10)
    label = rng.permutation(5)
    fields = np.empty(5)
    fields[label] = m.fields
    renamed = IsingModel.from_edges(5, label[m.rows], label[m.cols], m.couplings, fields)
    assert result(renamed, beta, order=order, trial=trial, restarts=10).beta_f == pytest.approx(alone, rel=1e-10)


@pytest.mark.parametrize("trial", TRIALS)
def test_a_negative_beta_is_the_mirrored_model(trial):
    m = model("dense6")
    mirror = IsingModel.from_edges(6, m.rows, m.cols, -m.couplings, -m.fields)
    for order in (1, 2, 3, 4):
        below = result(m, -0.6, order=order, trial=trial)
        above = result(mirror, 0.6, order=order, trial=trial)
        assert below.kind == above.kind
        assert below.beta_f == pytest.approx(above.beta_f, rel=1e-12)


def test_same_bits_for_any_number_of_workers():
    m, betas = build_model("ea:shape=4x4x4,seed=1"), np.array([0.2, 0.8, 1.5])
    runs = [run_method(m, betas, "cumulants:order=4", seed=3, workers=w) for w in (1, 2)]
    assert [r.beta_f for r in runs[0]] == [r.beta_f for r in runs[1]]


def test_a_trial_that_is_not_found_is_a_failure():
    found = result(model("dense6"), 2.0, iterations=1)
    assert found.status == "not_converged"
    assert math.isnan(found.beta_f)
    assert "iterations" in found.message


def test_overflow_is_a_failure():
    huge = IsingModel.from_edges(3, [0, 1, 0], [1, 2, 2], [1e100, -1e100, 1e100])
    assert math.isfinite(result(huge, 1.0, order=3, trial="free").beta_f)
    found = result(huge, 1.0, order=4, trial="free")
    assert found.status == "diverged"
    assert math.isnan(found.beta_f)
    assert "order" in found.message


def test_too_many_cycles_is_a_failure_that_names_an_order_that_fits(monkeypatch):
    m = build_model("sk:n=20,seed=1")
    graph = cycle_graph(m)
    monkeypatch.setattr(evaluation, "MAX_STEPS", graph.steps(3))
    whole = result(m, 0.3, order=4)
    found = result(m, 0.3, order=4, evaluation="analytic")
    assert found.status == "not_converged"
    assert math.isnan(found.beta_f)
    assert "use order=3" in found.message
    # left to itself the method then goes through all states
    assert whole.stats["evaluations"] == [*["analytic"] * 3, "enumeration"]
    assert result(m, 0.3, order=3, evaluation="analytic").status == "converged"
    monkeypatch.setattr(evaluation, "MAX_STEPS", graph.steps(3) - 1)
    assert "use order=2" in result(m, 0.3, order=3, evaluation="analytic").message


def test_too_many_samples_are_a_failure_that_names_what_fits(monkeypatch):
    m = build_model("sk:n=40,seed=1")
    monkeypatch.setattr(evaluation, "MAX_DRAWS", 1000.0 * (m.n_pairs + 8 * m.n_sites))
    found = result(m, 0.3, order=5, samples=2000)
    assert (found.status, math.isnan(found.beta_f)) == ("not_converged", True)
    assert "order=4" in found.message
    assert "samples=1000" in found.message
    assert result(m, 0.3, order=5, samples=1000).stats["evaluations"] == [*["analytic"] * 4, "sampling"]


def test_low_temperature_gives_numbers_and_says_they_are_uncontrolled():
    found = result(build_model("ising:shape=8x8"), 2.0, order=4, trial="free")
    assert (found.status, found.kind) == ("converged", "uncontrolled")
    assert abs(found.beta_f - -128 * 2.0) > 100


def test_all_stands_for_both_product_trials():
    options = [method_spec(spec)[1].options for spec in get_method("cumulants").specs()]
    assert [(o["trial"], o["order"]) for o in options] == [
        ("free", 2), ("free", 4), ("mean-field", 2), ("mean-field", 3), ("mean-field", 4)]
