"""The logarithm of a mean weight: value, error, and what warns that neither means anything."""

from __future__ import annotations

import math

import numpy as np
import pytest

from statfe.estimators.log_weights import MAX_SKEW, LogMean, log_mean_exp, log_mean_weight, pareto_k, student_factor

RUNS = 1500


def scores(draw, truth: float, groups=None, runs: int = RUNS) -> np.ndarray:
    """(estimate - truth) / error over many runs."""
    rng = np.random.default_rng(5)
    found = [log_mean_weight(draw(rng), groups) for _ in range(runs)]
    return np.array([(f.value - truth) / f.error for f in found])


def covers(z: np.ndarray) -> None:
    assert abs(z.mean()) < 0.1
    assert 0.9 < z.std() < 1.15
    assert 0.64 < np.mean(np.abs(z) < 1) < 0.72
    assert 0.93 < np.mean(np.abs(z) < 1.96) < 0.97


@pytest.mark.statistical
@pytest.mark.parametrize("sigma", [0.1, 0.6])
def test_errors_of_independent_weights_cover(sigma):
    covers(scores(lambda rng: rng.normal(size=300) * sigma, 0.5 * sigma**2))


@pytest.mark.statistical
def test_errors_of_groups_cover():
    """Weights of a group share most of their fluctuation."""
    groups = np.repeat(np.arange(40), 10)
    draw = lambda rng: 0.3 * np.repeat(rng.normal(size=40), 10) + 0.1 * rng.normal(size=400)  # noqa: E731
    covers(scores(draw, 0.5 * 0.1, groups))
    alone = scores(draw, 0.5 * 0.1, None, 200)
    assert alone.std() > 2.0


@pytest.mark.statistical
def test_errors_of_few_groups_cover():
    groups = np.repeat(np.arange(6), 50)
    z = scores(lambda rng: 0.3 * np.repeat(rng.normal(size=6), 50), 0.5 * 0.09, groups)
    assert abs(z.mean()) < 0.1
    assert 0.64 < np.mean(np.abs(z) < 1) < 0.72


@pytest.mark.statistical
def test_the_bias_of_order_one_over_n_is_taken_off():
    rng, sigma, n, runs = np.random.default_rng(1), 1.0, 30, 6000
    logs = rng.normal(size=(runs, n)) * sigma
    plain = np.mean([log_mean_exp(x) for x in logs]) - 0.5 * sigma**2
    corrected = np.mean([log_mean_weight(x).value for x in logs]) - 0.5 * sigma**2
    assert plain < -0.02
    assert abs(corrected) < 0.5 * abs(plain)


def test_value_and_error_are_those_of_the_textbook_jackknife():
    logs = np.random.default_rng(2).normal(size=25)
    n = len(logs)
    left_out = np.array([log_mean_exp(np.delete(logs, i)) for i in range(n)])
    value = n * log_mean_exp(logs) - (n - 1) * left_out.mean()
    error = math.sqrt((n - 1) / n * np.sum((left_out - left_out.mean()) ** 2)) * student_factor(n)
    found = log_mean_weight(logs)
    assert found.value == pytest.approx(value, rel=1e-12)
    assert found.error == pytest.approx(error, rel=1e-12)
    w = np.exp(logs)
    assert found.effective == pytest.approx(w.sum() ** 2 / np.sum(w**2))
    assert found.largest_share == pytest.approx(w.max() / w.sum())
    assert log_mean_weight(logs, np.arange(n)) == found


def test_groups_of_unequal_size():
    logs, groups = np.array([0.1, -0.4, 0.3, 0.9, -1.0, 0.2]), np.array([7, 7, 7, 2, 2, 9])
    sums = [np.exp(logs[groups == g]).sum() for g in (2, 7, 9)]
    sizes, n, theta = np.array([2.0, 3.0, 1.0]), 6.0, log_mean_exp(logs)
    left_out = np.log((sum(sums) - np.array(sums)) / (n - sizes))
    pseudo = n / sizes * theta - (n / sizes - 1) * left_out
    value = 3 * theta - np.sum((1 - sizes / n) * left_out)
    error = math.sqrt(np.mean((pseudo - value) ** 2 / (n / sizes - 1))) * student_factor(3)
    found = log_mean_weight(logs, groups)
    assert found.value == pytest.approx(value, rel=1e-12)
    assert found.error == pytest.approx(error, rel=1e-12)
    assert found.units == 3


