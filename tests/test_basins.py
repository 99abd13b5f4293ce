"""Attractors and basins of flows where both are known exactly, by both methods."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import binom

from statfe.attractors.basins.identify import identify
from statfe.attractors.found import ESCAPED, NONE_FOUND, NOT_CONVERGED
from statfe.errors import UsageError
from tests.systems_for_basins import NUMBERS, TILT, flow, lorenz

METHODS = ("recurrences", "features")


def by_state(found, x):
    """Index of the attractor whose state is at `x`."""
    apart = np.abs(found.states - np.asarray(x)).max(axis=1)
    assert apart.min() < 1e-6
    return int(apart.argmin())


@pytest.mark.parametrize("method", METHODS)
def test_two_points_on_a_line(method):
    found = identify(flow("pitchfork", [(-1.0, 3.0)]), 200, method, seed=1)
    assert found.kinds == ("fixed point", "fixed point")
    right, left = by_state(found, [1.0]), by_state(found, [-1.0])
    np.testing.assert_array_equal(found.labels, np.where(found.starts[:, 0] > 0, right, left))
    assert 1e-3 < binom.cdf(int(np.sum(found.labels == left)), 200, 0.25) < 1 - 1e-3
    np.testing.assert_allclose(found.stability, -2.0, rtol=1e-6)  # d(x - x^3)/dx at 1
    np.testing.assert_array_equal(found.stats["symmetric_to"], [1, 0])
    assert found.status == "converged"


@pytest.mark.parametrize("method", METHODS)
def test_every_start_is_on_its_side_of_the_separatrix(method):
    found = identify(flow("gradient", [(-2.0, 2.0), (-2.0, 2.0)], b=3.0), 100, method, seed=2)
    u = found.starts @ [math.cos(TILT), math.sin(TILT)]
    plus = by_state(found, [math.cos(TILT), math.sin(TILT)])
    np.testing.assert_array_equal(found.labels, np.where(u > 0, plus, 1 - plus))


@pytest.mark.parametrize("method", METHODS)
def test_a_point_inside_a_cycle(method):
    system = flow("subcritical", [(-2.5, 2.5), (-2.5, 2.5)], a=4.0, b=1.3)
    found = identify(system, 80, method, seed=3)
    assert sorted(found.kinds) == ["fixed point", "limit cycle"]
    cycle = found.kinds.index("limit cycle")
    inside = np.linalg.norm(found.starts, axis=1) < 1.0
    np.testing.assert_array_equal(found.labels, np.where(inside, 1 - cycle, cycle))
    assert found.stats["period"][cycle] == pytest.approx(2 * math.pi / 1.3, rel=1e-5)
    assert found.stability[cycle] == pytest.approx(-2.4, rel=1e-2)  # d/dr of 0.1 r (r^2 - 1) (4 - r^2) at 2
    assert found.stability[1 - cycle] == pytest.approx(-0.4, rel=1e-6)
    orbit = found.points.states[found.points.labels == cycle]
    np.testing.assert_allclose(np.linalg.norm(orbit, axis=1), 2.0, atol=1e-4)


@pytest.mark.parametrize("method", METHODS)
def test_three_answers_are_three(method):
    rotation = identify(flow("rotation", [(0.5, 1.0), (0.5, 1.0)]), 20, method, seed=1)
    assert (rotation.labels == NONE_FOUND).all()
    escape = identify(flow("escape", [(-3.0, 3.0)]), 60, method, seed=1)
    np.testing.assert_array_equal(escape.labels, np.where(escape.starts[:, 0] > 1.0, ESCAPED, 0))
    drift = identify(flow("drift", [(1.0, 2.0), (0.5, 1.0)], bound=1e6), 1, method, seed=1)
    assert (drift.labels == NOT_CONVERGED).all()
    assert [f.count for f in (rotation, escape, drift)] == [0, 1, 0]
    assert [f.status for f in (rotation, escape, drift)] == ["converged", "converged", "not_converged"]
    assert "did not converge" in drift.message


def test_a_step_that_blows_up_is_no_escape():
    found = identify(flow("pitchfork", [(-9.0, 9.0)]), 60, seed=1)  # stable for steps below 2.8 / 243
    assert (found.labels == ESCAPED).any()
    assert found.status == "not_converged"
    assert "smaller dt" in found.message


@pytest.mark.parametrize("method", METHODS)
def test_a_line_of_fixed_points_is_no_set_of_attractors(method):
    found = identify(flow("line", [(-1.0, 1.0), (-1.0, 1.0)]), 10, method, seed=1)
    assert found.count == 0
    assert (found.labels == NOT_CONVERGED).all()
    assert "eigenvalue of zero" in found.message


@pytest.mark.parametrize("method", METHODS)
def test_a_slow_saddle_is_no_attractor(method):
    """At u = 0 runs linger for ln(1/u) / 0.03 units of time, many looks long."""
    slow = flow("gradient", [(-2e-4, 2e-4), (-1.0, 1.0)], a=0.03, b=1.0, period=1.0, transient=5.0)
    found = identify(slow, 30, method, seed=4)
    assert sorted(found.kinds) == ["fixed point", "fixed point"]
    u = found.starts @ [math.cos(TILT), math.sin(TILT)]
    settled = found.labels >= 0
    assert settled.mean() > 0.9
    plus = by_state(found, [math.cos(TILT), math.sin(TILT)])
    np.testing.assert_array_equal(found.labels[settled], np.where(u > 0, plus, 1 - plus)[settled])


def test_the_saddle_is_reported():
    line = flow("gradient", [(-1e-9, 1e-9), (-1.0, 1.0)], a=0.03, b=1.0, period=1.0, transient=5.0)
    starts = np.outer(np.linspace(-1.0, 1.0, 6), [-math.sin(TILT), math.cos(TILT)])  # the stable line itself
    found = identify(line, starts, "recurrences", seed=4, cells=100)
    assert found.saddles is not None
    np.testing.assert_allclose(found.saddles.states[0], 0.0, atol=1e-6)
    assert found.saddles.kinds[0] == "saddle point"
    assert found.saddles.growth[0] == pytest.approx(0.03, rel=1e-4)
    assert found.saddles.visits[0] >= 6


@pytest.mark.parametrize("method", METHODS)
def test_strange_and_points_side_by_side(method):
    """24.06 < rho < 24.74: the strange attractor and both fixed points attract (C. Sparrow, The Lorenz Equations)."""
    rho = 24.4
    corner = math.sqrt(8 / 3 * (rho - 1))
    found = identify(lorenz(rho), 12, method, box=np.array([[5.0, 9.0], [5.0, 9.0], [20.0, 28.0]]), seed=1)
    assert set(found.kinds) == {"strange", "fixed point"}
    strange, point = found.kinds.index("strange"), by_state(found, [corner, corner, rho - 1])
    assert found.stats["largest_exponent"][strange] == pytest.approx(0.78, abs=0.1)
    assert found.stats["symmetric_to"][strange] == strange
    assert -0.02 < found.stability[point] < 0.0
    assert found.status == "converged"


@pytest.mark.parametrize("method", METHODS)
def test_transient_chaos_is_no_attractor(method):
    """13.926 < rho < 24.06: chaos is a transient (J. L. Kaplan and J. A. Yorke, Commun. Math. Phys. 67, 93 (1979))."""
    found = identify(lorenz(23.5), 12, method, seed=1)
    assert found.kinds == ("fixed point", "fixed point")
    assert found.basin_fraction.sum() == 1.0
    assert found.saddles is not None  # lifetimes of thousands of turns: it looked like an attractor
    assert found.saddles.kinds[0] == "transient"
    assert 1e-5 < found.saddles.growth[0] < 1e-2


@pytest.mark.parametrize("method", METHODS)
def test_a_driven_well_closes_with_the_force(method):
    system = flow("forced", [(-1.5, 1.5), (0.0, 2 * math.pi)], b=0.05, angles=(1,))
    found = identify(system, 30, method, seed=5)
    assert found.kinds == ("limit cycle", "limit cycle")
    np.testing.assert_allclose(found.stats["period"], 2 * math.pi, rtol=1e-6)
    assert found.basin_fraction.sum() == 1.0


def test_a_torus_is_told_from_cycle_and_chaos():
    found = identify(flow("torus", [(-1.0, 1.0)] * 4, a=0.5 * (1 + math.sqrt(5))), 4, seed=6, cells=12)
    assert found.kinds == ("torus",)
    assert abs(found.stats["largest_exponent"][0]) < 0.01


def test_the_same_bits_for_any_workers():
    system = flow("subcritical", [(-2.5, 2.5), (-2.5, 2.5)], a=4.0, b=1.3)
    one, two = (identify(system, 8, seed=7, workers=w) for w in (1, 2))
    for name in ("labels", "states", "starts", "basin_fraction", "stability"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))
    np.testing.assert_array_equal(one.points.states, two.points.states)


def test_an_image_of_the_basins():
    system = flow("subcritical", [(-2.4, 2.4), (-2.4, 2.4)], a=4.0, b=1.3)
    found = identify(system, 10, seed=8, plane=(1, 0, 6))
    image = found.basin_slice
    radius = np.hypot(image.first[:, None], image.second[None, :])
    np.testing.assert_array_equal(image.labels, np.where(radius < 1.0, found.kinds.index("fixed point"),
                                                         found.kinds.index("limit cycle")))
    assert len(found.labels) == 10


@pytest.mark.parametrize("name", NUMBERS)
def test_the_jacobians_of_these_tests(name):
    system = flow(name, [(0.3, 0.9)] * {"pitchfork": 1, "escape": 1, "lorenz": 3, "torus": 4}.get(name, 2), 1.7, 0.6)
    x, h = system.box[:, 0] + 0.1 * np.arange(system.dimension), 1e-6
    slopes = [(system.velocity(x + h * e) - system.velocity(x - h * e)) / (2 * h) for e in np.eye(len(x))]
    np.testing.assert_allclose(system.jacobian_at(x), np.transpose(slopes), atol=1e-7)


@pytest.mark.parametrize(("change", "words"), [
    ({"method": "magic"}, "unknown method"), ({"box": np.zeros((3, 2))}, "box has shape"),
    ({"box": np.array([[1.0, 0.0]])}, "lower one first"), ({"starts": np.zeros((2, 2))}, "starts have shape"),
    ({"starts": np.array([[np.nan]])}, "finite"), ({"plane": (0, 1, 5)}, "a plane needs")])
def test_bad_input_is_named(change, words):
    with pytest.raises(UsageError, match=words):
        identify(flow("pitchfork", [(-1.0, 3.0)]), **{"starts": 4, **change})
