"""Terms of cumulant expansions to order 8: all states, samples with jackknife errors, and what is said of them."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pytest
from scipy.stats import chi2

from statfe.junction.distribution import ExactDistribution
from statfe.junction.mixture import MixtureTrial, product_part
from statfe.kernels.power_sums import power_sums
from statfe.learned.autoregressive import train_autoregressive
from statfe.models.catalogue import build_model
from statfe.models.ising import IsingModel
from statfe.random import generator
from statfe.registry import run_method
from statfe.result import FreeEnergy
from statfe.series.cumulant_evaluation import closed_cumulants, expand
from statfe.series.cumulant_moments import _of_states, moments_to_order
from statfe.series.cumulant_samples import SAMPLES_KEY, by_sampling
from statfe.series.cumulant_terms import (
    BLOCKS,
    Expansion,
    by_enumeration,
    cumulants_of_moments,
    partial_sum,
    states,
    to_terms,
)
from statfe.trial import ProductTrial
from statfe.trials.block_trial import best_block_trial
from statfe.trials.tree_trial import best_tree_trial
from tests import models_for_tests as special
from tests.naive import ising as naive
from tests.naive.cumulants import rational_cumulants
from tests.retry import sequential

SPECIAL = {
    "peaked": special.peaked, "isolated": special.isolated, "triangle": special.frustrated_triangle,
    "disconnected": special.disconnected}
ZOO = (*SPECIAL, "ising:shape=1", "ising:shape=3x3,field=0.3", "sk:n=9,seed=1", "ising:shape=2x4,coupling=-1")


@functools.cache
def model(name: str) -> IsingModel:
    return SPECIAL[name]() if name in SPECIAL else build_model(name)


def result(of: IsingModel, beta: float, seed: int = 1, **options: object) -> FreeEnergy:
    return run_method(of, np.array([beta]), "cumulants", seed=seed, **options)[0]


def trial_of(m: IsingModel, spread: float = 0.5) -> ProductTrial:
    return ProductTrial(spread * np.random.default_rng(5).normal(size=m.n_sites))


def test_states_are_all_states():
    assert {tuple(s) for s in states(0, 16, 4).tolist()} == {tuple(s) for s in naive.states(4).astype(int).tolist()}
    np.testing.assert_array_equal(states(5, 7, 4), states(0, 16, 4)[5:12])


def test_power_sums_are_the_sums_and_leave_out_weight_zero():
    values, weights = np.array([1.5, -2.0, np.inf, 4.0]), np.array([0.25, 2.0, 0.0, 0.5])
    sums, sizes = np.empty(9), np.empty(9)
    power_sums(values, weights, 0.5, sums, sizes)
    kept = [(1.5, 0.25), (-2.0, 2.0), (4.0, 0.5)]
    np.testing.assert_allclose(sums, [sum(w * (v - 0.5) ** k for v, w in kept) for k in range(9)], rtol=1e-15)
    np.testing.assert_allclose(sizes, [sum(w * abs(v - 0.5) ** k for v, w in kept) for k in range(9)], rtol=1e-15)


def test_power_sums_are_compensated():
    # 1e6 times 0.1 around 1e10 and back: plain summation leaves 1e-4
    values = np.concatenate([[1e10], np.full(10**5, 0.1), [-1e10]])
    sums, sizes = np.empty(2), np.empty(2)
    power_sums(values, np.ones(len(values)), 0.0, sums, sizes)
    assert abs(Fraction(sums[1]) - 10**5 * Fraction(0.1)) < 1e-11


def test_cumulants_of_a_poisson_distribution_are_its_mean():
    # exact moments of Poisson(2) about 0 are the Touchard polynomials
    moments = [1.0]
    for n in range(8):
        moments.append(2.0 * sum(math.comb(n, k) * moments[k] for k in range(n + 1)))
    np.testing.assert_allclose(cumulants_of_moments(np.array(moments), 0.0), np.full(8, 2.0), rtol=1e-12)


@pytest.mark.parametrize("beta", [1e-3, 0.4, 1.3])
@pytest.mark.parametrize("name", [n for n in ZOO if model(n).n_sites <= 6])
def test_all_orders_are_those_of_rational_arithmetic(name, beta):
    m = model(name)
    trial = trial_of(m)
    spins = states(0, 1 << m.n_sites, m.n_sites)
    log_q = trial.log_prob(spins)
    V = log_q + beta * (m.energy(spins) - m.offset)
    exact = to_terms(np.array([float(k) for k in rational_cumulants(V.tolist(), np.exp(log_q).tolist(), 8)]))
    found = by_enumeration(m, beta, trial, 8)
    off = np.abs(found.terms - exact)
    assert np.all(off <= found.rounding + 1e-17)  # what it says of its own rounding is true,
    assert np.all(found.rounding <= 1e-9 * max(1.0, float(np.max(np.abs(exact)))))  # and no excuse


@pytest.mark.parametrize("name", ZOO)
@pytest.mark.parametrize("beta", [0.3, 1.1, -0.7])
def test_enumeration_is_the_closed_form_to_order_four(name, beta):
    m = model(name)
    trial = trial_of(m)
    closed = closed_cumulants(m, beta, trial, 4)
    np.testing.assert_allclose(by_enumeration(m, beta, trial, 4).kappas, closed, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("beta", [0.2, 0.9])
def test_first_order_of_trees_and_blocks_is_that_of_all_states(beta):
    m = model("ising:shape=3x3,field=0.3")
    for trial in (best_tree_trial(m, beta), best_block_trial(m, beta, block=3)):
        assert closed_cumulants(m, beta, trial, 1)[0] == pytest.approx(
            by_enumeration(m, beta, trial, 1).kappas[0], rel=1e-11)
        assert closed_cumulants(m, beta, trial, 1)[0] >= naive.beta_f(m, beta) - 1e-10


def test_two_coupled_spins_are_the_series_of_ln_cosh():
    x = 0.3
    pair = build_model("ising:shape=2,boundary=open")
    ln_cosh = {2: -(x**2) / 2, 4: x**4 / 12, 6: -(x**6) / 45, 8: 17 * x**8 / 2520}
    found = result(pair, x, order=8, trial="free")
    np.testing.assert_allclose(
        found.stats["terms"], [-2 * math.log(2), *(ln_cosh.get(k, 0.0) for k in range(2, 9))], rtol=1e-9, atol=1e-15)
    assert found.stats["vanishing"] == [3, 5, 7]


@pytest.mark.parametrize("trial", ["free", "mean-field", "blocks", "tree", "autoregressive"])
def test_every_trial_at_every_order_nears_the_truth_at_high_temperature(trial):
    m, beta = model("sk:n=9,seed=1"), 0.25
    true = naive.beta_f(m, beta)
    found = result(m, beta, order=8, trial=trial, block=4)
    errors = np.abs(np.array(found.stats["partial_sums"]) - true)
    assert found.beta_f == pytest.approx(found.stats["partial_sums"][-1], rel=1e-14)
    assert found.stats["partial_sums"][0] >= true - 1e-10
    assert errors[7] < 1e-6
    assert errors[7] <= errors[3] + 1e-13
    assert errors[3] < errors[0]
    assert errors[1] < errors[0]


def test_a_forest_is_exact_around_a_tree_and_a_component_within_a_block():
    m = build_model("ising:shape=5,boundary=open,field=0.3")
    for options in ({"trial": "tree"}, {"trial": "blocks", "block": 5}):
        for order in (1, 2, 8):
            found = result(m, 0.8, order=order, **options)
            assert found.kind == "exact"
            assert found.beta_f == pytest.approx(naive.beta_f(m, 0.8), rel=1e-11)
    assert result(m, 0.8, order=1, trial="blocks", block=2).kind == "upper_bound"


def test_the_model_itself_as_trial_leaves_nothing():
    m = model("peaked")
    found = by_enumeration(m, 0.9, ExactDistribution(m, 0.9), 8)
    assert found.sums[-1] == pytest.approx(naive.beta_f(m, 0.9), rel=1e-12)
    assert np.all(np.abs(found.terms[1:]) <= 1e-12)


def test_probabilities_that_do_not_add_up_are_noticed():
    @dataclass(frozen=True)
    class Wrong(ProductTrial):
        def log_prob(self, spins: np.ndarray) -> np.ndarray:
            return super().log_prob(spins) + 1e-6

    with pytest.raises(ArithmeticError, match=r"add up to 1\.000001"):
        by_enumeration(model("triangle"), 0.4, Wrong(np.zeros(3)), 2)


def test_the_jackknife_is_that_of_blocks_left_out_one_by_one():
    m, beta, size = model("peaked"), 0.7, 50
    trial = trial_of(m)
    blocks = []
    for number in range(BLOCKS):
        spins = trial.sample(size, generator(3, (SAMPLES_KEY, number)))
        blocks.append(trial.log_prob(spins) + beta * (m.energy(spins) - m.offset))

    def plain(parts: list[np.ndarray]) -> float:
        V = np.concatenate(parts)
        mean, second = V.mean(), V.var()
        third, fourth = np.mean((V - mean) ** 3), np.mean((V - mean) ** 4)
        return mean - second / 2 + third / 6 - (fourth - 3 * second**2) / 24

    without = np.array([plain(blocks[:k] + blocks[k + 1:]) for k in range(BLOCKS)])
    found = by_sampling(m, beta, trial, 4, size * BLOCKS, 3)
    value = BLOCKS * plain(blocks) - (BLOCKS - 1) * without.mean()
    error = math.sqrt((BLOCKS - 1) / BLOCKS * np.sum((without - without.mean()) ** 2))
    assert found.sums[3] == pytest.approx(value, rel=1e-11)
    assert found.sum_errors[3] == pytest.approx(error, rel=1e-8)
    # the error of a sum is not made of those of its terms, which are not independent
    assert abs(found.sum_errors[3] / np.linalg.norm(found.term_errors) - 1.0) > 0.01


def test_the_error_of_a_mean_is_the_usual_one():
    m = model("peaked")
    trial = trial_of(m)
    variance = by_enumeration(m, 0.7, trial, 2).kappas[1]
    errors = [by_sampling(m, 0.7, trial, 1, 6400, seed).sum_errors[0] for seed in range(20)]
    assert np.mean(errors) == pytest.approx(math.sqrt(variance / 6400), rel=0.05)


@pytest.mark.parametrize("order", [1, 4, 8])
def test_errors_of_sampled_sums_cover(order):
    m, beta, runs = model("sk:n=9,seed=1"), 0.6, 100
    trial = trial_of(m, 0.2)
    true = by_enumeration(m, beta, trial, order).sums[-1]

    def p_value(seed: int) -> float:
        z = []
        for k in range(runs):
            found = by_sampling(m, beta, trial, order, 3200, 1000 * seed + k)
            z.append((found.sums[-1] - true) / found.sum_errors[-1])
        # a block jackknife of 64 is Student's t with 63 degrees; two-sided, for errors too small and too large
        tail = chi2(runs).cdf(np.sum(np.square(z)) * 61 / 63)
        return 2 * min(tail, 1 - tail)

    sequential(p_value, alarm=1e-3)


def test_sampled_orders_start_where_closed_forms_end():
    m = build_model("sk:n=24,seed=1")
    found = result(m, 0.4, order=5, trial="free")
    whole = result(m, 0.4, order=4, trial="free")
    assert found.stats["evaluations"] == [*["analytic"] * 4, "sampling"]
    assert found.stats["partial_sums"][:4] == whole.stats["partial_sums"]
    assert found.stats["partial_sum_errors"][:4] == [0.0] * 4
    assert found.beta_f_error > 0
    sampled = result(m, 0.4, order=4, trial="free", evaluation="sampling")
    assert sampled.stats["evaluations"] == ["sampling"] * 4
    assert abs(sampled.beta_f - whole.beta_f) < 5 * sampled.beta_f_error


def test_a_sampled_first_order_is_a_bound_with_an_error():
    m = build_model("ea:shape=4x4,seed=1")
    found = result(m, 0.5, order=1, evaluation="sampling", samples=2000)
    assert found.kind == "upper_bound"
    assert found.beta_f_error > 0
    assert abs(found.beta_f - result(m, 0.5, order=1).beta_f) < 5 * found.beta_f_error


def test_same_bits_for_any_number_of_workers():
    m = build_model("sk:n=24,seed=1")
    one, two = (run_method(m, np.array([0.4]), "cumulants:order=6", seed=3, workers=w)[0] for w in (1, 3))
    assert (one.beta_f, one.beta_f_error) == (two.beta_f, two.beta_f_error)


def test_pieces_do_not_change_a_block(monkeypatch):
    m = model("peaked")
    whole = by_sampling(m, 0.5, trial_of(m), 3, 6400, 1)
    monkeypatch.setattr("statfe.series.cumulant_samples.DRAWN", 7 * m.n_sites)
    np.testing.assert_allclose(by_sampling(m, 0.5, trial_of(m), 3, 6400, 1).sums, whole.sums, rtol=1e-9)


@pytest.mark.parametrize(("spec", "beta", "said"), [
    ("sk:n=40,seed=1", 0.8, "rare samples decide"), ("ea:shape=6x6,seed=1", 1.0, "rare samples decide")])
def test_heavy_tails_are_not_vouched_for(spec, beta, said):
    found = result(build_model(spec), beta, order=8, trial="free", samples=6400)
    assert found.status == "not_converged"
    assert said in found.message
    assert found.stats["noisy_orders"]


def test_what_passes_is_right_where_tails_are_heavy():
    # All up or all down carries the high moments here, and 6400 samples seldom hold it.
    m, beta, true = build_model("ising:shape=4x4"), 0.3, {}
    trial, passed, z = ProductTrial(np.zeros(16)), 0, []
    true = by_enumeration(m, beta, trial, 8).sums[-1]
    for seed in range(30):
        found = result(m, beta, seed, order=8, trial="free", evaluation="sampling", samples=6400)
        if found.status == "converged":
            passed += 1
            z.append((found.beta_f - true) / found.beta_f_error)
    assert passed <= 3
    assert all(abs(x) < 5 for x in z)


def test_noise_above_all_corrections_is_said():
    # equal shares of the variance, and none of it a signal
    shaky = np.zeros((BLOCKS, 2))
    shaky[:, 1] = 1e-3 + 1e-3 * np.random.default_rng(1).normal(size=BLOCKS)
    found = Expansion(np.array([-1.0, -2e-3]), ["sampling"] * 2, np.zeros(2), shaky, np.zeros(2))
    assert found.noisy == [2]
    assert found.sharing(partial_sum(2)) > 8


@pytest.mark.parametrize(("options", "said"), [
    ({"evaluation": "enumeration"}, "evaluation=auto"),
    ({"evaluation": "analytic", "order": 5}, "order=4"),
    ({"evaluation": "analytic", "trial": "tree", "order": 2}, "order=1")])
def test_a_way_that_does_not_lead_there_says_which_does(options, said):
    found = result(build_model("ea:shape=5x5,seed=1"), 0.4, **options)
    assert (found.status, math.isnan(found.beta_f)) == ("not_converged", True)
    assert said in found.message


def test_any_trial_will_do():
    m, beta = model("peaked"), 0.1
    parts = [product_part(np.full(6, 0.5)), product_part(np.full(6, -0.3))]
    both = MixtureTrial(parts, np.array([0.6, 0.4]), None, 0.0)
    found = expand(m, beta, both, 8)
    assert found.evaluations == ["enumeration"] * 8
    assert abs(found.sums[-1] - naive.beta_f(m, beta)) < abs(found.sums[1] - naive.beta_f(m, beta))
    network = train_autoregressive(m, beta, steps=20)
    assert expand(m, beta, network, 1).sums[0] >= naive.beta_f(m, beta)


@pytest.mark.parametrize("order", [1, 2, 3, 8])
@pytest.mark.parametrize("name", ["peaked", "disconnected", "ising:shape=3x3,field=0.3"])
def test_moments_are_slopes_of_the_sum_at_a_fixed_trial(name, order):
    m, beta, step = model(name), 0.4, 1e-4
    trial = trial_of(m)
    found = moments_to_order(m, beta, trial, order)
    i, j, J = m.pairs

    def value(fields: np.ndarray, couplings: np.ndarray) -> float:
        return float(by_enumeration(
            IsingModel.from_edges(m.n_sites, i, j, couplings, fields), beta, trial, order).sums[-1])

    for k in range(m.n_sites):
        push = step * (np.arange(m.n_sites) == k)
        slope = (value(m.fields - push, J) - value(m.fields + push, J)) / (2 * step * beta)
        assert found.magnetizations[k] == pytest.approx(slope, abs=1e-6)
    for k in range(0, m.n_pairs, 3):
        push = step * (np.arange(m.n_pairs) == k)
        slope = (value(m.fields, J - push) - value(m.fields, J + push)) / (2 * step * beta)
        assert found.correlations[k] == pytest.approx(slope, abs=1e-6)


@pytest.mark.parametrize("trial", ["free", "mean-field", "blocks", "tree"])
def test_moments_near_the_truth_with_the_order(trial):
    m, beta = model("sk:n=9,seed=1"), 0.3
    spins = naive.states(9)
    p = naive.probabilities(m, beta)
    i, j, _ = m.pairs
    true = p @ (spins[:, i] * spins[:, j])
    errors = []
    for order in (1, 3, 8):
        found = result(m, beta, order=order, trial=trial, block=3)
        assert found.moments is not None
        assert np.max(np.abs(found.moments().magnetizations)) < 1e-12
        errors.append(float(np.max(np.abs(found.moments().correlations - true))))
    assert errors[2] < 1e-4
    assert errors[2] < 0.1 * errors[1] < 0.1 * errors[0]


def test_moments_of_large_models_end_at_order_two():
    m = build_model("sk:n=24,seed=1")
    found = result(m, 0.4)
    assert found.moments is not None
    assert found.moments().correlations.shape == (m.n_pairs,)
    assert result(m, 0.4, order=3).moments is None
    small = model("sk:n=9,seed=1")
    beta = 0.4
    trial = trial_of(small)
    one, two = moments_to_order(small, beta, trial, 2), _of_states(small, beta, trial, 2)
    np.testing.assert_allclose(one.correlations, two.correlations, rtol=1e-12)
