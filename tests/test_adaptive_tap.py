"""Adaptive TAP: the fixed point of expectation propagation, its limits, and what it refuses."""

from __future__ import annotations

import math

import numpy as np
import pytest

from statfe.models.catalogue import build_model
from statfe.models.ising import IsingModel
from statfe.registry import run_method
from statfe.result import FreeEnergy
from statfe.trial import ProductTrial
from statfe.variational.adaptive_tap import Descent, descend, match, scaled_hessian
from statfe.variational.solutions import Start
from tests.models_for_tests import disconnected, frustrated_triangle, isolated, peaked
from tests.naive.expectation_propagation import propagate
from tests.naive.ising import beta_f

ZOO = [peaked(), peaked(7, 5), frustrated_triangle(), disconnected(), build_model("ea:shape=3x3,seed=2,field=0.3")]


def solve(model: IsingModel, *betas: float, **options: object) -> list[FreeEnergy]:
    return run_method(model, np.array(betas), "adaptive-tap", seed=1, **options)


@pytest.mark.parametrize("beta", [0.1, 0.35])
@pytest.mark.parametrize("model", ZOO)
def test_is_the_fixed_point_of_expectation_propagation(model, beta):
    (result,) = solve(model, beta)
    log_z, means, covariances = propagate(model, beta)
    assert -result.beta_f == pytest.approx(log_z, abs=1e-8)
    np.testing.assert_allclose(result.moments().magnetizations, means, atol=1e-7)
    np.testing.assert_allclose(np.diag(covariances), 1 - means**2, atol=1e-7)


@pytest.mark.parametrize("model", ZOO)
def test_slope_and_hessian_are_those_of_the_value(model):
    descent, d = Descent(model, 0.9), 1e-5
    m = np.random.default_rng(2).uniform(-0.9, 0.9, model.n_sites)

    def at(means: np.ndarray) -> tuple[float, np.ndarray]:
        trial = ProductTrial(np.arctanh(means))
        gaussian = descent.gaussian(trial)
        assert gaussian is not None
        np.testing.assert_allclose(np.diag(gaussian.C), 1.0, atol=1e-12)
        return descent.beta_f(trial, gaussian), descent.slope(trial, gaussian)

    sides = [(at(m + step), at(m - step)) for step in d * np.eye(model.n_sites)]
    np.testing.assert_allclose([(up[0] - down[0]) / (2 * d) for up, down in sides], at(m)[1], atol=1e-7)
    by_slope = np.array([(up[1] - down[1]) / (2 * d) for up, down in sides])
    trial, root = ProductTrial(np.arctanh(m)), np.sqrt(1 - m**2)
    found = scaled_hessian(trial, descent.gaussian(trial))
    np.testing.assert_allclose(found, root[:, None] * by_slope * root, atol=1e-6)


def test_a_step_never_goes_up():
    for seed in range(4):
        descent = Descent(peaked(8, seed), 2.0)
        x = 2 * np.random.default_rng(seed).normal(size=8)
        values = []
        for _ in range(15):
            trial = ProductTrial(x)
            values.append(descent.beta_f(trial, descent.gaussian(trial)))
            x = descent.step(x)
        assert np.all(np.diff(values) <= 1e-10)


def test_entropy_is_the_slope_of_ln_z():
    """S = beta_f' beta - beta_f, by the derivative of beta_f along its own solution."""
    model, d = peaked(), 1e-4
    low, here, high = (r.beta_f for r in solve(model, 0.5 - d, 0.5, 0.5 + d, tolerance=1e-12))
    entropy = 0.5 * (high - low) / (2 * d) - here
    assert solve(model, 0.5)[0].stats["entropy"] == pytest.approx(entropy, abs=1e-6)


def test_sk_at_high_temperature_is_tap_up_to_one_over_n():
    for n, slack in ((50, 0.03), (400, 0.004)):
        model = build_model(f"sk:n={n},seed=2")
        for beta in (0.2, 0.5):
            tap = run_method(model, np.array([beta]), "tap", seed=1)[0]
            assert abs(solve(model, beta)[0].per_site - tap.per_site) < slack * beta


def test_hopfield_at_high_temperature_where_tap_is_wrong_by_order_n():
    """The patterns' ensemble is not that of SK: TAP's reaction is wrong by alpha^2, adaptive TAP's is right."""
    model = build_model("hopfield:n=14,patterns=7,seed=3")
    truth = beta_f(model, 0.5)
    tap = run_method(model, np.array([0.5]), "tap", seed=1)[0]
    adaptive = solve(model, 0.5)[0]
    assert abs(adaptive.beta_f - truth) < 0.35 * abs(tap.beta_f - truth)


def test_exact_limits():
    for result in solve(isolated(), 0.0, 0.7, 500.0):
        if isolated().n_pairs == 0:
            assert result.kind == "exact"
        assert result.status == "converged"
    (free,) = solve(IsingModel.from_edges(3, [], [], [], [0.5, -1.0, 0.0]), 2.0)
    assert free.kind == "exact"
    assert free.beta_f == pytest.approx(-sum(math.log(2 * math.cosh(2 * h)) for h in (0.5, 1.0, 0.0)), rel=1e-13)
    for model in ZOO:
        assert solve(model, 0.0)[0].beta_f == pytest.approx(-model.n_sites * math.log(2), rel=1e-13)


@pytest.mark.parametrize("beta", [5.0, 50.0, 500.0, 1e6])
def test_frozen_spins_keep_their_digits(beta):
    (result,) = solve(build_model("ising:shape=4x4"), beta)
    assert result.status == "converged"
    assert result.beta_f == pytest.approx(-32 * beta, rel=1e-9)
    assert result.stats["entropy"] == pytest.approx(0.0, abs=1e-8)
    assert result.stats["residual"] <= 1e-10


def test_negative_entropy_is_refused():
    """An odd antiferromagnet at low temperature: the Gaussian freezes far below the true free energy."""
    model = build_model("ising:shape=3x3,coupling=-1")
    cold = descend(model, 50.0, Start("zero", np.full(9, 1e-3)), iterations=200, tolerance=1e-10)
    assert cold.point.converged
    assert cold.beta_f < beta_f(model, 50.0) - 100
    for result in solve(model, 50.0):
        if result.status == "converged":
            assert result.stats["entropy"] >= -1e-8
        else:
            assert result.status == "diverged"
            assert "entropy" in result.message
            assert math.isfinite(result.stats["stationary_beta_f"])
    triangle = IsingModel.from_edges(3, [0, 1, 0], [1, 2, 2], [-1.0] * 3)
    assert solve(triangle, 200.0, restarts=0)[0].status == "diverged"


def test_failures_are_said():
    (short,) = solve(peaked(), 1.0, iterations=1)
    assert short.status == "not_converged"
    assert math.isnan(short.beta_f)
    assert match(np.full((2, 2), np.inf), np.ones(2)) is None
    with pytest.raises(ValueError, match="601 x 601"):
        solve(build_model("ising:shape=601"), 0.5)


def test_means_without_a_gaussian_have_no_correlations(monkeypatch):
    """Where rounding hides the Gaussian after the fact, one beta does not end a study."""
    (found,) = solve(peaked(), 0.35)
    monkeypatch.setattr(Descent, "gaussian", lambda *_: None)
    moments = found.moments()
    assert np.isfinite(moments.magnetizations).all()
    assert np.isnan(moments.correlations).all()
    assert moments.correlations.shape == (peaked().n_pairs,)
