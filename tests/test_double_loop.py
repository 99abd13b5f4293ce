"""The double loop spends its sweeps where they can help."""

from __future__ import annotations

import pytest

from statfe.models.catalogue import build_model
from statfe.propagation import double_loop as loops
from statfe.propagation.belief_propagation import Graph, Propagation


def test_where_all_runs_creep_one_goes_on_alone(monkeypatch):
    """After 1000 sweeps none of the runs has ended; one needs another thousand, and finds what all would."""
    p = Propagation(Graph.of(build_model("ea:shape=6x6,couplings=gaussian,seed=2,field=0.1")), 3.0, "sequential")
    starts = p.starts(0, 3)
    whole, all_descents = loops.double_loop(p, starts, iterations=2000, tolerance=1e-9)
    assert len(all_descents) == len(starts) > 3
    monkeypatch.setattr(loops, "VISITS", 2500.0 * 2 * len(p.strengths) * len(starts))
    found, descents = loops.double_loop(p, starts, iterations=2000, tolerance=1e-9)
    (only,) = descents.values()
    assert loops.LEAST_SWEEPS < only.sweeps <= max(d.sweeps for d in all_descents.values())
    assert len(found.failed) == len(starts) - 1
    assert found.solutions[0].beta_f == pytest.approx(whole.solutions[0].beta_f, abs=1e-8)
    two, _ = loops.double_loop(p, starts, iterations=2000, tolerance=1e-9, workers=2)
    assert two.solutions[0].beta_f == found.solutions[0].beta_f
