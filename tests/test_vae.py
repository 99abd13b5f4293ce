"""Variational autoencoders: likelihoods, gradients against differences, training, and the file."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
import scipy.optimize

from statfe.errors import UsageError
from statfe.kernels.activations import exp_single
from statfe.kernels.exponential import exp_block
from statfe.learned.vae.file import read_vae, write_vae
from statfe.learned.vae.model import LIKELIHOODS, Vae, VaeShape, fresh_vae
from statfe.learned.vae.objective import Objective, loss_and_gradient
from statfe.learned.vae.rows import bound_rows, log_weight_rows
from statfe.learned.vae.training import MONITORS, TrainingOptions, fit_vae
from tests.naive import vae as naive

ACTIVATIONS = ("tanh", "softplus", "relu")


def values(likelihood, count, units, rng):
    """Data that a likelihood takes."""
    if likelihood == "gaussian":
        return rng.standard_normal((count, units))
    return rng.choice([-1.0, 1.0] if likelihood == "spin" else [0.0, 1.0], size=(count, units))


def small(likelihood, activation="tanh", encoder=(5, 4), decoder=(6,), seed=3, latent=2):
    """A model with parameters of order 1, data and noise."""
    rng = np.random.default_rng(seed)
    shape = VaeShape(7, latent, encoder, decoder, likelihood, activation)
    data = values(likelihood, 4, 7, rng)
    vae = fresh_vae(shape, 1, data, "float64")
    vae = Vae(shape, vae.parameters + 0.3 * rng.standard_normal(vae.parameters.shape))
    return vae, data, rng.standard_normal((4, 3, latent))


def bars(count, side, seed):
    """Rows or columns of a square that are on."""
    rng = np.random.default_rng(seed)
    on, upright = rng.random((count, side)) < 0.4, rng.random(count) < 0.5
    square = np.repeat(on[:, None, :], side, axis=1)
    return np.where(upright[:, None, None], square, square.transpose(0, 2, 1)).reshape(count, -1).astype(float)


def differences(cost, parameters, step=1e-5):
    """Central differences."""
    return np.array([
        (cost(parameters + step * e) - cost(parameters - step * e)) / (2.0 * step) for e in np.eye(len(parameters))])


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("objective", ["elbo", "iwae", "autoencoder"])
def test_losses_are_those_written_out(likelihood, activation, objective):
    vae, data, noise = small(likelihood, activation)
    for b in (1.0, 0.3):
        goal = Objective(objective, 3, b)
        assert loss_and_gradient(vae, data, noise, goal)[0].value == pytest.approx(
            naive.loss(vae, data, noise, goal), abs=1e-11)


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.parametrize("objective", ["elbo", "iwae", "autoencoder"])
@pytest.mark.parametrize(("activation", "depths"), [
    *((activation, ((5, 4), (6,))) for activation in ACTIVATIONS), ("tanh", ((), ())), ("relu", ((3,), (4, 3, 5)))])
def test_gradients_are_differences_of_the_loss(likelihood, activation, objective, depths):
    vae, data, noise = small(likelihood, activation, *depths)
    goal = Objective(objective, 3, 0.7)
    found = loss_and_gradient(vae, data, noise, goal)[1]
    wanted = differences(
        lambda p: loss_and_gradient(Vae(vae.shape, p), data, noise, goal)[0].value, vae.parameters)
    assert np.max(np.abs(found - wanted)) < 1e-7
    assert np.max(np.abs(found)) > 1e-2


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_the_doubly_reparameterised_gradient_is_that_of_its_surrogate(likelihood):
    """Decoder: sum_k W ln w; encoder: sum_k W^2 ln w with the parameters of ln q held; W held in both."""
    vae, data, noise = small(likelihood, encoder=(3,), decoder=(3,))
    data, noise, b = data[:2], noise[:2], 0.7
    found = loss_and_gradient(vae, data, noise, Objective("dreg", 3, b))[1]
    heads = [naive.encode(vae, x) for x in data]
    logs = np.array([[naive.log_weight(vae, x, e, b) for e in eps] for x, eps in zip(data, noise, strict=True)])
    shares = np.exp(logs) / np.exp(logs).sum(axis=1, keepdims=True)

    def surrogate(power):
        def cost(p):
            other = Vae(vae.shape, p)
            return -np.mean([
                sum(shares[i, k] ** power * naive.log_weight(other, x, noise[i, k], b, heads[i]) for k in range(3))
                for i, x in enumerate(data)])
        return cost

    of_encoder = np.array([name.startswith("encoder") for name, shape in vae.shape.layout.shapes.items()
                           for _ in range(int(np.prod(shape)))])
    wanted = np.where(
        of_encoder, differences(surrogate(2), vae.parameters), differences(surrogate(1), vae.parameters))
    assert np.max(np.abs(found - wanted)) < 1e-6


def test_both_gradients_of_the_weighted_bound_have_one_mean_and_the_doubled_one_less_noise():
    vae, data, _ = small("bernoulli", encoder=(3,), decoder=(3,))
    rng = np.random.default_rng(5)
    plain, doubled = (np.array(rows) for rows in zip(*(
        [loss_and_gradient(vae, data, noise, Objective(name, 16))[1] for name in ("iwae", "dreg")]
        for noise in rng.standard_normal((1500, len(data), 16, 2))), strict=True))
    apart = plain - doubled
    error = apart.std(axis=0, ddof=1) / np.sqrt(len(apart))
    moved = error > 0
    assert np.max(np.abs(apart.mean(axis=0)[moved] / error[moved])) < 4.5
    encoder = slice(0, vae.shape.layout.starts["decoder-weights-0"])
    assert doubled[:, encoder].var(axis=0).sum() < 0.7 * plain[:, encoder].var(axis=0).sum()


def test_single_precision_follows_double():
    for likelihood, activation in itertools.product(LIKELIHOODS, ACTIVATIONS):
        vae, data, noise = small(likelihood, activation)
        exact, close = (loss_and_gradient(v, data, noise, Objective("iwae", 3)) for v in (vae, vae.as_type("float32")))
        assert close[1].dtype == np.float32
        assert close[0].value == pytest.approx(exact[0].value, rel=1e-5)
        assert np.max(np.abs(close[1] - exact[1])) < 1e-5 * max(1.0, np.max(np.abs(exact[1])))


def test_single_precision_exponential():
    x = np.linspace(-86.0, 80.0, 40001).astype(np.float32)
    out, room = np.empty_like(x), np.empty_like(x)
    exp_single(x, len(x), room, out)
    exact = np.exp(x.astype(np.float64))
    assert np.max(np.abs(out - exact) / exact) < 2.5e-7
    wide, room = np.empty(len(x)), np.empty(len(x))
    exp_block(x.astype(np.float64), len(x), room, wide)
    assert np.max(np.abs(wide - exact) / exact) < 5e-16


def test_extreme_outputs_stay_finite():
    vae, data, noise = small("bernoulli")
    for scale in (1e3, 1e5):
        for likelihood in ("bernoulli", "spin"):
            shape = replace(vae.shape, likelihood=likelihood)
            hard = Vae(shape, vae.parameters.copy())
            hard.arrays["decoder-weights-1"][:] *= scale
            x = data if likelihood == "bernoulli" else 2.0 * data - 1.0
            loss, gradient = loss_and_gradient(hard, x, noise, Objective("elbo", 3))
            assert np.isfinite(loss.value)
            assert np.all(np.isfinite(gradient))


def test_the_weighted_bound_falls_from_the_negative_elbo_as_samples_are_added():
    vae, data, _ = small("bernoulli")
    noise = np.random.default_rng(1).standard_normal((len(data), 8192, 2))
    logs, log_p, _ = log_weight_rows(vae, data, noise)
    assert np.mean(bound_rows(vae, data, noise)) == pytest.approx(-logs.mean(), abs=0.02)
    bounds = [-np.mean(np.log(np.exp(logs.reshape(len(data), -1, k)).mean(axis=2))) for k in (1, 4, 16, 64)]
    assert bounds == sorted(bounds, reverse=True)
    assert np.all(log_p < 0.0)


def least_bound_of_a_sign(copies):
    """The best bound of `copies` equal fair units with log-odds a z and q = N(+-m, s^2), by scipy."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)

    def cost(p):
        m, log_s, log_a = p
        z = m + np.exp(log_s) * nodes
        misfit = copies * np.logaddexp(0.0, -np.exp(log_a) * z)
        return 0.5 * (m * m + np.exp(2 * log_s) - 2 * log_s - 1.0) + weights @ misfit / weights.sum()

    return scipy.optimize.minimize(cost, [1.0, -1.0, 1.0], method="Nelder-Mead", options={"maxiter": 4000}).fun


