"""Means and correlations of the spins: exact ones, sampled ones, and how far a method is from them."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

import statfe
from statfe.junction.moments import exact_moments, narrow, symmetric_sites
from statfe.kernels.pair_means import add_conditional_means
from statfe.methods.exact import kaufman
from statfe.models.ising import IsingModel
from statfe.random import generator
from statfe.result import Moments
from statfe.sampling import moments as sampling
from statfe.sampling.moments import sampled_moments
from statfe.scoring import moments as scoring
from statfe.scoring.contest import Contest, compare_model, compare_run
from statfe.scoring.moments import NO_ERRORS, Truth, true_moments
from tests.comparisons_for_tests import free_energy
from tests.models_for_tests import disconnected, frustrated_triangle, isolated, peaked
from tests.naive.pair_means import conditional_means
from tests.retry import sequential

MODELS = {
    "peaked": peaked, "isolated": isolated, "triangle": frustrated_triangle, "disconnected": disconnected,
    "glass": lambda: statfe.model("ea:shape=3x3,couplings=gaussian,seed=2"),
    "tree": lambda: IsingModel.from_edges(5, [0, 1, 1, 3], [1, 2, 3, 4], [0.7, -0.4, 1.1, 0.3], [0.2, 0, 0, -0.5, 0]),
}


def by_enumeration(model: IsingModel, beta: float) -> tuple[np.ndarray, np.ndarray]:
    """<s_i> and <s_i s_j> from all 2^N states."""
    n = model.n_sites
    states = 2.0 * ((np.arange(2**n)[:, None] >> np.arange(n)) & 1) - 1.0
    logs = -beta * model.energy(states)
    p = np.exp(logs - logs.max())
    p /= p.sum()
    i, j, _ = model.pairs
    return p @ states, p @ (states[:, i] * states[:, j])


# ---- exact ----

@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("method", ["enumeration", "tree", "tree-decomposition", "transfer-matrix", "exact"])
def test_every_exact_method_brings_the_moments_of_enumeration(name, method):
    model, betas = MODELS[name](), [0.0, 0.6, 1.7, -0.4]
    if method == "tree" and not model.is_forest:
        pytest.skip("has cycles")
    for beta, result in zip(betas, statfe.free_energy(model, betas, method), strict=True):
        means, correlations = by_enumeration(model, beta)
        found = result.moments()
        np.testing.assert_allclose(found.magnetizations, means, atol=1e-12)
        np.testing.assert_allclose(found.correlations, correlations, atol=1e-12)
        assert found.magnetization_errors is found.correlation_errors is None


def test_moments_are_made_when_asked_for(monkeypatch):
    monkeypatch.setattr("statfe.junction.moments.ExactDistribution", lambda *_: pytest.fail("work was done"))
    (result,) = statfe.free_energy(peaked(), [0.5], "enumeration")
    assert result.moments is not None


def test_wide_models_have_none():
    model = statfe.model("sk:n=26,seed=1")
    assert not narrow(model)
    assert narrow(statfe.model("sk:n=20,seed=1"))
    assert not narrow(peaked(), [1e308])
    assert statfe.free_energy("ising:shape=16x16,boundary=open", 0.3, "planar").moments is None
    with pytest.raises(statfe.UsageError, match="no exact distribution"):
        exact_moments(model, 0.3)


@pytest.mark.parametrize("spec", [
    "ising:shape=4x6", "ising:shape=8x8", "ising:shape=2x5", "ising:shape=4x4,coupling=-1", "ising:shape=3x7",
    "ising:shape=2x2"])
def test_neighbours_on_a_torus_are_those_of_enumeration(spec):
    model = statfe.model(spec)
    for beta in (0.0, 1e-6, 0.2, 0.4406868, 0.7, 3.0):
        found, wanted = statfe.free_energy(model, beta, "kaufman").moments(), exact_moments(model, beta)
        np.testing.assert_allclose(found.correlations, wanted.correlations, atol=1e-9)
        assert not found.magnetizations.any()


def test_neighbours_on_a_large_torus_are_onsagers():
    """At T_c of the infinite lattice <s s'> = 1 / sqrt 2; a torus of side L is above it by about 0.312 / L."""
    K = math.log1p(math.sqrt(2.0)) / 2.0
    gaps = [L * (kaufman.neighbours((L, L), K, K) - math.sqrt(0.5)) for L in (32, 64, 256)]
    assert gaps == pytest.approx([gaps[-1]] * 3, rel=1e-2)
    assert 0.3 < gaps[-1] < 0.33


def test_sites_without_a_field_in_reach_are_symmetric():
    assert symmetric_sites(peaked()).tolist() == [False] * 6
    assert symmetric_sites(frustrated_triangle()).tolist() == [True] * 3
    two = IsingModel.from_edges(4, [0, 2], [1, 3], [1.0, 1.0], [0.0, 0.3, 0.0, 0.0])
    assert symmetric_sites(two).tolist() == [False, False, True, True]
    assert exact_moments(two, 0.8).magnetizations[2:].tolist() == [0.0, 0.0]


