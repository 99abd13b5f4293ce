"""Product trials against sums over all states and against many digits."""

from __future__ import annotations

import math
from decimal import Decimal, localcontext

import numpy as np
import pytest
from scipy import stats

from statfe.trial import ProductTrial, log_2cosh
from tests.naive.ising import states
from tests.retry import sequential

LAMBDAS = np.array([0.0, 0.3, -1.2, 2.5, -0.01])


def decimal_site(lam: float) -> tuple[float, float, float]:
    """ln 2 cosh, 1 - tanh^2 and the entropy of one spin, with 60 digits."""
    with localcontext() as context:
        context.prec = 60
        x = Decimal(lam)
        up, down = x.exp(), (-x).exp()
        total = up + down
        p, q = up / total, down / total
        return float(total.ln()), float(4 * p * q), float(-(p * p.ln() + q * q.ln()))


def test_log_prob_means_variances_and_entropy_are_those_of_all_states():
    trial, s = ProductTrial(LAMBDAS), states(5)
    log_q = trial.log_prob(s)
    q = np.exp(log_q)
    assert q.sum() == pytest.approx(1.0, abs=1e-14)
    weights = np.exp(s @ LAMBDAS)
    np.testing.assert_allclose(q, weights / weights.sum(), rtol=1e-13)
    np.testing.assert_allclose(trial.means, q @ s, atol=1e-14)
    np.testing.assert_allclose(trial.variances, q @ (s - trial.means) ** 2, rtol=1e-13)
    assert trial.entropy == pytest.approx(-float(q @ log_q), rel=1e-13)


@pytest.mark.parametrize("lam", [0.0, 1e-9, -0.5, 3.0, -19.0, 45.0, -300.0])
def test_digits_survive_near_saturation(lam):
    trial = ProductTrial(np.array([lam]))
    log_z, variance, entropy = decimal_site(lam)
    assert float(log_2cosh(np.array([lam]))[0]) == pytest.approx(log_z, rel=1e-15)
    assert float(trial.variances[0]) == pytest.approx(variance, rel=1e-13)
    assert trial.entropy == pytest.approx(entropy, rel=1e-13)


def test_frozen_spins_are_numbers():
    trial = ProductTrial(np.array([1e5, -1e200]))
    assert trial.entropy == 0.0
    assert trial.variances.tolist() == [0.0, 0.0]
    assert trial.log_prob(np.array([[1, -1]], dtype=np.int8)).tolist() == [0.0]


@pytest.mark.statistical
def test_samples_follow_log_prob():
    trial, s = ProductTrial(LAMBDAS), states(5)
    expected = np.exp(trial.log_prob(s))
    powers = 2 ** np.arange(5)[::-1]

    def p_value(seed: int) -> float:
        drawn = trial.sample(20_000, np.random.default_rng(seed))
        assert drawn.dtype == np.int8
        assert set(np.unique(drawn)) == {-1, 1}
        seen = np.bincount((drawn > 0) @ powers, minlength=32)
        likely = expected * 20_000 >= 5
        observed = np.append(seen[likely], seen[~likely].sum())
        wanted = np.append(expected[likely], expected[~likely].sum()) * 20_000
        return float(stats.chisquare(observed, wanted).pvalue)

    sequential(p_value)


def test_samples_follow_the_generator():
    trial = ProductTrial(LAMBDAS)
    a, b = (trial.sample(7, np.random.default_rng(5)) for _ in range(2))
    np.testing.assert_array_equal(a, b)
    assert a.shape == (7, trial.n_sites)
    assert math.isfinite(trial.log_prob(a).sum())
