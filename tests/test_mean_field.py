"""Naive mean field: formula, stationarity, bound, symmetries, critical point, failures."""

from __future__ import annotations

import math

import numpy as np
import pytest

from statfe.models.catalogue import build_model
from statfe.models.ising import IsingModel
from statfe.registry import run_method
from statfe.result import FreeEnergy
from statfe.trial import ProductTrial
from statfe.variational.mean_field import coupling_fields, mean_field_map, product_beta_f
from tests.models_for_tests import disconnected, frustrated_triangle, isolated, peaked
from tests.naive.approximate_tap_bethe import coupling_matrix, mean_field_beta_f
from tests.naive.ising import beta_f

ZOO = [peaked(), peaked(7, 5), isolated(), frustrated_triangle(), disconnected()]


#: Methods on the shared driver, with a beta where each converges in the models of the symmetry tests.
FAMILY = ["mean-field", "tap", "plefka", "plefka:order=4", "adaptive-tap", "bethe"]


def transformed(model: IsingModel, signs: np.ndarray, order: np.ndarray | None = None) -> IsingModel:
    """J_ij -> t_i t_j J_ij and h_i -> t_i h_i, and site i named order[i]."""
    t = signs
    order = np.arange(model.n_sites) if order is None else order
    fields = np.empty(model.n_sites)
    fields[order] = t * model.fields
    return IsingModel.from_edges(
        model.n_sites, order[model.rows], order[model.cols], model.couplings * t[model.rows] * t[model.cols], fields)


def solve(model: IsingModel, *betas: float, **options: object) -> list[FreeEnergy]:
    return run_method(model, np.array(betas), "mean-field", seed=1, **options)


@pytest.mark.parametrize("model", ZOO)
def test_functional_is_the_formula(model: IsingModel) -> None:
    m = np.random.default_rng(2).uniform(-0.99, 0.99, model.n_sites)
    got = product_beta_f(model, 0.7, ProductTrial(np.arctanh(m)))
    assert got == pytest.approx(mean_field_beta_f(model, 0.7, m), rel=1e-13)
    np.testing.assert_allclose(coupling_fields(model, m), coupling_matrix(model) @ m, atol=1e-14)


def test_a_sweep_never_raises_the_bound() -> None:
    rng = np.random.default_rng(3)
    for seed in range(5):
        model = peaked(8, seed)
        sweep = mean_field_map(model, 1.3)
        x = 2 * rng.normal(size=8)
        for _ in range(20):
            new = sweep(x)
            assert product_beta_f(model, 1.3, ProductTrial(new)) <= product_beta_f(model, 1.3, ProductTrial(x)) + 1e-12
            x = new


@pytest.mark.parametrize("beta", [0.0, 0.3, 1.0, 4.0])
@pytest.mark.parametrize("model", ZOO)
def test_bound_over_random_models(model: IsingModel, beta: float) -> None:
    (result,) = solve(model, beta)
    assert result.status == "converged"
    assert result.beta_f >= beta_f(model, beta) - 1e-10
    if beta == 0.0 or model.n_pairs == 0:
        assert result.kind == "exact"
        assert result.beta_f == pytest.approx(beta_f(model, beta), abs=1e-12)
    else:
        assert result.kind == "upper_bound"


@pytest.mark.parametrize(("field", "beta"), [(0.0, 2.0), (0.7, 1.5), (-0.4, 1e3)])
def test_one_spin(field: float, beta: float) -> None:
    model = IsingModel.from_edges(1, [], [], [], [field])
    (result,) = solve(model, beta)
    assert result.beta_f == pytest.approx(-np.logaddexp(beta * field, -beta * field), abs=1e-12)


def test_critical_point_is_z_beta_j_equal_one() -> None:
    """Below 1/4 on the square torus m = 0 and -N ln 2; above it m = tanh 4 beta m."""
    model = build_model("ising:shape=6x6")
    below, above = solve(model, 0.2499, 0.2501)
    assert below.per_site == pytest.approx(-math.log(2), abs=1e-12)
    assert below.stats["overlap"] < 1e-9
    m = math.sqrt(above.stats["overlap"])
    assert m == pytest.approx(math.tanh(4 * 0.2501 * m), abs=1e-10)
    assert m > 0.03


def test_antiferromagnet_equals_ferromagnet_on_a_bipartite_lattice() -> None:
    betas = (0.1, 0.3, 0.6, 1e3)
    ferro = solve(build_model("ising:shape=6x6"), *betas)
    anti = solve(build_model("ising:shape=6x6,coupling=-1"), *betas)
    for a, b in zip(ferro, anti, strict=True):
        assert a.per_site == pytest.approx(b.per_site, rel=1e-11)


def test_huge_beta_is_the_energy_of_a_state() -> None:
    model = build_model("sk:n=30,seed=2")
    (result,) = solve(model, 1e3)
    assert result.status == "converged"
    assert math.isfinite(result.beta_f)
    assert result.beta_f / 1e3 < -0.5 * 30


