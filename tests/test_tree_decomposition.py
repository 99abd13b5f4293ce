"""Tree decompositions: orders, ln Z, marginals, exact samples, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from scipy.special import logsumexp

import statfe
from statfe.errors import NotApplicableError, UsageError
from statfe.junction import plan
from statfe.junction.distribution import ExactDistribution
from statfe.junction.messages import MAX_SPREAD, Messages
from statfe.junction.orders import MAX_WIDTH, narrow_order, order_by, surely_wide
from statfe.junction.plan import junction_tree, lay_out
from statfe.methods.exact import auto
from statfe.models.ising import IsingModel
from statfe.registry import get_method, run_method
from tests.exact_zoo import BETAS, ZOO, random_strip, zoo_model
from tests.models_for_tests import peaked
from tests.naive import ising as naive
from tests.naive import junction as slow
from tests.retry import sequential


def tree_and_bonds(n: int, more: int, seed: int, fields: bool = True) -> IsingModel:
    """A random tree on shuffled labels, and `more` bonds anywhere."""
    rng = np.random.default_rng(seed)
    label = rng.permutation(n)
    later = np.arange(1, n)
    rows = np.concatenate([later, rng.integers(n, size=more)])
    cols = np.concatenate([(rng.random(n - 1) * later).astype(int), np.zeros(more, dtype=int)])
    cols[n - 1:] = (rows[n - 1:] + 1 + rng.integers(n - 1, size=more)) % n
    low, high = np.minimum(label[rows], label[cols]), np.maximum(label[rows], label[cols])
    once = np.unique(low * n + high)
    h = rng.normal(size=n) * 0.4 if fields else None
    return IsingModel.from_edges(n, once // n, once % n, rng.normal(size=len(once)), h)


def one(model: IsingModel, beta: float) -> float:
    """ln Z by tree decomposition."""
    return run_method(model, np.array([beta]), "tree-decomposition")[0].log_z


@pytest.mark.parametrize("rule", ["min-fill", "min-degree"])
@pytest.mark.parametrize("seed", range(4))
def test_orders_are_greedy_and_separators_are_those_of_sets(rule, seed):
    model = tree_and_bonds(40, 25, seed)
    order, left = order_by(model, rule, np.random.default_rng(seed).permutation(40))
    assert order is not None
    assert left == 0
    assert sorted(order.sites.tolist()) == list(range(40))
    graph = slow.neighbours(model)
    price = (lambda i: slow.missing(graph, i)) if rule == "min-fill" else (lambda i: len(graph[i]))
    for k, site in enumerate(order.sites.tolist()):
        assert price(site) == min(price(i) for i in graph)
        assert slow.remove(graph, site) == set(order.separators[order.ptr[k]:order.ptr[k + 1]].tolist())


@pytest.mark.parametrize("seed", range(3))
def test_any_order_gives_the_same_number_as_dictionaries(seed):
    model = tree_and_bonds(14, 6, seed)
    labels = np.random.default_rng(seed).permutation(14)
    order, _ = order_by(model, "given", labels)
    assert order is not None
    assert order.sites.tolist() == labels.tolist()
    expected = slow.log_z(model, 0.8, labels.tolist())
    assert Messages(lay_out(model, order), 0.8).run() == pytest.approx(expected, rel=1e-13)
    for k, near in enumerate(slow.separators(model, labels.tolist())):
        assert near == set(order.separators[order.ptr[k]:order.ptr[k + 1]].tolist())


@pytest.mark.parametrize("name", [name for name in ZOO if zoo_model(name).n_sites <= 13])
def test_log_z_and_marginals_are_those_of_all_states(name):
    model = zoo_model(name)
    s, energies = naive.states(model.n_sites), naive.energies(model)
    i, j, _ = model.pairs
    pairs = s[:, i] * s[:, j]
    for beta in BETAS:
        d, log_z = ExactDistribution(model, beta), float(logsumexp(-beta * energies))
        p = np.exp(-beta * energies - log_z)
        assert d.log_z == pytest.approx(log_z, rel=1e-13, abs=1e-12)
        assert one(model, beta) == pytest.approx(log_z, rel=1e-13, abs=1e-12)
        np.testing.assert_allclose(d.magnetizations, p @ s, atol=1e-12)
        np.testing.assert_allclose(d.pair_correlations, p @ pairs, atol=1e-12)
        assert d.energy == pytest.approx(p @ energies, rel=1e-12, abs=1e-11)
        entropy = -np.sum(p[p > 0] * np.log(p[p > 0]))
        assert d.entropy == pytest.approx(entropy, abs=1e-12 * (1 + abs(beta * d.energy)))


def blocks_and_gaps() -> IsingModel:
    """Tables of several blocks whose children lack some of the lowest bits: 26 sites, dense in parts."""
    rng = np.random.default_rng(4)
    core = [(i, j) for i in range(13) for j in range(i)]
    hung = [(13 + k, c) for k in range(13) for c in rng.choice(13, size=11, replace=False)]
    rows, cols = np.array(core + hung).T
    return IsingModel.from_edges(26, cols, rows, 0.4 * rng.normal(size=len(rows)), 0.3 * rng.normal(size=26))


@pytest.mark.parametrize("beta", [0.7, 60.0])
def test_tables_of_several_blocks(beta):
    """Wider than a block of 2^10 entries, with weights and with logarithms, against sums over states."""
    model = blocks_and_gaps()
    tree = junction_tree(model)
    assert tree is not None
    assert tree.width >= 12
    assert (beta * tree.spread > MAX_SPREAD) == (beta > 1)
    (expected,) = run_method(model, np.array([beta]), "enumeration")
    assert one(model, beta) == pytest.approx(expected.log_z, rel=1e-13)
    d, step = ExactDistribution(model, beta), 1e-5
    # d ln Z / d(beta h) = <s>, by a field on one site at a time; d ln Z / d(beta J) = <s s>
    for site in (0, 7, 12, 20):
        shift = np.zeros(26)
        shift[site] = step / beta
        ends = [one(IsingModel.from_edges(26, model.rows, model.cols, model.couplings, model.fields + k * shift), beta)
                for k in (-1, 1)]
        assert d.magnetizations[site] == pytest.approx((ends[1] - ends[0]) / (2 * step), abs=1e-7)
    i, j, J = model.pairs
    for bond in (0, 40, 100, 150):
        shift = np.zeros(len(J))
        shift[bond] = step / beta
        ends = [one(IsingModel.from_edges(26, i, j, J + k * shift, model.fields), beta) for k in (-1, 1)]
        assert d.pair_correlations[bond] == pytest.approx((ends[1] - ends[0]) / (2 * step), abs=1e-7)


@pytest.mark.parametrize("periodic", [True, False])
def test_equal_to_the_transfer_matrix_on_strips(periodic):
    model = random_strip(40, 6 if periodic else 11, periodic, 5)
    for beta in (0.5, -1.3, 30.0):
        (expected,) = run_method(model, np.array([beta]), "transfer-matrix")
        assert one(model, beta) == pytest.approx(expected.log_z, rel=1e-13)


@pytest.mark.parametrize("beta", [0.0, 1.0, -2.0, 500.0])
def test_large_trees_with_some_bonds_more(beta):
    model = tree_and_bonds(100_000, 20, 3)
    found = one(model, beta)
    assert math.isfinite(found)
    if beta == 0.0:
        assert found == pytest.approx(100_000 * math.log(2), rel=1e-14)
    tree = tree_and_bonds(3000, 0, 7)
    (expected,) = run_method(tree, np.array([beta]), "tree")
    assert one(tree, beta) == pytest.approx(expected.log_z, rel=1e-13)


def test_hubs_with_many_leaves():
    rng = np.random.default_rng(1)
    n = 60_000
    leaves = IsingModel.from_edges(n, np.zeros(n - 1, int), np.arange(1, n), rng.normal(size=n - 1), rng.normal(size=n))
    for beta in (1e-4, 0.7, 400.0):
        (expected,) = run_method(leaves, np.array([beta]), "tree")
        assert one(leaves, beta) == pytest.approx(expected.log_z, rel=1e-13)
    two = IsingModel.from_edges(
        n, np.repeat([0, 1], n - 2), np.tile(np.arange(2, n), 2), 0.01 * rng.normal(size=2 * (n - 2)))
    assert junction_tree(two).width == 2
    assert one(two, 0.0) == pytest.approx(n * math.log(2), rel=1e-14)


def test_magnetizations_of_ten_thousand_sites():
    model = tree_and_bonds(10_000, 40, 5)
    d, step = ExactDistribution(model, 0.8), 1e-4
    shift = np.full(10_000, step / 0.8)
    ends = [one(IsingModel.from_edges(10_000, *model.pairs, model.fields + k * shift), 0.8) for k in (-1, 1)]
    assert d.magnetizations.sum() == pytest.approx((ends[1] - ends[0]) / (2 * step), rel=1e-6)
    energies = [one(model, 0.8 + k * step) for k in (-1, 1)]
    assert -d.energy == pytest.approx((energies[1] - energies[0]) / (2 * step), rel=1e-7)


@pytest.mark.statistical
def test_samples_have_the_law_of_all_states():
    """Chi-square on a peaked, asymmetric model."""
    model, beta = peaked(7), 0.7
    d, p = ExactDistribution(model, beta), naive.probabilities(model, beta)
    values = 2 ** np.arange(6, -1, -1)

    def p_value(seed: int) -> float:
        spins = d.sample(50_000, np.random.default_rng(seed))
        counts = np.bincount((spins > 0) @ values, minlength=2**7)
        many = p * 50_000 >= 5
        seen = np.append(counts[many], counts[~many].sum())
        return float(stats.chisquare(seen, np.append(p[many], p[~many].sum()) * 50_000).pvalue)

    sequential(p_value)


@pytest.mark.statistical
def test_samples_of_a_larger_model_have_its_marginals():
    model = random_strip(30, 5, True, 2)
    d = ExactDistribution(model, 0.6)
    i, j, _ = model.pairs

    def p_value(seed: int) -> float:
        spins = d.sample(4000, np.random.default_rng(seed)).astype(float)
        z = np.concatenate([spins.mean(axis=0) - d.magnetizations,
                            (spins[:, i] * spins[:, j]).mean(axis=0) - d.pair_correlations])
        exact = np.concatenate([d.magnetizations, d.pair_correlations])
        worst = np.abs(z / np.sqrt((1 - exact**2) / 4000)).max()
        return float(min(1.0, 2 * stats.norm.sf(worst) * len(z)))

    sequential(p_value)


def test_it_is_a_trial():
    model = zoo_model("one spin and an offset")
    for m in (peaked(6), model):
        d = statfe.exact_distribution(m, 1.3)
        states = naive.states(m.n_sites)
        np.testing.assert_allclose(np.exp(d.log_prob(states)), naive.probabilities(m, 1.3), atol=1e-14)
        assert d.n_sites == m.n_sites
        spins = d.sample(100, np.random.default_rng(0))
        assert spins.dtype == np.int8
        assert spins.shape == (100, m.n_sites)
        assert set(np.unique(spins)) <= {-1, 1}
        np.testing.assert_array_equal(spins[:10], d.sample(10, np.random.default_rng(0)))
        assert d.sample(0, np.random.default_rng(0)).shape == (0, m.n_sites)
        assert d.log_z == pytest.approx(-statfe.free_energy(m, 1.3, "enumeration").beta_f)
        assert d.pair_correlations.shape == (m.n_pairs,)
        assert "beta=1.3" in repr(d)


def test_wide_graphs_are_refused_at_a_glance():
    for spec in ("ising:shape=64x64", "sk:n=200", "ea:shape=40x40,boundary=open", "ising:shape=4096x4096"):
        assert surely_wide(statfe.model(spec))
        assert narrow_order(statfe.model(spec)) is None
    refusal = get_method("tree-decomposition").obstacle(statfe.model("ea:shape=8x8x8"))
    assert f"more than {MAX_WIDTH} spins" in refusal
    assert "use mbar" in refusal
    assert not surely_wide(statfe.model("ising:shape=64x64,coupling=0"))
    with pytest.raises(NotApplicableError, match="simulate"):
        statfe.exact_distribution("ea:shape=8x8x8", 1.0)


def test_tables_that_do_not_fit_are_refused(monkeypatch):
    model = random_strip(30, 6, True, 2)
    monkeypatch.setattr(plan, "MAX_BYTES", 2**20)
    assert get_method("tree-decomposition").obstacle(model) == ""
    with pytest.raises(NotApplicableError, match=r"tables need \d+ MB"):
        ExactDistribution(model, 1.0)
    monkeypatch.setattr(plan, "MAX_BYTES", 2**10)
    assert "limit" in get_method("tree-decomposition").obstacle(model)


@pytest.mark.parametrize("beta", [math.nan, math.inf, 1e308])
def test_a_beta_that_is_none_is_refused(beta):
    with pytest.raises(UsageError, match=r"finite|overflows"):
        statfe.exact_distribution(peaked(5), beta)


def test_exact_takes_it_where_the_frontier_is_wide():
    model = tree_and_bonds(2000, 60, 1)
    assert get_method("transfer-matrix").obstacle(model)
    (found,) = run_method(model, np.array([0.5]), "exact")
    assert found.stats["exact_method"] == "tree-decomposition"
    assert found.stats["width"] <= 16
    assert auto.cost(model, 1) == get_method("tree-decomposition").cost(model, 1)


def test_the_room_is_that_of_tables_alive_at_once():
    """A path needs two small tables however long it is."""
    tree = junction_tree(tree_and_bonds(5000, 0, 2))
    assert tree is not None
    assert tree.room < 500
    assert np.all(tree.ptr[1:] - tree.ptr[:-1] <= 1)