def test_training_finds_what_generated_the_data():
    """Two groups of equal units: the bound comes as near the entropy ln 4 as one Gaussian a group can."""
    rng = np.random.default_rng(0)
    data = np.repeat(rng.integers(0, 2, size=(3000, 2)), 8, axis=1).astype(float)
    options = TrainingOptions(rate=1e-2, seed=2, warm_up=5, batch=100)
    found = fit_vae(data[:2500], VaeShape(16, 2, (16,), (16,)), epochs=60, options=options, test=data[2500:])
    assert found.status == "converged"
    late = np.mean(found.history["test_bound"][-5:])
    assert 2.0 * np.log(2.0) < late < 2.0 * least_bound_of_a_sign(8) + 0.1
    assert found.history["kl_weight"][0] == pytest.approx(0.2 * 13 / 25, rel=0.05)
    assert found.history["kl_weight"][-1] == 1.0


@pytest.mark.parametrize("objective", ["elbo", "iwae", "dreg", "autoencoder"])
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_a_stop_and_a_file_change_no_bit(objective, precision, tmp_path):
    data, shape = bars(150, 4, 1), VaeShape(16, 2, (8,), (8,))
    options = TrainingOptions(batch=32, objective=objective, samples=3, warm_up=2, seed=4, precision=precision)
    once = fit_vae(data, shape, epochs=4, options=options)
    half = fit_vae(data, shape, epochs=2, options=options)
    write_vae(tmp_path / "half.h5", half)
    later = fit_vae(data, epochs=4, start=read_vae(tmp_path / "half.h5"))
    assert np.array_equal(once.vae.parameters, later.vae.parameters)
    assert once.vae.parameters.dtype == later.vae.parameters.dtype
    for name in MONITORS:
        assert np.array_equal(once.history[name], later.history[name], equal_nan=True), name


