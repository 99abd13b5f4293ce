"""Draws, chains and exchanges of restricted Boltzmann machines against sums over all states."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import expit

from statfe.kernels.rbm import exchange
from statfe.machines.exact_phase import exact_means
from statfe.machines.gibbs import Units
from statfe.machines.phases import ContrastivePhase, PersistentPhase, TemperedPhase
from statfe.machines.rbm import Rbm
from tests.machines_for_tests import parameters, random_machine
from tests.naive import rbm as naive
from tests.retry import sequential


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_probabilities_and_draws(dtype):
    units, rng = Units(dtype, 1), np.random.default_rng(2)
    inputs, bias = (40 * rng.normal(size=(31, 7))).astype(dtype), rng.normal(size=7).astype(dtype)
    scales = rng.random(31).astype(dtype)
    found = units.probabilities(inputs, bias, scales)
    x = (scales[:, None] * inputs + bias).astype(float)
    assert found.dtype == dtype
    assert found == pytest.approx(expit(x), rel=4e-6 if dtype == np.float32 else 1e-13, abs=1e-37)
    certain = units.draw(np.repeat(np.array([[0.0, 1.0]], dtype), 100, axis=0))
    assert np.array_equal(certain, np.repeat([[0.0, 1.0]], 100, axis=0))


@pytest.mark.statistical
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_draws_have_their_probabilities_and_do_not_repeat(dtype):
    p = np.array([0.003, 0.3, 0.5, 0.97], dtype)

    def p_value(seed):
        drawn = Units(dtype, seed).draw(np.tile(p, (50_000, 1))).astype(float)
        z = (drawn.mean(axis=0) - p) / np.sqrt(p * (1 - p) / 50_000)
        centred = drawn[:, 2] - 0.5
        lag = [np.sum(centred[k:] * centred[:-k]) / 0.25 / math.sqrt(50_000 - k) for k in (1, 16, 32, 64)]
        worst = max(np.abs([*z, *lag]))
        return 8 * math.erfc(worst / math.sqrt(2.0))

    sequential(p_value)


def chains_against_exact(phase_of, machine, rounds, seed, dtype=np.float64):
    """Largest deviation of the mean of v and v h over rounds from the exact ones, in standard errors of blocks."""
    p = parameters(machine, dtype)
    units = Units(dtype, seed)
    phase = phase_of(units)
    hidden = np.full((64, machine.n_hidden), 0.5, dtype)
    for _ in range(20):
        phase.means(p, hidden)
    rows = [phase.means(p, hidden) for _ in range(rounds)]
    exact = exact_means(p.a, p.b, p.W)
    seen = np.array([np.concatenate([m.visible, m.hidden, m.both.ravel()]) for m in rows], dtype=float)
    blocks = seen.reshape(20, -1, seen.shape[1]).mean(axis=1)
    wanted = np.concatenate([exact.visible, exact.hidden, exact.both.ravel()])
    z = (blocks.mean(axis=0) - wanted) / (blocks.std(axis=0, ddof=1) / math.sqrt(20))
    return min(1.0, len(z) * math.erfc(float(np.max(np.abs(z))) / 1.2 / math.sqrt(2.0)))


PHASES = {
    "cd of many steps": lambda units: ContrastivePhase(units, 40),
    "pcd": lambda units: PersistentPhase(units, 1, np.zeros((64, 5), units.dtype)),
    "pt": lambda units: TemperedPhase(units, 1, np.zeros((64, 5), units.dtype), 4, np.full(5, 0.3)),
}


@pytest.mark.statistical
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", PHASES)
def test_chains_have_the_means_of_the_machine(name, dtype):
    machine = random_machine()
    sequential(lambda seed: chains_against_exact(PHASES[name], machine, 400, seed, dtype))


def two_valleys() -> Rbm:
    """All units together on or off: single flips of a chain cost e^-8 and more."""
    weights = np.full((5, 4), 4.0)
    return Rbm(-weights.sum(axis=1) / 2, -weights.sum(axis=0) / 2, weights)


@pytest.mark.statistical
def test_tempered_chains_find_both_valleys_where_others_stay():
    machine = two_valleys()
    start = np.ones((64, 5))

    def mean(phase):
        p = parameters(machine)
        return np.mean([phase.means(p, np.ones((64, 4))).visible for _ in range(200)])

    assert mean(PersistentPhase(Units(np.float64, 1), 1, start)) > 0.9
    sequential(lambda seed: chains_against_exact(
        lambda units: TemperedPhase(units, 2, np.ones((64, 5)), 12, np.zeros(5)), machine, 1000, seed))


def test_exchange_ratios_are_those_of_the_tempered_laws():
    machine, rng, base = random_machine(), np.random.default_rng(3), np.array([0.1, -0.5, 0.0, 2.0, 0.3])
    phase = TemperedPhase(Units(np.float64, 1), 1, np.zeros((4, 5)), 3, base)
    v, levels = (rng.random((3, 4, 5)) < 0.5).astype(float), (0.0, 0.5, 1.0)
    phase.chains[:] = v

    def log_p(t, row):
        biases = (1 - t) * base + t * machine.visible_bias
        return -naive.clamped(
            biases.tolist(), (t * machine.hidden_bias).tolist(), (t * machine.weights).tolist(), row.tolist())

    wanted = [[log_p(levels[t], v[t + 1, c]) + log_p(levels[t + 1], v[t, c])
               - log_p(levels[t], v[t, c]) - log_p(levels[t + 1], v[t + 1, c]) for c in range(4)] for t in range(2)]
    assert phase.log_ratios(parameters(machine)) == pytest.approx(np.array(wanted), abs=1e-10)


def test_an_exchange_is_certain_or_impossible():
    v = np.arange(3 * 2 * 4, dtype=float).reshape(3, 2, 4)
    before, accepted = v.copy(), np.zeros(2, np.int64)
    exchange(v, np.array([[1.0, -1e9], [1.0, 1.0]]), Units(np.float64, 1).streams, 0, accepted)
    assert np.array_equal(v[:2, 0], before[1::-1, 0])
    assert np.array_equal(v[:, 1], before[:, 1])
    assert np.array_equal(v[2], before[2])
    assert accepted.tolist() == [1, 0]
