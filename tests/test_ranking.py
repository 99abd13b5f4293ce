"""The order of the methods, and the best at each beta."""

from __future__ import annotations

import dataclasses
import json
import math

import pytest

from statfe.scoring.ranking import best_by_beta, pareto, rank
from statfe.scoring.verdict import judge
from tests.comparisons_for_tests import comparison, free_energy


def scores(table: dict[str, list[float]], error: float = 0.0, **more):
    """Scores of 1 site against reference 0 at beta = 1, 2, ...; a NaN is a failure."""
    found = []
    for method, gaps in table.items():
        for k, gap in enumerate(gaps, start=1):
            reference = free_energy(0.0, error, kind="estimate", method="mbar", beta=k, n_sites=1)
            found.append(judge(reference, free_energy(gap, method=method, beta=k, n_sites=1, **more)))
    return found


def test_ordered_by_the_median():
    ranked = rank(scores({"c": [3.0, 3.0, 3.0], "a": [1.0, -1.0, 100.0], "b": [-2.0, 2.0, 2.0]}))
    assert [m.method for m in ranked] == ["a", "b", "c"]
    a = ranked[0]
    assert (a.median_error, a.best_error, a.best_beta, a.worst_error, a.worst_beta) == (1.0, 1.0, 1.0, 100.0, 3.0)
    assert (a.n_betas, a.n_judged, a.n_without, a.verdicts) == (3, 3, 0, {"off by": 3})
    assert a.seconds == pytest.approx(3 * 0.0125)


def test_ties_go_to_the_smaller_worst_error_and_then_to_the_name():
    ranked = rank(scores({"b": [1.0, 1.0, 5.0], "z": [1.0, 1.0, 4.0], "a": [1.0, 1.0, 5.0]}))
    assert [m.method for m in ranked] == ["z", "a", "b"]


def test_a_missing_result_counts_as_infinite():
    nan = math.nan
    ranked = rank(scores({
        "never": [nan] * 3, "mostly": [1e-9, nan, nan], "once": [0.1, 0.1, nan], "always": [5.0, 5.0, 5.0]}))
    assert [m.method for m in ranked] == ["once", "always", "mostly", "never"]
    never, mostly = ranked[3], ranked[2]
    assert math.isinf(never.median_with_failures)
    assert math.isinf(mostly.median_with_failures)
    assert math.isnan(never.median_error)
    assert math.isnan(never.worst_error)
    assert math.isnan(never.worst_beta)
    assert (mostly.median_error, mostly.n_without, mostly.verdicts) == (1e-9, 2, {"off by": 1, "no result": 2})


def test_betas_without_a_reference_count_for_nobody():
    c = comparison(2, 5, bad_reference_from=0.9, failing=())
    ranked = rank(c.scores)
    assert [m.n_judged for m in ranked] == [3, 3]
    assert all(m.verdicts["reference not converged"] == 2 and m.n_without == 0 for m in ranked)
    nothing = rank(comparison(1, 3, bad_reference_from=0.0).scores)[0]
    assert math.isnan(nothing.median_with_failures)


def test_violated_bounds_are_counted():
    (summary,) = rank(scores({"a": [-1.0, 1.0, -2.0]}, kind="upper_bound"))
    assert (summary.bounds_violated, summary.verdicts["bound violated"], summary.kinds) == (2, 2, ("upper_bound",))


def test_best_is_the_smallest_error():
    first, second = best_by_beta(scores({"a": [1.0, -0.1], "b": [-0.5, math.nan]}))
    assert (first.beta, first.methods, first.error_per_site, first.tied) == (1, ("b",), 0.5, False)
    assert (second.methods, second.error_per_site) == (("a",), 0.1)


def test_methods_that_cannot_be_told_from_the_truth_share_the_place():
    (best,) = best_by_beta(scores({"a": [0.2], "b": [-0.1], "c": [9.0]}, error=0.1))
    assert (best.methods, best.tied, best.error_per_site) == (("a", "b"), True, 0.1)


def test_noise_of_its_own_makes_no_method_the_best():
    exact = free_energy(0.0, kind="exact", method="exact", n_sites=1)
    noisy = free_energy(0.2, 0.3, method="noisy", n_sites=1)
    score = judge(exact, noisy)
    assert (score.verdict, score.at_reference) == ("within error", False)
    (best,) = best_by_beta([score, judge(exact, free_energy(1e-3, method="near", n_sites=1))])
    assert (best.methods, best.tied) == (("near",), False)


def test_nothing_to_judge():
    (best,) = best_by_beta(scores({"a": [math.nan]}))
    assert (best.methods, best.tied) == ((), False)
    assert math.isnan(best.error_per_site)
    assert rank([]) == best_by_beta([]) == []


def test_the_front_holds_those_that_nobody_beats_in_both():
    nan = math.nan
    points = [(0.1, 1.0), (0.01, 10.0), (0.2, 2.0), (0.1, 1.0), (math.inf, 0.1), (nan, 0.1), (0.01, 11.0)]
    assert pareto(points) == [True, True, False, True, False, False, False]
    # Errors below rounding are equal, so the faster one wins.
    assert pareto([(0.0, 2.0), (1e-12, 1.0)]) == [False, True]
    assert pareto([]) == []


def test_summaries_know_the_front_and_the_moments():
    found = scores({"good": [0.1, 0.1], "same": [0.1, 0.1], "bad": [0.5, 0.5], "failed": [math.nan, math.nan]})
    assert [m.pareto for m in rank(found)] == [True, True, False, False]
    first = [dataclasses.replace(s, correlation_rms=r, correlation_noise=0.5) for s, r in zip(
        found, [0.1, 0.3, math.nan], strict=False)]
    good, same = rank(first)
    assert (good.correlation_rms, good.correlation_noise) == (pytest.approx(0.2), 0.5)
    assert math.isnan(same.correlation_rms)
    assert math.isnan(good.magnetization_rms)


def test_summaries_are_strict_json():
    found = scores({"a": [math.nan]})
    (row,) = (m.to_dict() for m in rank(found))
    assert json.loads(json.dumps(row, allow_nan=False))["median_with_failures"] is None
    assert best_by_beta(found)[0].to_dict()["error_per_site"] is None
