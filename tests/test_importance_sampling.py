"""Importance sampling: trials, coverage of the errors, and what gives away a trial that misses states."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

import statfe
from statfe.errors import UsageError
from statfe.estimators.log_weights import log_mean_weight
from statfe.junction.fit import fit_trial
from statfe.junction.mixture import interactions
from statfe.junction.subgraph import narrow_subgraphs
from statfe.junction.trials import fields_of_minima, product_trial, split_by_tree, tree_trial
from statfe.kernels.junction_down import heat_bath_sweep
from statfe.methods.sampled import importance_sampling as method
from statfe.methods.sampled.importance_sampling import drift, judge, log_weights, walked_log_weights
from statfe.models.catalogue import build_model
from statfe.models.ising import IsingModel
from statfe.registry import run_method
from statfe.trial import ProductTrial
from tests.models_for_tests import disconnected, peaked
from tests.naive import ising as naive
from tests.retry import sequential

TRIALS = {"product": product_trial, "tree": tree_trial}
KINDS = (*TRIALS, "junction")
#: Narrow enough that bonds are left out of all models here but the forest.
WIDTH = 2
MODELS = {
    "peaked": peaked, "disconnected": disconnected, "lattice": lambda: build_model("ising:shape=3x3"),
    "glass": lambda: build_model("ea:shape=2x4,couplings=gaussian,seed=4")}


def trial_of(kind: str, model: IsingModel, beta: float, softness: float = 1.0, uniform: float = 0.05):
    if kind == "junction":
        return fit_trial(model, beta, WIDTH, np.random.default_rng(2)).trial(softness, uniform)
    minima = fields_of_minima(model, beta, 1)
    return TRIALS[kind](model, beta, minima, softness, uniform, np.random.default_rng(2))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("uniform", [0.0, 0.05])
def test_trials_are_normalised_and_symmetric_where_the_model_is(kind, name, uniform):
    model = MODELS[name]()
    states = naive.states(model.n_sites)
    for softness in (1.0, 0.6):
        q = np.exp(trial_of(kind, model, 0.9, softness, uniform).log_prob(states))
        assert q.sum() == pytest.approx(1.0, rel=1e-12)
        if not model.has_fields:
            np.testing.assert_allclose(q, q[::-1], rtol=1e-10)
        assert q.min() >= 0.999 * uniform / len(states)
    np.testing.assert_allclose(-interactions(model, states) + model.offset, naive.energies(model), atol=1e-12)


@pytest.mark.statistical
@pytest.mark.parametrize("kind", KINDS)
def test_trials_draw_what_they_say(kind):
    model = peaked(6)
    trial = trial_of(kind, model, 0.5)
    q, values = np.exp(trial.log_prob(naive.states(6))), 2 ** np.arange(5, -1, -1)

    def p_value(seed: int) -> float:
        spins = trial.sample(20_000, np.random.default_rng(seed))
        return float(stats.chisquare(np.bincount((spins > 0) @ values, minlength=64), 20_000 * q).pvalue)

    sequential(p_value)


def test_the_tree_holds_the_strongest_bonds():
    model = build_model("sk:n=12,seed=3")
    tree, rest = split_by_tree(model)
    assert tree.is_forest
    assert tree.n_pairs == 11
    assert tree.n_pairs + rest.n_pairs == model.n_pairs
    np.testing.assert_allclose((tree.adjacency + rest.adjacency).toarray(), model.adjacency.toarray())
    # Each bond left out closes a cycle of the tree in which none is weaker.
    weights = abs(tree.adjacency.toarray())
    for i, j, J in zip(*rest.pairs, strict=True):
        widest = weights.copy()
        for k in range(12):
            widest = np.maximum(widest, np.minimum(widest[:, k:k + 1], widest[k:k + 1, :]))
        assert abs(J) <= widest[i, j]


def test_a_subgraph_keeps_the_width_and_the_strong_bonds():
    model = build_model("ea:shape=5x5,couplings=gaussian,seed=6")
    size = np.abs(model.pairs[2])
    for width in (1, 2, 4):
        narrow = narrow_subgraphs(model, width)[0]
        assert narrow.order.width <= width
        assert not narrow.whole
        i, j, _ = model.pairs
        edges = set(zip(i[narrow.kept].tolist(), j[narrow.kept].tolist(), strict=True))
        place = np.argsort(narrow.order.sites)
        later = {(v, u) for k, v in enumerate(narrow.order.sites.tolist())
                 for u in narrow.order.separators[narrow.order.ptr[k]:narrow.order.ptr[k + 1]].tolist()}
        assert all(((a, b) if place[a] < place[b] else (b, a)) in later for a, b in edges)
        assert size[narrow.kept].mean() > size[~narrow.kept].mean()
        assert size[narrow.kept].sum() >= size[split_by_tree_mask(model)].sum() - 1e-12
    assert narrow_subgraphs(model, 10)[0].whole


def split_by_tree_mask(model: IsingModel) -> np.ndarray:
    tree, _ = split_by_tree(model)
    inside = set(zip(*(x.tolist() for x in tree.pairs[:2]), strict=True))
    return np.array([pair in inside for pair in zip(*(x.tolist() for x in model.pairs[:2]), strict=True)])


def test_a_fitted_trial_is_nearer_than_the_bonds_it_keeps():
    """The divergence KL(p || q) by enumeration: below that of the kept bonds alone, and of the tree."""
    for model in (build_model("ea:shape=3x4,seed=4"), peaked(8)):
        beta, states = 0.8, naive.states(model.n_sites)
        p, kept = naive.probabilities(model, beta), narrow_subgraphs(model, WIDTH)[0].kept
        i, j, J = model.pairs
        bare = naive.probabilities(
            IsingModel.from_edges(model.n_sites, i[kept], j[kept], J[kept], model.fields), beta)
        fitted = trial_of("junction", model, beta, uniform=0.0).log_prob(states)
        divergence = float(p @ (np.log(p) - fitted))
        assert 0.0 < divergence < 0.6 * float(p @ np.log(p / bare))


@pytest.mark.parametrize("trial", ["junction", "tree"])
def test_trees_are_exact_without_the_uniform_part(trial):
    model = build_model("ising:shape=30,boundary=open,field=0.2")
    (found,) = run_method(model, np.array([0.8]), f"importance-sampling:samples=500,mixture=0,trial={trial}", seed=1)
    (exact,) = run_method(model, np.array([0.8]), "tree")
    assert found.status == "converged"
    assert found.beta_f == pytest.approx(exact.beta_f, rel=1e-13)
    assert found.beta_f_error < 1e-10


def test_models_of_small_treewidth_are_exact_up_to_the_width():
    model, beta = build_model("ea:shape=3x4,seed=2"), np.array([1.0])
    (found,) = run_method(model, beta, "importance-sampling", seed=1)
    assert (found.kind, found.status, found.beta_f_error) == ("exact", "converged", 0.0)
    assert found.beta_f == pytest.approx(naive.beta_f(model, 1.0), rel=1e-12)
    (narrower,) = run_method(model, 0.5 * beta, "importance-sampling:width=4,samples=8000", seed=1)
    assert (narrower.kind, narrower.status) == ("estimate", "converged")
    assert 0.0 < abs(narrower.beta_f - naive.beta_f(model, 0.5)) < 4 * narrower.beta_f_error


def test_an_exact_trial_whose_weights_differ_is_a_failure(monkeypatch):
    monkeypatch.setattr(method, "_log_weights_of", lambda *_: np.array([1.0, 1.0 + 1e-6]))
    (found,) = run_method(build_model("ising:shape=6"), np.array([1.0]), "importance-sampling:samples=2", seed=1)
    assert found.status == "diverged"
    assert "scale the couplings" in found.message


@pytest.mark.statistical
@pytest.mark.parametrize(("kind", "name", "beta"), [
    ("product", "lattice", 0.15), ("tree", "peaked", 0.5), ("junction", "glass", 0.5)])
def test_errors_cover(kind, name, beta):
    model = MODELS[name]()
    trial, exact, runs = trial_of(kind, model, beta), -naive.beta_f(model, beta), 600
    logs = log_weights(model, beta, trial, 1000 * runs, 3).reshape(runs, 1000)
    found = [log_mean_weight(row) for row in logs]
    z = np.array([(f.value - exact) / f.error for f in found])
    assert abs(z.mean()) < 0.1
    assert 0.9 < z.std() < 1.15
    assert 0.63 < np.mean(np.abs(z) < 1) < 0.73
    assert 0.93 < np.mean(np.abs(z) < 1.96) < 0.975


@pytest.mark.statistical
def test_the_heat_bath_leaves_the_law_as_it_is():
    model, beta = peaked(6), 0.6
    p, values = naive.probabilities(model, beta), 2 ** np.arange(5, -1, -1)

    def p_value(seed: int) -> float:
        rng = np.random.default_rng(seed)
        spins = naive.states(6)[rng.choice(64, size=20_000, p=p)].T.astype(np.int8).copy()
        for _ in range(3):
            heat_bath_sweep(
                model.indptr, model.indices, model.weights, model.fields, beta, rng.random(spins.shape), spins)
        counts = np.bincount((spins.T > 0) @ values, minlength=64)
        many = p * 20_000 > 5
        return float(stats.chisquare(
            np.append(counts[many], counts[~many].sum()), 20_000 * np.append(p[many], p[~many].sum())).pvalue)

    sequential(p_value)


def test_a_trial_of_one_phase_is_seen_by_the_walk():
    """All spins up in a small field against them: the weights are steady, and the number is wrong."""
    model, beta = build_model("ising:shape=6,field=-0.3"), 0.6
    trial = ProductTrial(np.full(6, 2.5))
    logs = log_weights(model, beta, trial, 20_000, 4)
    walked = walked_log_weights(model, beta, trial, logs, 4)
    assert drift(logs, walked) > 4
    good = trial_of("product", model, beta)
    logs = log_weights(model, beta, good, 20_000, 4)
    assert abs(drift(logs, walked_log_weights(model, beta, good, logs, 4))) < 4


def test_states_that_the_trial_hardly_reaches_are_not_converged(monkeypatch):
    """10 x 10 below its transition: 2% of the weight lies in domain walls, and k and the weights look well."""
    monkeypatch.setattr(method, "MAX_SKEW", math.inf)
    monkeypatch.setattr(method, "MAX_K_HAT", math.inf)
    model = build_model("ising:shape=10x10,field=0.02")
    (found,) = run_method(model, np.array([0.6]), "importance-sampling:samples=20000,trial=tree", seed=1)
    assert found.status == "not_converged"
    assert "drift" in found.message
    assert abs(found.stats["drift_sigmas"]) > 4


def test_weights_that_mean_nothing_are_a_failure():
    (found,) = run_method(build_model("sk:n=80"), np.array([2.0]), "importance-sampling:samples=300", seed=1)
    assert found.status != "converged"
    (found,) = run_method(build_model("ising:shape=20x20"), np.array([0.4]),
                          "importance-sampling:samples=2,trial=product", seed=1)
    assert found.status == "diverged"
    assert math.isnan(found.beta_f)
    assert "raise samples" in found.message


RNG = np.random.default_rng(0)
FLAT = 0.1 * RNG.normal(size=2000)


@pytest.mark.parametrize(("logs", "soft", "bound", "word"), [
    (FLAT, FLAT, 1.0, ""),
    (2.0 * RNG.normal(size=200), FLAT, math.inf, "effective samples"),
    (np.append(6.0, FLAT), FLAT, math.inf, "of the weight"),
    (np.append(FLAT, 6.0), FLAT, math.inf, "of the weight"),
    (0.8 * -np.log(RNG.random(20_000)), FLAT, math.inf, "heavy tail"),
    (np.append(4.0, FLAT), FLAT, math.inf, "rare large weights"),
    (FLAT[:20], FLAT, math.inf, "too few samples"),
    (FLAT, FLAT, -0.5, "rigorous upper bound"),
    (FLAT, np.append(FLAT, 14.0), math.inf, "softer trial found weights"),
    (FLAT, FLAT + 0.3, math.inf, "softer trial disagrees"),
])
def test_each_check_speaks(logs, soft, bound, word):
    found = judge(logs, soft, bound)
    if word:
        assert found.status == "not_converged"
        assert word in found.message
        assert "use" in found.message or "raise" in found.message
    else:
        assert (found.status, found.message) == ("converged", "")


def test_who_decides_is_not_in_the_estimate():
    """Were they the same, runs that by chance lack large weights would pass more often than others."""
    rng = np.random.default_rng(7)
    look, rest, other = rng.normal(size=500), rng.normal(size=1500), rng.normal(size=1500)
    found = judge(np.append(look, rest), FLAT + 0.5, math.inf)
    again = judge(np.append(np.zeros(500), rest), FLAT + 0.5, math.inf)
    assert (found.beta_f, found.beta_f_error) == (again.beta_f, again.beta_f_error)
    assert found.status != again.status
    swapped = judge(np.append(look, other), FLAT + 0.5, math.inf)
    assert found.beta_f != swapped.beta_f
    assert (found.status, found.message) == (swapped.status, swapped.message)


def test_infinite_temperature_is_a_row_without_error():
    (found,) = run_method(build_model("sk:n=50"), np.array([0.0]), "importance-sampling", seed=1)
    assert (found.beta_f, found.beta_f_error, found.status) == (-50 * math.log(2.0), 0.0, "converged")


def test_the_same_bits_for_any_number_of_threads(monkeypatch):
    monkeypatch.setattr(method, "CHUNK", 16 * 100)
    model = build_model("ea:shape=4x4,seed=3")
    one, two = (run_method(model, np.array([0.4, 0.2]), "importance-sampling:samples=8000,width=4", seed=5, workers=w)
                for w in (1, 3))
    assert [(r.beta_f, r.beta_f_error, r.status) for r in one] == [(r.beta_f, r.beta_f_error, r.status) for r in two]
    assert one[0].stats["drift_sigmas"] == two[0].stats["drift_sigmas"]


def test_an_energy_that_overflows_is_refused():
    huge = IsingModel.from_edges(3, [0, 1], [1, 2], [1e308, -1e308])
    with pytest.raises(UsageError, match="overflow"):
        statfe.free_energy(huge, 2.0, "importance-sampling")