# ---- sampled ----

@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("beta", [0.0, 0.5, 3.0, 40.0, 5e4])
def test_conditional_means_are_those_of_two_and_four_weights(name, beta):
    model, rng = MODELS[name](), np.random.default_rng(5)
    spins = rng.choice([-1, 1], size=model.n_sites).astype(np.int8)
    means, products = np.zeros(model.n_sites), np.ones(model.n_pairs)
    add_conditional_means(beta, spins, model.indptr, model.indices, model.weights, model.fields,
                          np.empty(model.n_sites), means, products)
    wanted = conditional_means(model, beta, spins)
    np.testing.assert_allclose(means, wanted[0], atol=1e-12)
    np.testing.assert_allclose(products - 1.0, wanted[1], atol=1e-9)


@pytest.mark.statistical
@pytest.mark.parametrize("model", [peaked(), statfe.model("ea:shape=4x4,seed=1,field=0.3")], ids=["peaked", "glass"])
def test_a_short_run_agrees_with_the_truth_within_its_errors(model):
    betas = [0.3, 1.0]
    truth = [exact_moments(model, beta) for beta in betas]

    def p_value(seed: int) -> float:
        found = sampled_moments(model, betas, seed=seed).moments
        ratio = []
        for own, true in zip(found, truth, strict=True):
            for name in ("magnetization", "correlation"):
                gap = getattr(own, f"{name}s") - getattr(true, f"{name}s")
                ratio.append(np.mean(gap**2) / np.mean(getattr(own, f"{name}_errors") ** 2))
        # A mean square over few strongly correlated numbers, over one of 8 replicas: F(1, 7) at worst, four times.
        return float(np.exp(-max(ratio) / 3.0)) if max(ratio) > 1.0 else 1.0

    sequential(p_value)


def test_the_same_bits_for_any_number_of_workers():
    model = statfe.model("ea:shape=3x3,seed=1,field=0.1")
    one, two = (sampled_moments(model, [0.4, 0.9], seed=3, workers=w) for w in (1, 2))
    for a, b in zip(one.moments, two.moments, strict=True):
        for name, values in vars(a).items():
            assert np.array_equal(values, getattr(b, name))
    assert one.words == "8 short ladders of chains, 400 looks 8 sweeps apart"


def test_halves_that_disagree_give_no_numbers():
    model, rng = isolated(4), generator(1)
    spins = rng.normal(0.0, 0.1, size=(2, 8, 1, 4))
    good = sampling._judged(model, sampling._Sums(spins, np.zeros((2, 8, 1, 0))), (400, 8))
    assert good.moments[0] is not None
    spins[1] += 0.5
    bad = sampling._judged(model, sampling._Sums(spins, np.zeros((2, 8, 1, 0))), (400, 8))
    assert bad.moments == [None]
    assert "its halves disagree" in bad.words


def test_halves_that_stand_still_agree_only_at_one_place():
    still = np.ones((2, 8, 3))
    assert sampling._ratio(still) == 1.0
    still[1] = -1.0
    assert math.isinf(sampling._ratio(still))
    assert sampling._ratio(np.zeros((2, 8, 0))) == 1.0


def test_what_is_too_large_is_refused_in_words(monkeypatch):
    model = statfe.model("ea:shape=4x4,seed=1")
    assert "negative" in sampled_moments(model, [-0.1, 0.2], seed=1).words
    huge = IsingModel.from_edges(3, [0, 1, 0], [1, 2, 2], [1e308, 1e308, -1e308])
    assert "overflow" in sampled_moments(huge, [0.5], seed=1).words
    monkeypatch.setattr(sampling, "BUDGET_NS", 1.0)
    assert "too many" in sampled_moments(model, [0.2], seed=1).words
    monkeypatch.setattr(sampling, "MAX_BYTES", 1.0)
    assert "100 MB" in sampled_moments(model, [0.2], seed=1).words


# ---- scores ----

def result_with(moments: Moments | None, beta: float = 0.5, **more):
    return dataclasses.replace(free_energy(-1.0, beta=beta, n_sites=2, **more), moments=lambda: moments)


def truth(errors: float | None = None, symmetric: tuple[bool, bool] = (False, False)) -> Truth:
    noise = None if errors is None else np.full(2, errors)
    return Truth({0.5: Moments(
        magnetizations=np.array([0.1, 0.2]), correlations=np.array([0.5, 0.7]), magnetization_errors=noise,
        correlation_errors=noise)}, "", np.array(symmetric))


OWN = Moments(magnetizations=np.array([0.4, 0.6]), correlations=np.array([0.6, 0.7]))


