"""The double loop spends its sweeps where they can help."""

from __future__ import annotations

import math

import numpy as np
import pytest

from statfe.kernels.belief_propagation_double_loop import hold_sweep
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


def test_a_held_sweep_is_one_site_after_the_other():
    """Against messages atanh(tanh(beta J) tanh(cavity)), site by site, there and back."""
    p = Propagation(Graph.of(build_model("ea:shape=3x3,couplings=gaussian,seed=2,field=0.1")), 0.7)
    g, rng = p.graph, np.random.default_rng(1)
    holds, held = rng.uniform(0.1, 2.0, 9), rng.normal(size=9)
    messages, totals = 0.5 * rng.normal(size=len(p.strengths)), np.empty(9)
    u, expected, worst = messages.copy(), np.empty(9), 0.0
    for i in [*reversed(range(9)), *range(9)]:
        slots = range(g.indptr[i], g.indptr[i + 1])
        expected[i] = (p.fields[i] + sum(u[k] for k in slots) + holds[i] * held[i]) / (1.0 + holds[i])
        for k in slots:
            sent = math.atanh(math.tanh(p.strengths[k]) * math.tanh(expected[i] - u[k]))
            worst = max(worst, abs(sent - u[g.reverse[k]]) / max(1.0, abs(sent)))
            u[g.reverse[k]] = sent
    change = hold_sweep(g.indptr, g.reverse, p.strengths, p.decays, p.fields, holds, held, messages, totals)
    np.testing.assert_allclose(messages, u, atol=1e-13)
    np.testing.assert_allclose(totals, expected, atol=1e-13)
    assert change == pytest.approx(worst, rel=1e-12)
