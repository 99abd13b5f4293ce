"""Biased sweeps and exchanges leave their weight exactly invariant: the kernels' own transition matrices say so."""

from __future__ import annotations

import numpy as np
import pytest

from statfe.kernels.biased import bias_of, biased_sites, exchange, on_table, run_windows
from statfe.kernels.biased_learning import ABSOLUTE, ENERGY, MAGNETIZATION, deposit, learn_sweeps, place_of, reveal
from statfe.kernels.single_spin import state_energy
from tests.models_for_tests import disconnected, isolated, peaked
from tests.naive import biased as naive
from tests.naive.ising import states
from tests.test_single_spin import state_that_gives

RULES = {"metropolis": False, "heat bath": True}


def weights_for(model, seed=1):
    """(beta, low, width, by_energy, by_magnetization): rough tables that do not reach over all energies."""
    rng = np.random.default_rng(seed)
    e = model.energy(states(model.n_sites)) - model.offset
    low, high = np.quantile(e, [0.1, 0.8])
    return 0.6, float(low), float(high - low) / 5.0, rng.normal(size=6) * 1.5, rng.normal(size=model.n_sites + 1) * 1.5


def arrays(model):
    return model.indptr, model.indices, model.weights, model.fields


def flip_probability(model, spins, site, heat_bath, weight, state_of=state_that_gives) -> float:
    """Probability that the kernel flips `site`, by bisection over all 2^53 values of its uniform."""
    energy, magnetization = state_energy(spins.astype(np.int8), *arrays(model))

    def flips(mantissa: int) -> bool:
        s = spins.astype(np.int8)
        biased_sites(s, site, site + 1, heat_bath, weight[0], energy, magnetization, *weight[1:], *arrays(model),
                     state_of(mantissa))
        return bool(s[site] != spins[site])

    if not flips(0):
        return 0.0
    if flips(2**53 - 1):
        return 1.0
    low, high = 0, 2**53 - 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if flips(middle) else (low, middle)
    return high / 2**53


def sweep_matrix(model, heat_bath, weight) -> np.ndarray:
    s = states(model.n_sites)
    index = {tuple(row): k for k, row in enumerate(s)}
    total = np.eye(len(s))
    for site in range(model.n_sites):
        step = np.zeros((len(s), len(s)))
        for k, row in enumerate(s):
            other = row.copy()
            other[site] *= -1
            p = flip_probability(model, row, site, heat_bath, weight)
            step[k, index[tuple(other)]], step[k, k] = p, 1.0 - p
        total = total @ step
    return total


@pytest.mark.parametrize("heat_bath", RULES.values(), ids=RULES)
@pytest.mark.parametrize("model", [peaked(5), disconnected(), isolated(4)], ids=["peaked", "disconnected", "isolated"])
def test_the_biased_weight_is_invariant(heat_bath, model):
    weight = weights_for(model)
    p = naive.probabilities(model, *weight)
    assert np.max(np.abs(p @ sweep_matrix(model, heat_bath, weight) - p)) < 1e-13


@pytest.mark.parametrize("heat_bath", RULES.values(), ids=RULES)
def test_the_largest_model(heat_bath):
    model = peaked(7, seed=5)
    weight = weights_for(model, 2)
    p = naive.probabilities(model, *weight)
    assert np.max(np.abs(p @ sweep_matrix(model, heat_bath, weight) - p)) < 1e-13


@pytest.mark.parametrize("place", [3, 4], ids=["energy", "magnetization"])
def test_a_table_that_is_off_by_2_percent_shows(place):
    model = peaked(6)
    weight = list(weights_for(model))
    p = naive.probabilities(model, *weight)
    weight[place] = 1.02 * weight[place]
    assert np.max(np.abs(p @ sweep_matrix(model, False, tuple(weight)) - p)) > 1e-5


@pytest.mark.parametrize("heat_bath", RULES.values(), ids=RULES)
def test_sweeps_are_those_of_the_naive_twin(heat_bath):
    model = peaked(7)
    beta, *rest = weights_for(model)
    mine, twin = np.ones(7, dtype=np.int8), np.ones(7)
    for k in range(30):
        energy, magnetization = state_energy(mine, *arrays(model))
        new = biased_sites(mine, 0, 7, heat_bath, beta, energy, magnetization, *rest, *arrays(model),
                           np.array([1, 2, 3, 4 + k], dtype=np.uint64))
        naive.sweep(model, twin, heat_bath, [1, 2, 3, 4 + k], beta, *rest)
        assert mine.tolist() == twin.tolist()
        assert new[0] == pytest.approx(float(model.energy(mine)) - model.offset, abs=1e-12)
        assert new[1] == mine.sum()


def test_tables_are_linear_between_nodes_and_constant_beyond():
    table, x = np.array([1.0, -2.0, 0.5]), np.linspace(-1.5, 4.0, 23)
    assert [on_table(v, table) for v in x] == pytest.approx(np.interp(x, [0, 1, 2], table).tolist(), abs=1e-15)
    assert on_table(7.0, table[:1]) == on_table(-7.0, table[:1]) == 1.0
    assert bias_of(3.0, 1, 3, 0.0, 1.0, np.empty(0), np.array([0.0, 1.0, 2.0, 3.0])) == 2.0