@pytest.mark.parametrize("shift", [0.0, 5000.0, -1e6])
def test_no_overflow(shift):
    logs = np.random.default_rng(3).normal(size=400)
    found, plain = log_mean_weight(logs + shift), log_mean_weight(logs)
    assert found.value - shift == pytest.approx(plain.value, abs=1e-9)
    assert found.error == pytest.approx(plain.error, rel=1e-8)


def test_one_weight_that_carries_all_has_no_error():
    found = log_mean_weight(np.array([0.0, -2000.0, -3000.0]))
    assert found.error == math.inf
    assert found.largest_share == 1.0
    assert found.effective == 1.0
    almost = log_mean_weight(np.array([0.0, -50.0, -60.0]))
    assert math.isfinite(almost.error)
    assert almost.error > 10
    assert log_mean_weight(np.array([1.5])).error == math.inf


@pytest.mark.parametrize("logs", [[0.0, math.nan], [0.0, math.inf], [-math.inf, -math.inf], []])
def test_nothing_is_known_of_weights_that_are_no_numbers(logs):
    found = log_mean_weight(np.array(logs))
    assert math.isnan(found.value)
    assert math.isnan(found.error)


def test_weights_of_zero_count():
    found = log_mean_weight(np.array([0.0, 0.0, -math.inf, -math.inf] * 100))
    assert found.value == pytest.approx(-math.log(2), abs=1.0 / 400)
    assert found.effective == pytest.approx(200)


def test_equal_weights_are_exact():
    found = log_mean_weight(np.full(500, 3.25))
    assert isinstance(found, LogMean)
    assert (found.k_hat, found.units) == (-math.inf, 500)
    assert found.error < 1e-15
    assert found.value == pytest.approx(3.25, abs=1e-14)
    assert found.effective == pytest.approx(500)


@pytest.mark.statistical
@pytest.mark.parametrize("k", [0.3, 0.7, 1.2])
def test_the_index_of_a_pareto_tail_is_found(k):
    rng = np.random.default_rng(8)
    found = [pareto_k(-k * np.log1p(-rng.random(20_000))) for _ in range(30)]
    # The mean over 30 fits, whose prior at 1/2 has the weight of 10 of some 425 values.
    assert np.mean(found) == pytest.approx((425 * k + 5) / 435, abs=0.06)


def test_bounded_weights_have_a_light_tail():
    rng = np.random.default_rng(9)
    assert pareto_k(np.log(rng.random(10_000))) < 0.0
    assert pareto_k(rng.integers(0, 3, size=10_000).astype(float)) == -math.inf
    assert math.isnan(pareto_k(rng.normal(size=20)))


def test_ties_in_the_tail_are_fitted_too():
    """Small systems have few energies: the tail is a handful of values, each many times."""
    rng = np.random.default_rng(10)
    for counts in ((5, 9000), (3, 3, 20, 400, 9000), (40, 200, 3000)):
        logs = np.repeat(np.linspace(2.0, -1.0, len(counts)), counts)
        assert math.isfinite(pareto_k(rng.permutation(logs)))
    # an exponential tail, where the quantiles make theta exactly 0
    assert abs(pareto_k(np.log(-np.log1p(-rng.random(20_000))))) < 0.2


@pytest.mark.statistical
def test_skewed_weights_shift_the_score_by_half_their_skew():
    sigma, n = 1.2, 1000
    rng = np.random.default_rng(11)
    found = [log_mean_weight(rng.normal(size=n) * sigma) for _ in range(RUNS)]
    skew = np.mean([f.skew for f in found])
    z = np.array([(f.value - 0.5 * sigma**2) / f.error for f in found])
    assert skew > MAX_SKEW
    assert z.mean() == pytest.approx(-skew / 2, abs=0.08)
    assert log_mean_weight(np.full(50, 1.0)).skew == 0.0
