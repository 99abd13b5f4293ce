"""The bank of multi-site lattices: what it takes, counters, threads, resumes, the scalar kernel's means."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from scipy.stats import norm

import statfe
from statfe.errors import ModelError, UsageError
from statfe.models.ising import IsingModel
from statfe.sampling import driver
from statfe.sampling.bank import Block, Load
from statfe.sampling.banks.multi_site import KERNEL, MultiSiteBank, lattice_of
from statfe.sampling.driver import run_plan
from statfe.sampling.multi_site_lattice import MultiSiteLattice, best_cut
from statfe.sampling.plan import plan_run
from statfe.sampling.samplers import make_sampler
from statfe.stats import mean_error
from tests.retry import sequential
from tests.test_multi_site import chain_of, random_spins


def glass(shape: str = "6x6x6", field: float = 0.0) -> IsingModel:
    return statfe.model(f"ea:shape={shape},seed=2,coupling=0.5,field={field}")


def a_plan(model: IsingModel, options: str = "metropolis", sweeps: int = 60, replicas: int = 3, seed: int = 5):
    joined = f"{options}{',' if ':' in options else ':'}kernel=multi-site"
    return plan_run(model, np.array([0.3, 0.8]), make_sampler(joined), sweeps=sweeps, replicas=replicas, seed=seed)


@pytest.mark.parametrize("schedule", ["tempering", "annealing"])
def test_counters_and_workers(schedule):
    model = glass()
    plan = a_plan(model, f"metropolis:schedule={schedule}")
    one, three = run_plan(model, plan, workers=1), run_plan(model, plan, workers=3)
    assert np.array_equal(one.energy, three.energy)
    assert np.array_equal(one.magnetization, three.magnetization)
    bank = MultiSiteBank(model, plan)
    energy, magnetization = np.empty((3, 60, plan.n_rungs)), np.empty((3, 60, plan.n_rungs), dtype=np.int32)
    block = Block(None if schedule == "tempering" else 0, 0, 60, slice(0, 60))
    for group in range(3):
        bank.advance(group, block, energy, magnetization)
        spins = bank.spins(group)
        at = [bank.rungs(block, group).start] if schedule == "annealing" else bank.rung_of[group]
        assert np.allclose(energy[group, -1, at], model.energy(spins), atol=1e-10)
        assert np.array_equal(magnetization[group, -1, at], spins.sum(axis=1))


def test_same_bits_for_any_block_length(monkeypatch):
    model = glass()
    plan = a_plan(model, "metropolis:thin=2", sweeps=100)
    whole = run_plan(model, plan)
    monkeypatch.setattr(driver, "BLOCK_NS", 400.0)
    assert np.array_equal(run_plan(model, plan).energy, whole.energy)


def test_a_restored_bank_goes_on_with_the_same_bits():
    model = glass()
    plan = a_plan(model)
    draws = [np.zeros((3, 60, plan.n_rungs)) for _ in range(4)]
    bank, other = MultiSiteBank(model, plan), MultiSiteBank(model, plan)
    bank.advance(0, Block(None, 0, 25, slice(0, 25)), draws[0], draws[1])
    other.restore(copy.deepcopy(bank.state()))
    for b, (e, m) in ((bank, draws[:2]), (other, draws[2:])):
        b.advance(0, Block(None, 25, 35, slice(25, 60)), e, m)
    assert np.array_equal(draws[0][:, 25:], draws[2][:, 25:])
    assert np.array_equal(bank.spins(0), other.spins(0))


@pytest.mark.statistical
@pytest.mark.parametrize("schedule", ["tempering", "annealing"])
def test_means_agree_with_the_scalar_kernel(schedule):
    model = glass("4x4", 0.5)

    def p_value(seed: int) -> float:
        found = []
        for kernel in ("multi-site", "scalar"):
            plan = plan_run(model, np.array([0.5, 1.2]), make_sampler(f"gibbs:schedule={schedule},kernel={kernel}"),
                            sweeps=8000, replicas=4, seed=seed)
            chains = run_plan(model, plan)
            found.append(mean_error(chains.energy[:, :, chains.requested]))
        a, b = found
        z = (a.mean - b.mean) / np.hypot(a.error, b.error)
        return float(len(z) * 2 * norm.sf(np.abs(z).max()))

    sequential(p_value)


def test_signs_and_fields_of_a_model():
    for spec in ("ea:shape=8x6,seed=4,boundary=open,field=-1", "ising:shape=8x6,coupling=-0.5,field=0.5",
                 "ea:shape=4x6x4,seed=4,field=2"):
        model = statfe.model(spec)
        lattice, spins = lattice_of(model), random_spins((model.n_sites,))
        energy, m = lattice.observe(chain_of(lattice, spins)[0])
        assert energy == pytest.approx(float(model.energy(spins)), abs=1e-12)
        assert m == spins.sum()


@pytest.mark.parametrize(("spec", "words"), [
    ("ising:shape=134x134", "blocks of even length"), ("ising:shape=9x8", "even sides"),
    ("ising:shape=2x8", "at least 4"), ("ising:shape=16", "two or three axes"), ("sk:n=16", "hypercubic"),
    ("triangular:shape=8x8", "hypercubic"), ("ising:shape=8x8,field=0.3", "whole multiple"),
    ("ising:shape=8x8x8,field=3", "up to 2 J"), ("ea:shape=8x8,couplings=gaussian,seed=1", "one strength"),
    ("ising:shape=8x8,coupling=0", "one strength")])
def test_obstacles_say_why(spec, words):
    assert words in KERNEL.obstacle(statfe.model(spec))
    with pytest.raises(UsageError, match="multi-site"):
        plan_run(statfe.model(spec), np.array([0.1]), make_sampler("metropolis:kernel=multi-site"), sweeps=10,
                 replicas=1, seed=1)


def test_other_obstacles():
    right = statfe.model("ising:shape=8x8")
    swapped = IsingModel.from_edges(64, right.rows[::-1], right.cols[::-1], right.couplings, lattice=right.lattice)
    assert "order of the lattice" in KERNEL.obstacle(swapped)
    uneven = IsingModel.from_edges(64, right.rows, right.cols, right.couplings, np.arange(64.0), lattice=right.lattice)
    assert "same field" in KERNEL.obstacle(uneven)
    with pytest.raises(ModelError, match="even sides"):
        MultiSiteLattice((7, 8))


def test_cuts_use_the_lanes():
    assert best_cut((1024, 1024)) == best_cut((16384, 16384)) == (64, 1)
    assert np.prod(best_cut((64, 64))) == np.prod(best_cut((64, 64, 64))) == 64
    assert np.prod(best_cut((100, 100))) == 50
    model, load = statfe.model("ising:shape=256x256"), Load(2, 10)
    assert 0.05 < KERNEL.cost(model, load) < 0.2
    assert KERNEL.cost(statfe.model("ising:shape=10x10"), load) > 3 * KERNEL.cost(model, load)
    lattice = lattice_of(model)
    assert 20 * lattice.bytes < KERNEL.bytes(model, load) < 30 * lattice.bytes + 10 * model.n_sites
