"""Laplace's method: where it must be exact as N grows, where it must refuse, and its derivatives."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import statfe
from statfe.models.ising import IsingModel
from statfe.trial import ProductTrial
from statfe.variational.mean_field import coupling_fields
from statfe.variational.saddle import consistent_shift, fluctuations, is_low_rank, minimal_shift, response


def error(spec: str, beta: float, **options) -> float:
    model = statfe.model(spec)
    exact = statfe.free_energy(model, beta, "curie-weiss" if spec.startswith("curie") else "exact")
    return statfe.free_energy(model, beta, "laplace", seed=1, **options).beta_f - exact.beta_f


@pytest.mark.parametrize("beta", [0.5, 0.8, 1.5, 2.0])
def test_curie_weiss_is_off_by_one_over_n(beta):
    errors = [abs(error(f"curie-weiss:n={n}", beta)) for n in (40, 80, 160)]
    for before, after in itertools.pairwise(errors):
        assert before / after == pytest.approx(2.0, rel=0.25)
    assert errors[-1] < 0.03


def test_hopfield_with_few_patterns_is_off_by_one_over_n():
    # one beta above and one below the transition at 1; patterns differ with n, so the ratio is rough
    for beta in (0.4, 2.5):
        small = abs(error("hopfield:n=12,patterns=1,seed=3", beta))
        large = abs(error("hopfield:n=24,patterns=1,seed=3", beta))
        assert large < 0.75 * small < 0.1


def test_one_integral_by_quadrature():
    # One pattern is one field: the integral itself over y, at any n.
    n, beta = 30, 0.7
    y = np.linspace(-12.0, 12.0, 200_001)
    logs = -0.5 * y**2 + n * np.logaddexp(np.sqrt(beta / n) * y, -np.sqrt(beta / n) * y)
    top = logs.max()
    log_z = top + np.log(np.trapezoid(np.exp(logs - top), y)) - 0.5 * np.log(2 * np.pi) - 0.5 * beta
    assert -statfe.free_energy(f"curie-weiss:n={n}", beta, "curie-weiss").beta_f == pytest.approx(log_z, abs=1e-9)


def test_the_consistent_shift_is_the_reaction_term_of_sk():
    model, beta = statfe.model("sk:n=400,seed=2"), 0.5
    c = consistent_shift(model, beta, ProductTrial(np.zeros(400)))
    assert c == pytest.approx(-beta, abs=0.02)
    # d ln Z / dc = 0 there
    def log_z(c: float) -> float:
        modes = fluctuations(model, beta, ProductTrial(np.zeros(400)), c)
        return -0.5 * beta * c * 400 - 0.5 * float(np.sum(np.log(modes)))
    assert (log_z(c + 1e-4) - log_z(c - 1e-4)) / 2e-4 == pytest.approx(0.0, abs=1e-5)


@pytest.mark.parametrize("beta", [0.3, 0.7])
def test_sk_at_high_temperature(beta):
    assert abs(error("sk:n=18,seed=4", beta)) < 0.002 * 18
    assert abs(error("sk:n=18,seed=4", beta)) < 0.2 * abs(error("sk:n=18,seed=4", beta, shift="minimal"))


def test_the_shift_gives_the_spins_their_variance():
    rng = np.random.default_rng(3)
    model = statfe.model("ea:shape=4x4,couplings=gaussian,seed=1,field=0.3")
    trial = ProductTrial(rng.normal(size=16))
    c = consistent_shift(model, 0.6, trial)
    assert np.trace(response(model, 0.6, trial, c)) == pytest.approx(float(np.sum(trial.variances)), rel=1e-9)
    assert fluctuations(model, 0.6, trial, c)[0] > 0.0


def test_low_rank_models_are_known():
    assert is_low_rank(statfe.model("curie-weiss:n=20"))
    assert is_low_rank(statfe.model("hopfield:n=20,patterns=3,seed=1"))
    assert not is_low_rank(statfe.model("sk:n=20,seed=1"))
    assert minimal_shift(statfe.model("hopfield:n=20,patterns=3,seed=1")) == pytest.approx(3 / 20)


def test_a_saddle_and_its_mirror_both_count():
    model = statfe.model("curie-weiss:n=60")
    r = statfe.free_energy(model, 2.0, "laplace", seed=1)
    # one side alone would be off by ln 2
    assert abs(error("curie-weiss:n=60", 2.0)) < 0.05
    assert r.stats["saddles"] == 1
    moments = r.moments()
    assert np.all(moments.magnetizations == 0.0)
    assert moments.correlations == pytest.approx(r.stats["overlap"], rel=0.05)


def test_a_transition_is_no_number():
    r = statfe.free_energy("curie-weiss:n=50", 1.0, "laplace", seed=1)
    assert r.status == "diverged"
    assert np.isnan(r.beta_f)
    assert "flat" in r.message


def test_the_response_is_the_derivative_of_the_saddle():
    model, beta = statfe.model("hopfield:n=16,patterns=2,seed=1"), 0.6
    fields = 0.3 * np.random.default_rng(1).normal(size=16)

    def solved(h: np.ndarray) -> tuple[np.ndarray, IsingModel]:
        tilted = IsingModel.from_edges(16, *model.pairs, fields=h)
        lambdas, c = np.zeros(16), minimal_shift(model)
        for _ in range(4000):
            m = np.tanh(lambdas)
            lambdas = beta * (h + coupling_fields(tilted, m) + c * m)
        return lambdas, tilted

    lambdas, tilted = solved(fields)
    chi = response(tilted, beta, ProductTrial(lambdas), minimal_shift(model))
    step = np.zeros(16)
    step[3] = 1e-5
    slope = (np.tanh(solved(fields + step)[0]) - np.tanh(solved(fields - step)[0])) / (2e-5 * beta)
    np.testing.assert_allclose(chi[:, 3], slope, atol=1e-7)


@pytest.mark.parametrize("spec", ["ising:shape=4x4,field=0.2", "ising:shape=4x4,coupling=-1,field=0.5"])
def test_frozen_spins_have_the_ground_state(spec):
    assert error(spec, 500.0) == pytest.approx(0.0, abs=1e-6)