def test_forced_failure_says_what_to_change() -> None:
    (result,) = solve(peaked(), 1.0, iterations=1)
    assert result.status == "not_converged"
    assert math.isnan(result.beta_f)
    assert "raise iterations" in result.message


def test_iterations_are_never_exceeded() -> None:
    for result in solve(build_model("ea:shape=6x6,seed=1"), 0.5, 1.0, iterations=400):
        assert result.stats["iterations"] <= 400


@pytest.mark.parametrize("method", FAMILY)
@pytest.mark.parametrize("spec", ["ea:shape=5x5,seed=4,couplings=gaussian", "sk:n=12,seed=2,field=0.3"])
def test_gauge_invariance(method: str, spec: str) -> None:
    model, betas = build_model(spec), np.array([0.0, 0.4, 0.8])
    signs = np.random.default_rng(5).choice([-1.0, 1.0], model.n_sites)
    before = run_method(model, betas, method, seed=3)
    for t in (signs, -np.ones(model.n_sites)):
        after = run_method(transformed(model, t), betas, method, seed=3)
        assert [a.status for a in after] == [b.status for b in before]
        np.testing.assert_allclose([a.beta_f for a in after], [b.beta_f for b in before], rtol=1e-10)
    expansion = method.startswith(("tap", "plefka"))
    assert before[1].status == ("diverged" if expansion and "ea" in spec else "converged")


@pytest.mark.parametrize("method", FAMILY)
def test_relabelling_where_the_solution_is_unique(method: str) -> None:
    model, rng = peaked(7), np.random.default_rng(6)
    betas = np.array([0.05, 0.15])
    other = transformed(model, np.ones(7), rng.permutation(7))
    a, b = run_method(model, betas, method, seed=3), run_method(other, betas, method, seed=4)
    np.testing.assert_allclose([x.beta_f for x in a], [x.beta_f for x in b], rtol=1e-10)


@pytest.mark.parametrize("method", FAMILY)
def test_same_bits_for_any_workers_and_the_same_seed(method: str) -> None:
    model, betas = build_model("ea:shape=5x5,seed=4,couplings=gaussian"), np.array([0.4, 0.9])
    runs = [run_method(model, betas, method, seed=9, workers=w) for w in (1, 2, 1)]
    for other in runs[1:]:
        assert [r.beta_f.hex() for r in runs[0]] == [r.beta_f.hex() for r in other]
        assert [dict(r.stats) for r in runs[0]] == [dict(r.stats) for r in other]


@pytest.mark.parametrize("method", FAMILY)
@pytest.mark.parametrize("beta", [0.0, 1.0, 1e3])
def test_free_spins_are_exact(method: str, beta: float) -> None:
    model = isolated(4)
    (result,) = run_method(model, np.array([beta]), method, seed=1)
    exact = -float(np.sum(np.logaddexp(beta * model.fields, -beta * model.fields)))
    assert result.kind == "exact"
    assert result.beta_f == pytest.approx(exact, rel=1e-13)


@pytest.mark.parametrize("method", FAMILY)
def test_pieces_add_up(method: str) -> None:
    """The free energy of two uncoupled copies is twice that of one."""
    one = peaked(5)
    two = IsingModel.from_edges(
        10, np.r_[one.rows, one.rows + 5], np.r_[one.cols, one.cols + 5], np.r_[one.couplings, one.couplings],
        np.r_[one.fields, one.fields])
    betas = np.array([0.1, 0.2])
    a, b = run_method(one, betas, method, seed=1), run_method(two, betas, method, seed=1)
    np.testing.assert_allclose([2 * x.beta_f for x in a], [x.beta_f for x in b], rtol=1e-10)


@pytest.mark.parametrize("method", FAMILY)
def test_parallel_bonds_count_as_their_sum(method: str) -> None:
    split = IsingModel.from_edges(3, [0, 0, 1], [1, 1, 2], [0.3, 0.4, -0.5], [0.2, 0.0, 0.1])
    whole = IsingModel.from_edges(3, [0, 1], [1, 2], [0.7, -0.5], [0.2, 0.0, 0.1])
    a, b = (run_method(m, np.array([0.9]), method, seed=1)[0] for m in (split, whole))
    assert a.beta_f == pytest.approx(b.beta_f, rel=1e-12)


@pytest.mark.parametrize("spec", ["ising:shape=32x32", "ising:shape=6x6x6", "ising:shape=4x4,coupling=-1"])
def test_at_its_own_critical_point_the_disordered_state_is_found(spec: str) -> None:
    model = build_model(spec)
    critical = 1.0 / (2 * model.n_bonds / model.n_sites)  # z beta J = 1
    for result in solve(model, critical, critical * (1 - 1e-7)):
        assert result.status == "converged", result.message
        assert result.beta_f == pytest.approx(-model.n_sites * math.log(2), rel=1e-12)
    (above,) = solve(model, critical * 1.02)
    assert above.status == "converged", above.message
    assert above.beta_f < -model.n_sites * math.log(2)