def test_errors_are_root_mean_squares():
    found = truth().errors_of(result_with(OWN))
    assert found.magnetization_rms == pytest.approx(math.sqrt((0.3**2 + 0.4**2) / 2))
    assert found.correlation_rms == pytest.approx(0.1 / math.sqrt(2.0))
    assert found.correlation_noise == found.magnetization_noise == 0.0


def test_noise_is_taken_off_in_the_square():
    found = truth(0.05).errors_of(result_with(OWN))
    assert found.correlation_noise == pytest.approx(0.05)
    assert found.correlation_rms == pytest.approx(math.sqrt(0.005 - 0.05**2))
    both = dataclasses.replace(OWN, correlation_errors=np.full(2, 0.05))
    assert truth(0.05).errors_of(result_with(both)).correlation_noise == pytest.approx(0.05 * math.sqrt(2.0))
    assert truth(0.5).errors_of(result_with(OWN)).correlation_rms == 0.0


def test_means_that_symmetry_fixes_are_not_scored():
    half = truth(symmetric=(True, False)).errors_of(result_with(OWN))
    assert half.magnetization_rms == pytest.approx(0.4)
    none = truth(symmetric=(True, True)).errors_of(result_with(OWN))
    assert math.isnan(none.magnetization_rms)
    assert none.correlation_rms == pytest.approx(0.1 / math.sqrt(2.0))


def test_nothing_to_score():
    assert truth().errors_of(free_energy(-1.0, n_sites=2)) == NO_ERRORS
    assert truth().errors_of(result_with(OWN, beta=0.7)) == NO_ERRORS
    failed = dataclasses.replace(free_energy(math.nan, n_sites=2), moments=lambda: OWN)
    assert truth().errors_of(failed) == NO_ERRORS
    odd = truth().errors_of(result_with(dataclasses.replace(OWN, correlations=np.array([math.nan, 0.1]))))
    assert math.isnan(odd.correlation_rms)
    assert odd.magnetization_rms > 0.0


def test_correlations_that_are_not_known_are_not_scored_and_said():
    some = Moments(magnetizations=OWN.magnetizations, correlations=np.full_like(OWN.correlations, np.nan))
    result = result_with(some)
    errors = truth().errors_of(result)
    assert errors.unknown
    assert math.isfinite(errors.magnetization_rms)
    assert truth().without([result, result]).endswith(f"{result.method} at 2 beta")
    assert truth().without([result_with(some, beta=0.7)]) == truth().without([]) == ""


def test_the_truth_is_exact_where_the_model_is_narrow(monkeypatch):
    monkeypatch.setattr(scoring, "sampled_moments", lambda *_, **__: pytest.fail("was sampled"))
    model = peaked()
    found = true_moments(model, [free_energy(-1.0, 0.1, kind="estimate", method="mbar", n_sites=6)], seed=1)
    np.testing.assert_allclose(found.at[0.5].correlations, by_enumeration(model, 0.5)[1], atol=1e-12)
    assert "exact" in found.words


def test_large_models_are_not_scored():
    found = true_moments(statfe.model("ising:shape=40x40"), [free_energy(-1.0, n_sites=1600)], seed=1)
    assert found.at == {}
    assert found.words.startswith("not scored: only up to")


def test_a_comparison_scores_moments_and_keeps_none_of_their_arrays():
    model = statfe.model("ea:shape=4x4,seed=3,field=0.2")
    found = compare_model(model, np.array([0.0, 0.1, 0.3]), Contest(["bethe", "mean-field"], seed=1))
    for s in found.scores:
        assert s.result.moments is None
        assert s.magnetization_noise == s.correlation_noise == 0.0
    assert all(r.moments is None for r in found.reference)
    errors = {(s.result.method, s.result.beta): s for s in found.scores}
    assert errors["bethe", 0.0].correlation_rms < 1e-12
    assert 0.0 < errors["bethe", 0.3].correlation_rms < errors["mean-field", 0.3].correlation_rms
    assert 0.0 < errors["bethe", 0.3].magnetization_rms < 0.1
    assert found.moments == "exact, by tree decomposition"


def test_a_stored_run_is_scored_on_its_own_rungs(tmp_path):
    run = statfe.simulate("ising:shape=8x8,field=0.1", [0.2, 0.35], tmp_path / "run.h5", sweeps=4000, seed=1)
    found = compare_run(run, None, Contest(["bethe"], seed=2))
    assert found.moments == "exact, by tree decomposition"
    wide = statfe.simulate("ising:shape=13x13,field=0.1", [0.2], sweeps=2000, seed=1)
    found = compare_run(wide, None, Contest(["bethe"], seed=2))
    assert "short ladders of chains" in found.moments
    (score,) = found.scores
    assert 0.0 < score.correlation_noise < 0.01
    # Bethe's correlations at beta = 0.2 are off by some 0.01.
    assert score.correlation_rms < 0.03
