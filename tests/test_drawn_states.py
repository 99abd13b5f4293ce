"""The bound from samples of a trial that holds few states: what was not drawn must not make it lie below beta F."""

from __future__ import annotations

import numpy as np
import pytest

from statfe.learned.autoregressive_trial import free_trial
from statfe.learned.drawn_states import restricted_bound
from statfe.learned.trial_bound import sampled_bound
from statfe.models.catalogue import build_model
from statfe.registry import run_method
from tests import models_for_tests as special
from tests.naive import ising as naive


def samples(p_high: float, drawn: list[int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """V, ln q and spins of a spin with energies 0 and 100 at beta = 1, which q puts up with `p_high`."""
    q = np.array([1.0 - p_high, p_high])
    log_q = np.log(q)
    v = np.array([0.0, 100.0]) + log_q
    return v[drawn], log_q[drawn], np.array([[-1], [1]])[drawn]


def test_samples_that_agree_give_no_bound_below_beta_f():
    """beta F = -ln(1 + e^-100), that is 0; V of the state that was drawn is -1e-4."""
    found = restricted_bound(*samples(1e-4, [0] * 50))
    assert found.restricted
    assert (found.beta_f, found.error) == (pytest.approx(0.0, abs=1e-15), 0.0)
    assert found.drawn == pytest.approx(1.0 - 1e-4)


def test_a_mean_stays_a_mean_where_much_is_missing():
    """Two states of many: the sum over them is a worse bound than the mean."""
    log_q = np.full(4, -np.log(100.0))
    v = log_q + np.array([0.1, 0.0, 0.2, 0.0])
    found = restricted_bound(v, log_q, np.array([[1, 1], [1, -1], [-1, 1], [1, -1]]))
    assert not found.restricted
    assert found.beta_f == pytest.approx(v.mean())
    assert found.error == pytest.approx(v.std(ddof=1) / 2.0)
    assert found.drawn == pytest.approx(0.03)


def test_it_is_the_bound_of_the_restricted_trial():
    model, beta = special.peaked(), 1.2
    trial = free_trial(model, beta)
    drawn = trial.sample(2000, np.random.default_rng(1))
    log_q = trial.log_prob(drawn)
    v = beta * np.array([model.energy(s) for s in drawn]) - beta * model.offset + log_q
    found = restricted_bound(v, log_q, drawn)
    chances = {tuple(s): (np.exp(a), e) for s, a, e in zip(drawn.tolist(), log_q, v - log_q, strict=True)}
    q = np.array([c for c, _ in chances.values()])
    energies = np.array([e for _, e in chances.values()])
    p = q / q.sum()
    assert found.drawn == pytest.approx(q.sum())
    assert found.restricted
    assert found.beta_f == pytest.approx(float(np.dot(p, energies + np.log(p))), abs=1e-12)
    assert found.beta_f >= naive.beta_f(model, beta) - beta * model.offset - 1e-12


@pytest.mark.parametrize(("spec", "beta"), [("ising:shape=4x4", 5.0), ("ising:shape=4x4,field=0.3", 20.0)])
def test_no_upper_bound_below_beta_f_at_low_temperature(spec, beta):
    """A network that came down to one or two states, of whose neighbours 16384 samples show none."""
    model = build_model(spec)
    (exact,) = run_method(model, np.array([beta]), "transfer-matrix")
    (found,) = run_method(model, np.array([beta]), "autoregressive:steps=150", seed=1)
    assert found.kind == "upper_bound"
    assert found.beta_f + 3.0 * found.beta_f_error >= exact.beta_f - 1e-10 * abs(exact.beta_f)


def test_the_bits_of_the_sum_do_not_depend_on_threads():
    trial = free_trial(build_model("ising:shape=4x5"), 1.5)
    one, two = (sampled_bound(trial, 5000, 1, workers=w) for w in (1, 3))
    assert one == two
    assert 0.0 < one.drawn <= 1.0
