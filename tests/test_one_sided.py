"""A trial that breaks a symmetry does not show the mirrored states, which bring the nearest zero."""

from __future__ import annotations

import math

import numpy as np
import pytest

from statfe.models.catalogue import build_model
from statfe.registry import run_method
from statfe.scoring.cumulant_expansion import cumulant_expansion


def test_no_radius_where_the_trial_keeps_to_one_side():
    """SK, 9 spins: around mean field at beta = 2 the nearest zero is at 1.003, and 8 terms show one at 1.75."""
    found = cumulant_expansion("sk:n=9,seed=1", [0.2, 2.0], seed=1)
    assert found.one_sided.tolist() == [False, True]
    reach, doubt = found.radii
    assert np.isfinite([reach[0], doubt[0]]).all()
    assert np.isnan([reach[1], doubt[1]]).all()
    assert abs(found.errors[1, -1]) == pytest.approx(math.log(2.0), abs=0.15)
    rows = found.to_dict()["rows"]
    assert [row["one_sided"] for row in rows] == [False, True]
    assert rows[1]["radius"] is None
    assert rows[1]["own_side_radius"] > 1.1
    assert not found.divergence_by_terms.found


@pytest.mark.parametrize(("spec", "trial", "sided"), [
    ("ising:shape=3x3", "free", False), ("ising:shape=3x3", "mean-field", True),
    ("ising:shape=3x3,field=0.1", "mean-field", False)])
def test_only_a_broken_symmetry_is_told(spec, trial, sided):
    (found,) = run_method(build_model(spec), np.array([0.8]), f"cumulants:order=4,trial={trial}", seed=1)
    assert bool(found.stats.get("one_sided", False)) is sided


def test_the_command_says_so(call):
    _, out, _ = call("cumulants", "sk:n=9,seed=1", "--beta", "0.2,2", "--seed", "1")
    assert "keeps to one side at beta = 2:" in out
    assert any(line.split()[:1] == ["2"] and line.endswith("one side") for line in out.splitlines())
