"""Correlation dimensions held against exponents, and records that are not in step with a force."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from statfe.attractors.cross_check import checked, held_against
from statfe.attractors.invariant import Invariant, unsupported
from statfe.attractors.measure import invariants
from statfe.attractors.sources import source_of

NAME = "correlation_dimension"


def number(value, error=0.03, name=NAME):
    return Invariant(name, np.array(value), np.array(error))


@pytest.mark.parametrize(("value", "error", "dimension", "status"), [
    (1.83, 0.03, 2.013, "not_converged"),   # Rossler's slopes still rise
    (1.83, 0.10, 2.013, "converged"),       # an error that covers
    (1.95, 0.01, 2.013, "converged"),       # D2 may be less than D1
    (2.30, 0.03, 2.013, "converged")])
def test_a_dimension_far_below_the_one_of_the_exponents_is_doubted(value, error, dimension, status):
    found = held_against(number(value, error), dimension)
    assert (found.status, float(found.value), float(found.error)) == (status, value, error)
    assert status == "converged" or "9% below the Kaplan-Yorke dimension 2.013" in found.message


def test_what_is_no_number_and_what_keeps_energy_is_left_alone():
    ours, henon = number(0.5), source_of("henon")
    assert checked([ours, number(1.26, name="kaplan_yorke")], henon, 1.0, 1, 1)[0].status == "not_converged"
    assert checked([ours, unsupported("kaplan_yorke", "none")], henon, 1.0, 1, 1)[0] is ours
    assert checked([ours, number(4.0, name="kaplan_yorke")], source_of("henon-heiles"), 1.0, 1, 1)[0] is ours
    assert checked([ours], dataclasses.replace(henon, system=None), 1.0, 1, 1)[0] is ours
    missing = unsupported(NAME, "too few")
    assert checked([missing], henon, 1.0, 1, 1) == [missing]


def test_the_slow_slopes_of_the_logistic_map_are_told():
    # C(r) goes as r ln(1 / r): over three decades the slope is 0.92, and the limit is 1
    found = invariants("logistic", quantities=["correlation"], seed=1, scale=0.15).scalar(NAME)
    assert 0.88 < float(found.value) < 0.95
    assert float(found.error) < 0.03
    assert found.status == "not_converged"
    assert "below the Kaplan-Yorke dimension 1" in found.message
    sea = invariants("standard:K=10", quantities=["correlation"], seed=1, scale=0.1).scalar(NAME)
    assert sea.status == "converged"
    assert float(sea.value) == pytest.approx(2.0, abs=3 * float(sea.error))


@pytest.mark.parametrize(("spec", "turn"), [("duffing", 2 * np.pi), ("van-der-pol", 2 * np.pi / 1.788)])
def test_a_record_is_not_in_step_with_the_force(spec, turn):
    record = source_of(spec, scale=0.25).record()
    places = np.sort(np.mod(np.arange(0, 4096, 4) * record.dt / turn, 1.0))
    # even, not bunched at a few phases: no gap is much larger than that of equal ones
    assert np.diff(np.concatenate([places, [1.0 + places[0]]])).max() < 4.0 / len(places)


def test_the_dimension_of_forced_motion_is_not_that_of_its_section():
    found = invariants("duffing", quantities=["correlation"], seed=1, scale=0.2).scalar(NAME)
    assert 2.1 < float(found.value) < 2.5  # Kaplan-Yorke: 2.387; a few sections alone: 1.3
