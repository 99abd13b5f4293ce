"""The autoencoder as a trial: its exponent, its bound in closed form and by quadrature, its gradients, its training."""

from __future__ import annotations

import functools
import math
from dataclasses import replace

import numpy as np
import pytest
import scipy.stats
from scipy.special import logsumexp

from statfe.datasets.dataset_file import write_dataset
from statfe.datasets.make import ising_configurations
from statfe.errors import UsageError
from statfe.kernels.spin_fields import draw_rows, field_rows
from statfe.learned.trial_bound import bound_of
from statfe.learned.trial_correction import drift_of, fresh_exponents
from statfe.learned.vae_trial import VaeTrial, fresh_vae_trial
from statfe.learned.vae_trial_training import train_vae_trial
from statfe.models.catalogue import build_model
from statfe.models.ising import IsingModel
from statfe.registry import run_method
from statfe.trial import log_2cosh
from tests import models_for_tests as special
from tests.naive import ising as naive
from tests.retry import sequential

FIELDS = "ea:shape=2x2,couplings=gaussian,seed=4,field=0.3,boundary=open"
SYMMETRIC = "sk:n=4,seed=2"


def wild(
    model: IsingModel, beta: float, latent: int = 2, hidden: int = 3, seed: int = 7, size: float = 0.6
) -> VaeTrial:
    """A trial with random parameters, all that there are."""
    trial = fresh_vae_trial(model, beta, latent=latent, hidden=hidden)
    return replace(trial, parameters=size * np.random.default_rng(seed).standard_normal(trial.layout.size))


def twin(trial: VaeTrial, s: np.ndarray, z: np.ndarray) -> float:
    """V of one (s, z) by the densities of the definition."""
    p, model = trial.arrays, trial.model
    none = np.zeros(1)
    a = p["A"].T @ z + p["U"].T @ np.tanh(p["B"].T @ z + p.get("d", none)) + p.get("c", none)
    a = a + trial.beta * model.fields
    energy = float(naive.energies(model)[np.flatnonzero((naive.states(len(s)) == s).all(axis=1))[0]]) - model.offset
    log_p = float(np.sum(np.log(np.exp(a * s) / (np.exp(a) + np.exp(-a)))))
    centre, width = p["M"].T @ s + p.get("e", none), np.exp(p["log-width"])
    return (trial.beta * energy + log_p + float(scipy.stats.norm.logpdf(z).sum())
            - float(scipy.stats.norm.logpdf(z, centre, width).sum()))


