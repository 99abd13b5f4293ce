"""Counts of the energies of every look hold what the looks themselves say, however the run is cut up."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import statfe
from statfe.sampling import driver, levels, tallying
from statfe.sampling.bank import Load
from statfe.sampling.choice import get_kernel
from statfe.sampling.driver import run_plan
from statfe.sampling.extension import More, endless, run_until
from statfe.sampling.levels import energy_levels, looks_of
from statfe.sampling.plan import plan_run
from statfe.sampling.samplers import make_sampler
from tests.naive.ising import energies
from tests.naive.tally import count_looks

GLASS, GAUSSIAN, FIELD = "ea:shape=3x4,seed=2", "ea:shape=3x4,couplings=gaussian,seed=2", "ising:shape=3x4,field=0.5"
BETAS = np.array([0.3, 0.9])


def plan_of(spec: str, *, sweeps: int = 300, sampler: str = "metropolis:thin=6", look: int = 2, replicas: int = 3):
    plan = plan_run(statfe.model(spec), BETAS, make_sampler(sampler), sweeps=sweeps, replicas=replicas, seed=7)
    return replace(plan, looked=look)


@pytest.mark.parametrize("spec", [GLASS, GAUSSIAN, FIELD, "sk:n=12,seed=1", "hopfield:n=12,patterns=2,seed=1"])
@pytest.mark.parametrize("schedule", ["tempering", "annealing"])
def test_counts_are_those_of_the_looks(spec, schedule, monkeypatch) -> None:
    monkeypatch.setattr(driver, "BLOCK_LOOKS", 300.0)
    monkeypatch.setattr(levels, "MOST_STRETCHES", 16)
    model, plan = statfe.model(spec), plan_of(spec, sampler=f"metropolis:thin=6,schedule={schedule}")
    looks = run_plan(model, replace(plan, thin=2, looked=None)).energy
    chains = run_plan(model, plan, workers=2)
    # Energies are summed up anew at the start of every block: to rounding, where they are not whole numbers.
    assert np.allclose(chains.energy, looks[:, 2::3], rtol=0, atol=1e-10)
    tally = chains.tally
    assert tally is not None
    assert tally.pooled.shape[1] == 150 // tally.per_stretch
    centres = energy_levels(model, tally.betas).energies
    counts, pooled, moments = count_looks(looks, centres, tally.per_stretch, tally.centres, tally.scale)
    seen = np.flatnonzero(counts.any(axis=0))
    seen = slice(int(seen[0]), int(seen[-1]) + 1)
    assert np.all(np.abs(tally.levels - centres[seen]) <= 0.5 * (centres[1] - centres[0]) + 1e-9)
    counts, pooled = counts[:, seen], pooled[..., seen]
    assert np.array_equal(tally.counts, counts)
    assert np.array_equal(tally.pooled, pooled)
    assert np.allclose(tally.moments, moments, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("spec", [GLASS, FIELD, "sk:n=10,seed=1", "ising:shape=2x3,coupling=-2", "curie-weiss:n=7",
                                  "random-regular:n=10,degree=3,couplings=bimodal,seed=2", "hopfield:n=9,patterns=2"])
def test_levels_of_exact_models_hold_every_energy(spec) -> None:
    model = statfe.model(spec)
    found = energy_levels(model, BETAS)
    every = np.unique(np.round(energies(model), 9))
    if found.exact:
        nearest = found.energies[np.rint((every - found.lowest) / found.width).astype(int).clip(0, found.count - 1)]
        inside = every <= found.energies[-1] + 1e-9
        assert np.allclose(nearest[inside], every[inside], atol=1e-9)
    else:
        assert found.width <= levels.FINENESS / np.max(np.diff(BETAS)) * (1 + 1e-12)
    assert found.lowest <= every[0] + 1e-9


def test_binned_levels_move_ln_z_by_far_less_than_its_error() -> None:
    from statfe.estimators.reference import MBAR, sampled_reference

    model = statfe.model("ea:shape=6x6,couplings=gaussian,seed=3")
    plan = plan_run(model, BETAS, make_sampler("metropolis:thin=2"), sweeps=4000, replicas=4, seed=1)
    chains = run_plan(model, replace(plan, looked=1))
    every = run_plan(model, replace(plan, thin=1))
    one = sampled_reference(model, chains, chains.tally).outcomes[MBAR]
    two = sampled_reference(model, every).outcomes[MBAR]
    for a, b in zip(one, two, strict=True):
        assert abs(a.beta_f - b.beta_f) < 0.05 * b.beta_f_error
        assert a.beta_f_error == pytest.approx(b.beta_f_error, rel=0.25)


def test_stretches_join_when_a_run_outgrows_them() -> None:
    model, plan = statfe.model(GLASS), plan_of(GLASS, sampler="metropolis:thin=4", look=1, sweeps=400)
    looks = run_plan(model, replace(plan, thin=1, looked=None, sweeps=2000)).energy
    asked = iter([More(600), More(1000), More(0)])
    chains = run_until(model, plan, lambda seen: next(asked))
    tally = chains.tally
    assert tally is not None
    assert tally.per_stretch == 8
    assert tally.counts.sum() == looks.size
    counts, pooled, moments = count_looks(looks, tally.levels, 8, tally.centres, tally.scale)
    assert np.array_equal(tally.counts, counts)
    assert np.array_equal(tally.pooled, pooled)
    assert np.allclose(tally.moments, moments, rtol=1e-9, atol=1e-12)
    assert np.array_equal(chains.energy, looks[:, 3::4])


def test_what_is_forgotten_leaves_no_trace(monkeypatch) -> None:
    model, plan = statfe.model(GLASS), plan_of(GLASS, sampler="metropolis:thin=4", look=1, sweeps=400)
    looks = run_plan(model, replace(plan, thin=1, looked=None, sweeps=2000)).energy[:, 400:]
    asked = iter([More(1600, forget=True), More(0)])
    chains = run_until(model, plan, lambda seen: next(asked))
    assert chains.tally is not None
    counts, pooled, _ = count_looks(looks, chains.tally.levels, chains.tally.per_stretch, chains.tally.centres)
    assert np.array_equal(chains.tally.counts, counts)
    assert np.array_equal(chains.tally.pooled, pooled)
    assert np.array_equal(chains.energy, looks[:, 3::4])
    assert chains.burn_in == plan.burn_in + 400
    assert chains.sweeps[-1] == 1600


def test_draws_thin_out_when_there_are_too_many(monkeypatch) -> None:
    monkeypatch.setattr("statfe.sampling.extension.KEPT", 1.0)  # 64 draws a rung and replica
    model, plan = statfe.model(GLASS), plan_of(GLASS, sampler="metropolis:thin=4", look=1, sweeps=200)
    looks = run_plan(model, replace(plan, thin=1, looked=None, sweeps=1400)).energy
    asked = iter([More(400), More(800), More(0)])
    chains = run_until(model, plan, lambda seen: next(asked))
    thin = int(chains.sweeps[0])
    assert chains.n_draws <= 64
    assert np.array_equal(chains.energy, looks[:, thin - 1::thin])


def test_an_endless_plan_counts_even_a_short_run() -> None:
    model = statfe.model(GLASS)
    plan = plan_run(model, BETAS, make_sampler("metropolis"), sweeps=50, replicas=2, seed=1)
    assert not plan.tallied
    assert endless(model, plan).tallied
    for sampler in ("metropolis:schedule=annealing", "metropolis:overlaps=1"):
        other = plan_run(model, BETAS, make_sampler(sampler), sweeps=50, replicas=2, seed=1)
        with pytest.raises(statfe.UsageError):
            endless(model, other)


def test_looks_are_as_many_as_are_worth_their_time() -> None:
    model, load = statfe.model("ea:shape=8x8x8,seed=1"), Load(30, 31)
    kernel = get_kernel("bit-lane")
    thin, look = looks_of(model, np.linspace(0, 1.2, 31), kernel, load, 200, fixed=False)
    assert look is not None
    assert thin % look == 0
    small = statfe.model(GLASS)
    assert looks_of(small, BETAS, get_kernel("bit-lane"), load, 3, fixed=True) == (3, None)
    thin, look = looks_of(model, np.linspace(0, 1.2, 31), kernel, load, 7, fixed=True)
    assert (thin, 7 % (look or 7)) == (7, 0)


def test_an_energy_outside_the_levels_is_counted_at_the_edge() -> None:
    from statfe.kernels.tally import add_looks

    counts, sums = np.zeros((1, 3), dtype=np.int64), np.zeros(3)
    pooled, powers = np.zeros((1, 3), dtype=np.int64), np.zeros((4, 1, 1))
    add_looks(np.array([[-5.0], [0.0], [9.0]]), 0, 3, 0, -1.0, 1.0, np.zeros(1), 1.0, counts, sums, pooled, powers)
    assert counts.tolist() == [[1, 1, 1]]
    assert sums.tolist() == [-5.0, 0.0, 9.0]
    assert tallying.stretches_for(10**9, levels.Levels(0.0, 1.0, 100, exact=True)) == 0


@pytest.mark.parametrize("size", [1e80, 1e-100])
@pytest.mark.parametrize("couplings", ["bimodal", "gaussian"])
def test_huge_and_tiny_couplings_change_nothing(size, couplings) -> None:
    from statfe.estimators.reference import INTEGRATION, MBAR, sampled_reference

    found = []
    for unit in (1.0, size):
        plain = statfe.model(f"ea:shape=3x4,couplings={couplings},seed=2")
        model = statfe.IsingModel.from_edges(plain.n_sites, plain.rows, plain.cols, unit * plain.couplings)
        plan = plan_run(model, BETAS / unit, make_sampler("metropolis:thin=6,kernel=scalar"), sweeps=3000, replicas=4,
                        seed=7)
        chains = run_plan(model, replace(plan, looked=2))
        assert chains.tally is not None
        reference = sampled_reference(model, chains, chains.tally)
        found.append([(o.beta_f, o.beta_f_error) for name in (MBAR, INTEGRATION) for o in reference.outcomes[name]])
        assert np.all(reference.diagnostics["effective_draws"] > 100)
    assert np.all(np.abs(np.subtract(*found)) < np.array(found[0])[:, 1:])


def tallying_of(plan) -> tallying.Tallying:
    model = statfe.model(GLASS)
    return tallying.Tallying(model, plan, get_kernel(plan.kernel).make(model, plan), 100)


def test_counts_of_very_long_runs_do_not_wrap() -> None:
    counting = tallying_of(plan_of(GLASS))
    counting.pooled[:, :2] = 2**32 - 1
    counting.make_room(int(counting.numbers[2]) * counting.pooled.shape[1] + 1)
    assert np.all(counting.pooled[:, 0] == 2**33 - 2)


def test_the_last_level_has_the_mean_of_all_above_it(monkeypatch) -> None:
    monkeypatch.setattr(levels, "HIGHEST", 0.5)
    model, plan = statfe.model(GLASS), plan_of(GLASS)
    chains = run_plan(model, plan)
    looks = run_plan(model, replace(plan, thin=2, looked=None)).energy
    assert chains.tally is not None
    assert looks.max() > energy_levels(model, chains.betas).energies[-1]
    assert chains.tally.counts.sum(axis=0) @ chains.tally.levels == pytest.approx(looks.sum())
