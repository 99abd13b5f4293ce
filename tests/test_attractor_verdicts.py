"""Verdicts on motion at the edge: superstable, marginal, slow. A wrong word is worse than none."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from statfe.attractors.basins.cycles import find_cycle
from statfe.attractors.basins.ground import Ground
from statfe.attractors.basins.identify import identify
from statfe.attractors.exponents import lyapunov
from statfe.attractors.found import NONE_FOUND
from statfe.attractors.march import march
from statfe.attractors.measure import invariants
from statfe.attractors.superstable import flattened
from statfe.systems.catalogue import build_system
from statfe.systems.system import idle_clocks
from tests.systems_for_tests import flow, made, plane_map

GOLDEN = 1.0 + math.sqrt(5.0)  # the cycle of two of the logistic map passes the top of the parabola


@pytest.mark.parametrize(("r", "motion"), [(2.0, "fixed point"), (GOLDEN, "periodic")])
def test_a_superstable_cycle_has_no_finite_exponent(r, motion):
    found = lyapunov(build_system(f"logistic:r={r!r}"), length=4000.0)
    assert (found.motion, found.exponents.status) == (motion, "diverged")
    assert np.isnan(found.exponents.value).all()
    assert "minus infinity" in found.exponents.message
    assert "fewer" not in found.exponents.message
    assert float(found.kaplan_yorke.value) == float(found.entropy.value) == 0.0
    assert all(rule.passed is None for rule in found.rules)


@pytest.mark.parametrize(("r", "kind"), [(2.0, "fixed point"), (GOLDEN, "limit cycle")])
def test_identify_says_minus_infinity(r, kind):
    found = identify(f"logistic:r={r!r}", 8, seed=1, cells=100)
    assert (found.kinds, found.stability.tolist()) == ((kind,), [-math.inf])
    assert found.stats["largest_exponent"].tolist() == [-math.inf]
    assert found.stats["superstable"].tolist() == [1]


@pytest.mark.parametrize("off", [1e-6, -1e-9])
def test_beside_the_superstable_cycle_the_exponent_is_that_of_the_cycle(off):
    r = GOLDEN + off
    multiplier = 4.0 + 2.0 * r - r * r  # of the cycle of two, exactly
    truth = 0.5 * math.log(abs(multiplier))
    assert float(lyapunov(build_system(f"logistic:r={r!r}"), length=4000.0).exponents.value[0]) == pytest.approx(
        truth, abs=1e-5)
    found = identify(f"logistic:r={r!r}", 4, seed=1, cells=100)
    assert found.stats["largest_exponent"][0] == found.stability[0] == pytest.approx(truth, abs=1e-5)
    assert "superstable" not in found.stats


def test_other_directions_keep_their_exponents():
    system = plane_map(2, GOLDEN, 0.5, start=(0.3, 0.1))
    both, first = (lyapunov(system, count, length=4000.0) for count in (2, 1))
    assert "1 of the 2 exponents is minus infinity" in both.exponents.message
    assert "ask for the 1 largest" in both.exponents.message
    assert float(first.exponents.value[0]) == pytest.approx(math.log(0.5), abs=1e-6)


def test_strong_contraction_is_not_minus_infinity():
    system = dataclasses.replace(build_system("henon"), parameters={"a": 0.2, "b": 1e-15})
    x = np.array([0.8541019662496846, 0.0])
    for _ in range(200):
        x = system.velocity(x)
    assert flattened(system, x) == 0
    assert flattened(build_system("logistic:r=2"), np.array([0.5])) == 1
    assert flattened(build_system("logistic:r=2"), np.array([0.2])) == 0


def delayed_logistic(_t, x, p, out):
    """x' = a x (1 - y), y' = x: an invariant circle is born at a = 2 (Neimark and Sacker)."""
    out[0] = p[0] * x[0] * (1.0 - x[1])
    out[1] = x[0]


def delayed_jacobian(_t, x, p, out):
    out[0, 0], out[0, 1] = p[0] * (1.0 - x[1]), -p[0] * x[0]
    out[1, 0], out[1, 1] = 1.0, 0.0


def circle_map(a):
    return made("delayed", "map", delayed_logistic, delayed_jacobian, [0.4, 0.45], dt=1.0, parameters={"a": a},
                transient=1000.0, box=np.array([[0.3, 0.6], [0.3, 0.6]]))


def test_where_a_circle_is_born_the_verdict_is_open():
    born = lyapunov(circle_map(2.0), length=2e5)
    assert (born.motion, born.kaplan_yorke.status) == ("", "diverged")
    assert "bifurcation" in born.kaplan_yorke.message
    found = identify(circle_map(2.0), 6, seed=1)
    assert (found.count, found.status) == (0, "not_converged")
    assert found.share(NONE_FOUND) == 0.0
    assert "a bifurcation is near" in found.message


def test_beyond_it_is_a_torus():
    grown = lyapunov(circle_map(2.05), length=2e5)
    assert (grown.motion, float(grown.kaplan_yorke.value)) == ("torus", 1.0)
    assert identify(circle_map(2.05), 4, seed=1).kinds == ("torus",)


def test_before_it_is_a_point():
    assert lyapunov(circle_map(1.95), length=2e5).motion == "fixed point"
    assert identify(circle_map(1.95), 4, seed=1).kinds == ("fixed point",)


def test_a_fixed_point_of_the_plane_that_doubles_is_no_torus():
    henon = build_system("henon:a=0.3675")  # 3 (1 - b)^2 / 4
    marginal = lyapunov(henon, length=2e5)
    assert (marginal.motion, marginal.kaplan_yorke.status) == ("", "diverged")
    found = identify(henon, 4, seed=1)
    assert (found.count, found.status) == (0, "not_converged")
    assert "attracts slowly" in found.message


def test_a_slow_limit_cycle_is_no_torus():
    # the same flow in small units of time: all its rates are below 1e-4
    slow = flow(pull=0.5e-5, speed=2e-5 * math.pi, damp=-3e-5, dt=1000.0, period=1e5, transient=2e6)
    found = lyapunov(slow, length=4e9)
    assert (found.motion, float(found.kaplan_yorke.value)) == ("periodic", 1.0)
    assert found.exponents.value == pytest.approx([0.0, -1e-5, -3e-5], abs=1e-8)
    weak = lyapunov(flow(pull=1e-5), length=4000.0)
    assert (weak.motion, weak.kaplan_yorke.status) == ("", "diverged")
    assert "comes back" in weak.kaplan_yorke.message


def test_a_slow_limit_cycle_is_open_until_it_is_reached():
    found = identify(flow(pull=1e-5, box=np.array([[0.2, 0.6], [0.2, 0.6], [-0.1, 0.1]])), 3, seed=1, cells=25)
    assert (found.count, found.status) == (0, "not_converged")
    assert "longer transient" in found.message


def test_the_cycle_of_a_delay_is_periodic():
    found = lyapunov(build_system("mackey-glass:tau=10,points=20"), 2, length=8000.0)
    assert (found.motion, float(found.kaplan_yorke.value)) == ("periodic", 1.0)
    # the period is no multiple of the step, so that states seem to fill a circle as on a torus
    for method in ("recurrences", "features"):
        seen = identify("mackey-glass:tau=10,points=20", 4, method, seed=1)
        assert (seen.kinds, seen.status) == (("limit cycle",), "converged")
        assert seen.stats["period"][0] == pytest.approx(31.16, abs=0.01)
        assert seen.stability[0] == pytest.approx(found.exponents.value[1], abs=3e-4)


def test_wells_without_a_force_are_fixed_points():
    found = identify("duffing:gamma=0", 12, seed=1)
    assert found.kinds == ("fixed point", "fixed point")
    assert found.stability == pytest.approx([-0.125, -0.125], abs=1e-6)  # friction / 2, for both roots are complex
    assert np.isnan(found.stats["period"]).all()
    assert sorted(found.states[:, 0]) == pytest.approx([-1.0, 1.0], abs=1e-6)
    told = invariants("duffing:gamma=0", quantities=["exponents", "correlation"], seed=1, scale=0.05)
    assert told.motion == "fixed point"
    assert told.exponents.value == pytest.approx([0.0, -0.125, -0.125])
    assert float(told.scalar("correlation_dimension").value) == 0.0


def test_a_force_however_small_makes_a_cycle():
    assert idle_clocks(build_system("duffing:gamma=0")) == (2,)
    assert idle_clocks(build_system("duffing:gamma=1e-3")) == ()
    assert idle_clocks(build_system("kuramoto:n=3,K=0")) == ()  # phases all, and they are the motion
    assert set(identify("duffing:gamma=0.01", 6, seed=1).kinds) == {"limit cycle"}


def test_a_clock_beside_a_cycle_is_not_counted():
    found = lyapunov(build_system("van-der-pol:amplitude=0"), length=4000.0)
    assert (found.motion, float(found.kaplan_yorke.value)) == ("periodic", pytest.approx(1.0, abs=1e-3))
    seen = identify("van-der-pol:amplitude=0", 1, seed=1)
    assert (seen.kinds, seen.status) == (("limit cycle",), "converged")
    assert seen.stats["period"][0] == pytest.approx(8.8591, abs=1e-3)  # at mu = 3


def test_multipliers_of_a_cycle_are_those_of_the_variational_equation():
    # neighbours grow a hundredfold before they meet: here differences of two points fail
    system, extent = build_system("thomas:b=0.23"), np.full(3, 9.0)
    ground = Ground(system, 1.0, np.zeros(3, dtype=bool), extent, 0.01 * extent, 0.0 * extent, 100, np.empty((0, 3)))
    x = ground.follow(np.array([-1.92, -1.974, -3.321]), 1500.0).state
    for _ in range(3):
        x = ground.follow(x, 5.0).state
        cycle = find_cycle(ground, x)

        def both(_t, y):
            return np.concatenate([system.velocity(y[:3]), (system.jacobian_at(y[:3]) @ y[3:].reshape(3, 3)).ravel()])

        start = np.concatenate([x, np.eye(3).ravel()])
        end = solve_ivp(both, (0.0, cycle.period), start, method="DOP853", rtol=1e-10, atol=1e-12).y[:, -1]
        moduli = np.sort(np.abs(np.linalg.eigvals(end[3:].reshape(3, 3))))
        assert moduli[2] == pytest.approx(1.0, abs=5e-3)  # fixed steps close a little beside
        assert cycle.growth == pytest.approx(math.log(moduli[1]) / cycle.period, rel=2e-2)


def test_a_travelling_wave_is_a_cycle_whatever_the_modes_that_follow_it():
    # modes that decay fast are right to three digits, for steps follow the others alone
    system = build_system("kuramoto-sivashinsky:L=12")
    assert system.dt > 0.02
    x = march(system, system.start[None], 1, every=round(2000 / system.dt)).states[0, -1]
    size = np.maximum(np.hypot(x[:12], x[12:]).repeat(2).reshape(12, 2).T.ravel(), 1e-3)
    ground = Ground(system, 1.0, np.zeros(24, dtype=bool), size, 0.01 * size, 0.0 * size, 100, np.empty((0, 24)))
    cycle = find_cycle(ground, x)
    waves = march(system, x[None], 400, every=100).states[0]
    turned = np.ptp(np.unwrap(np.arctan2(waves[:, 12], waves[:, 0])))
    assert cycle.period == pytest.approx(2 * np.pi * 399 * 100 * system.dt / turned, rel=1e-7)
    assert cycle.growth < -0.01
    coarse, fine = (march(system, x[None], 1, every=350 * m, dt=system.dt / m).states[0, 0] for m in (1, 4))
    assert np.abs(fine - coarse).max() < 1e-5 * size.max()