def exact_bound(trial: VaeTrial, order: int = 120) -> float:
    """<V> of a trial with one latent unit: Gauss-Hermite over z, a full sum over s."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(order)
    total = 0.0
    states = naive.states(trial.n_sites)
    for z, w in zip(nodes, weights / weights.sum(), strict=True):
        if w < 1e-14:
            continue
        a = trial.fields(np.array([[z]]))[0][0]
        p = np.exp(states @ a - np.sum(log_2cosh(a)))
        total += w * sum(q * twin(trial, s, np.array([z])) for q, s in zip(p, states, strict=True))
    return total


@pytest.mark.parametrize("spec", [FIELDS, SYMMETRIC])
def test_the_exponent_is_that_of_the_densities(spec):
    trial = wild(build_model(spec), 0.7)
    spins, z = trial.draw(6, np.random.default_rng(1))
    found = trial.exponents(spins, np.random.default_rng(2), z)
    np.testing.assert_allclose(found, [twin(trial, s, x) for s, x in zip(spins, z, strict=True)], rtol=1e-12)


@pytest.mark.parametrize("spec", [FIELDS, SYMMETRIC])
def test_the_closed_form_is_the_sum_over_spins(spec):
    trial = wild(build_model(spec), 0.7)
    z = np.random.default_rng(1).standard_normal((5, 2))
    bounds, _ = trial.bound_and_gradient(z)
    states = naive.states(4)
    for x, bound in zip(z, bounds, strict=True):
        a = trial.fields(x[None])[0][0]
        p = np.exp(states @ a - np.sum(log_2cosh(a)))
        assert bound == pytest.approx(sum(q * twin(trial, s, x) for q, s in zip(p, states, strict=True)), rel=1e-12)


@pytest.mark.parametrize("spec", [FIELDS, SYMMETRIC])
@pytest.mark.parametrize("kind", ["bound", "elbo"])
def test_gradients_are_those_of_finite_differences(spec, kind):
    trial = wild(build_model(spec), 0.6)
    rng = np.random.default_rng(3)
    z, spins = rng.standard_normal((7, 2)), np.where(rng.random((7, 4)) < 0.5, 1.0, -1.0)

    def value(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        at = replace(trial, parameters=parameters)
        values, gradient = at.bound_and_gradient(z) if kind == "bound" else at.elbo_and_gradient(spins, z)
        return float(np.mean(values)), gradient

    _, gradient = value(trial.parameters)
    step, found = 1e-5, []
    for k in range(len(gradient)):
        by = np.zeros(len(gradient))
        by[k] = step
        found.append((value(trial.parameters + by)[0] - value(trial.parameters - by)[0]) / (2.0 * step))
    np.testing.assert_allclose(gradient, found, atol=1e-7 * max(1.0, float(np.abs(gradient).max())))


def test_the_negative_elbo_bounds_the_loss_of_data():
    trial = wild(build_model(SYMMETRIC), 0.6, latent=1)
    nodes, weights = np.polynomial.hermite_e.hermegauss(100)
    states = naive.states(4)
    fields = trial.fields(nodes[:, None])[0]
    q = (weights / weights.sum()) @ np.exp(fields @ states.T - log_2cosh(fields).sum(axis=1)[:, None])
    assert q.sum() == pytest.approx(1.0, abs=1e-10)
    noise = np.repeat(nodes[:, None], len(states), axis=1)[:, :, None]
    losses = np.array([trial.elbo_and_gradient(states.astype(float), n)[0] for n in noise])
    elbo = (weights / weights.sum()) @ losses
    assert np.all(elbo >= -np.log(q) - 1e-8)


@pytest.mark.statistical
def test_samples_give_the_bound_of_the_quadrature_and_the_mean_weight_is_z():
    model = build_model(FIELDS)
    trial = wild(model, 0.5, latent=1, size=0.4)
    expected, log_z = exact_bound(trial), -naive.beta_f(model, 0.5)
    assert expected > -log_z

    def p_value(seed: int) -> float:
        found = [bound_of(fresh_exponents(replace(trial, copies=k), 16384, seed)) for k in (1, 5)]
        sigmas = [(found[0].beta_f - expected) / found[0].error,
                  *((f.importance_beta_f + log_z) / f.importance_error for f in found)]
        assert found[1].beta_f < found[0].beta_f
        return 3.0 * float(scipy.stats.norm.sf(np.max(np.abs(sigmas)))) * 2.0

    sequential(p_value)


@pytest.mark.statistical
@pytest.mark.parametrize("copies", [1, 3])
def test_errors_cover_over_many_runs(copies):
    """beta F lies within the errors of the mean weight, the bound by quadrature within its own."""
    model = build_model(FIELDS)
    trial = replace(wild(model, 0.5, latent=1, size=0.3), copies=copies)
    exact = naive.beta_f(model, 0.5)
    runs = [bound_of(fresh_exponents(trial, 1000, seed)) for seed in range(200)]
    scores = np.array([(r.importance_beta_f - exact) / r.importance_error for r in runs])
    assert abs(scores.mean()) < 0.35
    assert 0.8 < scores.std() < 1.2
    if copies == 1:
        bound = exact_bound(trial)
        scores = np.array([(r.beta_f - bound) / r.error for r in runs])
        assert abs(scores.mean()) < 4.0 / math.sqrt(200)
        assert 0.85 < scores.std() < 1.15


@pytest.mark.parametrize("seed", range(12))
def test_the_bound_holds_whatever_the_parameters(seed):
    model = build_model(f"sk:n=3,seed={seed}") if seed % 2 else build_model(f"ea:shape=3,seed={seed},field=0.4")
    trial = wild(model, 0.2 + 0.15 * seed, latent=1, hidden=2, seed=seed, size=0.7)
    assert exact_bound(trial) > naive.beta_f(model, trial.beta)


def test_without_fields_a_flip_of_all_changes_nothing():
    trial = wild(build_model(SYMMETRIC), 0.7)
    spins, z = trial.draw(9, np.random.default_rng(1))
    rng = np.random.default_rng(2)
    np.testing.assert_allclose(trial.exponents(-spins, rng, -z), trial.exponents(spins, rng, z), rtol=1e-13)


def test_rows_of_fields_are_those_of_numpy():
    fields = np.random.default_rng(1).standard_normal((3, 1100)) * 20.0
    fields[0, :4] = 0.0, 700.0, -700.0, 1e-9
    means, variances, norms = np.empty_like(fields), np.empty_like(fields), np.empty(3)
    field_rows(fields, means, variances, norms)
    np.testing.assert_allclose(means, np.tanh(fields), rtol=1e-14, atol=1e-15)
    near = np.abs(fields) < 300.0
    np.testing.assert_allclose(variances[near], np.cosh(fields[near]) ** -2.0, rtol=1e-13)
    assert np.all(variances[~near] < 1e-250)
    np.testing.assert_allclose(norms, log_2cosh(fields).sum(axis=1), rtol=1e-14)
    spins = np.empty((1, 6))
    draw_rows(np.array([[0.0, 0.0, 1.0, 1.0, -1.0, -1.0]]), np.array([[0.499, 0.501, 0.88, 0.881, 0.119, 0.12]]), spins)
    assert spins.tolist() == [[1.0, -1.0, 1.0, -1.0, 1.0, -1.0]]


@functools.cache
def glass() -> IsingModel:
    """A frustrated model of 12 spins without fields."""
    return build_model("ea:shape=3x4,couplings=gaussian,seed=3")


def test_a_training_lowers_the_bound_and_the_estimate_is_right():
    exact = naive.beta_f(glass(), 0.6)
    (before,) = run_method(glass(), np.array([0.6]), "vae-trial:steps=0", seed=2)
    (after,) = run_method(glass(), np.array([0.6]), "vae-trial", seed=2)
    assert exact < after.beta_f < before.beta_f - 1.0
    assert after.beta_f - exact < 0.35
    (found,) = run_method(glass(), np.array([0.6]), "vae-trial:correction=importance", seed=2)
    assert found.kind == "estimate"
    assert abs(found.beta_f - exact) < 4.0 * found.beta_f_error
    assert found.beta_f_error < 0.02
    assert found.stats["bound"] == after.beta_f


def test_configurations_teach_it(tmp_path):
    model = build_model("ising:shape=4x4")
    path = tmp_path / "data.h5"
    write_dataset(path, ising_configurations(model, 0.5, 2000, seed=3))
    (plain,) = run_method(model, np.array([0.5]), "vae-trial:steps=0", seed=2)
    (taught,) = run_method(model, np.array([0.5]), f"vae-trial:steps=0,data={path}", seed=2)
    assert naive.beta_f(model, 0.5) < taught.beta_f < plain.beta_f - 3.0
    with pytest.raises(UsageError, match="16 units"):
        run_method(glass(), np.array([0.5]), f"vae-trial:data={path}", seed=2)


def test_drift_tells_of_what_the_decoder_does_not_reach():
    model = build_model("sk:n=6,seed=1")
    trial = replace(train_vae_trial(model, 0.4, seed=1), copies=4)
    assert abs(drift_of(fresh_exponents(trial, 4096, 1), trial, 1)) < 4.0
    blind = replace(trial, parameters=trial.parameters.copy(), copies=1)
    blind.arrays["log-width"][0] = math.log(10.0)
    assert abs(drift_of(fresh_exponents(blind, 16384, 1), blind, 1)) > 4.0


def test_moments_are_those_of_the_samples():
    trial = wild(special.peaked(), 0.4, latent=3)
    found, spins = trial.moments(20000, 1), trial.draw(40000, np.random.default_rng(5))[0]
    i, j, _ = trial.model.pairs
    for given, errors, values in (
            (found.magnetizations, found.magnetization_errors, spins),
            (found.correlations, found.correlation_errors, spins[:, i] * spins[:, j])):
        sigma = np.hypot(errors, values.std(axis=0) / 200.0)
        assert np.max(np.abs(given - values.mean(axis=0)) / sigma) < 4.5


@pytest.mark.parametrize("method", ["vae-trial", "rbm-trial"])
def test_limits(method):
    chain = IsingModel.from_edges(4, [0, 1], [1, 2], [500.0, -500.0], [0.0, 0.0, 0.0, 0.7])
    found = run_method(chain, np.array([0.0, 1.0]), method, seed=1)
    assert found[0].beta_f == pytest.approx(-4.0 * math.log(2.0), rel=1e-12)
    assert found[1].status == "converged"
    least = -1000.0 - math.log(2.0) - math.log(2.0 * math.cosh(0.7))
    assert least - 1e-9 < found[1].beta_f < 0.9 * least
    (huge,) = run_method(IsingModel.from_edges(2, [0], [1], [1e308]), np.array([2.0]), method, seed=1)
    assert huge.status == "diverged"
    (cold,) = run_method(build_model("ising:shape=4x4"), np.array([500.0]), method, seed=1)
    assert cold.beta_f > -500.0 * 32.0 - math.log(2.0) - 1e-9


def test_more_copies_come_nearer_to_the_spins_alone():
    """<V_K> falls towards <beta E + ln q> with q(s) by quadrature."""
    trial = wild(build_model(SYMMETRIC), 0.6, latent=1)
    nodes, weights = np.polynomial.hermite_e.hermegauss(100)
    states = naive.states(4)
    fields = trial.fields(nodes[:, None])[0]
    log_q = logsumexp(
        np.log(weights / weights.sum())[:, None] + fields @ states.T - log_2cosh(fields).sum(axis=1)[:, None], axis=0)
    energy = naive.energies(trial.model) - trial.model.offset
    limit = float(np.exp(log_q) @ (trial.beta * energy + log_q))
    found = [bound_of(fresh_exponents(replace(trial, copies=k), 8192, 4)) for k in (1, 8, 200)]
    assert found[0].beta_f > found[1].beta_f > found[2].beta_f
    assert found[2].beta_f == pytest.approx(limit, abs=5.0 * found[2].error + 0.01)
