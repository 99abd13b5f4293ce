"""Tree trials: the distribution, its bound, descents on it, and the choice of the tree."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats

from statfe.junction.subgraph import strongest_tree
from statfe.models.catalogue import build_model
from statfe.models.ising import IsingModel
from statfe.registry import run_method
from statfe.trials.forest import Forest, TreeTrial
from statfe.trials.tree_choice import exchanges, forest_by_gain, pair_gains, pair_gains_at
from statfe.trials.tree_descent import TreeBound, bare, carried, descend_tree, from_product
from statfe.trials.tree_trial import best_tree_trial
from statfe.variational.solutions import Start
from tests import models_for_tests as special
from tests.naive import ising as naive
from tests.naive import trials
from tests.retry import sequential


def sparse(seed: int, n: int = 7) -> IsingModel:
    """Random couplings and fields on some of all pairs, and a site alone."""
    rng = np.random.default_rng(seed)
    i, j = np.triu_indices(n - 1, 1)
    keep = rng.random(len(i)) < 0.6
    return IsingModel.from_edges(
        n, i[keep], j[keep], rng.normal(size=keep.sum()), rng.normal(size=n) * rng.choice([0.0, 1.0]))


def random_trial(model: IsingModel, seed: int) -> TreeTrial:
    rng = np.random.default_rng(seed)
    forest = Forest.of(model, strongest_tree(model))
    return TreeTrial(
        forest, rng.normal(size=model.n_sites), np.where(forest.parents < 0, 0.0, rng.normal(size=model.n_sites)))


def weights(trial: TreeTrial) -> np.ndarray:
    """q of all states from (1): exp[sum K s s + sum lambda s], normalised here."""
    s = naive.states(trial.n_sites)
    child, parent, K = trial.bonds
    w = np.exp(s @ trial.lambdas + (s[:, child] * s[:, parent]) @ K)
    return w / w.sum()


@pytest.mark.parametrize("seed", range(5))
def test_moments_entropy_and_log_prob_are_sums_over_states(seed):
    model = sparse(seed)
    trial = random_trial(model, seed)
    q, s = weights(trial), naive.states(7)
    np.testing.assert_allclose(np.exp(trial.log_prob(s)), q, rtol=1e-12)
    np.testing.assert_allclose(trial.means, q @ s, atol=1e-14)
    assert trial.entropy == pytest.approx(-q @ np.log(q), abs=1e-13)
    i, j, _ = model.pairs
    np.testing.assert_allclose(trial.correlations, q @ (s[:, i] * s[:, j]), atol=1e-14)
    rows, cols = np.triu_indices(7, 1)
    np.testing.assert_allclose(trial.pair_correlations(rows, cols), q @ (s[:, rows] * s[:, cols]), atol=1e-14)
    child, parent, K = trial.bonds
    log_norm = np.log(np.sum(np.exp(s @ trial.lambdas + (s[:, child] * s[:, parent]) @ K)))
    assert trial.log_norm == pytest.approx(log_norm, abs=1e-13)


def test_samples_follow_the_law():
    trial = random_trial(sparse(1, n=5), 3)
    q, place = weights(trial), 2 ** np.arange(5)[::-1]

    def p_value(seed: int) -> float:
        spins = trial.sample(20_000, np.random.default_rng(seed))
        assert spins.dtype == np.int8
        counts = np.bincount((spins > 0) @ place, minlength=32)
        return float(scipy.stats.chisquare(counts, 20_000 * q).pvalue)

    sequential(p_value)


@pytest.mark.parametrize("seed", range(4))
def test_bound_and_pull_are_those_of_the_sums(seed):
    model, beta = sparse(seed), 0.7
    trial = random_trial(model, seed)
    at = TreeBound(trial.forest, beta)
    x = np.concatenate([trial.lambdas, trial.couplings])
    q, s = weights(trial), naive.states(7)
    value, new = at.pulled(x)
    assert value == pytest.approx(trials.bound(model, beta, np.log(q)), abs=1e-12)
    assert at.value(x) == pytest.approx(value, abs=1e-13)
    # d beta_f / d theta = Cov(T, T) (theta - right sides of (2)), T = spins and bonds
    T = np.hstack([s, np.where(trial.forest.parents >= 0, s * s[:, trial.forest.parents], 0.0)])
    covariance = (T * q[:, None]).T @ T - np.outer(q @ T, q @ T)
    log_w = beta * (naive.energies(model) - model.offset) + np.log(q)
    slope = (T * q[:, None]).T @ log_w - (q @ T) * (q @ log_w)
    np.testing.assert_allclose(covariance @ (x - new), slope, atol=1e-12)


@pytest.mark.parametrize(("seed", "beta"), [(0, 0.6), (1, 1.1)])
def test_descents_reach_what_scipy_finds_over_all_laws_on_the_tree(seed, beta):
    model = sparse(seed, n=6)
    forest = Forest.of(model, strongest_tree(model))
    i, j, _ = model.pairs
    bonds = list(zip(i[forest.inside].tolist(), j[forest.inside].tolist(), strict=True))
    rng = np.random.default_rng(seed)
    expected = trials.best_on_tree(model, beta, bonds, 3, rng)
    starts = [bare(forest, beta), *(from_product(model, rng.normal(size=6)) for _ in range(6))]
    found = [descend_tree(forest, beta, Start("", x)) for x in starts]
    assert all(f.point.converged for f in found)
    assert min(f.beta_f for f in found) == pytest.approx(expected, abs=1e-7)


def test_descents_never_rise_where_parallel_steps_would_oscillate():
    # An antiferromagnet of infinite range: the pull of the pairs left out has the slope -2.9.
    n = 30
    i, j = np.triu_indices(n, 1)
    model = IsingModel.from_edges(n, i, j, np.full(len(i), -0.1), np.linspace(-0.5, 0.6, n))
    at = TreeBound(Forest.of(model, strongest_tree(model)), 1.0)
    x = bare(at.forest, 1.0) + np.random.default_rng(0).normal(size=2 * n) * (bare(at.forest, 1.0) != 0.0)
    values = [at.value(x)]
    for _ in range(40):
        x = at.descended(x)
        values.append(at.value(x))
    assert np.all(np.diff(values) <= 1e-11)
    assert values[-1] < values[0] - 1.0
    assert descend_tree(at.forest, 1.0, Start("", x)).point.converged


@pytest.mark.parametrize("beta", [0.3, 1.2])
def test_gains_are_the_best_a_pair_can_do(beta):
    model = special.peaked(6, 2)
    rng = np.random.default_rng(1)
    means = rng.uniform(-0.9, 0.9, 6)
    gains, (i, j, _) = pair_gains(model, beta, means), model.pairs
    for share in np.linspace(0.001, 0.999, 201):
        low, high = np.abs(means[i] + means[j]) - 1.0, 1.0 - np.abs(means[i] - means[j])
        assert np.all(pair_gains_at(model, beta, means, low + share * (high - low)) <= gains + 1e-12)
    # and the best is met: the trial of a pair alone is exact
    pair = IsingModel.from_edges(2, [0], [1], [-0.8], [0.4, -0.1])
    q = naive.probabilities(pair, beta) @ np.column_stack([naive.states(2), naive.states(2).prod(axis=1)])
    at = pair_gains_at(pair, beta, q[:2], q[2:])
    assert pair_gains(pair, beta, q[:2]) == pytest.approx(at, abs=1e-13)
    assert np.all(pair_gains_at(model, beta, means, means[i] * means[j]) == pytest.approx(0.0, abs=1e-14))


def test_exchanges_are_spanning_forests_that_differ_by_one_bond():
    model = sparse(4)
    trial = random_trial(model, 1)
    every = {mask.tobytes() for mask in trials.spanning_trees(model)}
    seen = list(exchanges(trial, 0.8, np.random.default_rng(0)))
    assert len(seen) == model.n_pairs - trial.forest.inside.sum()
    for inside in seen:
        assert inside.tobytes() in every
        assert np.sum(inside != trial.forest.inside) == 2


def test_a_trial_carried_to_its_own_forest_stays():
    trial = random_trial(sparse(2), 5)
    x = carried(trial, trial.forest, 0.7)
    np.testing.assert_allclose(x, np.concatenate([trial.lambdas, trial.couplings]))


@pytest.mark.parametrize("seed", range(3))
def test_the_tree_chosen_is_the_best_of_all(seed):
    rng = np.random.default_rng(seed)
    i, j = np.triu_indices(5, 1)
    model = IsingModel.from_edges(5, i, j, rng.normal(size=10), rng.normal(size=5))
    beta = 0.8
    (product,) = run_method(model, np.array([beta]), "gibbs-bogoliubov", seed=1)
    every = []
    for inside in trials.spanning_trees(model):
        forest = Forest.of(model, inside)
        every.append(min(descend_tree(forest, beta, Start("", x)).beta_f for x in (
            bare(forest, beta), from_product(model, rng.normal(size=5)), from_product(model, rng.normal(size=5)))))
    assert len(every) == 125
    (found,) = run_method(model, np.array([beta]), "gibbs-bogoliubov:trial=tree", seed=1)
    assert found.beta_f == pytest.approx(min(every), abs=1e-8)
    assert found.beta_f < product.beta_f
    # most trees are worse, so the choice matters
    assert np.median(every) > min(every) + 1e-3


@pytest.mark.parametrize("beta", [0.0, 0.4, 3.0, 500.0])
def test_exact_on_forests(beta):
    rng = np.random.default_rng(3)
    n = 12
    i = np.delete(np.arange(1, n), 6)
    j = np.array([rng.integers(0, k) for k in i])
    model = IsingModel.from_edges(n, i, j, rng.normal(size=n - 2), rng.normal(size=n))
    (found,) = run_method(model, np.array([beta]), "gibbs-bogoliubov:trial=tree", seed=2)
    assert found.kind == "exact"
    assert found.beta_f == pytest.approx(naive.beta_f(model, beta), rel=1e-12, abs=1e-11)
    if beta < 10:
        p, s = naive.probabilities(model, beta), naive.states(n)
        moments = found.moments()
        np.testing.assert_allclose(moments.magnetizations, p @ s, atol=1e-10)
        a, b, _ = model.pairs
        np.testing.assert_allclose(moments.correlations, p @ (s[:, a] * s[:, b]), atol=1e-10)


@pytest.mark.parametrize("method", ["gibbs-bogoliubov:trial=tree", "bethe", "trw"])
def test_a_large_tree_is_exact_to_eleven_digits(method):
    rng = np.random.default_rng(8)
    n = 300
    model = IsingModel.from_edges(
        n, np.arange(1, n), (rng.random(n - 1) * np.arange(1, n)).astype(int), rng.normal(size=n - 1),
        0.4 * rng.normal(size=n))
    betas = np.array([0.2, 1.0, 2.5])
    exact = run_method(model, betas, "tree")
    for found, truth in zip(run_method(model, betas, method, seed=1), exact, strict=True):
        assert found.kind == "exact"
        assert abs(found.beta_f - truth.beta_f) < 1e-11 * max(1.0, abs(truth.beta_f))


def test_moments_are_those_of_the_trial_with_the_bound():
    model, beta = special.peaked(6, 4), 0.5
    (found,) = run_method(model, np.array([beta]), "gibbs-bogoliubov:trial=tree", seed=1)
    trial = best_tree_trial(model, beta, seed=1)
    s = naive.states(6)
    log_q = trial.log_prob(s)
    assert trials.bound(model, beta, log_q) == pytest.approx(found.beta_f, abs=1e-12)
    np.testing.assert_allclose(found.moments().magnetizations, np.exp(log_q) @ s, atol=1e-12)
    assert found.stats["product_beta_f"] >= found.beta_f - 1e-12


def test_huge_couplings_give_finite_bounds():
    model = build_model("ea:shape=4x4,seed=1,field=0.3")
    (found,) = run_method(model, np.array([500.0]), "gibbs-bogoliubov:trial=tree", seed=1)
    (exact,) = run_method(model, np.array([500.0]), "exact")
    assert found.status == "converged"
    assert found.beta_f >= exact.beta_f - 1e-10 * abs(exact.beta_f)
    assert found.beta_f == pytest.approx(exact.beta_f, rel=0.1)


def test_too_many_paths_are_a_failure_that_says_what_to_take():
    n = 900
    i, j = np.triu_indices(n, 1)
    # the strongest bonds make a chain
    model = IsingModel.from_edges(n, i, j, np.where(j == i + 1, 1.0, 0.01) / math.sqrt(n))
    for found in run_method(model, np.array([0.3, 0.4]), "gibbs-bogoliubov:trial=tree", seed=1):
        assert found.status == "not_converged"
        assert math.isnan(found.beta_f)
        assert "trial=blocks" in found.message


def test_same_bits_for_any_number_of_workers():
    model, betas = build_model("ea:shape=5x5,seed=2"), np.array([0.5, 1.0])
    one = run_method(model, betas, "gibbs-bogoliubov:trial=tree", seed=4, workers=1)
    two = run_method(model, betas, "gibbs-bogoliubov:trial=tree", seed=4, workers=2)
    assert [r.beta_f for r in one] == [r.beta_f for r in two]


def test_forest_by_gain_takes_the_largest_sum():
    model = sparse(3)
    gains = np.random.default_rng(0).random(model.n_pairs)
    best = max(trials.spanning_trees(model), key=lambda mask: gains[mask].sum())
    np.testing.assert_array_equal(forest_by_gain(model, gains), best)
