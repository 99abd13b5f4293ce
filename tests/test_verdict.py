"""Every rule of a verdict, in the order of the rules, and their edges."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest

from statfe.errors import UsageError
from statfe.result import FreeEnergy
from statfe.scoring.scores import agreements, score_methods
from statfe.scoring.verdict import VERDICTS, judge
from tests.comparisons_for_tests import free_energy

EXACT = free_energy(-70.0, kind="exact", method="exact")


def sampled(value: float = -70.0, error: float = 0.25, **more: Any) -> FreeEnergy:
    return free_energy(value, error, **{"kind": "estimate", "method": "mbar", **more})


def verdict(reference: FreeEnergy, value: float, error: float = 0.0, **more: Any) -> str:
    return judge(reference, free_energy(value, error, **more)).verdict


@pytest.mark.parametrize("status", ["not_converged", "diverged"])
def test_rule_1_no_result(status):
    score = judge(EXACT, free_energy(math.nan, status=status))
    assert score.verdict == f"no result ({status})"
    assert math.isnan(score.error)
    assert math.isnan(score.error_per_site)
    assert math.isnan(score.sigmas)
    assert not score.judged
    assert not score.bound_violated


def test_rule_1_holds_for_a_number_that_has_not_converged():
    score = judge(EXACT, free_energy(-99.0, status="not_converged", kind="upper_bound"))
    assert score.verdict == "no result (not_converged)"
    assert math.isnan(score.error)
    assert not score.bound_violated


def test_rule_1_before_rule_2():
    assert verdict(sampled(status="not_converged"), math.nan) == "no result (not_converged)"


@pytest.mark.parametrize("value", [-70.0, math.nan])
def test_rule_2_reference_not_converged(value):
    score = judge(sampled(value, status="not_converged"), free_energy(-80.0, kind="upper_bound"))
    assert score.verdict == "reference not converged"
    assert score.reference_status == "not_converged"
    assert math.isnan(score.error)
    assert math.isnan(score.sigmas)
    assert not score.judged
    assert not score.bound_violated


@pytest.mark.parametrize(("kind", "side"), [("upper_bound", -1.0), ("lower_bound", 1.0)])
def test_rule_3_bound_violated_with_its_significance(kind, side):
    score = judge(sampled(error=0.25), free_energy(-70.0 + side * 1.0, kind=kind))
    assert score.verdict == "bound violated (4.0 sigma)"
    assert score.bound_violated
    assert score.judged
    assert score.sigmas == side * 4.0
    assert verdict(sampled(error=0.3), -70.0 + side * 4.0, 0.4, kind=kind) == "bound violated (8.0 sigma)"
    assert not judge(sampled(error=0.25), free_energy(-70.0 - side * 1.0, kind=kind)).bound_violated


def test_rule_3_at_exactly_3_sigma_a_bound_stands():
    inside = judge(sampled(error=0.25), free_energy(-70.75, kind="upper_bound"))
    assert inside.sigmas == -3.0
    assert (inside.verdict, inside.bound_violated) == ("within error", False)
    outside = judge(sampled(error=0.25), free_energy(math.nextafter(-70.75, -71), kind="upper_bound"))
    assert (outside.verdict, outside.bound_violated) == ("bound violated (3.0 sigma)", True)


def test_rule_3_without_errors_rounding_is_the_limit():
    rounding = 1e-10 * 70.0
    assert verdict(EXACT, -70.0 - 0.9 * rounding, kind="upper_bound") == "within error"
    assert verdict(EXACT, -70.0 - 1.1 * rounding, kind="upper_bound") == "bound violated (beyond rounding)"


@pytest.mark.parametrize(("kind", "reference", "shows"), [
    ("upper_bound", "exact", True), ("upper_bound", "estimate", True), ("upper_bound", "lower_bound", True),
    ("upper_bound", "upper_bound", False), ("upper_bound", "uncontrolled", False),
    ("lower_bound", "exact", True), ("lower_bound", "upper_bound", True), ("lower_bound", "lower_bound", False),
    ("estimate", "exact", False), ("exact", "exact", False), ("uncontrolled", "exact", False)])
def test_rule_3_only_where_the_reference_can_show_it(kind, reference, shows):
    side = 1.0 if kind == "lower_bound" else -1.0
    score = judge(free_energy(-70.0, kind=reference), free_energy(-70.0 + side, kind=kind))
    assert score.bound_violated is shows


def test_rule_4_rounding():
    assert verdict(EXACT, -70.0) == "within error"
    assert verdict(EXACT, -70.0 + 0.9e-10 * 70) == "within error"
    assert verdict(EXACT, -70.0 + 1.1e-10 * 70) != "within error"
    # Near zero the limit is absolute.
    assert verdict(free_energy(0.0, kind="exact"), 0.9e-10) == "within error"
    assert verdict(free_energy(0.0, kind="exact"), 1.1e-10) != "within error"


def test_rule_4_before_rule_5():
    assert verdict(sampled(), -70.0) == "within error"


def test_rule_5_reference_too_weak():
    assert verdict(sampled(error=0.25), -69.75) == "reference too weak to judge"
    assert verdict(sampled(error=0.25), math.nextafter(-69.75, 0)) == "within error"
    # The method's own error does not make the reference weak.
    assert verdict(sampled(error=0.25), -69.5, 4.0) == "within error"


def test_rule_6_up_to_exactly_3_sigma():
    score = judge(sampled(error=0.25), free_energy(-69.25))
    assert (score.sigmas, score.verdict) == (3.0, "within error")
    assert verdict(sampled(error=0.25), math.nextafter(-69.25, 0)).startswith("off by")
    # hypot(3, 4) = 5.
    assert judge(sampled(error=3.0), free_energy(-55.0, 4.0)).verdict == "within error"
    assert judge(sampled(error=3.0), free_energy(-54.9, 4.0)).verdict == "off by 0.15 nats a site (3.0 sigma)"


def test_rule_7_off_by():
    assert verdict(EXACT, -69.0) == "off by 0.01000 nats a site"
    assert verdict(sampled(error=0.1), -69.0) == "off by 0.010 nats a site (10.0 sigma)"
    assert verdict(sampled(error=1e-4), -69.0) == "off by 0.01000 nats a site (1.0e+04 sigma)"
    assert verdict(free_energy(-70.0, kind="exact"), 12345.0) == "off by 124.2 nats a site"
    assert judge(EXACT, free_energy(-71.0)).error == -1.0
    assert math.isnan(judge(EXACT, free_energy(-71.0)).sigmas)


def test_numbers_of_a_score():
    score = judge(sampled(error=0.3), free_energy(-69.0, 0.4, n_sites=100))
    assert (score.error, score.error_per_site, score.combined_error, score.sigmas) == (1.0, 0.01, 0.5, 2.0)
    assert (score.reference, score.reference_beta_f, score.reference_error) == ("mbar", -70.0, 0.3)


def test_keys_of_a_row_are_those_of_the_contract():
    row = judge(EXACT, free_energy(-69.0)).to_dict()
    assert list(row) == [
        "model", "method", "kind", "status", "message", "beta", "n_sites", "beta_f", "beta_f_error", "seconds", "stats",
        "reference", "reference_beta_f", "reference_error", "error", "error_per_site", "sigmas", "verdict",
        "bound_violated", "reference_status", "magnetization_rms", "magnetization_noise", "correlation_rms",
        "correlation_noise"]
    assert row["sigmas"] is row["correlation_rms"] is row["magnetization_noise"] is None
    failed = judge(EXACT, free_energy(math.nan)).to_dict()
    assert failed["beta_f"] is failed["error"] is failed["error_per_site"] is None


def test_other_sizes_and_betas_are_refused():
    with pytest.raises(UsageError, match="64 sites, the reference 100"):
        judge(EXACT, free_energy(-70.0, n_sites=64))
    with pytest.raises(UsageError, match=r"beta=0\.6, its reference at 0\.5"):
        judge(EXACT, free_energy(-70.0, beta=0.6))
    with pytest.raises(UsageError, match=r"no beta=0\.6"):
        score_methods([EXACT], [free_energy(-70.0, beta=0.6)])
    assert score_methods([EXACT], []) == []


def test_beta_zero_is_judged_too():
    free = -100 * math.log(2)
    assert verdict(free_energy(free, kind="exact", beta=0.0), free, beta=0.0) == "within error"


def test_every_verdict_has_one_class():
    for name in VERDICTS:
        score = dataclasses.replace(judge(EXACT, EXACT), verdict=f"{name} (7.0 sigma)")
        assert score.verdict_class == name


def test_agreement_of_two_estimates():
    first = [sampled(-70.0, 0.3, beta=0.5), sampled(-80.0, 0.3, beta=0.6), sampled(-90.0, 0.3, beta=0.7)]
    second = [
        free_energy(-69.0, 0.4, method="ti", kind="estimate", beta=0.5),
        free_energy(-78.1, 0.4, method="ti", kind="estimate", beta=0.6),
        free_energy(math.nan, method="ti", kind="estimate", beta=0.7)]
    (found,) = agreements(first, second)
    assert (found.first, found.second, found.n_betas, found.worst_beta) == ("mbar", "ti", 2, 0.6)
    assert found.worst_gap == pytest.approx(1.9)
    assert found.worst_sigmas == pytest.approx(3.8)
    assert found.agrees
    (apart,) = agreements(first, [dataclasses.replace(second[1], beta_f=-77.9)])
    assert not apart.agrees
    own = {"second_method": second[1].method, "disagreement_sigmas": -2.5}
    (shared,) = agreements([dataclasses.replace(r, stats=own) for r in first], [second[1]])
    assert shared.worst_sigmas == 2.5
    (nowhere,) = agreements(first, second[2:])
    assert (nowhere.n_betas, nowhere.agrees) == (0, False)
    (exact,) = agreements([EXACT], [free_energy(-70.5, method="b")])
    assert math.isinf(exact.worst_sigmas)
    assert not exact.agrees
