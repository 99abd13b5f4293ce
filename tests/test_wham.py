"""The weighted histogram equations: against plain iteration, exact laws, and draws whose errors are known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import logsumexp

from statfe.estimators.wham import log_weight, log_weights_of_groups, wham
from statfe.stats import mean_error
from tests.naive.biased import wham as naive_wham
from tests.retry import sequential

#: ln of the weights q(v) of ten values, and the biases of three windows.
LOG_Q = np.array([0.0, 2.0, 3.5, 4.0, 3.0, 1.0, -2.0, -5.0, -9.0, -14.0])
LOG_BIAS = np.array([-0.5 * (np.arange(10) - c) ** 2 / 4.0 - 0.8 * LOG_Q for c in (1.0, 4.0, 8.0)])
TARGET = np.linspace(0.0, 18.0, 10)


def independent(seed: int, draws: int = 300, replicas: int = 2) -> np.ndarray:
    """Draws of each window's own law, shape (replicas, draws, 3)."""
    rng = np.random.default_rng(seed)
    p = np.exp(LOG_Q + LOG_BIAS)
    return np.stack([rng.choice(10, size=(replicas, draws), p=row / row.sum()) for row in p], axis=2)


def solve(values: np.ndarray):
    distinct = np.unique(values)
    return wham(values, LOG_BIAS[:, distinct], distinct)


def test_the_solution_is_that_of_plain_iteration():
    values = independent(1)
    found = solve(values)
    histogram = np.array([np.bincount(values[..., w].ravel(), minlength=10) for w in range(3)])[:, found.values]
    f, p = naive_wham(histogram.astype(float), LOG_BIAS[:, found.values])
    assert found.converged
    assert found.free == pytest.approx(f, abs=1e-9)
    mine, _ = log_weights_of_groups(found, np.arange(len(found.values)), len(found.values))
    assert mine - logsumexp(mine) == pytest.approx(np.log(p), abs=1e-9)


def test_one_window_is_plain_reweighting():
    values = independent(2)[..., :1]
    distinct = np.unique(values)
    found = wham(values, LOG_BIAS[:1, distinct], distinct)
    log_c, influence = log_weight(found, TARGET[distinct])
    flat, _ = log_weight(found, np.zeros(len(distinct)))
    ratio = np.exp(-LOG_BIAS[0])[values]
    assert log_c - flat == pytest.approx(np.log(np.sum(np.exp(TARGET)[values] * ratio) / ratio.sum()), abs=1e-10)
    assert influence.mean() == pytest.approx(0.0, abs=1e-10)


def test_groups_add_up_and_their_influence_is_that_of_their_targets():
    found = solve(independent(3))
    V = len(found.values)
    group = np.arange(V) // 4
    each, influence = log_weights_of_groups(found, group, group.max() + 1, TARGET[found.values])
    total, whole = log_weight(found, TARGET[found.values])
    assert logsumexp(each) == pytest.approx(total, abs=1e-10)
    assert np.exp(each - total) @ influence.reshape(-1, len(each)).T == pytest.approx(whole.ravel(), abs=1e-9)
    one, series = log_weight(found, np.where(group == 1, TARGET[found.values], -np.inf))
    assert one == pytest.approx(each[1], abs=1e-10)
    assert series == pytest.approx(influence[..., 1], abs=1e-9)


def test_groups_hundreds_of_nats_apart_do_not_underflow():
    values = np.tile(np.arange(4), (2, 50))[..., None]
    bias = np.array([[0.0, -900.0, -1800.0, 900.0]])
    log_c, influence = log_weights_of_groups(wham(values, bias, np.arange(4)), np.arange(4), 4)
    assert log_c - log_c[0] == pytest.approx([0.0, 900.0, 1800.0, -900.0])
    assert np.all(np.isfinite(influence))


def test_many_values_are_solved_as_few_are():
    rng = np.random.default_rng(4)
    values = np.stack([rng.normal(c, 1.0, size=(3, 3000)) for c in (0.0, 1.5)], axis=2)
    distinct = np.unique(values)
    bias = np.array([-0.5 * (distinct - c) ** 2 for c in (0.0, 1.5)])
    found = wham(values, bias, distinct)
    # Both windows have the norm sqrt(2 pi) over the flat law.
    assert found.converged
    assert abs(found.free[1]) < 5.0 * float(mean_error(found.influence[..., 1]).error)
    assert found.neighbour_overlap == pytest.approx([0.6], abs=0.1)


def scores(seeds: range) -> np.ndarray:
    """(estimate - exact) / error of f_3 and of two reweighted sums relative to another, shape (seeds, 3)."""
    exact = [logsumexp(LOG_Q + LOG_BIAS[0]) - logsumexp(LOG_Q + LOG_BIAS[2]),
             logsumexp(LOG_Q + TARGET) - logsumexp(LOG_Q), LOG_Q[8] - LOG_Q[2]]
    out = []
    for seed in seeds:
        found = solve(independent(seed))
        v = found.values
        log_c, influence = log_weights_of_groups(found, np.arange(len(v)), len(v))
        a, b = np.searchsorted(v, [8, 2])
        top, bottom = log_weight(found, TARGET[v]), log_weight(found, np.zeros(len(v)))
        pairs = [(found.free[2], found.influence[..., 2]), (top[0] - bottom[0], top[1] - bottom[1]),
                 (log_c[a] - log_c[b], influence[..., a] - influence[..., b])]
        out.append([(value - e) / float(mean_error(i).error) for (value, i), e in zip(pairs, exact, strict=True)])
    return np.array(out)


def test_errors_cover():
    def p_value(look: int) -> float:
        z = scores(range(1000 * look, 1000 * look + 100))
        spread = z.std(axis=0)
        return 1.0 if np.all((spread > 0.8) & (spread < 1.22)) and np.all(np.abs(z.mean(axis=0)) < 0.3) else 0.0

    sequential(p_value)
