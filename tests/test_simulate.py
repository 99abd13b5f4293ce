"""Simulations from the outside: the reference agrees with exact values, and what is stored comes back."""

from __future__ import annotations

import tracemalloc
import warnings
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import kstest, norm

import statfe
from statfe.api import plan_simulation
from statfe.errors import StoreError, UsageError
from statfe.models.catalogue import build_model
from statfe.sampling.choice import get_kernel
from statfe.sampling.driver import run_plan
from statfe.sampling.plan import plan_run
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
    assert rules_at(0, model, np.array([0.0, 1e308])).tolist() == [1, 0]


@pytest.mark.parametrize("coupling", ["10", "1e-310", "0"])
@pytest.mark.parametrize("kernel", ["scalar", "float-lane", "dense", "bit-lane", "multi-site"])
def test_betas_at_the_end_of_the_range_of_doubles(kernel, coupling):
    model = build_model(f"ising:shape=8x8,coupling={coupling}")
    if get_kernel(kernel).obstacle(model):
        pytest.skip("takes no couplings of 0")
    sampler = make_sampler(f"metropolis:kernel={kernel},schedule=tempering,burn_in=0")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plan = plan_run(model, np.array([0.0, 1e308]), sampler, sweeps=40, replicas=2, seed=1, samples_only=True)
        energy = run_plan(model, plan).energy
    # At beta = 0 the energy still moves; at the other end it never rises but by an exchange.
    assert np.all(energy[:, :, 1].mean(axis=1) <= energy[:, :, 0].mean(axis=1))
    assert coupling == "0" or np.all(np.ptp(energy[:, :, 0], axis=1) > 0)


def test_many_short_chains_are_not_thinned_away():
    model = build_model("ising:shape=4x4")
    plan = plan_run(model, np.linspace(0.0, 1.0, 1000), make_sampler("metropolis"), sweeps=3, replicas=2000, seed=1)
    assert plan.thin == plan.sweeps == 3


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


BAD_NUMBERS = [("seed", 1.5), ("seed", "x"), ("seed", -1), ("seed", True), ("workers", 0), ("workers", 1.0)]


@pytest.mark.parametrize(("name", "value"), [*BAD_NUMBERS, ("sweeps", "a"), ("sweeps", 10.5), ("sweeps", 0),
                                             ("replicas", 2.5), ("replicas", False)])
def test_simulate_refuses_what_is_no_number(name, value):
    for function in (statfe.simulate, plan_simulation):
        with pytest.raises(UsageError, match=f"^{name} must be "):
            function("ising:shape=3", [0.5], **{"sweeps": 10, name: value})


@pytest.mark.parametrize(("name", "value"), BAD_NUMBERS)
def test_every_function_refuses_a_bad_seed_or_number_of_workers(name, value):
    for call in (lambda **bad: statfe.free_energy("ising:shape=3", 0.5, "mean-field", **bad),
                 lambda **bad: statfe.compare("ising:shape=3", 0.5, methods="mean-field", **bad)):
        with pytest.raises(UsageError, match=f"^{name} must be "):
            call(**{name: value})


@pytest.mark.parametrize("call", [
    lambda: statfe.compare("ising:shape=3", 0.5, methods=[]), lambda: statfe.compare("ising:shape=3", 0.5, methods=5),
    lambda: statfe.compare("ising:shape=3", 0.5, methods=[5]), lambda: statfe.compare("ising:shape=3", True),
    lambda: statfe.compare("ising:shape=3", 0.5, reference=5), lambda: statfe.compare("ising:shape=3", 0.5, output=5),
    lambda: statfe.free_energy("ising:shape=3", 0.5, 5), lambda: statfe.free_energy("ising:shape=3", True, "tap"),
    lambda: statfe.free_energy("ising:shape=3", [True, False], "tap"), lambda: statfe.free_energy(5, 0.5, "tap"),
    lambda: statfe.simulate("ising:shape=3", True), lambda: statfe.simulate("ising:shape=3", 0.5, 5),
    lambda: statfe.load(3), lambda: statfe.load(None)])
