"""Exponents: systems with exact ones, the derivative of every step, the rules, and answers that are no number."""

from __future__ import annotations

import dataclasses
import math
import types

import numpy as np
import pytest
import scipy.stats

from statfe.attractors.blocks import block_error
from statfe.attractors.exponents import lyapunov, of_growth
from statfe.attractors.integrators import integrator_of
from statfe.attractors.kaplan_yorke import dimension, kaplan_yorke, slopes
from statfe.attractors.rules import energy_rule, trace_rule, zero_rule
from statfe.attractors.tangent import Growth, plan_growth
from statfe.errors import UsageError
from statfe.kernels import march, march_steps
from statfe.kernels import tangent as kernels
from statfe.systems.catalogue import build_system
from tests.retry import sequential
from tests.systems_for_tests import (
    flow,
    hamiltonian,
    plane_map,
    turning_along,
)
from tests.tangent_steps import plain_step, rooms, table_of

CASES = [("rk4", flow()), ("etdrk4", flow(stiff=lambda _p: np.array([-1.0, -0.5, -3.0]))),
         ("yoshida4", hamiltonian()), ("map", build_system("henon"))]


@pytest.mark.parametrize(("name", "system"), CASES, ids=[c[0] for c in CASES])
def test_the_tangent_step_is_the_derivative_of_the_step(name, system):
    dt, n, step = 0.3 if name != "map" else 1.0, system.dimension, plain_step(system, name)
    table, p = table_of(system, name, dt), system.p

    def moved(x, v):
        x, v = x.copy(), v.copy()
        volume = step(0.0, dt, x, v, p, table, True, *rooms(n, v.shape[1]))
        return x, v, volume

    x0 = system.start + 0.05
    x1, v1, _ = moved(x0, np.eye(n))
    other = types.FunctionType(
        integrator_of(system, name).template.__code__,
        {**(march if name in ("rk4", "map") else march_steps).__dict__, "rhs": system.rhs})
    straight, work = x0.copy(), integrator_of(system, name).work(system, dt)
    other(0.0, dt, straight, p, work)
    assert np.allclose(x1, straight, rtol=1e-13, atol=1e-14)
    h = 1e-5
    for j in range(n):
        ahead, behind = x0.copy(), x0.copy()
        ahead[j] += h
        behind[j] -= h
        slope = (moved(ahead, np.eye(n))[0] - moved(behind, np.eye(n))[0]) / (2 * h)
        assert np.allclose(v1[:, j], slope, rtol=0, atol=1e-8)


def test_a_symplectic_step_has_a_symplectic_derivative():
    system = hamiltonian()
    v = np.eye(4)
    plain_step(system, "yoshida4")(0.0, 0.4, system.start.copy(), v, system.p, table_of(system, "yoshida4", 0.4), True,
                                   *rooms(4, 4))
    form = np.block([[np.zeros((2, 2)), np.eye(2)], [-np.eye(2), np.zeros((2, 2))]])
    assert np.allclose(v.T @ form @ v, form, atol=1e-14)


def test_the_law_along_a_vector_gives_the_same_step():
    system = flow()
    found = []
    for along in (None, turning_along):
        x, v = system.start.copy(), np.arange(9.0).reshape(3, 3)
        volume = plain_step(system, "rk4", along)(0.0, 0.2, x, v, system.p, np.zeros((7, 3)), True, *rooms(3, 3))
        found.append((v, volume))
    assert np.allclose(found[0][0], found[1][0], rtol=1e-14)
    assert found[0][1] == pytest.approx(found[1][1], rel=1e-14)


def test_orthonormalisation_is_qr_and_the_determinant_is_that_of_numpy():
    draw = np.random.default_rng(1)
    v = draw.standard_normal((6, 4))
    r = np.linalg.qr(v)[1]
    w, grown = v.copy(), np.zeros(4)
    kernels.orthonormalise.py_func(w, np.empty(4), grown)
    assert np.allclose(grown, np.log(np.abs(np.diag(r))), atol=1e-13)
    assert np.allclose(w.T @ w, np.eye(4), atol=1e-13)
    square = draw.standard_normal((5, 5))
    assert kernels.log_determinant.py_func(square.copy(), 5) == pytest.approx(np.linalg.slogdet(square)[1], rel=1e-12)
    assert kernels.log_determinant.py_func(np.zeros((3, 3)), 3) == -math.inf


def test_the_cat_map_is_exact():
    found = lyapunov(plane_map(0), length=4000.0)
    golden = math.log((3 + math.sqrt(5)) / 2)
    assert np.allclose(found.exponents.value, [golden, -golden], atol=1e-12)
    assert found.motion == "chaotic"
    assert float(found.kaplan_yorke.value) == 2.0
    assert float(found.entropy.value) == pytest.approx(golden, abs=1e-12)


