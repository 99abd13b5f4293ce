"""Steps and marches: against textbook twins, at their order, the same bits in lanes and threads; the reference; dt."""

from __future__ import annotations

from dataclasses import replace

import numba
import numpy as np
import pytest

from statfe.attractors import march as marching
from statfe.attractors.integrators import INTEGRATORS, exponential_coefficients, integrator_of
from statfe.attractors.march import Marcher, march
from statfe.attractors.reference import reference
from statfe.attractors.step_check import check_step, explain_escape
from statfe.errors import UsageError
from statfe.kernels.march_vectors import LANES, NotForVectors, as_vectors
from statfe.systems.catalogue import build_system
from statfe.systems.system import System
from tests.naive import march as naive

LORENZ = build_system("lorenz63")


def pendulum_rhs(_t, x, p, out):
    out[0] = x[1]
    out[1] = -p[0] * np.sin(x[0])


def damped_rhs(_t, x, p, out):
    """Two rates far apart, coupled by a square: stiff, f = L x + N(x)."""
    out[0] = -p[0] * x[0] + x[1] * x[1]
    out[1] = -x[1] + 0.5 * x[0] * x[1]


def swell_rhs(_t, x, p, out):
    """Escapes in the finite time 1 / x."""
    out[0] = p[0] * x[0] * x[0]


def branch_rhs(_t, x, p, out):
    if x[0] > 0.0:
        out[0] = -p[0] * x[0]
    else:
        out[0] = p[0]


def system(name: str, rhs, parameters: dict, dimension: int, **more) -> System:
    base = {"name": name, "title": name, "kind": "flow", "coordinates": tuple(f"x{i}" for i in range(dimension)),
            "parameters": parameters, "rhs": rhs, "jacobian": None, "dt": 0.01, "period": 1.0, "transient": 0.0,
            "start": np.ones(dimension), "box": np.array([[-1.0, 1.0]] * dimension), "bound": 1e6, "reference": ""}
    return System(**{**base, **more})


PENDULUM = system("pendulum", pendulum_rhs, {"g": 1.0}, 2, momenta=(1,))
DAMPED = system("damped", damped_rhs, {"rate": 300.0}, 2, stiff=lambda p: np.array([-p[0], -1.0]))


def follow(chosen: System, name: str, x: np.ndarray, dt: float, steps: int) -> np.ndarray:
    """The template of an integrator, in plain Python."""
    integrator = INTEGRATORS[name]
    step = naive.plain(integrator.template, rhs=chosen.rhs)
    work, x = integrator.work(chosen, dt), np.array(x, dtype=np.float64)
    for k in range(steps):
        step(k * dt, dt, x, chosen.p, work)
    return x


@pytest.mark.parametrize(("name", "chosen", "dt"), [
    ("rk4", PENDULUM, 0.1), ("leapfrog", PENDULUM, 0.05), ("yoshida4", PENDULUM, 0.1),
    ("etdrk4", DAMPED.with_parameters(rate=3.0), 0.1)])
def test_errors_fall_at_the_order_of_the_step(name, chosen, dt):
    start, time = np.array([0.9, 0.4]), 2.0
    truth = reference(chosen, start, np.array([time]), tolerance=1e-13, compiled=False).states[0, 0]
    errors = [np.linalg.norm(follow(chosen, name, start, h, round(time / h)) - truth) for h in (dt, dt / 2)]
    assert errors[0] / errors[1] == pytest.approx(2.0 ** INTEGRATORS[name].order, rel=0.12)


def test_the_steps_are_those_of_the_textbook():
    start = np.array([0.9, 0.4])
    x = naive.rk4(lambda x: PENDULUM.velocity(x), start, 0.1, 30)
    np.testing.assert_allclose(follow(PENDULUM, "rk4", start, 0.1, 30), x, rtol=0, atol=1e-13)
    q, momentum = naive.yoshida4(lambda q: -np.sin(q), start[:1], start[1:], 0.1, 30)
    np.testing.assert_allclose(
        follow(PENDULUM, "yoshida4", start, 0.1, 30), np.concatenate([q, momentum]), rtol=0, atol=1e-13)
    rates = np.array([-300.0, -1.0])
    x = naive.etdrk4(rates, lambda x: np.array([x[1] ** 2, 0.5 * x[0] * x[1]]), start, 0.05, 30)
    np.testing.assert_allclose(follow(DAMPED, "etdrk4", start, 0.05, 30), x, rtol=0, atol=1e-12)


