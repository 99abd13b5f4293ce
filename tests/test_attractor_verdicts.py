"""Verdicts on motion at the edge: superstable, marginal, slow. A wrong word is worse than none."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from statfe.attractors.basins.identify import identify
from statfe.attractors.exponents import lyapunov
from statfe.attractors.superstable import flattened
from statfe.systems.catalogue import build_system
from tests.systems_for_tests import plane_map

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
