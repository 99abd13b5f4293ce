"""Belief propagation beside the method `bethe`: schedules, the double loop, moments, twins by scipy."""

from __future__ import annotations

import math

import numpy as np
import pytest

from statfe.junction.distribution import ExactDistribution
from statfe.kernels.belief_propagation_residual import residual_sweep
from statfe.kernels.beliefs import log_2cosh, log_pair, mean_terms
from statfe.models.catalogue import build_model
from statfe.models.ising import IsingModel
from statfe.propagation.belief_propagation import SCHEDULES, Graph, Propagation
from statfe.propagation.double_loop import _Run, double_loop
from statfe.registry import run_method
from statfe.result import FreeEnergy
from statfe.variational.solutions import Start
from tests.models_for_tests import disconnected, frustrated_triangle, isolated, peaked
from tests.naive import ising as naive
from tests.naive.local_polytope import functional, local_minimum


def solve(model: IsingModel, beta: float, **options: object) -> FreeEnergy:
    (result,) = run_method(model, np.array([beta]), "bethe", seed=1, **options)
    return result


def hard_grid(seed: int, field: float = 0.5, width: float = 1.5) -> IsingModel:
    """4 x 4, open, couplings uniform in +-1.5, fields in +-0.5."""
    rng = np.random.default_rng(seed)
    rows, cols = [], []
    for x in range(4):
        for y in range(4):
            rows += [4 * x + y] * ((x < 3) + (y < 3))
            cols += [4 * x + y + 4] * (x < 3) + [4 * x + y + 1] * (y < 3)
    return IsingModel.from_edges(
        16, rows, cols, rng.uniform(-width, width, len(rows)), rng.uniform(-field, field, 16))


@pytest.fixture(scope="module")
def from_file(tmp_path_factory) -> IsingModel:
    path = tmp_path_factory.mktemp("models") / "cube.txt"
    rng, lines = np.random.default_rng(5), ["# a cube in fields"]
    for i in range(8):
        lines.append(f"{i} {i} {rng.normal():.3f}")
        lines += [f"{i} {i ^ bit} {rng.normal():.3f}" for bit in (1, 2, 4) if i < i ^ bit]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return build_model(f"file:{path}")


@pytest.mark.parametrize("beta", [0.3, 0.9])
@pytest.mark.parametrize("spec", [
    "ea:shape=4x4,couplings=gaussian,seed=3,field=0.3,boundary=open", "ising:shape=4x4,field=0.1",
    "ea:shape=4x4,seed=1", "random-regular:n=14,degree=3,couplings=gaussian,seed=2", "sk:n=10,seed=1",
    "ising:shape=2x2x2,field=-0.2", "file"])
def test_value_and_moments_minimise_the_bethe_functional(spec, beta, from_file):
    """The minimum over the local polytope, by a trust-region search that knows no messages."""
    model = from_file if spec == "file" else build_model(spec)
    result = solve(model, beta)
    value, means, correlations = local_minimum(model, beta)
    assert result.beta_f == pytest.approx(value, abs=1e-8)
    moments = result.moments()
    np.testing.assert_allclose(moments.magnetizations, means, atol=1e-6)
    np.testing.assert_allclose(moments.correlations, correlations, atol=1e-6)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_schedules_agree(schedule):
    for model in (peaked(6), frustrated_triangle(), disconnected(), isolated(3),
                  build_model("ea:shape=4x4,seed=1,field=0.2")):
        assert solve(model, 0.4, schedule=schedule).beta_f == pytest.approx(solve(model, 0.4).beta_f, rel=1e-11)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("beta", [0.7, 100.0])
def test_every_schedule_keeps_a_fixed_point(schedule, beta):
    """In fractions and in logarithms: beta = 100 takes messages out of the range of exp."""
    model = build_model("ising:shape=4x4,field=0.3")
    reference = Propagation(Graph.of(model), beta)
    u = reference.solve(Start("", np.zeros(64)), iterations=500, tolerance=1e-14).point.x
    p = Propagation(Graph.of(model), beta, schedule)
    assert p.fractions == (beta < 1.0)
    np.testing.assert_allclose(p.swept(u), u, atol=1e-11)
    np.testing.assert_allclose(p.sent(p.cavities(u)), u, atol=1e-11)


