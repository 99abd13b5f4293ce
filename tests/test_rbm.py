"""Restricted Boltzmann machines: free energies, likelihoods, gradients and chains, against sums over all states."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import expit

import statfe
from statfe.errors import ModelError, UsageError
from statfe.kernels.rbm import exchange
from statfe.machines.course import Course
from statfe.machines.exact_phase import exact_means
from statfe.machines.gibbs import Parameters, Units
from statfe.machines.likelihood import equilibrium_free_energy, log_likelihood
from statfe.machines.phases import ContrastivePhase, PersistentPhase, TemperedPhase
from statfe.machines.rbm import Rbm
from statfe.machines.settings import Settings
from statfe.machines.tap_points import TapPoints
from statfe.result import FreeEnergy
from tests.naive import rbm as naive
from tests.retry import sequential


def random_machine(n_visible=5, n_hidden=3, scale=1.0, seed=1) -> Rbm:
    rng = np.random.default_rng(seed)
    return Rbm(rng.normal(size=n_visible), rng.normal(size=n_hidden), scale * rng.normal(size=(n_visible, n_hidden)))


def lists(machine):
    return machine.visible_bias.tolist(), machine.hidden_bias.tolist(), machine.weights.tolist()


def parameters(machine, dtype=np.float64) -> Parameters:
    p = Parameters(machine.n_visible, machine.n_hidden, dtype)
    p.a[:], p.b[:], p.W[:] = machine.visible_bias, machine.hidden_bias, machine.weights
    return p


def all_rows(n):
    return np.array(naive.states(n), dtype=float)


@pytest.mark.parametrize(("n_visible", "n_hidden"), [(5, 3), (2, 5), (1, 1)])
def test_clamped_and_equilibrium_free_energies_are_sums_over_states(n_visible, n_hidden):
    machine = random_machine(n_visible, n_hidden)
    v = all_rows(n_visible)
    assert machine.clamped_free_energy(v) == pytest.approx(
        [naive.clamped(*lists(machine), row) for row in v.tolist()], abs=1e-12)
    reference = equilibrium_free_energy(machine)
    assert reference.kind == "exact"
    assert reference.beta_f == pytest.approx(-naive.log_z(*lists(machine)), abs=1e-12)
    found = log_likelihood(machine, v)
    assert np.exp(found.values).sum() == pytest.approx(1.0, abs=1e-12)
    assert found.error == 0.0


def test_energies_are_those_of_the_spin_model():
    machine = random_machine()
    model = machine.ising()
    for v in naive.states(5):
        for h in naive.states(3):
            spins = 2 * np.array([*v, *h]) - 1
            wanted = naive.energy(*lists(machine), v, h)
            assert model.energy(spins) == pytest.approx(wanted, abs=1e-12)
            assert machine.energy(np.array([v]), np.array([h])) == pytest.approx([wanted], abs=1e-12)


def test_huge_weights_do_not_overflow():
    machine = Rbm(np.zeros(2), np.zeros(2), np.full((2, 2), 5000.0))
    assert machine.clamped_free_energy([[1, 1], [0, 0]]) == pytest.approx([-20000.0, -2 * math.log(2)])
    assert log_likelihood(machine, [[1, 1]]).mean == pytest.approx(0.0, abs=1e-9)


def test_pseudo_likelihood_is_that_of_the_conditionals():
    machine, v = random_machine(scale=2.0), all_rows(5)
    assert machine.log_pseudo_likelihood(v) == pytest.approx(
        [naive.log_conditionals(*lists(machine), list(row)) for row in naive.states(5)], abs=1e-10)
    with pytest.raises(UsageError, match="binarise"):
        machine.log_pseudo_likelihood([[0.5] * 5])


def test_without_weights_the_pseudo_likelihood_is_the_likelihood():
    machine, v = random_machine(scale=0.0), all_rows(5)
    assert machine.log_pseudo_likelihood(v) == pytest.approx(log_likelihood(machine, v).values, abs=1e-12)


def test_the_reference_brings_its_error_and_its_failure():
    machine, v = random_machine(), all_rows(5)
    facts = {"model": "x", "method": "given", "beta": 1.0, "n_sites": 8}
    found = log_likelihood(machine, v, FreeEnergy(**facts, kind="upper_bound", beta_f=-7.0, beta_f_error=0.25))
    assert (found.error, found.kind) == (0.25, "upper_bound")
    assert found.mean == pytest.approx(np.mean(-7.0 - machine.clamped_free_energy(v)))
    assert found.spread == pytest.approx(np.std(machine.clamped_free_energy(v), ddof=1) / math.sqrt(32))
    failed = FreeEnergy(**facts, kind="estimate", status="diverged", message="lower it", beta_f=math.nan,
                        beta_f_error=math.nan)
    assert math.isnan(log_likelihood(machine, v, failed).mean)
    assert log_likelihood(machine, v, failed).status == "diverged"


@pytest.mark.statistical
def test_a_sampled_reference_agrees_within_its_error():
    machine = random_machine(12, 8, 0.7)

    def p_value(seed):
        exact, sampled = (log_likelihood(machine, np.ones((3, 12)), m, seed=seed) for m in (
            "exact", "ais:particles=100,sweeps=200"))
        assert sampled.error > 0.0
        return math.erfc(abs(exact.mean - sampled.mean) / sampled.error / math.sqrt(2.0))

    sequential(p_value)


@pytest.mark.parametrize(("n_visible", "n_hidden"), [(5, 3), (3, 4)])
def test_exact_means_are_sums_over_states(n_visible, n_hidden):
    machine = random_machine(n_visible, n_hidden)
    found = exact_means(machine.visible_bias, machine.hidden_bias, machine.weights)
    visible, hidden, both = naive.means(*lists(machine))
    assert found.log_z == pytest.approx(naive.log_z(*lists(machine)), abs=1e-12)
    assert found.visible == pytest.approx(visible, abs=1e-12)
    assert found.hidden == pytest.approx(hidden, abs=1e-12)
    assert found.both == pytest.approx(np.array(both), abs=1e-12)


def test_exact_means_over_several_chunks():
    machine = random_machine(14, 13, 0.3)
    found = exact_means(machine.visible_bias, machine.hidden_bias, machine.weights)
    assert found.log_z == pytest.approx(-equilibrium_free_energy(machine, "bipartite").beta_f, abs=1e-10)
    moments = statfe.free_energy(machine.ising(), 1.0, "tree-decomposition").moments
    if moments is not None:
        assert found.visible == pytest.approx((1 + moments().magnetizations[:14]) / 2, abs=1e-9)


def exact_course(**options) -> tuple[Course, np.ndarray]:
    rng = np.random.default_rng(5)
    data = (rng.random((12, 5)) < 0.4).astype(np.int8)
    settings = Settings(hidden=3, algorithm="exact", batch=12, precision="double", **options).checked(*data.shape)
    course = Course(data, settings, seed=3)
    p = course.parameters
    p.vector[:] = rng.normal(size=len(p.vector))
    return course, data.astype(float)


def mean_log_likelihood(course, data):
    p = course.parameters
    return np.mean(-np.array([naive.clamped(p.a.tolist(), p.b.tolist(), p.W.tolist(), row) for row in data.tolist()])
                   ) - naive.log_z(p.a.tolist(), p.b.tolist(), p.W.tolist())


def test_the_exact_gradient_is_that_of_finite_differences():
    course, data = exact_course(centred=False)
    course.fill_gradient(data, course.units.hidden(course.parameters, data))
    x, step = course.parameters.vector, 1e-5
    slopes = []
    for k in range(len(x)):
        kept = x[k]
        x[k] = kept + step
        high = mean_log_likelihood(course, data)
        x[k] = kept - step
        slopes.append((high - mean_log_likelihood(course, data)) / (2 * step))
        x[k] = kept
    assert course.gradient.vector == pytest.approx(slopes, abs=1e-8)


def test_weight_decay_pulls_on_the_weights_alone():
    plain, data = exact_course(centred=False)
    pulled, _ = exact_course(centred=False, decay=0.1)
    for course in (plain, pulled):
        course.fill_gradient(data, course.units.hidden(course.parameters, data))
    wanted = plain.gradient.W - 0.1 * plain.parameters.W
    assert np.allclose(pulled.gradient.W, wanted, rtol=0.0, atol=1e-14)
    assert np.array_equal(pulled.gradient.a, plain.gradient.a)


def test_the_centred_gradient_is_that_of_centred_units():
    course, data = exact_course(centred=True)
    course.centre_hidden[:] = [0.2, 0.9, 0.4]
    hidden = course.units.hidden(course.parameters, data)
    course.fill_gradient(data, hidden)
    p = course.parameters
    model = naive.means(p.a.tolist(), p.b.tolist(), p.W.tolist())
    a, b, W = naive.centred_gradient(
        data.tolist(), hidden.tolist(), model, course.centre_visible.tolist(), [0.2, 0.9, 0.4])
    assert course.gradient.a == pytest.approx(a, abs=1e-12)
    assert course.gradient.b == pytest.approx(b, abs=1e-12)
    assert np.allclose(course.gradient.W, W, rtol=0.0, atol=1e-12)


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


def tap_fixed_point(machine, order=2) -> tuple[TapPoints, Parameters]:
    p = parameters(machine)
    points = TapPoints(np.full((1, machine.n_visible), 0.5), order)
    points.begin(p)
    assert points.iterate(p, 500) < 1e-13
    return points, p


@pytest.mark.parametrize("order", [2, 3])
def test_tap_is_the_plefka_expansion_of_the_spin_model(order):
    machine = random_machine(9, 7, 0.25)
    points, p = tap_fixed_point(machine, order)
    method = "tap" if order == 2 else "plefka:order=3"
    found = statfe.free_energy(machine.ising(), 1.0, method)
    assert points.gamma(p)[0] == pytest.approx(found.beta_f, abs=1e-9)


def test_each_order_of_tap_is_nearer_to_the_exact_value():
    errors = []
    for scale in (0.4, 0.2):
        machine = random_machine(9, 7, scale)
        exact = equilibrium_free_energy(machine).beta_f
        errors.append([abs(g.gamma(p)[0] - exact) for g, p in (tap_fixed_point(machine, o) for o in (2, 3))])
    assert errors[1][0] < errors[0][0] / 5
    assert errors[1][1] < errors[0][1] / 10
    assert errors[1][1] < errors[1][0]


@pytest.mark.parametrize("order", [2, 3])
def test_the_tap_gradient_is_that_of_gamma(order):
    machine = random_machine(4, 3, 0.4)
    points, p = tap_fixed_point(machine, order)
    found = np.concatenate([x.ravel() for x in points.gradient(p)])
    x, step, slopes = p.vector, 1e-5, []
    for k in range(len(x)):
        kept, values = x[k], []
        for sign in (1, -1):
            x[k] = kept + sign * step
            points.iterate(p, 200)  # the fixed point moves along: its own slope is 0
            values.append(points.gamma(p)[0])
        x[k] = kept
        slopes.append(-(values[0] - values[1]) / (2 * step))
    assert found == pytest.approx(slopes, abs=1e-8)


@pytest.mark.parametrize(("change", "words"), [
    ({"weights": np.ones((5, 2))}, "do not fit"), ({"weights": np.full((5, 3), np.nan)}, "finite"),
    ({"hidden_bias": np.ones((3, 1))}, "dimensions"),
    ({"visible_bias": np.zeros(0), "weights": np.ones((0, 3))}, "fit"),
])
def test_no_machine(change, words):
    whole = {"visible_bias": np.ones(5), "hidden_bias": np.ones(3), "weights": np.ones((5, 3))}
    with pytest.raises(ModelError, match=words):
        Rbm(**{**whole, **change})


@pytest.mark.parametrize(("data", "words"), [
    ([[0, 1, 2, 0, 0]], r"\[0, 1\]"), ([[0, 1, math.nan, 0, 0]], "NaN, first in row 0"), ([[0, 1]], "2 columns"),
    ([0, 1], "one row a sample"), (np.empty((0, 5)), "one row a sample"), ([["a"] * 5], "numbers"),
])
def test_data_that_are_none(data, words):
    with pytest.raises(UsageError, match=words):
        random_machine().clamped_free_energy(data)