def baker_truth(strip, low, high):
    first = -strip * math.log(strip) - (1 - strip) * math.log(1 - strip)
    return np.array([first, strip * math.log(low) + (1 - strip) * math.log(high)])


def test_errors_cover_on_a_bakers_map():
    truth = baker_truth(0.4, 0.2, 0.3)

    def p_value(seed):
        z = []
        for k in range(25):
            e = lyapunov(plane_map(1, 0.4, 0.2, 0.3), length=6000.0, seed=100 * seed + k)
            z.append((e.exponents.value[0] - truth[0]) / e.exponents.error[0])
        # blocks have 31 degrees of freedom; the sum of squares of 25 scores tells errors 1.6 times off either way
        return 2 * min(scipy.stats.chi2(25).cdf(np.sum(np.square(z))), scipy.stats.chi2(25).sf(np.sum(np.square(z))))

    sequential(p_value)


def test_the_dimension_of_a_bakers_map_has_an_error_that_is_its_own():
    truth = baker_truth(0.4, 0.2, 0.3)
    found = lyapunov(plane_map(1, 0.4, 0.2, 0.3), length=40000.0, seed=3)
    exact = 1 + truth[0] / -truth[1]
    assert abs(float(found.kaplan_yorke.value) - exact) < 4 * float(found.kaplan_yorke.error) < 0.01


def test_the_logistic_map_gives_ln_2_and_its_cycles_negative_exponents():
    found = lyapunov(plane_map(2, 4.0, 0.5, start=(0.3141, 0.2)), length=40000.0)
    assert found.exponents.value[0] == pytest.approx(math.log(2), abs=2e-3)
    assert found.exponents.value[1] == pytest.approx(-math.log(2), abs=1e-9)
    cycle = lyapunov(plane_map(2, 3.2, 0.5, start=(0.3141, 0.2)), length=4000.0)
    # the cycle of two at r = 3.2 has the multiplier 4 + 2 r - r^2
    assert cycle.exponents.value[1] == pytest.approx(0.5 * math.log(abs(4 + 6.4 - 3.2**2)), abs=1e-9)
    assert (cycle.motion, float(cycle.kaplan_yorke.value)) == ("periodic", 0.0)


def test_linear_flows_have_the_real_parts_of_their_eigenvalues():
    shrinking = lyapunov(flow(-0.4, 2.0, -0.7, 0.0), length=400.0)
    assert np.allclose(shrinking.exponents.value, [-0.4, -0.4, -0.7], atol=1e-12)
    assert shrinking.motion == "fixed point"
    assert float(shrinking.kaplan_yorke.value) == 0.0
    growing = lyapunov(flow(0.1, 2.0, -0.7, 0.0), length=2000.0)
    assert growing.exponents.status == "diverged"
    assert "left the bound" in growing.exponents.message
    assert np.isnan(growing.exponents.value).all()


def test_a_limit_cycle_has_its_exponents_and_the_dimension_one():
    found = lyapunov(flow(), length=800.0)
    assert np.allclose(found.exponents.value, [0.0, -1.0, -3.0], atol=2e-4)
    assert (found.motion, float(found.kaplan_yorke.value)) == ("periodic", 1.0)
    assert [r.passed for r in found.rules] == [True, True]
    leading = lyapunov(flow(), 1, length=800.0)
    assert leading.exponents.value.shape == (1,)
    assert leading.rules[0].passed is None


def test_lorenz_has_its_published_exponents_and_the_same_bits_for_any_threads():
    system = build_system("lorenz63")
    one, two = (lyapunov(system, length=1200.0, seed=5, workers=w) for w in (1, 2))
    assert np.array_equal(one.growth.rates, two.growth.rates)
    e = one.exponents
    assert np.all(np.abs(e.value - [0.9056, 0.0, -14.5723]) < 4 * e.error + 5e-4)
    assert np.all(e.error < [0.05, 0.02, 0.05])
    # the divergence is constant: the trace is exact, and the sum is that up to the error of the step
    assert np.allclose(one.growth.traces, -(10 + 1 + 8 / 3), rtol=1e-12)
    assert one.rules[0].passed
    assert abs(one.rules[0].value) < 1e-5


def rigged(rates, **more):
    """A run of the flow with the rates that are given."""
    plan = plan_growth(flow(), 3, length=800.0)
    shape = (8, 32)
    rates = np.broadcast_to(rates, (*shape, 3)) + 1e-3 * np.random.default_rng(1).standard_normal((*shape, 3))
    ends = np.random.default_rng(2).standard_normal((8, 33, 3))
    return Growth(plan, rates, more.pop("traces", np.full(shape, rates.sum(axis=2).mean())), ends, **more)