@pytest.mark.parametrize("schedule", ["sequential", "parallel"])
def test_fractions_are_logarithms(schedule):
    model, rng = peaked(7), np.random.default_rng(1)
    p = Propagation(Graph.of(model), 0.8, schedule)
    u = p.sent(3.0 * rng.normal(size=len(p.strengths)))
    fast = p.swept(u)
    p.fractions = False
    np.testing.assert_allclose(fast, p.swept(u), atol=1e-13)


def naive_residual_sweep(p: Propagation, u: np.ndarray) -> np.ndarray:
    """The largest change first, all of them looked at each time; ties by slot."""
    u = u.copy()
    for _ in range(len(u)):
        new = p.sent(p.cavities(u))
        k = int(np.argmax(np.abs(new - u)))
        u[k] = new[k]
    return u


@pytest.mark.parametrize("model", [peaked(5), build_model("ea:shape=3x3,couplings=gaussian,seed=2,field=0.3")])
def test_residual_schedule_is_its_twin(model):
    p, rng = Propagation(Graph.of(model), 0.9), np.random.default_rng(2)
    u = p.sent(rng.normal(size=len(p.strengths)))
    g, new = p.graph, u.copy()
    residual_sweep(g.indptr, g.indices, g.reverse, p.strengths, p.decays, p.fields, new)
    np.testing.assert_allclose(new, naive_residual_sweep(p, u), atol=1e-13)


def test_numbers_of_the_graph_lead_back_to_the_model():
    model = disconnected()
    g = Graph.of(model)
    i, j, J = model.pairs
    np.testing.assert_array_equal(g.weights[g.pair_slots], J)
    np.testing.assert_array_equal(g.order[g.rows[g.pair_slots]], i)
    np.testing.assert_array_equal(g.order[g.indices[g.pair_slots]], j)
    np.testing.assert_array_equal(g.by_site(g.fields), model.fields)


def test_beliefs_of_pairs():
    rng = np.random.default_rng(1)
    for a, g, f in rng.normal(size=(30, 3)):
        table = [(s, t, math.exp(a * s * t + g * s + f * t)) for s in (1, -1) for t in (1, -1)]
        assert log_pair(a, g, f) == pytest.approx(math.log(sum(w for *_, w in table)), rel=1e-14)
    assert log_pair(500.0, 700.0, -300.0) == pytest.approx(900.0, rel=1e-14)
    assert log_2cosh(-800.0) == 800.0


@pytest.mark.parametrize("seed", [34, 35, 73, 76])
def test_hard_grids_where_plain_belief_propagation_oscillates(seed):
    """What it did is said; damping and the double loop find the same fixed point, the minimum of the functional."""
    model = hard_grid(seed)
    double, damped = solve(model, 1.0, double_loop="always"), solve(model, 1.0)
    for result in (double, damped):
        assert result.status == "converged"
        assert not result.stats["plain_converged"]
        assert result.stats["plain_iterations"] == 200
        assert result.stats["plain_residual"] > 0.1
    assert double.stats["double_loop"]
    assert not damped.stats["double_loop"]
    assert double.stats["softest"] > 0
    assert double.beta_f == pytest.approx(damped.beta_f, abs=1e-10)
    assert double.beta_f == pytest.approx(local_minimum(model, 1.0)[0], abs=1e-8)


def test_the_double_loop_comes_where_damping_fails():
    model = build_model("ea:shape=4x4x4,seed=0,field=0.2")
    result = solve(model, 2.0)
    assert result.status == "converged"
    assert result.stats["double_loop"]
    assert result.stats["damped_solutions"] == 0
    assert not result.stats["plain_converged"]
    moments = result.moments()
    x = np.concatenate([moments.magnetizations, moments.correlations])
    value, slope, bend = functional(model, 2.0, np.ones(model.n_pairs), x)
    assert result.beta_f == pytest.approx(value, abs=1e-8)
    # a stationary point, and a minimum
    assert np.max(np.abs(slope)) < 1e-5
    assert np.linalg.eigvalsh(bend)[0] > 0


@pytest.mark.parametrize("seed", range(8))
def test_outer_steps_never_raise_the_free_energy(seed):
    model = [hard_grid(seed), build_model(f"sk:n=10,seed={seed}")][seed % 2]
    p = Propagation(Graph.of(model), 3.0)
    start = p.sent(np.random.default_rng(seed).normal(size=len(p.strengths)))
    run, values = _Run(p, Start("", start), 1e-10, 10**9), []
    for _ in range(15):
        run.outer(0.0)  # inner loops to all digits
        values.append(run.value)
    finite = [v for v in values if np.isfinite(v)]
    assert len(finite) > 5
    assert np.all(np.diff(finite) <= 1e-8)


