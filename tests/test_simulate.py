"""Simulations from the outside: the reference agrees with exact values, and what is stored comes back."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kstest, norm

import statfe
from statfe.errors import StoreError, UsageError
from statfe.models.catalogue import build_model
from statfe.sampling.driver import plan_run, run_plan
from statfe.sampling.samplers import HOT, make_sampler, rules_at
from statfe.stats import mean_error
from tests.models_for_tests import peaked
from tests.naive import ising as naive
from tests.retry import sequential

BETAS = [0.0, 0.25, 0.6]


@pytest.mark.statistical
@pytest.mark.parametrize("sampler", ["metropolis", "gibbs", "gibbs:schedule=annealing", "metropolis:thin=3"])
@pytest.mark.parametrize("spec", ["ea:shape=3x4,seed=1", "rbm:visible=5,hidden=4,seed=2", "ising:shape=2x5,field=0.3"])
def test_both_estimates_are_exact_within_their_errors(spec, sampler):
    model = build_model(spec)
    run = statfe.simulate(model, BETAS, sampler=sampler, sweeps=8000, replicas=4, seed=3)
    assert run.betas.tolist() == BETAS
    assert [r.method for r in run.reference[::3]] == ["mbar", "thermodynamic-integration"]
    for r in run.reference:
        exact = naive.beta_f(model, r.beta)
        assert r.status == "converged", r.message
        assert r.kind == "estimate"
        assert abs(r.beta_f - exact) <= 4.5 * r.beta_f_error + 1e-12
        # Integration over wide intervals owns up to its quadrature error.
        assert r.beta_f_error < (0.05 if r.method == "mbar" else 0.2)
    assert run.reference[0].beta_f_error == 0.0


@pytest.mark.statistical
@pytest.mark.parametrize("method", ["mbar", "thermodynamic-integration"])
def test_errors_cover_from_spec_to_result(method):
    model = build_model("ea:shape=3x3,seed=4,field=0.1")
    exact = naive.beta_f(model, 0.9)

    def look(seed: int) -> float:
        z = []
        for k in range(40):
            r = statfe.free_energy(
                model, 0.9, method, seed=1000 * seed + k, sweeps=1200, replicas=4, sampler="gibbs")
            z.append((r.beta_f - exact) / r.beta_f_error)
        return float(kstest(z, norm.cdf).pvalue)

    sequential(look, alarm=0.02)


def test_energies_are_of_the_model_with_its_constant(tmp_path):
    model = build_model("rbm:visible=4,hidden=3,seed=1")
    statfe.simulate(model, [0.5], tmp_path / "run.h5", sweeps=400, seed=1)
    import h5py

    with h5py.File(tmp_path / "run.h5") as file:
        stored = file["samples/energy"][()]
    allowed = np.unique(naive.energies(model).round(9))
    assert np.isin(np.unique(stored.round(9)), allowed).all()


def test_what_is_stored_comes_back(tmp_path):
    run = statfe.simulate(peaked(5), [0.3, 0.7], tmp_path / "run.h5", sweeps=500, replicas=2, seed=9)
    back = statfe.load(tmp_path / "run.h5")
    assert np.array_equal(back.chains.energy, run.chains.energy)
    assert np.array_equal(back.chains.magnetization, run.chains.magnetization)
    assert np.array_equal(back.chains.requested, run.chains.requested)
    assert back.command == run.command
    assert [(r.method, r.beta, r.beta_f, r.beta_f_error, r.status) for r in back.reference] == [
        (r.method, r.beta, r.beta_f, r.beta_f_error, r.status) for r in run.reference]
    assert np.array_equal(back.model.weights, run.model.weights)
    for name, values in run.diagnostics.items():
        assert np.array_equal(back.diagnostics[name], values, equal_nan=True), name


def test_the_seed_decides_and_is_kept(tmp_path):
    one = statfe.simulate("sk:n=8,seed=1", [0.5], sweeps=200)
    two = statfe.simulate("sk:n=8,seed=1", [0.5], sweeps=200)
    again = statfe.simulate("sk:n=8,seed=1", [0.5], sweeps=200, seed=one.chains.seed)
    assert one.chains.seed != two.chains.seed
    assert np.array_equal(one.chains.energy, again.chains.energy)


def test_compare_takes_a_run_a_path_a_model_and_a_grid(tmp_path):
    run = statfe.simulate("ising:shape=3x4", [0.2, 0.5], tmp_path / "run.h5", sweeps=1500, seed=2)
    for target in (run, tmp_path / "run.h5", str(tmp_path / "run.h5")):
        done = statfe.compare(target, methods="mean-field")
        assert done.files == {}
        assert [s.reference for s in done.scores] == ["mbar"] * 2
        assert [s.result.beta for s in done.scores] == [0.2, 0.5]
    assert [s.result.beta for s in statfe.compare(run, [0.5], methods="mean-field").scores] == [0.5]
    with pytest.raises(UsageError, match=r"no beta=0\.3"):
        statfe.compare(run, [0.3], methods="mean-field")
    exact = statfe.compare(run, reference="exact", methods="mean-field").scores[0]
    assert exact.reference == "exact"
    assert exact.reference_error == 0.0


def test_a_sampled_reference_carries_its_second_estimate():
    done = statfe.compare(
        "ising:shape=3x3", [0.3], reference="mbar:sweeps=3000", methods=["exact"], seed=1)
    (second,) = done.comparisons[0].secondary
    (first,) = done.comparisons[0].reference
    assert second.method == "thermodynamic-integration"
    assert second.beta_f != first.beta_f
    assert abs(second.beta_f - first.beta_f) < 4 * np.hypot(second.beta_f_error, first.beta_f_error)


def test_load_refuses_what_is_no_run(tmp_path):
    with pytest.raises(StoreError, match=r"absent\.h5"):
        statfe.load(tmp_path / "absent.h5")


def test_metropolis_is_not_slow_where_it_accepts_nearly_everything():
    model = build_model("ising:shape=32x32")
    betas = np.array([0.001, 0.01, 0.1])
    plan = plan_run(
        model, betas, make_sampler("metropolis:schedule=annealing"), sweeps=2000, replicas=2, seed=1,
        samples_only=True)
    assert np.all(mean_error(run_plan(model, plan).energy).tau < 1.0)


def test_hot_rungs_use_heat_bath_and_cold_ones_what_was_asked():
    model = build_model("ising:shape=8x8")  # root mean square local field 2
    assert rules_at(0, model, np.array([0.0, 0.99 * HOT / 2, 1.01 * HOT / 2])).tolist() == [1, 1, 0]
    assert rules_at(1, model, np.array([0.0, 5.0])).tolist() == [1, 1]


def test_python_names_of_the_contract():
    assert statfe.model("ising:shape=4x4").n_sites == 16
    one = statfe.free_energy("ising:shape=4x4", 0.3)
    assert isinstance(one, statfe.FreeEnergy)
    assert one.method.startswith("tap")
    grid = statfe.free_energy("ising:shape=4x4", "0.1:0.3:3", method="mean-field")
    assert [r.beta for r in grid] == pytest.approx([0.1, 0.2, 0.3])
    assert one.log_z == -one.beta_f
    assert one.free_energy == one.beta_f / 0.3
    assert one.per_site == one.beta_f / 16
    with pytest.raises(AttributeError, match="simulat"):
        _ = statfe.simulat
