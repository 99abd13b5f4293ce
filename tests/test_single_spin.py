"""The two update rules leave the Boltzmann weight exactly invariant: their own compiled transition matrices say so."""

from __future__ import annotations

import numpy as np
import pytest

from statfe.kernels.rng import next_word, uniform
from statfe.kernels.single_spin import gibbs_sites, metropolis_sites, state_energy
from statfe.models.ising import IsingModel
from tests.models_for_tests import disconnected, frustrated_triangle, isolated, peaked
from tests.naive.chains import flip_matrix, xoshiro_words
from tests.naive.ising import energies, probabilities, states

RULES = {"metropolis": metropolis_sites, "gibbs": gibbs_sites}


def state_that_gives(mantissa: int) -> np.ndarray:
    """A xoshiro256++ state whose next uniform is mantissa / 2^53: with s0 = 0 the output is rotl(s3, 23)."""
    word = mantissa << 11
    s3 = ((word >> 23) | (word << 41)) & (2**64 - 1)
    return np.array([0, 1, 2, s3], dtype=np.uint64)


def arrays(model: IsingModel) -> tuple[np.ndarray, ...]:
    return model.indptr, model.indices, model.weights, model.fields


def up_probability(kernel, model: IsingModel, beta: float, spins: np.ndarray, site: int) -> float:
    """Probability that the kernel leaves `site` up, by bisection over all 2^53 values of its uniform."""

    def ends_up(mantissa: int) -> bool:
        s = spins.astype(np.int8)
        kernel(s, site, site + 1, beta, *arrays(model), state_that_gives(mantissa))
        return bool(s[site] == 1)

    at_zero, at_end = ends_up(0), ends_up(2**53 - 1)
    if at_zero == at_end:
        return 1.0 if at_zero else 0.0
    low, high = 0, 2**53 - 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if ends_up(middle) == at_zero else (low, middle)
    share = high / 2**53
    return share if at_zero else 1.0 - share


def sweep_matrix(kernel, model: IsingModel, beta: float) -> np.ndarray:
    """Transition matrix of a sweep of the compiled kernel, site by site, over all states."""
    s = states(model.n_sites)
    index = {tuple(row): k for k, row in enumerate(s)}
    total = np.eye(len(s))
    for site in range(model.n_sites):
        step = np.zeros((len(s), len(s)))
        for k, row in enumerate(s):
            p = up_probability(kernel, model, beta, row, site)
            for value, probability in ((1, p), (-1, 1.0 - p)):
                target = row.copy()
                target[site] = value
                step[k, index[tuple(target)]] += probability
        total = total @ step
    return total


def defect(kernel, model: IsingModel, beta: float, kernel_beta: float | None = None) -> float:
    """max |pi P - pi| of one sweep."""
    p = probabilities(model, beta)
    return float(np.max(np.abs(p @ sweep_matrix(kernel, model, beta if kernel_beta is None else kernel_beta) - p)))


def test_the_stream_is_xoshiro256plusplus():
    state = np.array([1, 2, 3, 4], dtype=np.uint64)
    expected = xoshiro_words([1, 2, 3, 4], 100)
    # First outputs of the reference C code for this state.
    assert expected[:3] == [41943041, 58720359, 3588806011781223]
    assert [int(next_word(state)) for _ in range(100)] == expected


def test_uniforms_fill_the_unit_interval():
    assert uniform(state_that_gives(0)) == 0.0
    assert uniform(state_that_gives(2**53 - 1)) == 1.0 - 2.0**-53
    assert uniform(state_that_gives(123456789)) == 123456789 / 2**53


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("model", [peaked(6), disconnected(), frustrated_triangle(), isolated(3)],
                         ids=["peaked", "disconnected", "triangle", "isolated"])
def test_boltzmann_weight_is_invariant(rule, model):
    for beta in (0.4, 1.5):
        assert defect(RULES[rule], model, beta) < 1e-13


@pytest.mark.parametrize("rule", RULES)
def test_largest_model(rule):
    assert defect(RULES[rule], peaked(8, seed=5), 0.8) < 1e-13


@pytest.mark.parametrize("rule", RULES)
def test_compiled_matrix_equals_the_formula(rule):
    model = peaked(5)
    assert np.max(np.abs(sweep_matrix(RULES[rule], model, 0.9) - flip_matrix(model, 0.9, rule))) < 1e-14


@pytest.mark.parametrize("rule", RULES)
def test_every_state_can_be_reached(rule):
    matrix = sweep_matrix(RULES[rule], peaked(5), 0.7)
    assert np.all(np.linalg.matrix_power(matrix, 8) > 0)


@pytest.mark.parametrize("rule", RULES)
def test_a_wrong_temperature_shows(rule):
    assert defect(RULES[rule], peaked(6), 0.8, kernel_beta=0.8 * 1.02) > 1e-4


@pytest.mark.parametrize("rule", RULES)
def test_a_dropped_bond_shows(rule):
    full = peaked(6)
    short = IsingModel.from_edges(6, full.rows[1:], full.cols[1:], full.couplings[1:], full.fields)
    p = probabilities(full, 0.8)
    assert np.max(np.abs(p @ sweep_matrix(RULES[rule], short, 0.8) - p)) > 1e-3


@pytest.mark.parametrize("rule", RULES)
def test_energy_and_magnetization_follow_the_spins(rule):
    model = peaked(7)
    state, spins = np.array([9, 8, 7, 6], dtype=np.uint64), np.ones(7, dtype=np.int8)
    energy, magnetization = state_energy(spins, *arrays(model))
    for _ in range(200):
        de, dm = RULES[rule](spins, 0, 7, 0.6, *arrays(model), state)
        energy, magnetization = energy + de, magnetization + dm
    assert energy == pytest.approx(float(model.energy(spins)), abs=1e-11)
    assert magnetization == spins.sum()


def test_state_energy_is_the_definition():
    model = disconnected()
    found = [state_energy(s.astype(np.int8), *arrays(model))[0] for s in states(6)]
    assert np.allclose(found, energies(model), atol=1e-14)


@pytest.mark.parametrize("rule", RULES)
def test_huge_beta_is_zero_temperature_dynamics(rule):
    model = IsingModel.from_edges(2, [0], [1], [1.0], [0.25, 0.0])
    state, spins = np.array([1, 2, 3, 4], dtype=np.uint64), np.array([-1, 1], dtype=np.int8)
    for _ in range(20):
        RULES[rule](spins, 0, 2, 1e6, *arrays(model), state)
    assert list(spins) in ([1, 1], [-1, -1])
