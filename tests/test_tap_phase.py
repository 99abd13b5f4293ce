"""TAP points that start anew from the data of a batch."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from statfe.machines.exact_phase import exact_means
from statfe.machines.gibbs import Parameters
from statfe.machines.phases import TapPhase


def weak(seed=0, scale=0.15) -> Parameters:
    rng, p = np.random.default_rng(seed), Parameters(12, 7, np.float64)
    p.a[:], p.b[:], p.W[:] = rng.normal(size=12), rng.normal(size=7), scale * rng.normal(size=(12, 7))
    return p


@pytest.mark.parametrize("restart", [False, True])
def test_means_of_a_weak_machine_are_nearly_exact_wherever_points_start(restart):
    p, rng = weak(), np.random.default_rng(1)
    phase = TapPhase(p, 60, rng.random((5, 12)), 3, restart)
    found = phase.means(p, rng.random((3, 7)))
    exact = exact_means(p.a, p.b, p.W)
    assert found.visible == pytest.approx(exact.visible, abs=1e-3)
    assert found.both == pytest.approx(exact.both, abs=1e-3)
    assert len(phase.points.visible) == (3 if restart else 5)


def test_points_that_restart_keep_nothing():
    p, rng = weak(scale=1.5), np.random.default_rng(2)
    phase = TapPhase(p, 1, rng.random((4, 12)), 2, True)
    hidden = rng.random((4, 7))
    first = phase.means(p, hidden)
    phase.means(p, rng.random((4, 7)))
    again = phase.means(p, hidden)
    assert np.array_equal(first.both, again.both)
    assert phase.state() == {}


def test_points_begin_at_the_means_given_the_data():
    p, rng = weak(), np.random.default_rng(3)
    phase = TapPhase(p, 1, rng.random((4, 12)), 2, True)
    hidden = rng.random((2, 7))
    phase.points.begin_at(p, hidden)
    assert phase.points.visible == pytest.approx(expit(hidden @ p.W.T + p.a), rel=1e-14)
    assert np.array_equal(phase.points.hidden, hidden)