def test_a_rule_that_fails_takes_the_numbers_back():
    system = flow()
    good = of_growth(system, rigged([0.5, 0.0, -2.0]))
    assert (good.exponents.status, good.kaplan_yorke.status) == ("converged", "converged")
    wrong_sum = of_growth(system, rigged([0.5, 0.0, -2.0], traces=np.full((8, 32), -1.49)))
    assert wrong_sum.exponents.status == wrong_sum.kaplan_yorke.status == "not_converged"
    assert "halve dt" in wrong_sum.exponents.message
    no_zero = of_growth(system, rigged([0.5, -0.05, -2.0]))
    assert no_zero.exponents.status == "not_converged"
    assert "average over longer" in no_zero.exponents.message


def test_rules_that_do_not_apply_say_so():
    system = flow()
    growth = rigged([0.5, 0.3, 0.1])
    assert zero_rule(growth, np.array([0.5, 0.3, 0.1]), resting=False).passed is None
    assert zero_rule(growth, np.array([-0.5, -0.6, -0.7]), resting=True).passed is None
    assert "needs all 3" in trace_rule(system, growth, np.array([0.5])).message


def test_energy_that_drifts_is_seen():
    system = hamiltonian()
    turned = np.random.default_rng(3).standard_normal((8, 33, 2)) * 0.3
    still = np.concatenate([0.0 * turned, turned], axis=2)
    still[..., 2:] *= (0.4 / np.linalg.norm(still[..., 2:], axis=2))[..., None]
    assert energy_rule(system, dataclasses.replace(rigged([0.0, 0.0, 0.0]), ends=still)).passed
    drifting = still * np.linspace(1.0, 1.001, 33)[:, None]
    assert energy_rule(system, dataclasses.replace(rigged([0.0, 0.0, 0.0]), ends=drifting)).passed is False


def test_halves_that_disagree_are_not_converged():
    growth = rigged([0.5, 0.0, -2.0])
    rates = growth.rates.copy()
    rates[:, :16, 0] += 0.01
    found = of_growth(flow(), dataclasses.replace(growth, rates=rates, traces=rates.sum(axis=2)))
    assert found.exponents.status == "not_converged"
    assert "halves" in found.exponents.message


@pytest.mark.parametrize(("exponents", "truth"), [
    ([0.9, 0.0, -14.57], 2 + 0.9 / 14.57), ([0.4, -1.6], 1.25), ([-0.1, -0.2], 0.0), ([0.0, -1.0], 1.0),
    ([0.5, 0.2, 0.0, -0.3, -0.6], 4 + 0.4 / 0.6), ([0.3, 0.1], math.nan)])
def test_kaplan_yorke_of_given_spectra(exponents, truth):
    assert kaplan_yorke(np.array(exponents)) == pytest.approx(truth, nan_ok=True)


def test_the_error_of_the_dimension_is_that_of_a_jackknife():
    draw = np.random.default_rng(4)
    rates = np.array([0.9, 0.0, -3.0]) + draw.standard_normal((8, 32, 3)) * [0.2, 0.1, 0.4]
    value = rates.mean(axis=(0, 1))
    found = dimension(rates, value, whole=True)
    flat = rates.reshape(-1, 3)
    left = np.array([kaplan_yorke((flat.sum(axis=0) - row) / (len(flat) - 1)) for row in flat])
    naive = math.sqrt((len(left) - 1) * np.mean((left - left.mean())**2))
    assert float(found.error) == pytest.approx(naive, rel=0.35)  # blocks of 8 windows have 31 degrees of freedom
    h = 1e-6
    for k in range(3):
        up = value.copy()
        up[k] += h
        assert slopes(value)[k] == pytest.approx((kaplan_yorke(up) - kaplan_yorke(value)) / h, rel=1e-3, abs=1e-5)
    assert "more of them" in dimension(rates, np.array([0.5, 0.4, 0.1]), whole=False).message


def test_blocks_are_not_fooled_by_correlation_of_either_sign():
    draw = np.random.default_rng(7)
    noise = draw.standard_normal((8, 33))
    ends = np.diff(noise, axis=1)[:, :, None]  # cancels between neighbours: the error of the mean is that of the ends
    exact = math.sqrt(2 / 8) / 32
    assert block_error(ends).error[0] < 4 * exact
    slow = np.repeat(draw.standard_normal((8, 4)), 8, axis=1)[:, :, None]
    assert block_error(slow).error[0] > 0.7 / math.sqrt(32)


def test_plans_follow_their_options():
    system = build_system("lorenz63")
    assert plan_growth(system, length=1000.0).length == pytest.approx(1000.0, rel=0.05)
    assert plan_growth(system, 2).count == 2
    for wrong in ({"count": 4}, {"dt": 0.0}, {"length": -1.0}, {"integrator": "etdrk4"}, {"integrator": "leapfrog"}):
        with pytest.raises(UsageError):
            plan_growth(system, **wrong)