def test_the_model_kept_after_a_divergence_is_finite():
    """One step an epoch: its loss is from before the step that does the harm."""
    x = (np.random.default_rng(1).random((40, 6)) < 0.4).astype(np.float32)
    found = fit_vae(x, VaeShape(6, 2, (8,), (8,)), epochs=5, options=TrainingOptions(batch=40, rate=1e6))
    assert (found.status, found.epochs) == ("diverged", 0)
    mean, width = found.vae.encode(x)
    assert np.all(np.isfinite(mean))
    assert np.all(np.isfinite(width))


def test_divergence_is_said_and_the_last_good_model_kept():
    data, shape = bars(200, 4, 1), VaeShape(16, 2, (8,), (8,))
    good = fit_vae(data, shape, epochs=3, options=TrainingOptions(batch=50, seed=1))
    wild = replace(good, options=replace(good.options, rate=1e4))
    found = fit_vae(data, epochs=9, start=wild)
    assert found.status == "diverged"
    assert "lower rate" in found.message
    assert "the model after epoch" in found.message
    assert len(found.history["loss"]) == found.epochs
    assert np.all(np.isfinite(found.vae.parameters))
    if found.epochs == good.epochs:
        assert np.array_equal(found.vae.parameters, good.vae.parameters)


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.parametrize("objective", ["elbo", "iwae", "autoencoder"])
def test_a_training_that_runs_away_but_stays_finite_has_diverged(likelihood, objective):
    """In the first epoch too, where all losses but the first are large."""
    data = values(likelihood, 60, 9, np.random.default_rng(2))
    shape = VaeShape(9, 2, (8,), (8,), likelihood)
    options = TrainingOptions(batch=20, rate=1e6, objective=objective, samples=2, seed=1)
    found = fit_vae(data, shape, epochs=3, options=options)
    assert (found.status, found.epochs) == ("diverged", 0)
    assert "lower rate" in found.message
    assert np.array_equal(found.vae.parameters, fit_vae(data, shape, epochs=0, options=options).vae.parameters)


@pytest.mark.parametrize(("change", "words"), [
    (lambda x: np.where(np.arange(16) == 3, 1.5, x), "not in"),
    (lambda x: np.where(np.arange(16) == 3, np.nan, x), "unit 3"),
    (lambda x: x[:, :15], "the model takes"),
    (lambda x: x[:1], "2 samples or more"),
    (lambda x: x[:40], "larger than the data"),
    (lambda x: x.astype(str), "must be numbers"),
])
def test_bad_data_are_refused(change, words):
    with pytest.raises(UsageError, match=words):
        fit_vae(change(bars(100, 4, 0)), VaeShape(16, 2, (4,), (4,)), epochs=1, options=TrainingOptions(batch=50))


def test_bad_requests_are_refused():
    with pytest.raises(UsageError, match="likelihood"):
        VaeShape(4, 1, (), (), "poisson")
    with pytest.raises(UsageError, match="units"):
        VaeShape(4, 0, (), ())
    with pytest.raises(UsageError, match="objective"):
        TrainingOptions(objective="mse")
    with pytest.raises(UsageError, match="parameters"):
        Vae(VaeShape(4, 1, (), ()), np.zeros(3))
    with pytest.raises(UsageError, match="not -1 or"):
        VaeShape(2, 1, (), (), "spin").check(np.zeros((2, 2)))


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_constant_columns_are_learned(likelihood):
    rng = np.random.default_rng(0)
    data = values(likelihood, 100, 5, rng)
    data[:, 2] = 1.0
    found = fit_vae(data, VaeShape(5, 1, (4,), (4,), likelihood), epochs=3, options=TrainingOptions(batch=20))
    assert (found.status, found.constant_columns) == ("converged", 1)
    assert np.isfinite(found.history["loss"]).all()
