"""Block trials: partitions, the bound, descents, exact limits."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.sparse.csgraph

from statfe.models.catalogue import build_model
from statfe.models.ising import IsingModel
from statfe.registry import run_method
from statfe.trials.block_descent import BlockBound, BlockLayout, descend_blocks
from statfe.trials.block_trial import best_block_trial
from statfe.trials.partition import partition
from statfe.trials.tree_choice import pair_gains
from statfe.variational.solutions import Start
from tests import models_for_tests as special
from tests.naive import ising as naive
from tests.naive import trials


def inside_weight(model: IsingModel, labels: np.ndarray) -> float:
    i, j, J = model.pairs
    return float(np.abs(J)[labels[i] == labels[j]].sum())


@pytest.mark.parametrize("size", [1, 2, 5, 8, 100])
@pytest.mark.parametrize("spec", [
    "ising:shape=7x6", "ea:shape=4x4x4,couplings=gaussian,seed=1", "sk:n=20,seed=1",
    "erdos-renyi:n=40,mean_degree=2,seed=3", "random-regular:n=30,degree=3,couplings=gaussian,seed=1"])
def test_blocks_are_connected_and_no_larger_than_asked(spec, size):
    model = build_model(spec)
    labels = partition(model, np.abs(model.pairs[2]), size)
    counts = np.bincount(labels)
    assert counts.min() >= 1
    assert counts.max() <= size
    for block in range(len(counts)):
        sites = np.flatnonzero(labels == block)
        part = model.adjacency[sites][:, sites]
        assert scipy.sparse.csgraph.connected_components(part, directed=False)[0] == 1
    # a component that fits is one block
    for component in range(model.components.max() + 1):
        sites = np.flatnonzero(model.components == component)
        if len(sites) <= size:
            assert len(set(labels[sites])) == 1


def test_blocks_of_a_lattice_are_compact():
    model = build_model("ising:shape=12x12")
    labels = partition(model, np.ones(model.n_pairs), 9)
    # 3 x 3 blocks hold 12 of 18 bonds a block; chains of 9 sites would hold 8
    assert inside_weight(model, labels) >= 0.85 * 16 * 12


def test_strong_bonds_are_inside():
    # six cliques of four with strong bonds, in a random order, and weak bonds between all
    rng = np.random.default_rng(0)
    n, place = 24, np.random.default_rng(1).permutation(24)
    i, j = np.triu_indices(n, 1)
    J = np.where(place[i] // 4 == place[j] // 4, 1.0, 0.05 * rng.random(len(i)))
    model = IsingModel.from_edges(n, i, j, J)
    labels = partition(model, np.abs(model.pairs[2]), 4)
    np.testing.assert_array_equal(labels[:, None] == labels, place[:, None] // 4 == place // 4)


@pytest.mark.parametrize("seed", range(3))
def test_bound_and_means_are_sums_over_states(seed):
    model, beta = special.peaked(7, seed), 0.6
    rng = np.random.default_rng(seed)
    labels = partition(model, pair_gains(model, beta, np.zeros(7)), 3)
    at = BlockBound(BlockLayout(model, labels), beta)
    x = rng.normal(size=7)
    trial, s = at.trial(x), naive.states(7)
    log_q = s @ x
    for i, j, J in zip(*model.pairs, strict=True):
        if labels[i] == labels[j]:
            log_q += beta * J * s[:, i] * s[:, j]
    log_q -= np.logaddexp.reduce(log_q)
    value, means = at.at(x)
    assert value == pytest.approx(trials.bound(model, beta, log_q), abs=1e-12)
    np.testing.assert_allclose(means, np.exp(log_q) @ s, atol=1e-13)
    np.testing.assert_allclose(trial.log_prob(s), log_q, atol=1e-12)
    np.testing.assert_allclose(trial.means, means, atol=1e-13)
    i, j, _ = model.pairs
    np.testing.assert_allclose(trial.correlations, np.exp(log_q) @ (s[:, i] * s[:, j]), atol=1e-13)
    assert trial.entropy == pytest.approx(-np.exp(log_q) @ log_q, abs=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_descents_reach_what_scipy_finds_over_all_laws_of_the_blocks(seed):
    rng = np.random.default_rng(seed)
    i, j = np.triu_indices(5, 1)
    model, beta = IsingModel.from_edges(5, i, j, rng.normal(size=10), rng.normal(size=5)), 0.7
    labels = partition(model, pair_gains(model, beta, np.zeros(5)), 2)
    blocks = [np.flatnonzero(labels == b).tolist() for b in range(labels.max() + 1)]
    layout = BlockLayout(model, labels)
    found = [descend_blocks(layout, beta, Start("", rng.uniform(-1, 1, 5))) for _ in range(8)]
    assert all(f.point.converged for f in found)
    expected = trials.best_on_blocks(model, beta, blocks, 4, rng)
    assert min(f.beta_f for f in found) == pytest.approx(expected, abs=1e-7)


def test_sweeps_never_rise_whatever_the_signs():
    n = 30
    i, j = np.triu_indices(n, 1)
    model = IsingModel.from_edges(n, i, j, np.full(len(i), -0.5), np.linspace(-0.5, 0.6, n))
    at = BlockBound(BlockLayout(model, partition(model, np.ones(len(i)), 4)), 1.0)
    x = np.random.default_rng(0).normal(size=n)
    values = [at.value(x)]
    for _ in range(20):
        x = at.swept(x)
        values.append(at.value(x))
    assert np.all(np.diff(values) <= 1e-11)
    assert values[-1] < values[0] - 1.0


@pytest.mark.parametrize("beta", [0.0, 0.7, 3.0, 500.0])
def test_exact_on_unions_of_blocks(beta):
    parts = [special.peaked(5, 1), special.frustrated_triangle(), special.isolated(2), special.peaked(6, 2)]
    firsts = np.cumsum([0, *(p.n_sites for p in parts)])
    model = IsingModel.from_edges(
        int(firsts[-1]), np.concatenate([p.rows + f for p, f in zip(parts, firsts[:-1], strict=True)]),
        np.concatenate([p.cols + f for p, f in zip(parts, firsts[:-1], strict=True)]),
        np.concatenate([p.couplings for p in parts]), np.concatenate([p.fields for p in parts]))
    (found,) = run_method(model, np.array([beta]), "gibbs-bogoliubov:trial=blocks,block=6", seed=1)
    exact = sum(naive.beta_f(p, beta) for p in parts)
    assert found.kind == "exact"
    assert found.beta_f == pytest.approx(exact, rel=1e-13, abs=1e-11)


def test_blocks_of_one_site_are_a_product():
    model, betas = special.peaked(8, 5), np.array([0.4, 1.3])
    single = run_method(model, betas, "gibbs-bogoliubov:trial=blocks,block=1", seed=3)
    product = run_method(model, betas, "gibbs-bogoliubov", seed=3)
    for one, other in zip(single, product, strict=True):
        assert one.beta_f == pytest.approx(other.beta_f, abs=1e-10)
        np.testing.assert_allclose(one.moments().correlations, other.moments().correlations, atol=1e-6)


def test_larger_blocks_and_trees_are_lower():
    model, beta = build_model("ising:shape=6x6"), np.array([0.35])
    spec = "gibbs-bogoliubov:trial=blocks,block="
    values = [run_method(model, beta, spec + str(size), seed=1)[0].beta_f for size in (1, 4, 9, 18, 36)]
    assert np.all(np.diff(values) < -1e-3)
    (exact,) = run_method(model, beta, "exact")
    assert values[-1] == pytest.approx(exact.beta_f, rel=1e-12)
    (tree,) = run_method(model, beta, "gibbs-bogoliubov:trial=tree", seed=1)
    assert exact.beta_f < tree.beta_f < values[0]


def test_moments_are_those_of_the_trial_with_the_bound():
    model, beta = special.peaked(8, 4), 0.5
    (found,) = run_method(model, np.array([beta]), "gibbs-bogoliubov:trial=blocks,block=3", seed=1)
    trial = best_block_trial(model, beta, block=3, seed=1)
    s = naive.states(8)
    log_q = trial.log_prob(s)
    assert trials.bound(model, beta, log_q) == pytest.approx(found.beta_f, abs=1e-12)
    i, j, _ = model.pairs
    moments = found.moments()
    np.testing.assert_allclose(moments.magnetizations, np.exp(log_q) @ s, atol=1e-12)
    np.testing.assert_allclose(moments.correlations, np.exp(log_q) @ (s[:, i] * s[:, j]), atol=1e-12)


def test_blocks_that_are_too_wide_are_a_failure_that_says_so():
    for found in run_method(build_model("sk:n=60,seed=1"), np.array([0.3, 0.5]),
                            "gibbs-bogoliubov:trial=blocks,block=30", seed=1):
        assert found.status == "not_converged"
        assert math.isnan(found.beta_f)
        assert "smaller block" in found.message
