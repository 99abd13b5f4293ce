"""The bound from samples of a trial that holds few states: what was not drawn must not make it lie below beta F."""

from __future__ import annotations

import numpy as np
import pytest

from statfe.learned.autoregressive_trial import free_trial
from statfe.learned.trial_bound import sampled_bound
from statfe.models.catalogue import build_model
from statfe.models.ising import IsingModel
from statfe.registry import run_method
from statfe.series.drawn_states import distinct, merged, restricted_bound
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


@pytest.mark.parametrize("trial", ["autoregressive", "free", "mean-field", "tree"])
def test_cumulants_of_samples_that_agree_claim_nothing_of_states_not_seen(trial):
    """Order 1 is the bound of the states drawn; beyond, what rarer states add is not known."""
    model, how = build_model("ising:shape=5x5,field=1"), f"trial={trial},evaluation=sampling"
    (exact,) = run_method(model, np.array([5.0]), "transfer-matrix")
    (first,) = run_method(model, np.array([5.0]), f"cumulants:order=1,{how}", seed=1)
    assert (first.kind, first.status) == ("upper_bound", "converged")
    assert first.beta_f >= exact.beta_f - 1e-11 * abs(exact.beta_f)
    (second,) = run_method(model, np.array([5.0]), f"cumulants:order=2,{how}", seed=1)
    assert second.status == "not_converged"
    assert "not seen" in second.message
    assert 0.99 < second.stats["drawn"] <= 1.0


@pytest.mark.parametrize("order", [1, 2])
def test_corrections_of_a_learned_trial_that_came_down_to_few_states(order):
    model = build_model("ising:shape=5x5,field=1")
    (exact,) = run_method(model, np.array([5.0]), "transfer-matrix")
    (found,) = run_method(
        model, np.array([5.0]), f"autoregressive:steps=100,correction=cumulants,cumulants={order}", seed=1)
    if order == 1:
        assert (found.kind, found.status, found.beta_f_error) == ("upper_bound", "converged", 0.0)
        assert found.beta_f >= exact.beta_f - 1e-11 * abs(exact.beta_f)
    else:
        assert found.status == "not_converged"
        assert "not seen" in found.message


def test_a_trial_that_is_exact_needs_no_other_states():
    """All samples agree because V is constant."""
    forest = IsingModel.from_edges(30, np.arange(29), np.arange(1, 30), np.ones(29), np.full(30, 0.2))
    (found,) = run_method(forest, np.array([0.7]), "cumulants:order=2,trial=tree,evaluation=sampling", seed=1)
    (exact,) = run_method(forest, np.array([0.7]), "exact")
    assert (found.kind, found.status) == ("exact", "converged")
    assert found.beta_f == pytest.approx(exact.beta_f, abs=1e-9)


def test_states_of_pieces_are_those_of_all():
    spins = np.random.default_rng(1).choice([-1, 1], (500, 7)).astype(np.int8)
    log_q = spins @ np.arange(7.0)
    parts = [distinct(2.0 * log_q[k::3], log_q[k::3], spins[k::3]) for k in range(3)]
    found = merged(parts)
    assert found is not None
    assert len(found.v) == len(np.unique(spins, axis=0))
    assert sorted(found.log_q) == sorted(np.unique(spins, axis=0) @ np.arange(7.0))
    np.testing.assert_array_equal(found.v, 2.0 * found.log_q)
    assert merged([*parts, None]) is None
