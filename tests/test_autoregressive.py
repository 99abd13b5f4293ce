"""The autoregressive trial: a normalised distribution, its gradient, its training, and the bound that it gives."""

from __future__ import annotations

import functools
import math
from dataclasses import replace

import numpy as np
import pytest
import scipy.stats

from statfe.errors import NotApplicableError, UsageError
from statfe.learned import autoregressive as training
from statfe.learned.adam import Adam
from statfe.learned.autoregressive import train_autoregressive
from statfe.learned.autoregressive_trial import ORDERS, AutoregressiveTrial, free_trial, site_order
from statfe.learned.flat import FlatLayout
from statfe.learned.trial_bound import all_states, sampled_bound, sampled_moments, trial_bound, trial_moments
from statfe.methods.approximate import autoregressive as method
from statfe.models.catalogue import build_model
from statfe.models.ising import IsingModel
from statfe.registry import Context
from statfe.trial import ProductTrial
from statfe.variational.mean_field import product_beta_f
from tests import models_for_tests as special
from tests.naive import autoregressive as twin
from tests.naive import ising as naive
from tests.retry import sequential

#: (depth, hidden units).
SHAPES = ((1, None), (2, 5), (3, 11))


def wild(model: IsingModel, beta: float, depth: int, hidden: int | None, order: str = "auto") -> AutoregressiveTrial:
    """A trial with random parameters, all that there are."""
    trial = free_trial(model, beta, depth=depth, hidden=hidden, order=order)
    draws = np.random.default_rng(7).normal(size=trial.network.layout.size)
    return replace(trial, parameters=0.5 * draws * trial.network.mask)


def exact_bound(trial: AutoregressiveTrial) -> float:
    """<beta E + ln q>_q by brute force."""
    log_q = trial.log_prob(naive.states(trial.n_sites))
    return float(np.dot(np.exp(log_q), trial.beta * (naive.energies(trial.model) - trial.model.offset) + log_q))


@functools.cache
def glass() -> IsingModel:
    """A frustrated model of 12 spins without fields, where no network of one layer is exact."""
    return build_model("ea:shape=3x4,couplings=gaussian,seed=3")


@functools.cache
def trained() -> AutoregressiveTrial:
    return train_autoregressive(glass(), 1.0, seed=5)


