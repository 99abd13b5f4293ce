"""Round trips of chains along the ladder, against a twin that reads whole paths; and the barrier of a ladder."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import statfe
from statfe.chains import Chains, unevenness
from statfe.kernels.tempering import COLDEST, COUNTERS, RETURNED, TRIED, swap_rungs
from statfe.models.catalogue import build_model
from statfe.random import streams
from statfe.sampling.bank import Bank, Block
from statfe.sampling.choice import get_kernel, kernels
from statfe.sampling.driver import run_plan
from statfe.sampling.ladder import requested_only
from statfe.sampling.plan import Plan
from statfe.sampling.samplers import make_sampler
from tests.naive.round_trips import naive_trips

BETAS = np.array([0.0, 0.12, 0.25, 0.4])
#: A small model that each kernel takes.
MODELS = {
    "scalar": "ea:shape=3x3,seed=2", "bit-lane": "ea:shape=3x3,seed=2", "float-lane": "sk:n=9,seed=1",
    "dense": "sk:n=9,seed=1", "swendsen-wang": "ising:shape=3x3", "wolff": "ising:shape=3x3",
    "houdayer": "ea:shape=3x3,seed=2", "multi-site": "ising:shape=4x4"}


def test_every_kernel_is_here():
    assert set(MODELS) == set(kernels())


def plan_of(kernel: str, sweeps: int, burn_in: int = 0, betas: np.ndarray = BETAS, replicas: int = 4) -> Plan:
    sampler = make_sampler(f"{get_kernel(kernel).samplers[0]}:kernel={kernel}")
    return Plan(requested_only(betas), sampler, "tempering", kernel, sweeps, burn_in, 1, replicas, 7)


def advance(bank: Bank, first: int, sweeps: int) -> None:
    nothing = np.empty((0, 0, 0))
    for group in range(len(bank.groups)):
        bank.advance(group, Block(None, first, sweeps, None), nothing, nothing)


def paths(bank: Bank, sweeps: int) -> np.ndarray:
    """Rung of every chain after every sweep, shape (replicas, sweeps, K)."""
    rows = []
    for sweep in range(sweeps):
        advance(bank, sweep, 1)
        rows.append(bank.rung_of.copy())
    return np.array(rows).transpose(1, 0, 2)


@pytest.mark.parametrize("kernel", MODELS)
@pytest.mark.parametrize("rungs", [2, 4])
def test_trips_are_those_of_the_paths(kernel, rungs):
    model, plan = build_model(MODELS[kernel]), plan_of(kernel, 1, betas=BETAS[:rungs])
    bank, whole = get_kernel(kernel).make(model, plan), get_kernel(kernel).make(model, plan)
    seen = paths(bank, 120)
    trips = bank.trips()
    assert trips.dtype == np.int64
    assert np.array_equal(trips, [naive_trips(path) for path in seen])
    assert trips[:, -1].sum() > 20
    advance(whole, 0, 120)
    assert np.array_equal(whole.exchanges, bank.exchanges)
    assert np.array_equal(bank.trips(slice(1, 3)), trips[1:3])


@pytest.mark.parametrize("kernel", MODELS)
def test_a_resumed_run_keeps_its_trips(kernel):
    model, plan = build_model(MODELS[kernel]), plan_of(kernel, 1)
    bank, other = get_kernel(kernel).make(model, plan), get_kernel(kernel).make(model, plan)
    advance(bank, 0, 31)
    other.restore({name: array.copy() for name, array in bank.state().items()})
    advance(bank, 31, 60)
    advance(other, 31, 60)
    assert np.array_equal(bank.exchanges, other.exchanges)
    assert bank.trips().sum() > 0


def test_the_burn_in_is_not_counted_but_chains_on_their_way_are():
    model, plan = build_model(MODELS["scalar"]), plan_of("scalar", 80, burn_in=37)
    chains = run_plan(model, plan)
    seen = paths(get_kernel("scalar").make(model, plan), 117)
    assert np.array_equal(chains.trips, [naive_trips(path, begin=37) for path in seen])
    later = np.array([naive_trips(path[37:]) for path in seen])
    assert np.all(chains.trips >= later)
    assert np.any(chains.trips > later)
    assert chains.exchange_sweeps == 80
    assert np.array_equal(chains.round_trips, chains.trips[:, -1])
    assert chains.trips_to(2) == chains.trips[:, 2].sum()


def test_a_chain_that_was_never_hot_has_made_no_trip():
    """The chain that starts at the cold end and comes to the hot one has made half of a trip only."""
    exchanges, state = np.zeros((COUNTERS, 2), dtype=np.int64), streams(1, 1)[0]
    chain_at, rung_of, zero = np.arange(2), np.arange(2), np.zeros(2)
    swap_rungs(0, BETAS[:2], zero, chain_at, rung_of, state, exchanges)
    assert list(chain_at) == [1, 0]
    assert exchanges[RETURNED].sum() == 0
    # The first chain has not been seen at the hot end either: it was swapped away at once.
    assert list(exchanges[COLDEST]) == [0, 1]
    swap_rungs(0, BETAS[:2], zero, chain_at, rung_of, state, exchanges)
    swap_rungs(0, BETAS[:2], zero, chain_at, rung_of, state, exchanges)
    assert list(exchanges[RETURNED]) == [0, 1]
    assert exchanges[TRIED, 0] == 3


def test_certain_exchanges_carry_every_chain_round_in_twice_the_rungs():
    """Even and odd exchanges that are always accepted move chains by one rung a sweep: 2 K sweeps a round trip."""
    model = build_model("ising:shape=4")
    plan = plan_of("scalar", 240, betas=np.linspace(0.0, 1e-9, 6), replicas=1)
    chains = run_plan(model, plan)
    assert np.all(chains.swap_acceptance == 1.0)
    assert chains.barrier == 0.0
    assert abs(chains.round_trip_sweeps - 12) < 1.0
    assert abs(int(chains.round_trips[0]) - chains.ideal_round_trips) <= 6


def test_round_trips_come_as_often_as_the_swap_rates_say_where_energies_are_forgotten():
    """Chains of free spins in fields are independent from sweep to sweep under heat bath (Syed et al. 2022, eq. 14)."""
    model = statfe.IsingModel.from_edges(40, [], [], [], np.full(40, 1.0))
    plan = dataclasses.replace(plan_of("scalar", 20_000, betas=np.linspace(0.0, 1.0, 6), replicas=4),
                               sampler=make_sampler("gibbs"))
    chains = run_plan(model, plan)
    assert 1.0 < chains.barrier < 3.0
    assert chains.round_trips.sum() == pytest.approx(4 * chains.ideal_round_trips, rel=0.03)


def test_an_anneal_or_one_rung_makes_no_trips():
    model = build_model("ising:shape=4x4")
    for plan in (dataclasses.replace(plan_of("scalar", 20), schedule="annealing"),
                 plan_of("scalar", 20, betas=BETAS[:1])):
        chains = run_plan(model, plan)
        assert chains.trips is None
        assert chains.round_trips is None
        assert np.isnan(chains.round_trip_sweeps)
        assert np.isnan(chains.ideal_round_trips)
        assert chains.trips_to(0) == 0


def test_the_file_keeps_trips(tmp_path):
    run = statfe.simulate("ising:shape=4x4", [0.3, 0.5], tmp_path / "run.h5", sweeps=200, replicas=2, seed=1)
    found = statfe.load(tmp_path / "run.h5").chains
    assert np.array_equal(found.trips, run.chains.trips)
    assert found.exchange_sweeps == run.chains.exchange_sweeps == 200
    assert found.barrier == run.chains.barrier > 0.0
    assert found.unevenness == run.chains.unevenness


def test_unevenness_is_within_requested_rungs():
    rejection = np.array([0.2, 0.4, 0.1, 0.1, 0.9])
    assert unevenness(rejection, np.array([1, 0, 1, 0, 1, 1], dtype=bool)) == pytest.approx(2.0)
    assert unevenness(rejection, np.array([1, 1, 1, 1, 1, 1], dtype=bool)) == 1.0
    assert unevenness(np.array([0.0, 0.1]), np.array([1, 0, 1], dtype=bool)) == np.inf
    assert unevenness(np.zeros(0), np.array([True])) == 1.0


def test_the_barrier_is_the_sum_of_rejections():
    chains = Chains(np.arange(3.0), np.ones(3, bool), np.zeros((1, 4, 3)), np.zeros((1, 4, 3)), np.arange(1, 5),
                    np.array([0.75, 0.5]), "tempering", "gibbs", 1, 0, trips=np.array([[3, 3, 2]]), exchange_sweeps=90)
    assert chains.barrier == 0.75
    assert chains.round_trip_sweeps == 135.0
    # r / (1 - r): 1/3 and 1.
    assert chains.ideal_round_trips == pytest.approx(90 / (2 + 2 * 4 / 3))