def test_exchanges_have_the_probability_of_the_weights():
    rng = np.random.default_rng(3)
    by_energy, by_magnetization = rng.normal(size=(3, 4)), rng.normal(size=(3, 6))
    energy, magnetization = rng.normal(size=3) * 2.0, np.array([-5, 1, 3])

    def swapped(mantissa: int) -> bool:
        chain = np.array([2, 0, 1])
        exchange(3, chain, 1, -1.0, 0.7, 5, by_energy, by_magnetization, energy, magnetization,
                 state_that_gives(mantissa), np.zeros(2, np.int64), np.zeros(2, np.int64))
        assert chain[0] == 2
        return bool(chain[1] == 1)

    def bias(w: int, c: int) -> float:
        return (np.interp((energy[c] + 1.0) / 0.7, np.arange(4), by_energy[w])
                + by_magnetization[w, (magnetization[c] + 5) // 2])

    a = bias(1, 1) + bias(2, 0) - bias(1, 0) - bias(2, 1)
    assert a != pytest.approx(0.0, abs=0.1)
    low, high = 0, 2**53
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if swapped(middle) else (low, middle)
    assert high / 2**53 == pytest.approx(min(1.0, np.exp(a)), abs=1e-14)


def test_windows_with_exchanges_have_their_laws():
    model = peaked(5)
    beta, low, width, by_energy, by_magnetization = weights_for(model)
    energies_of = np.array([by_energy, np.zeros(6), -by_energy])
    magnetizations_of = np.array([by_magnetization, -by_magnetization, np.zeros(6)])
    spins = np.ones((3, 5), dtype=np.int8)
    energy, magnetization = (np.array(v) for v in zip(*[state_energy(s, *arrays(model)) for s in spins], strict=True))
    draws, states_of = np.empty((40_000, 3, 3)), np.random.default_rng(1).integers(1, 2**62, (4, 4)).astype(np.uint64)
    tried, accepted = np.zeros(2, np.int64), np.zeros(2, np.int64)
    run_windows(spins, np.arange(3), energy, magnetization, 0, 80_000, 2, beta, low, width, energies_of,
                magnetizations_of, *arrays(model), states_of[:3], states_of[3], draws, tried, accepted)
    e = model.energy(states(5)) - model.offset
    for w in range(3):
        p = naive.probabilities(model, beta, low, width, energies_of[w], magnetizations_of[w])
        # A few thousand independent draws at least.
        assert abs(draws[:, w, 0].mean() - p @ e) < 5.0 * np.sqrt((p @ e**2 - (p @ e) ** 2) / 4000)
        assert draws[:, w, 1].mean() == pytest.approx(p @ states(5).sum(axis=1), abs=0.15)
    assert sorted(set(draws[:, 0, 2])) == [0, 1, 2]
    assert tried.tolist() == [40_000, 40_000]
    assert np.all((accepted > 1000) & (accepted < tried))


@pytest.mark.parametrize("heat_bath", RULES.values(), ids=RULES)
def test_learning_is_that_of_the_naive_twin(heat_bath):
    model = peaked(6)
    low, width, nodes = -6.0, 1.7, 8
    mine, twin = np.zeros(nodes), np.zeros(nodes)
    spins, other = np.ones(6, dtype=np.int8), np.ones(6)
    for k in range(20):
        stream = [5, 6, 7, 8 + k]
        energy, magnetization = state_energy(spins, *arrays(model))
        learn_sweeps(spins, int(heat_bath), 1, 0.3, ENERGY, 0.0, energy, magnetization, low, width, mine,
                     np.ones(nodes, np.bool_), np.zeros(nodes), *arrays(model), np.array(stream, dtype=np.uint64))
        naive.learn(model, other, heat_bath, stream, 0.3, twin, low, width)
        assert spins.tolist() == other.tolist()
        assert mine == pytest.approx(twin, abs=1e-12)


def test_nodes_that_nobody_saw_take_values_of_those_beside_them():
    table, seen = np.array([0.0, -1.0, 0.0, 0.0, -4.0, 0.0]), np.array([False, True, False, False, True, False])
    for x in (0.5, 2.5, 4.5):
        reveal(x, table, seen)
    assert table == pytest.approx([-1.0, -1.0, -2.0, -3.0, -4.0, -4.0])
    visits = np.zeros(6)
    deposit(2.25, 1.0, table, seen, visits)
    assert table[2:4] == pytest.approx([-2.75, -3.25])
    assert visits.tolist() == [0.0, 0.0, 0.75, 0.25, 0.0, 0.0]
    # Node 3 is not the nearest to any place.
    assert seen.tolist() == [False, True, True, False, True, False]
    deposit(2.75, 1.0, table, seen, visits)
    assert seen.tolist() == [False, True, True, True, True, False]


def test_places_on_each_coordinate():
    assert place_of(ENERGY, -3.0, 5, -4.0, 0.5) == 2.0
    assert place_of(MAGNETIZATION, 0.0, -3, -5.0, 2.0) == 1.0
    assert place_of(ABSOLUTE, 0.0, -3, 1.0, 2.0) == place_of(ABSOLUTE, 0.0, 3, 1.0, 2.0) == 1.0