def run(model: IsingModel, *betas: float, seed: int = 3, workers: int = 1, **options):
    defaults = {o.name: o.default for o in method.METHOD.options}
    return method.METHOD.run(model, np.array(betas), Context(seed, workers), **{**defaults, **options})


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(("depth", "hidden"), SHAPES)
@pytest.mark.parametrize("model", [special.peaked(), glass(), special.disconnected()], ids=["dense", "glass", "pieces"])
def test_probabilities_are_those_of_the_twin_and_add_up(model, depth, hidden, order):
    trial = wild(model, 0.7, depth, hidden, order)
    states = naive.states(model.n_sites)
    log_q = trial.log_prob(states)
    assert np.exp(log_q).sum() == pytest.approx(1.0, abs=1e-12)
    some = np.arange(0, len(states), 1 + len(states) // 20)
    np.testing.assert_allclose(log_q[some], [twin.log_prob(trial, states[k]) for k in some], rtol=1e-12)


@pytest.mark.parametrize(("depth", "hidden"), SHAPES)
def test_a_spin_sees_earlier_spins_only(depth, hidden):
    trial = wild(special.peaked(), 0.7, depth, hidden)
    s = naive.states(6)[21:22]
    before = trial.walked(s).odds
    for i, site in enumerate(trial.order):
        other = s.copy()
        other[0, site] *= -1.0
        after = trial.walked(other).odds
        assert np.array_equal(after[:i + 1], before[:i + 1])
        assert np.all(after[i + 1:] != before[i + 1:])


@pytest.mark.parametrize(("depth", "hidden"), SHAPES)
@pytest.mark.parametrize("model", [special.peaked(), build_model("sk:n=7,seed=2")], ids=["fields", "symmetric"])
def test_the_gradient_is_that_of_finite_differences(model, depth, hidden):
    trial = wild(model, 0.6, depth, hidden)
    rng = np.random.default_rng(3)
    spins, weights = trial.sample(9, rng), rng.normal(size=9)
    gradient = trial.score(trial.walked(spins), weights)
    assert np.all(gradient[trial.network.mask == 0.0] == 0.0)

    def value(k: int, by: float) -> float:
        moved = trial.parameters.copy()
        moved[k] += by
        return float(weights @ replace(trial, parameters=moved).log_prob(spins))

    step = 1e-5
    present = np.flatnonzero(trial.network.mask)
    found = [(value(k, step) - value(k, -step)) / (2.0 * step) for k in present]
    np.testing.assert_allclose(gradient[present], found, atol=1e-6 * float(np.abs(gradient).max()))


@pytest.mark.statistical
@pytest.mark.parametrize(("depth", "hidden"), SHAPES)
def test_samples_follow_the_probabilities(depth, hidden):
    trial = wild(special.peaked(), 0.4, depth, hidden)
    q = np.exp(trial.log_prob(naive.states(6)))

    def p_value(seed: int) -> float:
        s = trial.sample(20_000, np.random.default_rng(seed))
        seen = np.bincount(((s + 1) // 2).astype(int) @ 2 ** np.arange(5, -1, -1), minlength=64)
        rare = 20_000 * q < 10
        found = np.append(seen[~rare], seen[rare].sum())
        return float(scipy.stats.chisquare(found, 20_000 * np.append(q[~rare], q[rare].sum())).pvalue)

    sequential(p_value)


def test_what_a_walk_says_of_its_samples():
    model = build_model("random-regular:n=14,degree=3,couplings=gaussian,seed=2")
    trial = wild(model, 0.8, 2, 9)
    drawn = trial.draw(77, np.random.default_rng(1))
    spins = drawn.spins[np.argsort(trial.order)].T
    np.testing.assert_allclose(drawn.energy, model.energy(spins), atol=1e-12)
    assert np.array_equal(drawn.log_prob, trial.log_prob(spins))
    assert np.array_equal(trial.sample(77, np.random.default_rng(1)), spins)


def test_the_bits_do_not_depend_on_the_number_of_threads():
    one = train_autoregressive(glass(), 0.9, seed=4, steps=30)
    two = train_autoregressive(glass(), 0.9, seed=4, steps=30, workers=3)
    assert np.array_equal(one.parameters, two.parameters)
    assert sampled_bound(one, 700, 1) == sampled_bound(two, 700, 1, workers=3)
    assert not np.array_equal(one.parameters, train_autoregressive(glass(), 0.9, seed=5, steps=30).parameters)


def test_without_fields_both_phases_are_one():
    trial = wild(glass(), 0.9, 3, 11)
    states = naive.states(12)
    assert np.array_equal(trial.log_prob(states), trial.log_prob(-states))
    assert not np.array_equal(*(wild(special.peaked(), 0.9, 2, 5).log_prob(s * naive.states(6)) for s in (1, -1)))


def test_an_open_chain_is_exact_before_training():
    model = IsingModel.from_edges(9, range(8), range(1, 9), np.linspace(-2.0, 2.5, 8))
    drawn = free_trial(model, 1.3, depth=1).draw(200, np.random.default_rng(0))
    np.testing.assert_allclose(1.3 * drawn.energy + drawn.log_prob, naive.beta_f(model, 1.3), atol=1e-12)


def test_the_first_odds_are_right_to_first_order():
    """What is left of KL(q || p) is of order beta^4."""
    model = build_model("sk:n=8,seed=4")
    gaps = [exact_bound(free_trial(model, b)) - naive.beta_f(model, b) for b in (0.02, 0.04)]
    assert gaps[1] / gaps[0] == pytest.approx(16.0, rel=0.1)


@pytest.mark.parametrize("beta", [0.3, 1.1, 3.0])
@pytest.mark.parametrize("model", [special.peaked(), special.frustrated_triangle(), special.disconnected(), glass()],
                         ids=["dense", "triangle", "pieces", "glass"])
def test_the_gap_is_the_divergence(model, beta):
    trial = wild(model, beta, 2, 5)
    log_q = trial.log_prob(naive.states(model.n_sites))
    divergence = np.dot(np.exp(log_q), log_q - np.log(naive.probabilities(model, beta)))
    found = trial_bound(trial, 2**12, 1)
    assert found.beta_f - naive.beta_f(model, beta) == pytest.approx(divergence, abs=1e-11)
    assert divergence > 0.0


def test_all_states_are_summed_where_they_are_few():
    trial = wild(glass(), 0.8, 2, 5)
    found = trial_bound(trial, 4096, 1)
    assert (found.enumerated, found.samples, found.error) == (True, 4096, 0.0)
    assert found.beta_f == pytest.approx(exact_bound(trial), abs=1e-12)
    assert found.importance_beta_f == pytest.approx(naive.beta_f(glass(), 0.8), abs=1e-12)
    p, log_q = naive.probabilities(glass(), 0.8), trial.log_prob(naive.states(12))
    assert found.effective_samples == pytest.approx(4096 / np.sum(p**2 / np.exp(log_q)), rel=1e-10)
    assert not trial_bound(trial, 4095, 1).enumerated
    assert sorted(map(tuple, all_states(3))) == sorted(map(tuple, naive.states(3).astype(int)))


@pytest.mark.statistical
@pytest.mark.parametrize("trial", [wild(glass(), 0.5, 2, 5), free_trial(glass(), 0.8)], ids=["wild", "free"])
def test_errors_cover_over_300_runs(trial):
    """The bound of q itself lies within the errors; so does beta F within those of the mean weight."""
    bound, exact = exact_bound(trial), naive.beta_f(trial.model, trial.beta)
    runs = [sampled_bound(trial, 1000, seed) for seed in range(300)]
    z = np.array([(r.beta_f - bound) / r.error for r in runs])
    assert abs(z.mean()) < 4.0 / math.sqrt(300)
    assert 0.85 < z.std() < 1.15
    sound = [r for r in runs if not r.weights_collapse]
    if len(sound) > 250:
        scores = np.array([(r.importance_beta_f - exact) / r.importance_error for r in sound])
        assert abs(scores.mean()) < 0.4
        assert 0.7 < scores.std() < 1.4


@pytest.mark.statistical
def test_moments_under_q_and_their_errors():
    model = special.peaked()
    trial, (i, j, _) = wild(model, 0.5, 2, 5), model.pairs
    states = naive.states(6)
    q = np.exp(trial.log_prob(states))
    exact = trial_moments(trial, 64, 1)
    np.testing.assert_allclose(exact.magnetizations, q @ states, atol=1e-12)
    np.testing.assert_allclose(exact.correlations, q @ (states[:, i] * states[:, j]), atol=1e-12)
    assert exact.magnetization_errors is None
    runs = [sampled_moments(trial, 1000, seed) for seed in range(100)]
    z = np.array([[*((r.magnetizations - exact.magnetizations) / r.magnetization_errors),
                   *((r.correlations - exact.correlations) / r.correlation_errors)] for r in runs])
    assert abs(z.mean()) < 0.15
    assert 0.9 < z.std() < 1.15
    assert np.all(sampled_moments(wild(model, 20.0, 1, None), 50, 1).correlation_errors > 0.0)


def test_symmetric_means_are_zero():
    for samples in (4096, 500):
        found = trial_moments(trained(), samples, 2)
        assert not np.any(found.magnetizations)
        assert np.max(np.abs(found.correlations)) > 0.3


def test_training_beats_products_and_what_it_starts_from():
    exact, bound = naive.beta_f(glass(), 1.0), exact_bound(trained())
    product = min(product_beta_f(glass(), 1.0, ProductTrial(3.0 * s)) for s in naive.states(12))
    assert exact <= bound < exact + 0.01
    assert exact_bound(free_trial(glass(), 1.0)) > exact + 0.3
    assert product > exact + 0.3


def test_training_says_how_it_went():
    record = trained().training
    assert record.steps == len(record.means) == len(record.deviations) <= training.default_steps(12)
    assert np.all(np.diff(record.betas[:100]) > 0.0)
    assert record.betas[-1] == 1.0
    assert record.deviations[-20:].mean() < 0.5 * record.deviations[:150].max()
    long = train_autoregressive(special.frustrated_triangle(), 0.5, steps=2000).training
    assert long.settled
    assert long.steps < 1700
    seen = []
    train_autoregressive(glass(), 1.0, steps=20, progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 1.0


def test_a_start_is_gone_on_from_and_left_as_it_was():
    before = trained().parameters.copy()
    again = train_autoregressive(glass(), 1.2, start=trained(), steps=200)
    assert np.array_equal(trained().parameters, before)
    assert again.network is trained().network
    assert exact_bound(again) < naive.beta_f(glass(), 1.2) + 0.02
    with pytest.raises(UsageError, match="another model"):
        train_autoregressive(special.peaked(), 1.0, start=trained())


def test_the_weights_of_a_bad_trial_collapse():
    free = free_trial(build_model("ea:shape=6x6,seed=1"), 2.0)
    assert sampled_bound(free, 2000, 1).weights_collapse
    assert not sampled_bound(trained(), 2000, 1).weights_collapse


def test_breadth_first_walks_from_neighbour_to_neighbour():
    model = build_model("random-regular:n=30,degree=3,seed=1")
    order = site_order(model, "breadth-first")
    assert sorted(order) == list(range(30))
    matrix = model.adjacency.toarray()[np.ix_(order, order)] != 0
    assert all(matrix[i, :i].any() for i in range(1, 30))
    assert np.array_equal(site_order(model, "given"), np.arange(30))
    assert np.array_equal(site_order(build_model("ising:shape=3x3"), "auto"), np.arange(9))


class TestMethod:
    def test_exact_where_the_law_is_a_product(self):
        free, isolated = run(glass(), 0.0)[0], run(special.isolated(), 0.9)[0]
        assert (free.kind, free.beta_f) == ("exact", -12 * math.log(2.0))
        assert isolated.kind == "exact"
        assert isolated.beta_f == pytest.approx(naive.beta_f(special.isolated(), 0.9), abs=1e-12)
        np.testing.assert_allclose(isolated.moments().magnetizations, np.tanh(0.9 * special.isolated().fields))

    @pytest.mark.parametrize("coupling", [500.0, -500.0])
    def test_huge_couplings_are_a_bound(self, coupling):
        model = build_model(f"ising:shape=3x3,coupling={coupling:g}")
        found = run(model, 1.0, steps=50)[0]
        assert found.kind == "upper_bound"
        assert naive.beta_f(model, 1.0) - 1e-9 <= found.beta_f < math.inf

    def test_what_overflows_is_a_failure(self):
        model = IsingModel.from_edges(2, [0], [1], [1e308])
        found = run(model, 0.0, 2.0)
        assert found[0].kind == "exact"
        assert found[1].status == "diverged"
        assert math.isnan(found[1].beta_f)
        nearly = run(IsingModel.from_edges(3, [0, 1, 0], [1, 2, 2], [-1e300] * 3), 1.0, steps=20)[0]
        assert nearly.beta_f == pytest.approx(-1e300)

    def test_large_models_are_refused(self):
        from statfe.registry import run_method

        with pytest.raises(NotApplicableError, match="gibbs-bogoliubov"):
            run_method(build_model("ising:shape=30x30"), np.array([0.3]), "autoregressive")

    def test_the_bound_follows_beta_and_its_samples_are_fresh(self):
        found = run(glass(), 0.4, 0.8, samples=1000)
        for beta, one in zip((0.4, 0.8), found, strict=True):
            assert one.beta_f_error > 0.0
            assert abs(one.beta_f - naive.beta_f(glass(), beta)) < 0.01 + 5.0 * one.beta_f_error
            assert one.stats["importance_beta_f"] == pytest.approx(
                naive.beta_f(glass(), beta), abs=5.0 * one.stats["importance_error"] + 1e-9)
            assert not one.stats["enumerated"]
        assert found[1].moments().correlations.shape == (glass().n_pairs,)
        assert method.trial_exponents.__globals__["SAMPLES_KEY"] != training.BATCHES_KEY


def test_adam_is_that_of_the_paper():
    rng = np.random.default_rng(2)
    start, gradients = rng.normal(size=5), [rng.normal(size=5) * 10.0**k for k in range(-2, 4)]
    found, adam = start.copy(), Adam(5)
    for gradient in gradients:
        adam.step(found, gradient, 0.03)
    np.testing.assert_allclose(found, twin.adam(gradients, start, 0.03), rtol=1e-12)


def test_views_share_the_vector():
    layout = FlatLayout({"a": (2, 3), "b": (), "c": (0, 4), "d": (2,)})
    vector = np.arange(9.0)
    arrays = layout.views(vector)
    assert layout.size == 9
    assert {name: array.shape for name, array in arrays.items()} == dict(layout.shapes)
    arrays["d"][:] = -1.0
    assert vector[-2:].tolist() == [-1.0, -1.0]
    assert arrays["b"] == 6.0