def test_wrong_types_are_one_line(call):
    with pytest.raises(UsageError) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_numpy_integers_are_integers():
    one = statfe.simulate("ising:shape=3", [0.5], sweeps=np.int64(50), replicas=np.int32(2), seed=np.uint8(3))
    two = statfe.simulate("ising:shape=3", [0.5], sweeps=50, replicas=2, seed=3)
    assert np.array_equal(one.chains.energy, two.chains.energy)
    assert type(one.chains.seed) is int


def test_results_of_a_run_carry_its_seed(tmp_path):
    run = statfe.simulate("ising:shape=3", [0.5], tmp_path / "run.h5", sweeps=200, seed=5)
    assert {r.stats["seed"] for r in run.reference} == {5}
    assert {r.stats["seed"] for r in statfe.load(tmp_path / "run.h5").reference} == {5}
    found = statfe.compare("ising:shape=3", 0.5, reference="mbar:sweeps=200", methods="tap", seed=6).comparisons[0]
    assert {r.stats["seed"] for r in [*found.reference, *found.secondary, *(s.result for s in found.scores)]} == {6}


def test_a_model_without_a_spec_has_no_command(tmp_path):
    model = peaked(4)
    run = statfe.simulate(model, [0.5], sweeps=200, seed=1)
    assert run.command == ""
    assert statfe.compare(run, methods="tap").comparisons[0].command == ""
    assert statfe.compare(model, 0.5, methods="tap").comparisons[0].command == ""
    stored = statfe.simulate(model, [0.5], tmp_path / "run.h5", sweeps=200, seed=1)
    for target in (stored, statfe.load(tmp_path / "run.h5"), tmp_path / "run.h5"):
        command = statfe.compare(target, methods="tap", seed=2).comparisons[0].command
        assert command == f"statfe compare {tmp_path / 'run.h5'} --methods tap --seed 2"


def test_a_run_is_not_replaced_by_its_own_comparison(tmp_path):
    place = tmp_path / "out"
    place.mkdir()
    run = statfe.simulate("ising:shape=3", [0.5], place / "scores.h5", sweeps=200, seed=1)
    before = (place / "scores.h5").read_bytes()
    for target in (run, place / "scores.h5"):
        with pytest.raises(StoreError, match="is the input itself"):
            statfe.compare(target, methods="tap", output=place, force=True)
    assert (place / "scores.h5").read_bytes() == before


def test_a_violated_bound_is_warned_of():
    run = statfe.simulate("ising:shape=3x3", [0.2, 0.4], sweeps=400, seed=1)
    high = replace(run, reference=[replace(r, beta_f=r.beta_f + 50.0, status="converged") for r in run.reference])
    with pytest.warns(UserWarning, match=r"outside the certified bracket at beta=0\.2, 0\.4: it is wrong") as caught:
        found = statfe.compare(high, methods=["mean-field", "gibbs-bogoliubov"])
    assert len(caught) == 1
    assert {r.status for r in found.comparisons[0].reference} == {"not_converged"}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        statfe.compare(run, methods=["mean-field", "gibbs-bogoliubov"])


def test_a_forecast_counts_time_memory_and_disk():
    at = {n: plan_simulation("ising:shape=8x8", [0.5], sampler="metropolis:kernel=scalar", sweeps=n * 2000, replicas=5,
                             seed=1) for n in (1, 10)}
    # The rate is measured each time, hence the margins.
    assert 4.0 < at[10].seconds / at[1].seconds < 25.0
    chains = statfe.simulate("ising:shape=8x8", [0.5], sweeps=2000, replicas=5, seed=1).chains
    draws = chains.energy.size
    assert 12 * draws <= at[1].file_bytes <= 12 * draws + 1e5
    only = plan_simulation("ising:shape=8x8", [0.5], sweeps=2000, samples_only=True, seed=1)
    assert only.bytes < 1.1 * only.file_bytes


def test_a_forecast_of_memory_is_right():
    options = {"sweeps": 10_000, "replicas": 2, "seed": 1}
    statfe.simulate("ising:shape=6x6", [0.5], sweeps=50, seed=1)
    tracemalloc.start()
    statfe.simulate("ising:shape=6x6", [0.5], **options)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert 0.6 < plan_simulation("ising:shape=6x6", [0.5], **options).bytes / peak < 1.7
