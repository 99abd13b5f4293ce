"""The machine as a trial: its probabilities against sums over hidden units, its gradient, its training, corrections."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
import scipy.stats

from statfe.datasets.dataset_file import write_dataset
from statfe.datasets.make import ising_configurations
from statfe.learned.rbm_trial import RbmTrial, fresh_rbm_trial
from statfe.learned.rbm_trial_training import batch_gradient, from_machine, train_rbm_trial
from statfe.learned.trial_correction import corrected, fresh_exponents
from statfe.machines.rbm import Rbm
from statfe.models.catalogue import build_model
from statfe.models.ising import IsingModel
from statfe.registry import run_method
from statfe.series.drawn_states import restricted_bound
from tests import models_for_tests as special
from tests.naive import ising as naive
from tests.retry import sequential

FIELDS = "ea:shape=2x2,couplings=gaussian,seed=4,field=0.3,boundary=open"
SYMMETRIC = "sk:n=4,seed=2"


def wild(model: IsingModel, beta: float, hidden: int = 3, seed: int = 7, size: float = 0.6) -> RbmTrial:
    """A trial with random parameters, all that there are."""
    trial = fresh_rbm_trial(model, beta, hidden=hidden)
    return replace(trial, parameters=size * np.random.default_rng(seed).standard_normal(trial.layout.size))


def twin(trial: RbmTrial) -> np.ndarray:
    """q of all states, by sums over both layers."""
    p, none = trial.arrays, np.zeros(1)
    weights = [
        sum(math.exp(float(
            np.sum((trial.beta * trial.model.fields + p.get("a", none)) * s) + np.sum(p.get("b", none) * np.array(t))
            + np.array(t) @ p["W"] @ s)) for t in itertools.product((-1.0, 1.0), repeat=trial.hidden))
        for s in naive.states(trial.n_sites)]
    return np.array(weights) / sum(weights)


def exact_bound(trial: RbmTrial) -> float:
    """<beta E + ln q>_q by brute force."""
    q = twin(trial)
    return float(q @ (trial.beta * (naive.energies(trial.model) - trial.model.offset) + np.log(q)))


@pytest.mark.parametrize("spec", [FIELDS, SYMMETRIC])
def test_probabilities_are_those_of_the_twin(spec):
    trial = wild(build_model(spec), 0.7)
    np.testing.assert_allclose(np.exp(trial.log_prob(naive.states(4))), twin(trial), rtol=1e-12)


@pytest.mark.statistical
def test_samples_follow_the_probabilities():
    trial = wild(special.peaked(), 0.4)
    q = twin(trial)

    def p_value(seed: int) -> float:
        s = trial.sample(20_000, np.random.default_rng(seed))
        powers = 2 ** np.arange(5, -1, -1)
        place = np.argsort(((naive.states(6) + 1) // 2).astype(int) @ powers)
        seen = np.bincount(((s + 1) // 2).astype(int) @ powers, minlength=64)[np.argsort(place)]
        rare = 20_000 * q < 10
        found = np.append(seen[~rare], seen[rare].sum())
        expected = 20_000 * np.append(q[~rare], q[rare].sum())
        keep = expected > 0
        return float(scipy.stats.chisquare(found[keep], expected[keep]).pvalue)

    sequential(p_value)


def test_moments_are_sums_over_all_states():
    for model in (special.peaked(), build_model("sk:n=6,seed=1")):
        trial = wild(model, 0.4)
        q, s, (i, j, _) = twin(trial), naive.states(6), model.pairs
        found = trial.moments()
        np.testing.assert_allclose(found.magnetizations, q @ s, atol=1e-12)
        np.testing.assert_allclose(found.correlations, q @ (s[:, i] * s[:, j]), atol=1e-12)


@pytest.mark.parametrize("spec", [FIELDS, SYMMETRIC])
def test_the_score_function_is_the_gradient_of_the_exact_bound(spec):
    trial = wild(build_model(spec), 0.8)
    step, wanted = 1e-5, []
    for k in range(len(trial.parameters)):
        by = np.zeros(len(trial.parameters))
        by[k] = step
        wanted.append((exact_bound(replace(trial, parameters=trial.parameters + by))
                       - exact_bound(replace(trial, parameters=trial.parameters - by))) / (2.0 * step))
    # with q for the weights of all states the formula has no noise
    states = naive.states(4).astype(float)
    q, v = twin(trial), trial.valued(states, np.random.default_rng(0))
    gradient = trial.score(states, q * (v - q @ v))
    np.testing.assert_allclose(gradient, wanted, atol=1e-8)
    rng = np.random.default_rng(5)
    sampled = np.array([batch_gradient(trial, 256, rng)[1] for _ in range(200)])
    sigma = sampled.std(axis=0, ddof=1) / math.sqrt(200)
    assert np.max(np.abs(sampled.mean(axis=0) - wanted) / sigma) < 4.5


@pytest.mark.parametrize("seed", range(20))
def test_the_bound_holds_whatever_the_parameters(seed):
    model = build_model(f"sk:n=5,seed={seed}") if seed % 2 else build_model(f"ea:shape=5,seed={seed},field=0.4")
    trial = wild(model, 0.2 + 0.1 * seed, seed=seed)
    states = naive.states(5).astype(float)
    v = trial.valued(states, np.random.default_rng(0))
    bound = float(np.exp(trial.log_prob(states)) @ v)
    assert bound == pytest.approx(exact_bound(trial), rel=1e-12)
    assert bound > naive.beta_f(model, trial.beta)


def test_a_hidden_unit_for_each_bond_is_the_model_itself():
    model, beta = build_model("ea:shape=2x3,couplings=gaussian,seed=5,boundary=open"), 0.8
    trial = fresh_rbm_trial(model, beta, hidden=model.n_pairs)
    W = trial.arrays["W"]
    W[:] = 0.0
    for k, (i, j, J) in enumerate(zip(*model.pairs, strict=True)):
        w = 0.5 * math.acosh(math.exp(2.0 * beta * abs(J)))
        W[k, i], W[k, j] = w, math.copysign(w, J)
    v = trial.valued(naive.states(6), np.random.default_rng(0))
    np.testing.assert_allclose(v, naive.beta_f(model, beta), rtol=1e-12)


def test_a_machine_of_data_becomes_the_trial():
    rng = np.random.default_rng(2)
    machine = Rbm(rng.standard_normal(4), rng.standard_normal(3), rng.standard_normal((4, 3)))
    v = (naive.states(4) + 1.0) / 2.0
    weights = np.exp(-machine.clamped_free_energy(v))
    trial = from_machine(build_model(FIELDS), 0.7, machine.ising(), 3)
    np.testing.assert_allclose(np.exp(trial.log_prob(naive.states(4))), weights / weights.sum(), rtol=1e-10)


def test_configurations_teach_it(tmp_path):
    model, path = build_model("ising:shape=4x4"), tmp_path / "data.h5"
    write_dataset(path, ising_configurations(model, 0.5, 2000, seed=3))
    (plain,) = run_method(model, np.array([0.5]), "rbm-trial:steps=0,hidden=2", seed=2)
    (taught,) = run_method(model, np.array([0.5]), f"rbm-trial:steps=0,hidden=2,data={path}", seed=2)
    assert naive.beta_f(model, 0.5) < taught.beta_f < plain.beta_f - 3.0


def test_a_training_is_near_the_best_and_the_same_again():
    model = build_model("hopfield:n=12,patterns=2,seed=1")
    one, two = (train_rbm_trial(model, 1.0, seed=4, hidden=4) for _ in range(2))
    assert np.array_equal(one.parameters, two.parameters)
    states = naive.states(12).astype(float)
    gap = float(np.exp(one.log_prob(states)) @ one.valued(states, np.random.default_rng(0))) - naive.beta_f(model, 1.0)
    assert 0.0 < gap < 0.02


@pytest.mark.parametrize("method", ["rbm-trial:hidden=6", "autoregressive:steps=20", "vae-trial"])
@pytest.mark.parametrize("correction", ["importance", "cumulants"])
def test_corrections_come_nearer_than_the_bound(method, correction):
    model, beta = build_model("sk:n=15,seed=3"), 0.5
    exact = naive.beta_f(model, beta)
    spec = f"{method}{',' if ':' in method else ':'}correction={correction},samples=8192"
    (found,) = run_method(model, np.array([beta]), spec, seed=2)
    assert found.status == "converged"
    assert found.kind == ("estimate" if correction == "importance" else "uncontrolled")
    assert abs(found.beta_f - exact) < 5.0 * found.beta_f_error + (0.02 if correction == "cumulants" else 0.0)
    assert found.stats["bound"] > exact
    assert found.stats["bound"] - exact > abs(found.beta_f - exact)


def test_few_states_are_all_taken():
    model = build_model("sk:n=7,seed=1")
    (bound,) = run_method(model, np.array([0.9]), "rbm-trial:hidden=2", seed=2)
    assert bound.stats["enumerated"]
    assert bound.beta_f_error == 0.0
    (found,) = run_method(model, np.array([0.9]), "rbm-trial:hidden=2,correction=importance", seed=2)
    assert found.kind == "exact"
    assert found.beta_f == pytest.approx(naive.beta_f(model, 0.9), rel=1e-12)


def test_the_stats_hold_the_cumulant_sums_to_order_six():
    model = build_model("sk:n=7,seed=1")
    (found,) = run_method(model, np.array([0.4]), "rbm-trial:hidden=2", seed=2)
    sums = np.array(found.stats["partial_sums"])
    assert len(sums) == 6
    assert sums[0] == pytest.approx(found.beta_f, rel=1e-12)
    assert sums[1] == pytest.approx(found.beta_f - 0.5 * found.stats["variance"], rel=1e-12)
    assert abs(sums[5] - naive.beta_f(model, 0.4)) < 0.1 * (found.beta_f - naive.beta_f(model, 0.4))


def test_too_few_samples_have_no_cumulants():
    (found,) = run_method(
        build_model("sk:n=9,seed=1"), np.array([0.4]), "autoregressive:samples=50,steps=5,correction=cumulants", seed=2)
    assert found.status == "not_converged"
    assert "128 samples" in found.message


def test_an_estimate_from_few_states_is_not_trusted():
    """A trial of the wrong phase alone: all weights agree, no chain leaves, and the ground state was never drawn."""
    model = build_model("ising:shape=12,field=0.3")
    wrong = fresh_rbm_trial(model, 5.0, hidden=1)
    parameters = np.zeros(wrong.layout.size)
    wrong.layout.views(parameters)["a"][:] = -6.0
    trial = replace(wrong, parameters=parameters)
    found = fresh_exponents(trial, 1000, seed=1)
    found = replace(found, log_chances=trial.log_prob(found.spins))
    outcome = corrected(found, trial, 1, "importance", 4, "plain", {})
    assert outcome.beta_f > run_method(model, np.array([5.0]), "enumeration")[0].beta_f + 1.0
    assert outcome.status == "not_converged"
    assert "what others weigh is not seen" in outcome.message


def test_a_bound_from_few_samples_counts_states_that_were_not_drawn():
    """One state in 100 is not drawn by 140 samples: their mean lies below beta F, and its error does not know."""
    rare = 0.015
    q, boltzmann = np.array([1.0 - rare, rare]), np.array([1.0 - 1e-9, 1e-9])
    v = np.log(q) - np.log(boltzmann)  # beta F = 0
    spins = np.ones((140, 3))
    found = restricted_bound(np.full(140, v[0]), np.full(140, math.log(q[0])), spins)
    assert found.beta_f >= 0.0
    assert found.restricted
