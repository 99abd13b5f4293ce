"""Errors of correlated means: against processes whose autocorrelation time is known."""

from __future__ import annotations

import numpy as np
import pytest

from statfe.stats import autocovariance, bin_means, mean_error, split_rhat


def autoregressive(rho: float, replicas: int, length: int, seed: int) -> np.ndarray:
    """AR(1) with unit variance: tau = (1 + rho) / (2 (1 - rho))."""
    rng = np.random.default_rng(seed)
    x = np.empty((replicas, length))
    x[:, 0] = rng.normal(size=replicas)
    for t in range(1, length):
        x[:, t] = rho * x[:, t - 1] + np.sqrt(1 - rho**2) * rng.normal(size=replicas)
    return x


def test_autocovariance_is_the_definition():
    x = np.random.default_rng(1).normal(size=(2, 50)) + 3.0
    d = x - x.mean()
    direct = [np.mean([np.sum(r[: 50 - t] * r[t:]) / (50 - t) for r in d]) for t in range(50)]
    assert np.allclose(autocovariance(x), direct, atol=1e-12)


@pytest.mark.parametrize("rho", [0.0, 0.5, 0.9, 0.97])
def test_integrated_time_of_an_autoregressive_process(rho):
    found = mean_error(autoregressive(rho, 4, 20_000, seed=3))
    tau = 0.5 * (1 + rho) / (1 - rho)
    assert found.tau == pytest.approx(tau, rel=0.12)
    assert found.effective == pytest.approx(80_000 / (2 * tau), rel=0.14)


def test_error_of_the_mean_covers():
    z = []
    for seed in range(300):
        found = mean_error(autoregressive(0.8, 2, 500, seed))
        z.append(float(found.mean / found.error))
    assert 0.88 < np.std(z) < 1.2


def test_a_hidden_correlation_is_not_missed():
    """Independent-sample errors would be three times too small."""
    x = autoregressive(0.8, 2, 4000, 1)
    assert mean_error(x).error > 2.4 * x.std() / np.sqrt(x.size)


def test_replicas_stuck_apart_give_a_large_error():
    x = autoregressive(0.0, 2, 1000, 1) * 0.01
    x[1] += 5.0
    assert mean_error(x).error > 1.0
    assert split_rhat(x) > 10


def test_constants_have_no_error():
    found = mean_error(np.full((2, 100), 7.0))
    assert found.mean == 7.0
    assert found.error == 0.0
    assert split_rhat(np.full((2, 100), 7.0)) == 1.0
    assert split_rhat(np.stack([np.zeros(50), np.ones(50)])) == np.inf


def test_columns_are_independent_of_each_other():
    x = np.stack([autoregressive(0.5, 2, 800, s) for s in range(3)], axis=2)
    whole = mean_error(x)
    for k in range(3):
        alone = mean_error(x[:, :, k])
        assert whole.error[k] == pytest.approx(float(alone.error), rel=1e-12)
        assert whole.mean[k] == pytest.approx(float(alone.mean), rel=1e-12)


def test_rhat_is_one_for_one_law_and_large_for_a_drift():
    x = autoregressive(0.3, 4, 5000, 2)
    assert split_rhat(x) == pytest.approx(1.0, abs=0.01)
    # Halves of a ramp of height 3 differ by 1.5; within each, noise and ramp add 1 / (1 - rho^2) + 1.5^2 / 12.
    within, between = 1.0 / (1.0 - 0.3**2) + 1.5**2 / 12.0, 0.75**2 * 8.0 / 7.0
    expected = np.sqrt(1.0 + between / within)
    assert expected > 1.2
    assert split_rhat(x + np.linspace(0, 3, 5000)) == pytest.approx(expected, abs=0.02)
    assert split_rhat(x[:, :3]) == np.inf


def test_bins_keep_the_mean():
    x = np.arange(24.0).reshape(2, 12)
    assert bin_means(x, 4).shape == (2, 4)
    assert np.allclose(bin_means(x, 4).mean(axis=1), x.mean(axis=1))
    assert bin_means(x, 100).shape == (2, 12)
    odd = np.arange(26.0).reshape(2, 13)
    assert bin_means(odd, 5).shape == (2, 4)
    assert np.allclose(bin_means(odd, 5)[:, 0], odd[:, 1:4].mean(axis=1))


@pytest.mark.parametrize("length", range(1, 60))
def test_there_are_never_more_bins_than_asked_for(length):
    assert 1 <= bin_means(np.zeros((1, length)), 7).shape[1] <= 7


def test_a_slow_mode_of_small_weight_is_not_missed():
    """A tenth of the variance has tau = 20 draws and makes most of the error: a window of 6 tau misses much of it."""
    z = []
    for seed in range(150):
        rng = np.random.default_rng(10_000 + seed)
        slow = autoregressive(0.95, 2, 2000, seed)
        found = mean_error(np.sqrt(0.1) * slow + np.sqrt(0.9) * rng.normal(size=slow.shape))
        z.append(float(found.mean / found.error))
    assert np.std(z) < 1.15


def test_independent_draws_keep_their_error():
    """The second, cruder error from long stretches adds less than a tenth."""
    ratio = [float(mean_error(autoregressive(0.0, 4, 1000, s)).error) * np.sqrt(4000) for s in range(100)]
    assert 0.97 < np.mean(ratio) < 1.1


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_errors_scale_with_the_series(scale):
    x = autoregressive(0.5, 2, 400, 1)
    assert mean_error(scale * x).error == pytest.approx(scale * float(mean_error(x).error), rel=1e-9)
    assert split_rhat(scale * x) == pytest.approx(float(split_rhat(x)), rel=1e-9)
