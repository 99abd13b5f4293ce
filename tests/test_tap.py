"""TAP: formula, stationarity, SK at high temperature, Plefka's condition, failures."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import brentq

from statfe.kernels.tap import balanced_field
from statfe.models.catalogue import build_model
from statfe.models.ising import IsingModel
from statfe.registry import run_method
from statfe.result import FreeEnergy
from statfe.trial import ProductTrial
from statfe.variational.mean_field import descend as mean_field_descend
from statfe.variational.mean_field import product_beta_f
from statfe.variational.solutions import Start
from statfe.variational.tap import descend, plefka, tap_beta_f, tap_map
from tests.models_for_tests import disconnected, frustrated_triangle, peaked
from tests.naive.approximate_tap_bethe import coupling_matrix, tap_means
from tests.naive.approximate_tap_bethe import tap_beta_f as naive_beta_f
from tests.naive.ising import beta_f

ZOO = [peaked(), peaked(7, 5), frustrated_triangle(), disconnected()]


def solve(model: IsingModel, *betas: float, **options: object) -> list[FreeEnergy]:
    return run_method(model, np.array(betas), "tap", seed=1, **options)


@pytest.mark.parametrize("model", ZOO)
def test_functional_is_the_formula(model: IsingModel) -> None:
    m = np.random.default_rng(2).uniform(-0.99, 0.99, model.n_sites)
    got = tap_beta_f(model, 0.7, ProductTrial(np.arctanh(m)))
    assert got == pytest.approx(naive_beta_f(model, 0.7, m), rel=1e-13)


@pytest.mark.parametrize("beta", [0.2, 0.8])
@pytest.mark.parametrize("model", ZOO)
def test_solution_solves_the_equations_and_is_stationary(model: IsingModel, beta: float) -> None:
    start = Start("test", np.random.default_rng(1).normal(size=model.n_sites))
    found = descend(model, beta, start, iterations=5000, tolerance=1e-13)
    assert found.point.converged
    m = found.means
    np.testing.assert_allclose(tap_means(model, beta, m), m, atol=1e-10)
    for i in range(model.n_sites):
        step = np.zeros(model.n_sites)
        step[i] = 1e-5 * (1 - m[i] ** 2)
        up, down = naive_beta_f(model, beta, m + step), naive_beta_f(model, beta, m - step)
        assert abs(up - down) / 2e-5 < 1e-6
        assert up + down - 2 * found.beta_f > -1e-12  # a minimum along each site


def test_a_sweep_never_raises_the_functional() -> None:
    for seed in range(5):
        model = peaked(8, seed)
        sweep = tap_map(model, 1.3)
        x = 2 * np.random.default_rng(seed).normal(size=8)
        for _ in range(20):
            new = sweep(x)
            assert tap_beta_f(model, 1.3, ProductTrial(new)) <= tap_beta_f(model, 1.3, ProductTrial(x)) + 1e-12
            x = new


@pytest.mark.parametrize("pull", [0.0, 1e-9, 0.3, 2.5, 4.0, 900.0, 5e5])
@pytest.mark.parametrize("reaction", [0.0, 1e-6, 0.8, 30.0, 1e3, 1e6])
def test_root_of_one_site(pull: float, reaction: float) -> None:
    expected = brentq(lambda x: x + reaction * math.tanh(x) - pull, -abs(pull) - 1, abs(pull) + 1, xtol=1e-14)
    for before in (0.0, 1.0, -3.0, 700.0):
        mean = math.tanh(before)
        found = balanced_field(pull, reaction, before, mean, 1 - mean**2, 1e-9)
        assert found[0] == pytest.approx(expected, rel=1e-8, abs=1e-12)
        assert found[1:] == pytest.approx((math.tanh(found[0]), math.cosh(min(found[0], 300.0)) ** -2), abs=1e-15)


@pytest.mark.parametrize("spec", ["ising:shape=65600,field=0.2", "random-regular:n=65600,degree=3,seed=1"])
def test_a_sweep_of_a_large_graph_takes_one_site_after_the_other(spec: str) -> None:
    model, beta = build_model(spec), 0.8
    start = np.random.default_rng(1).normal(size=model.n_sites)
    swept = tap_map(model, beta)(start)
    m, v = np.tanh(start).tolist(), (1.0 - np.tanh(start) ** 2).tolist()
    indptr, indices, weights = model.indptr.tolist(), model.indices.tolist(), model.weights.tolist()
    for i in range(model.n_sites):
        near = [(weights[k], indices[k]) for k in range(indptr[i], indptr[i + 1])]
        pull = beta * (sum(w * m[j] for w, j in near) + model.fields[i])
        side = 1.0 if pull > 0.0 else -1.0
        x, mean, v[i] = balanced_field(
            abs(pull), beta**2 * sum(w * w * v[j] for w, j in near), side * start[i], side * m[i], v[i], 0.05)
        m[i] = side * mean
        assert abs(swept[i] - side * x) < 1e-12


def test_large_graphs_are_renumbered_and_carried_back(monkeypatch: pytest.MonkeyPatch) -> None:
    model = build_model("random-regular:n=3000,degree=3,couplings=gaussian,seed=2")
    start = Start("test", np.random.default_rng(3).normal(size=3000))
    plain = descend(model, 0.12, start, iterations=500, tolerance=1e-12)
    naive = mean_field_descend(model, 0.12, start, iterations=500, tolerance=1e-12)
    monkeypatch.setattr("statfe.variational.relabelled.LARGE", 100)
    for found, expected in ((descend(model, 0.12, start, iterations=500, tolerance=1e-12), plain),
                            (mean_field_descend(model, 0.12, start, iterations=500, tolerance=1e-12), naive)):
        assert found.point.converged
        assert found.beta_f == pytest.approx(expected.beta_f, rel=1e-12)
        np.testing.assert_allclose(found.means, expected.means, atol=1e-9)
        np.testing.assert_allclose(found.point.x, expected.point.x, atol=1e-9)


def test_sk_at_high_temperature_is_the_annealed_expansion() -> None:
    """At m = 0: -N ln 2 - (beta^2 / 2) sum J^2, near the true value (Thouless, Anderson and Palmer 1977)."""
    model = build_model("sk:n=16,seed=3")
    for result in solve(model, 0.1, 0.3, 0.5):
        J = coupling_matrix(model)
        expected = -16 * math.log(2) - 0.25 * result.beta**2 * float(np.sum(J**2))
        assert result.beta_f == pytest.approx(expected, abs=1e-10)
        assert result.stats["plefka"] < 1
        naive = abs(-16 * math.log(2) - beta_f(model, result.beta))
        assert abs(result.beta_f - beta_f(model, result.beta)) < 0.3 * naive


def test_third_order_at_small_beta() -> None:
    """TAP is right to second order: halving beta divides its error by 8, in a model with fields and triangles."""
    model = peaked()
    errors = [abs(r.beta_f - beta_f(model, r.beta)) for r in solve(model, 0.02, 0.04)]
    assert errors[1] / errors[0] == pytest.approx(8.0, rel=0.15)


def test_plefka_parameter_is_the_largest_eigenvalue() -> None:
    for model in [*ZOO, build_model("ising:shape=4x4")]:
        trial = ProductTrial(np.random.default_rng(4).normal(size=model.n_sites))
        x = trial.variances
        matrix = 0.81 * x[:, None] * coupling_matrix(model) ** 2 * x[None, :]
        assert plefka(model, 0.9, trial) == pytest.approx(np.max(np.linalg.eigvalsh(matrix)), rel=1e-4)


def test_plefka_rules_out_the_spurious_paramagnet() -> None:
    """On the cubic lattice at beta = 2.5, m = 0 is a minimum again, and lies below even the exact free energy."""
    model = build_model("ising:shape=4x4x4")
    paramagnet = descend(model, 2.5, Start("zero", np.zeros(64)), iterations=100, tolerance=1e-12)
    assert paramagnet.point.converged
    (result,) = solve(model, 2.5)
    assert paramagnet.beta_f < -2.5 * 192 - 50 < result.beta_f
    assert any(value == pytest.approx(paramagnet.beta_f) for value in result.stats["other_solutions"])
    assert result.stats["plefka"] < 1
    assert result.message == ""
    assert result.beta_f == pytest.approx(-2.5 * 192, rel=1e-6)


def test_no_physical_solution_is_said() -> None:
    (result,) = solve(frustrated_triangle(), 1.0)
    assert result.status == "diverged"
    assert math.isnan(result.beta_f)
    assert result.stats["plefka"] > 1
    assert math.isfinite(result.stats["stationary_beta_f"])
    assert "Plefka" in result.message
    assert "lower beta" in result.message


def test_critical_point_of_the_cubic_lattice() -> None:
    """1 - z beta J + z beta^2 J^2 = 0 at beta = (6 - sqrt 12) / 12 for z = 6, J = 1."""
    critical = (6 - math.sqrt(12)) / 12
    below, above = solve(build_model("ising:shape=4x4x4"), critical * 0.998, critical * 1.01)
    assert below.stats["overlap"] < 1e-9
    assert above.stats["overlap"] > 1e-3


def test_correction_lowers_mean_field_at_the_same_means() -> None:
    for model in ZOO:
        trial = ProductTrial(np.random.default_rng(3).normal(size=model.n_sites))
        assert tap_beta_f(model, 0.6, trial) < product_beta_f(model, 0.6, trial)


def test_huge_beta_does_not_overflow() -> None:
    for spec in ("ising:shape=4x4", "sk:n=20,seed=1", "ea:shape=4x4,seed=2"):
        (result,) = solve(build_model(spec), 1e3)
        value = result.stats["stationary_beta_f"] if result.status == "diverged" else result.beta_f
        assert math.isfinite(value)
        assert "Plefka" in result.message or result.status == "converged"


def test_forced_failure_says_what_to_change() -> None:
    (result,) = solve(peaked(), 1.0, iterations=1)
    assert result.status == "not_converged"
    assert math.isnan(result.beta_f)
    assert "raise iterations" in result.message