def test_exponential_coefficients_keep_their_digits_at_every_rate():
    rates = np.array([-1e5, -37.0, -1.0, -1e-3, -1e-9, 0.0, 0.4])
    _, full, half, q, f1, f2, f3 = exponential_coefficients(rates, 0.5)
    for k, rate in enumerate(rates):
        e, p1, p2, p3 = naive.phi(0.5 * rate)
        wanted = [e, naive.phi(0.25 * rate)[0], 0.25 * naive.phi(0.25 * rate)[1], 0.5 * (p1 - 3 * p2 + 4 * p3),
                  0.5 * (p2 - 2 * p3), 0.5 * (4 * p3 - p2)]
        np.testing.assert_allclose([full[k], half[k], q[k], f1[k], f2[k], f3[k]], wanted, rtol=1e-11, atol=1e-15)


def test_exponential_steps_are_exact_for_a_linear_flow_and_steady_where_runge_kutta_is_not():
    linear = replace(DAMPED, rhs=lambda t, x, p, out: out.__setitem__(slice(None), [-p[0] * x[0], -x[1]]))
    x = follow(linear, "etdrk4", [1.0, 1.0], 0.5, 4)
    np.testing.assert_allclose(x, np.exp([-600.0, -2.0]), rtol=1e-12)
    with np.errstate(all="ignore"):
        assert not np.abs(follow(linear, "rk4", [1.0, 1.0], 0.5, 40)).max() < 1e10


def test_symplectic_steps_keep_the_energy_and_run_backwards():
    def energy(x):
        return 0.5 * x[1] ** 2 - np.cos(x[0])

    start, dt = np.array([2.0, 0.3]), 0.25
    for name, drift in (("leapfrog", 0.03), ("yoshida4", 3e-3)):
        x, seen = start.copy(), []
        for _ in range(40):
            x = follow(PENDULUM, name, x, dt, 50)
            seen.append(energy(x) - energy(start))
        # bounded, and no drift: late errors are those of the beginning
        assert np.abs(seen).max() < drift
        assert abs(np.mean(seen[20:]) - np.mean(seen[:20])) < 0.3 * np.abs(seen).max()
        back = follow(PENDULUM, name, x, -dt, 2000)
        np.testing.assert_allclose(back, start, rtol=0, atol=1e-10)
    assert abs(energy(follow(PENDULUM, "rk4", start, dt, 2000)) - energy(start)) > 10 * np.abs(seen).max()


def test_lanes_and_threads_change_no_bit():
    starts = LORENZ.start + np.random.default_rng(1).normal(size=(2 * LANES + 3, 3))
    starts[4] = 1e9                       # escapes
    starts[-1] = np.nan                   # has escaped before
    one = march(LORENZ, starts, 40, 7, lanes=False)
    for workers in (1, 2):
        other = march(LORENZ, starts, 40, 7, workers=workers, lanes=True)
        np.testing.assert_array_equal(one.states, other.states)
        np.testing.assert_array_equal(one.kept, other.kept)
    assert one.kept[[4, -1]].tolist() == [0, 0]
    assert (np.delete(one.kept, [4, -1]) == 40).all()
    slow = naive.rk4(LORENZ.velocity, starts[0], LORENZ.dt, 70)
    np.testing.assert_allclose(one.states[0, 9], slow, rtol=1e-11)


def test_a_march_in_parts_is_one_march():
    starts = LORENZ.start + np.random.default_rng(2).normal(size=(3, 3))
    whole = march(LORENZ, starts, 20, 5)
    marcher, x, out = Marcher(LORENZ), starts.copy(), np.empty((3, 20, 3))
    marcher.advance(x, out[:, :8], 5)
    marcher.advance(x, out[:, 8:], 5)
    np.testing.assert_array_equal(out, whole.states)


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="vectors are compiled")
def test_a_law_written_for_numbers_has_the_same_bits_on_vectors():
    def body(x, out, p):
        n, s = x.size, 0.0
        for i in range(n):
            s += np.sin(x[i]) * 2 + x[(i + 1) % n] ** 2 - x[i] ** 3 / (1 + x[i] ** -2)
        for i in range(n):
            out[i] = -s + abs(x[i]) - p[0]
            out[i] *= -x[i]
        out[0] = p[0]

    compiled = numba.njit(error_model="numpy")(body)

    @numba.njit
    def on_vectors(x, out, p):
        compiled(as_vectors(x), as_vectors(out), p)

    x, p = np.random.default_rng(3).uniform(0.1, 3.0, (4, LANES)), np.array([0.7])
    found, one = np.empty_like(x), np.empty(4)
    on_vectors(x, found, p)
    for k in range(LANES):
        compiled(x[:, k].copy(), one, p)
        np.testing.assert_array_equal(found[:, k], one)


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="vectors are compiled")
def test_a_law_that_branches_runs_one_by_one():
    compiled = numba.njit(branch_rhs)

    @numba.njit
    def on_vectors(x, out, p):
        compiled(0.0, as_vectors(x), p, as_vectors(out))

    with pytest.raises(NotForVectors):
        on_vectors(np.ones((1, LANES)), np.ones((1, LANES)), np.ones(1))


