"""Bounds hold: 150 random models of many kinds, every method that gives bounds, against the sum over all states.

`benchmarks/bench_bounds.py` does the same for 10,000.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from statfe.registry import run_method
from statfe.result import FreeEnergy
from tests.bounds import SIGMAS, bounding_specs, exact_beta_f, lines, margin, tabulate
from tests.naive import ising as naive
from tests.random_models import FIELDS, GRAPHS, MOST_BETA, MOST_SITES, SIGNS, Case, random_case

#: Chosen for speed: the longer searches and the trained trial run in the benchmark.
SPECS = {
    "mean-field": 1, "bethe": 1, "trw": 1, "cumulants:order=1": 3, "gibbs-bogoliubov": 3,
    "gibbs-bogoliubov:trial=tree,restarts=2,exchanges=2": 1, "gibbs-bogoliubov:trial=blocks,restarts=2,block=4": 1}


def test_no_bound_is_violated():
    table = tabulate((random_case(seed) for seed in range(150)), SPECS)
    assert table.violations == [], "\n".join(lines(table))
    for spec, every in SPECS.items():
        tally = table.tallies[spec]
        assert tally.results >= 0.4 * 150 / every, spec
        assert {"upper_bound", "lower_bound"} & tally.sides, spec
    # upper and lower bounds that are not exact meet on many models, and some are tight
    assert len(table.widths) > 60
    assert min(table.widths) >= -1e-10
    assert min(table.widths) < 0.01


def test_the_benchmark_runs_every_bound_of_the_registry():
    trials = {f"gibbs-bogoliubov:trial={trial}" for trial in ("tree", "blocks")}
    assert {"mean-field", "gibbs-bogoliubov", "trw", "autoregressive"} | trials <= set(bounding_specs())


def test_the_cases_have_all_families_and_limits():
    cases = [random_case(seed) for seed in range(600)]
    for names in (GRAPHS, SIGNS, ("with fields", "without fields")):
        for name in names:
            assert any(name in case.kind for case in cases), name
    assert set(FIELDS) == {"none", "uniform", "random"}
    assert max(case.model.n_sites for case in cases) == MOST_SITES
    betas = np.array([case.beta for case in cases])
    assert betas.min() == 0.0
    assert betas.max() == MOST_BETA
    assert np.mean(betas > 1.0) > 0.3
    assert any(np.any(case.model.couplings == 0.0) for case in cases)
    assert any(np.any(case.model.degrees == 0) and case.model.n_pairs for case in cases)
    assert random_case(5).model.spec == random_case(5).model.spec
    np.testing.assert_array_equal(random_case(5).model.couplings, random_case(5).model.couplings)


@pytest.mark.parametrize("seed", [0, 3, 11])
def test_the_truth_of_the_table_is_the_sum_over_states(seed):
    case = random_case(seed)
    assert exact_beta_f(case.model, case.beta) == pytest.approx(naive.beta_f(case.model, case.beta), abs=1e-11)


def result(kind: str, beta_f: float, error: float = 0.0) -> FreeEnergy:
    (own,) = run_method(random_case(1).model, np.array([0.5]), "mean-field", seed=1)
    return dataclasses.replace(own, kind=kind, beta_f=beta_f, beta_f_error=error)


def test_margins_have_the_right_side():
    assert margin(result("upper_bound", 1.0), 1.5) == -0.5
    assert margin(result("lower_bound", 1.0), 1.5) == 0.5
    assert margin(result("exact", 1.0), 1.5) == -0.5
    assert margin(result("upper_bound", 1.0, 0.1), 1.5) == pytest.approx(SIGMAS * 0.1 - 0.5)
    assert math.isnan(margin(result("uncontrolled", 1.0), 1.5))


def test_a_violation_is_found_and_told(monkeypatch):
    monkeypatch.setattr("tests.bounds.exact_beta_f", lambda model, beta: naive.beta_f(model, beta) + 1e-6)
    table = tabulate([Case(random_case(3).model, 0.0, "told")], {"mean-field": 1})
    (line,) = table.violations
    assert "told" in line
    assert "seed=0" in line