def test_a_saddle_is_left():
    """The paramagnet of a ferromagnet below its transition is a fixed point, but no minimum."""
    model = build_model("ising:shape=4x4")
    p = Propagation(Graph.of(model), 0.6)
    silence = np.zeros(len(p.strengths))
    assert p.softest(silence).value < 0
    found, descents = double_loop(p, [Start("paramagnet", silence)], iterations=500, tolerance=1e-10)
    (minimum,) = found.solutions
    assert minimum.beta_f < p.beta_f(p.cavities(silence)) - 0.1
    assert descents[id(minimum)].softest > 0
    assert abs(np.mean(minimum.means)) > 0.9


def test_mean_terms_are_the_free_energy_at_a_fixed_point():
    model = peaked(6)
    p = Propagation(Graph.of(model), 0.2)
    u = p.solve(Start("", np.zeros(30)), iterations=1000, tolerance=1e-13).point.x
    g, out = p.graph, np.empty(6)
    mean_terms(g.indptr, g.reverse, p.strengths, p.fields, p.totals(u), p.cavities(u), out)
    assert out.sum() == pytest.approx(p.beta_f(p.cavities(u)), rel=1e-12)


@pytest.mark.parametrize("beta", [0.2, 0.7])
def test_hessian_is_that_of_the_functional(beta):
    """Correlations of the pairs minimised out: the Schur complement in the means."""
    model = peaked(5)
    p = Propagation(Graph.of(model), beta)
    u = p.solve(Start("", np.zeros(20)), iterations=3000, tolerance=1e-13).point.x
    _, means, correlations = local_minimum(model, beta)
    bend = functional(model, beta, np.ones(10), np.concatenate([means, correlations]))[2]
    schur = bend[:5, :5] - bend[:5, 5:] @ np.linalg.solve(bend[5:, 5:], bend[5:, :5])
    root = np.sqrt(1 - means[p.graph.order] ** 2)
    np.testing.assert_allclose(
        p.stability(u).toarray(), root[:, None] * schur[np.ix_(p.graph.order, p.graph.order)] * root, rtol=1e-4,
        atol=1e-6)


@pytest.mark.parametrize("correlations", ["beliefs", "response"])
@pytest.mark.parametrize("beta", [0.0, 0.4, 2.0])
def test_moments_are_exact_on_forests(correlations, beta):
    rng = np.random.default_rng(2)
    parents = [int(rng.integers(k)) for k in range(1, 15)]
    tree = IsingModel.from_edges(15, parents, np.arange(1, 15), rng.normal(size=14), rng.normal(size=15))
    for model in (tree, disconnected(), isolated(2)):
        truth = ExactDistribution(model, beta)
        moments = solve(model, beta, correlations=correlations).moments()
        np.testing.assert_allclose(moments.magnetizations, truth.magnetizations, atol=1e-12)
        np.testing.assert_allclose(moments.correlations, truth.pair_correlations, atol=1e-11)


@pytest.mark.parametrize("beta", [1.0, 4.0, 8.0, 12.0, 20.0, 500.0])
def test_response_says_nothing_where_rounding_hides_it(beta):
    """An antiferromagnetic path: at low temperature 1 - r^2 has no digits left."""
    model = IsingModel.from_edges(6, range(5), range(1, 6), -np.ones(5))
    found = solve(model, beta, correlations="response").moments().correlations
    if beta < 5.0:
        np.testing.assert_allclose(found, -np.tanh(beta), atol=1e-6)
    assert np.all(np.isnan(found)) or np.allclose(found, -np.tanh(beta), atol=1e-6)


def test_response_is_better_where_cycles_are_short():
    model = build_model("triangular:shape=4x4,field=0.05")
    truth = naive.probabilities(model, 0.15)
    i, j, _ = model.pairs
    s = naive.states(16)
    exact = truth @ (s[:, i] * s[:, j])
    beliefs, response = (
        solve(model, 0.15, correlations=c).moments().correlations for c in ("beliefs", "response"))
    assert np.max(np.abs(response - exact)) < 0.8 * np.max(np.abs(beliefs - exact))


def test_huge_beta_is_finite():
    for spec in ("ea:shape=4x4,seed=1", "sk:n=9,seed=2", "ising:shape=3x3,coupling=-1",
                 "ea:shape=3x3,seed=1,field=0.3"):
        result = solve(build_model(spec), 500.0)
        assert math.isfinite(result.beta_f) or result.message
        assert result.status != "diverged"