def test_lanes_that_do_not_compile_fall_back(monkeypatch):
    def refuse(*_):
        raise NotForVectors("no")

    real = marching.instance
    monkeypatch.setattr(
        marching, "instance", lambda template, **p: refuse if template is marching.march_lanes else real(template, **p))
    starts = np.tile(LORENZ.start, (LANES, 1))
    np.testing.assert_array_equal(march(LORENZ, starts, 3, lanes=True).states, march(LORENZ, starts, 3).states)


def test_each_system_has_its_integrator():
    assert [integrator_of(s).name for s in (LORENZ, build_system("henon"), PENDULUM, DAMPED)] == [
        "rk4", "map", "yoshida4", "etdrk4"]
    for chosen, name, words in ((LORENZ, "yoshida4", "no separable Hamiltonian"), (LORENZ, "etdrk4", "no linear stiff"),
                                (LORENZ, "map", "is a flow"), (build_system("henon"), "rk4", "is a map"),
                                (LORENZ, "rk5", "unknown integrator")):
        with pytest.raises(UsageError, match=words):
            integrator_of(chosen, name)


def test_two_integrators_agree_to_nine_digits():
    on_attractor = march(LORENZ, LORENZ.start, 1, 3000).states[:, 0]
    times = 0.1 * np.arange(1, 8)
    exact = reference(LORENZ, on_attractor, times, compiled=False)
    fixed = march(LORENZ, on_attractor, 7, 320, 0.1 / 320)
    assert np.abs(exact.states - fixed.states).max() < 1e-9 * 20.0
    assert np.abs(march(LORENZ, on_attractor, 7, 5, 0.02).states - exact.states).max() > 1e-6


def test_the_reference_says_why_it_cannot_go_on():
    with pytest.raises(UsageError, match="is a map"):
        reference(build_system("henon"), np.zeros(2), np.ones(1))
    with pytest.raises(UsageError, match=r"stiff.*etdrk4"):
        reference(DAMPED, np.ones(2), np.array([100.0]), evaluations=500, compiled=False)
    stiff = replace(DAMPED, stiff=None, jacobian=damped_jacobian)
    with pytest.raises(UsageError, match=r"stiff.*Radau"):
        reference(stiff, np.ones(2), np.array([100.0]), evaluations=500, compiled=False)
    radau = reference(stiff, np.ones(2), np.array([1.0]), method="Radau", tolerance=1e-9, compiled=False)
    np.testing.assert_allclose(radau.states[0, 0], follow(DAMPED, "etdrk4", [1, 1], 5e-4, 2000), atol=1e-7)
    swell = system("swell", swell_rhs, {"a": 1.0}, 1, bound=np.inf)
    with np.errstate(all="ignore"), pytest.raises(UsageError, match="singular or escapes"):
        reference(swell, np.ones(1), np.array([2.0]), compiled=False)
    gone = reference(replace(swell, bound=1e3), np.ones(1), np.array([0.5, 0.9, 2.0]), compiled=False)
    assert gone.kept.tolist() == [2]
    np.testing.assert_allclose(gone.states[0, :2, 0], [2.0, 10.0], rtol=1e-10)


def damped_jacobian(_t, x, p, out):
    out[0, 0], out[0, 1] = -p[0], 2 * x[1]
    out[1, 0], out[1, 1] = 0.5 * x[1], -1.0 + 0.5 * x[0]


def test_a_step_that_is_too_large_is_named_with_one_that_is_not():
    states = march(LORENZ, LORENZ.start, 40, 100).states[0, 20:]
    fine = check_step(LORENZ, states, 0.005)
    assert 1e-8 < fine.error < 1e-5
    assert fine.message == ""
    coarse = check_step(LORENZ, states, 0.03)
    assert coarse.better == 0.015
    assert "dt = 0.015" in coarse.message
    with pytest.raises(UsageError, match=r"step is too large.*dt = 0.0125"):
        check_step(LORENZ, states, 0.1)
    # the error is that of the step: sixteen times smaller steps are as good as exact
    true = np.linalg.norm(march(LORENZ, states, 1, 25, 0.03).states - march(LORENZ, states, 1, 400, 0.03 / 16).states,
                          axis=2).max()
    size = np.sqrt(states.var(axis=0).sum())
    assert coarse.error == pytest.approx(true / size, rel=0.3)


def test_an_escape_is_told_from_a_step_that_blows_up():
    words = explain_escape(LORENZ, LORENZ.start[None], 0.4, 20.0)
    assert "dt = 0.4 is too large and blows up" in words
    henon = build_system("henon:a=2.5")
    assert "may have no attractor" in explain_escape(henon, henon.start[None], 1.0, 100.0)
