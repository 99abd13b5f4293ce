"""Smallest terms, Pade approximants, radii of convergence, measured divergence, and the command that shows them."""

from __future__ import annotations

import functools
import json
import math
from dataclasses import replace

import numpy as np
import pytest

import statfe
from statfe.density.density_of_states import density_of_states
from statfe.errors import UsageError
from statfe.models.catalogue import build_model
from statfe.registry import run_method
from statfe.result import FreeEnergy
from statfe.scoring.cumulant_divergence import by_reference, by_terms, growth
from statfe.series.cumulant_outcome import summed
from statfe.series.cumulant_radius import _product, radius
from statfe.series.cumulant_resummation import at_one, continued_by, degrees, pade, smallest_term
from statfe.series.cumulant_samples import by_sampling
from statfe.series.cumulant_terms import Expansion, by_enumeration, cumulants_of_moments, to_terms
from statfe.trial import ProductTrial
from tests.naive import ising as naive

#: t_k of -ln(2 cosh x)^2 / 2^2 ... per pair of spins: -2 ln 2 - ln cosh x, as powers of x.
LN_COSH = np.array([-2 * math.log(2), -1 / 2, 0, 1 / 12, 0, -1 / 45, 0, 17 / 2520])
NO_ROUNDING = np.zeros(8)


def terms_at(x: float) -> np.ndarray:
    return LN_COSH * np.append(1.0, x ** np.arange(2, 9))


@functools.cache
def nearest_zero(spec: str, reach: float) -> float:
    """Modulus of the zero of Z(beta) nearest to 0, from the exact density of states, by Newton from a polar grid."""
    g = density_of_states(spec)
    levels, counts = g.energy, np.array([float(c) for c in g.counts or ()])
    beta = (np.linspace(0.2, 1.0, 9)[:, None] * reach * np.exp(1j * np.linspace(0.01, math.pi - 0.01, 25))).ravel()
    for _ in range(60):
        weights = counts * np.exp(-beta[:, None] * levels)
        step = weights.sum(axis=1) / (weights @ -levels)
        beta = beta - step / np.maximum(1.0, np.abs(step) / (0.3 * reach))
        beta = np.where(np.abs(beta) > 3 * reach, reach, beta)
    good = np.abs(step) < 1e-9 * reach
    assert good.any()
    return float(np.min(np.abs(beta[good])))


def expansion(kappas: list[float]) -> Expansion:
    return Expansion(np.array(kappas), ["analytic"] * len(kappas), np.zeros(len(kappas)))


# -- where to stop

def test_the_smallest_term_leaves_out_the_first_and_those_that_vanish():
    terms = np.array([1e-9, 4.0, 0.0, -1.0, 1e-17, 2.0, 0.0, 5.0])
    rounding = np.full(8, 1e-16)
    assert smallest_term(terms, rounding) == 4
    assert smallest_term(terms[:2], rounding[:2]) == 2
    assert smallest_term(terms[:1], rounding[:1]) == 1
    assert smallest_term(np.array([1.0, 0.0, 0.0]), rounding[:3]) == 3


def test_the_rule_finds_the_best_order_of_an_asymptotic_series():
    # integral of e^-x / (1 + x y) = sum (-1)^k k! y^k: smallest term near k = 1/y, error below it
    y, k = 0.25, np.arange(9)
    series = np.array([(-1.0) ** n * math.factorial(n) * y**n for n in k[1:]])
    stop = smallest_term(series, np.zeros(8))
    x = np.linspace(0, 60, 600_001)
    true = np.trapezoid(np.exp(-x) / (1 + x * y), x) - 1.0
    errors = np.abs(np.cumsum(series) - true)
    assert stop in (3, 4)
    assert errors[stop - 1] < abs(series[stop - 1])
    assert errors[stop - 1] < errors[-1] / 3


# -- Pade

def test_pade_is_exact_on_a_rational_function():
    # (1 + 2x) / (1 - x/2 + x^2/4)
    series = [1.0]
    for k in range(1, 9):
        series.append((2.0 if k == 1 else 0.0) + 0.5 * series[k - 1] - (0.25 * series[k - 2] if k > 1 else 0.0))
    for top, bottom in ((1, 2), (3, 3), (4, 4), (2, 5)):  # larger degrees find that they are not needed
        found = pade(np.array(series), top, bottom)
        assert found is not None
        np.testing.assert_allclose(found.denominator, [1.0, -0.5, 0.25], rtol=1e-9)
        np.testing.assert_allclose(found.numerator, [1.0, 2.0], rtol=1e-9)
        assert found(3.0) == pytest.approx(7.0 / (1 - 1.5 + 2.25), rel=1e-9)
        np.testing.assert_allclose(np.sort_complex(found.poles), [1 - 3**0.5 * 1j, 1 + 3**0.5 * 1j], rtol=1e-9)


def test_pade_of_a_polynomial_and_of_a_defect():
    assert pade(np.array([1.0, 2.0, 3.0]), 2, 0)(2.0) == 17.0
    assert pade(np.array([1.0, 0.0, 1.0]), 1, 1) is None  # 1 + x^2 + ... is no [1/1]
    assert pade(np.zeros(3), 1, 1) is None
    with pytest.raises(ValueError, match="needs 4 coefficients"):
        pade(np.ones(3), 2, 1)


def test_degrees_are_near_the_diagonal_and_use_all_coefficients_first():
    assert degrees(7) == [(3, 3), (3, 2), (2, 3)]
    assert degrees(4) == [(2, 1), (1, 2), (1, 1)]
    assert degrees(1) == [(0, 0)]


@pytest.mark.parametrize("x", [0.3, 1.0, 2.0])
def test_pade_continues_ln_cosh_beyond_its_radius(x):
    terms, true = terms_at(x), -2 * math.log(2) - math.log(math.cosh(x))
    found = at_one(terms, NO_ROUNDING)
    assert (found.stride, found.name, found.rejected) == (2, "2/1", ())
    assert abs(found.value - true) < abs(terms.sum() - true)
    if x <= 1.0:
        assert found.value == pytest.approx(true, abs=2e-4)
    if x == 2.0:  # beyond pi/2 the sum is hopeless
        assert abs(terms.sum() - true) > 0.5
        assert found.value == pytest.approx(true, abs=0.2)


def test_a_constant_in_v_shifts_the_value_alone():
    terms = np.array([-3.0, -0.7, 0.3, -0.2, 0.1, 0.04, -0.05, 0.02])
    shifted = terms + np.append(1e3, np.zeros(7))
    assert at_one(shifted, NO_ROUNDING).value - at_one(terms, NO_ROUNDING).value == pytest.approx(1e3, rel=1e-12)


def test_spurious_poles_are_passed_over_and_named():
    # h = 1 / (1 - 2x) + smooth: a true pole at 1/2 that every approximant has
    terms = np.append(0.0, 2.0 ** np.arange(7) + 0.5 ** np.arange(7))
    found = at_one(terms, NO_ROUNDING)
    assert not found.found
    assert len(found.rejected) == 3
    assert "pole at lambda = 0.5" in found.rejected[0]
    kappas = [t * (-1.0) ** k * math.factorial(k + 1) for k, t in enumerate(terms.tolist())]
    outcome = summed(expansion(kappas), "pade", "uncontrolled", 4, {})
    assert (outcome.status, math.isnan(outcome.beta_f)) == ("not_converged", True)
    assert "sum=plain" in outcome.message
    assert outcome.stats["partial_sums"][-1] == pytest.approx(terms.sum())


def test_rules_in_the_method():
    m, beta = build_model("sk:n=9,seed=1"), np.array([0.9])
    found = {rule: run_method(m, beta, "cumulants:order=8,trial=free", seed=1, sum=rule)[0]
             for rule in ("plain", "smallest-term", "pade")}
    stats = found["plain"].stats
    assert found["plain"].beta_f == stats["partial_sums"][-1]
    assert found["smallest-term"].beta_f == stats["partial_sums"][stats["smallest_term"] - 1]
    assert found["pade"].beta_f == stats["pade"]
    assert stats["error_scale"] == pytest.approx(abs(stats["terms"][stats["smallest_term"] - 1]))
    assert {r.kind for r in found.values()} == {"uncontrolled"}


def test_pade_of_samples_has_a_jackknife_error():
    m, beta = build_model("ising:shape=3x3,field=0.3"), 0.25
    trial = ProductTrial(beta * m.fields)
    whole = at_one(*((e := by_enumeration(m, beta, trial, 6)).terms, e.rounding))
    z = []
    for seed in range(40):
        found = by_sampling(m, beta, trial, 6, 6400, seed)
        chosen = replace(at_one(found.terms, found.rounding), asked=(2, 2))
        z.append((float(found.values(continued_by(chosen))) - whole.value) / float(found.errors(continued_by(chosen))))
    assert whole.name == "2/2"
    assert abs(np.mean(z)) < 0.5
    assert 0.75 < np.std(z) < 1.3


# -- radius of convergence

def test_radius_of_two_coupled_spins_is_half_pi():
    for x in (1e-2, 0.7, 3.0):
        found = radius(terms_at(x), NO_ROUNDING, 2)
        assert found.by == "Pade"
        assert abs(found.value * x - math.pi / 2) < found.error * x < 0.02
    # a chain of them has the same one, however long
    assert radius(1000 * terms_at(1.0), NO_ROUNDING, 2000).value == pytest.approx(math.pi / 2, abs=0.01)


@pytest.mark.parametrize(("spec", "reach"), [
    ("ising:shape=4x4", 0.6), ("ising:shape=3x3", 0.6), ("ising:shape=2x2", 0.7),
    ("ising:shape=2x2x2,boundary=open", 0.9), ("ea:shape=4x4,seed=2", 0.9), ("curie-weiss:n=12", 2.2),
    ("triangular:shape=3x3", 0.4), ("triangular:shape=3x3,coupling=-1", 0.4)])
def test_radius_of_the_high_temperature_series_is_the_nearest_zero_of_z(spec, reach):
    m = build_model(spec)
    terms = by_enumeration(m, 1.0, ProductTrial(np.zeros(m.n_sites)), 8)
    true = nearest_zero(spec, reach)
    for order in (8, 6):
        found = radius(terms.terms[:order], terms.rounding[:order], m.n_sites)
        assert abs(found.value - true) < 1.5 * found.error
        assert found.error < 0.3 * true


def test_products_are_those_of_weierstrass():
    # exp(-sum of all terms) is <e^(-lambda V)>, whose coefficients are moments of V
    values, weights = np.array([0.3, -1.2, 2.0]), np.array([0.5, 0.2, 0.3])
    moments = np.array([weights @ values**k for k in range(9)])
    terms = to_terms(cumulants_of_moments(moments, 0.0))
    signs = [(-1.0) ** k / math.factorial(k) for k in range(9)]
    np.testing.assert_allclose(_product(terms), signs * moments, rtol=1e-12)


@pytest.mark.parametrize("angle", [0.0, 0.6, 1.5, 3.0])
def test_radius_of_one_pair_of_zeros(angle):
    z = 0.9 * np.exp(1j * angle)
    terms = np.array([2.0 * (z ** -float(k)).real / k for k in range(1, 9)]) + np.append([3.0, -0.8], np.zeros(6))
    found = radius(terms, NO_ROUNDING, 4)
    assert abs(found.value - 0.9) < 0.05
    assert abs(found.value - 0.9) < found.error


def test_radius_scales_with_beta_and_not_with_constants():
    m = build_model("sk:n=10,seed=1")
    one, two = (by_enumeration(m, b, ProductTrial(np.zeros(10)), 8) for b in (0.1, 1.0))
    a, b = radius(one.terms, one.rounding, 10), radius(two.terms, two.rounding, 10)
    assert a.value == pytest.approx(10 * b.value, rel=1e-4)
    shifted = two.terms + np.append(50.0, np.zeros(7))
    assert radius(shifted, two.rounding, 10) == b


def test_radius_where_nothing_can_be_said():
    assert math.isnan(radius(np.ones(3), np.zeros(3), 4).value)
    assert math.isnan(radius(np.array([1.0, np.inf, 1.0, 1.0]), np.zeros(4), 4).value)
    assert radius(np.array([1.0, 0.0, 0.0, 0.0]), np.zeros(4), 4).value == math.inf


# -- divergence in beta

def fake(beta: float, reach: float, error: float = 0.1, beta_f: float = -1.0, sigma: float = 0.0) -> FreeEnergy:
    return FreeEnergy(model="m", method="cumulants", kind="uncontrolled", beta=beta, n_sites=4, beta_f=beta_f,
                      beta_f_error=sigma, stats={"radius": reach, "radius_error": error, "vanishing": []})


def test_divergence_by_terms_interpolates_and_says_when_it_is_outside():
    found = by_terms([fake(b, 0.8 / b) for b in (0.0, 0.5, 0.7, 0.9, 1.1)[1:]], homogeneous=False)
    assert found.beta == pytest.approx(0.8, rel=1e-12)
    assert found.bracket == (0.7, 0.9)
    assert found.error == pytest.approx(0.8 * 0.1 / (0.8 / 0.9), rel=1e-9)
    above = by_terms([fake(b, 3.0) for b in (0.5, 0.7)], homogeneous=False)
    assert (math.isnan(above.beta), above.bracket) == (True, (0.7, math.inf))
    below = by_terms([fake(b, 0.5) for b in (0.5, 0.7)], homogeneous=False)
    assert below.bracket == (0.0, 0.5)
    far = by_terms([fake(b, 0.8 / b) for b in (0.1, 0.2)], homogeneous=True)
    assert (far.beta, far.bracket) == (pytest.approx(0.8), (0.2, math.inf))
    assert by_terms([fake(0.0, math.nan)], homogeneous=True).bracket is None


def test_growth_needs_four_orders_and_resolved_errors():
    truth = fake(0.5, 1.0, beta_f=-1.0)
    falling = -1.0 + np.array([1.0, 0.5, 0.25, -0.125])
    assert growth(falling, [], truth) == pytest.approx(math.log(0.25))
    assert growth(falling[::-1], [], truth) == pytest.approx(math.log(4.0))
    assert math.isnan(growth(falling, [3], truth))
    assert math.isnan(growth(falling, [], fake(0.5, 1.0, beta_f=-1.0, sigma=0.2)))
    assert math.isnan(growth(-1.0 + 1e-14 * falling, [], truth))


def test_divergence_by_reference_brackets_where_errors_begin_to_grow():
    betas = (0.5, 0.8, 1.1, 1.4)
    sums = np.array([[-1.0 + b**k for k in range(1, 9)] for b in betas])
    truth = [fake(b, 1.0) for b in betas]
    found = by_reference(truth, truth, sums)
    assert found.beta == pytest.approx(1.0, abs=1e-9)  # errors b^k: a ratio of them is 1 there
    assert found.bracket == (0.8, 1.1)


@pytest.mark.parametrize(("spec", "reach", "grid"), [
    ("ising:shape=4x4", 0.6, "0.1:0.6:11"), ("triangular:shape=3x3", 0.4, "0.05:0.4:8")])
def test_measured_divergence_agrees_with_the_zeros(spec, reach, grid):
    found = statfe.cumulant_expansion(spec, grid, trial="free", seed=1)
    true = nearest_zero(spec, reach)
    place = found.divergence_by_terms
    assert abs(place.beta - true) < place.error
    assert place.bracket is not None
    assert place.bracket[0] < place.beta < place.bracket[1]
    # At order 8 errors stop falling a little later: terms of a logarithm fall as 1/k beside beta^k.
    assert true < found.divergence_by_reference.beta < 1.35 * true
    below, above = (found.betas < 0.8 * true), (found.betas > 1.4 * true)
    errors = np.abs(found.errors)
    assert np.all(errors[below, 7] < errors[below, 3])
    assert np.all(errors[above, 7] > errors[above, 3])


def test_mean_field_is_measured_in_lambda_at_every_beta():
    # Around mean field Curie-Weiss converges at high temperature; at low temperature its own side alone does.
    found = statfe.cumulant_expansion("curie-weiss:n=10", "0.3:3:10", seed=1)
    reach = found.radii[0]
    assert reach[0] > 3
    assert np.isfinite(reach[~found.one_sided]).all()
    own = [r.stats.get("own_side_radius", math.nan) for r in found.results]
    assert own[-1] > own[3]
    assert found.onsager_gap is not None
    assert found.onsager_gap < 1e-12


@pytest.mark.parametrize("spec", [
    "sk:n=10,seed=3", "ising:shape=3x3,field=0.3", "ea:shape=3x3,couplings=gaussian,seed=4"])
def test_order_two_at_mean_field_is_the_onsager_term(spec):
    """F_MF - (beta/2) sum J^2 (1 - m^2)(1 - m^2) at the means of mean field, which the method mean-field gives."""
    m, beta = build_model(spec), 1.2
    (mean_field,) = run_method(m, np.array([beta]), "mean-field", seed=1, tolerance=1e-14)
    (second,) = run_method(m, np.array([beta]), "cumulants", seed=1, tolerance=1e-14)
    assert mean_field.moments is not None
    means = mean_field.moments().magnetizations
    i, j, J = m.pairs
    onsager = -0.5 * beta**2 * np.sum(J**2 * (1 - means[i] ** 2) * (1 - means[j] ** 2))
    assert second.beta_f == pytest.approx(mean_field.beta_f + onsager, rel=1e-12)
    assert second.stats["onsager_term"] == pytest.approx(onsager, rel=1e-12)


# -- the function and the command

def test_the_table_is_that_of_the_method_and_the_reference():
    m = build_model("sk:n=8,seed=2")
    found = statfe.cumulant_expansion(m, [0.8, 0.2, 0.2], trial="free", order=5, reference="enumeration", seed=4)
    np.testing.assert_array_equal(found.betas, [0.2, 0.8])
    for k, beta in enumerate(found.betas):
        one = run_method(m, np.array([beta]), "cumulants:trial=free,order=5", seed=4)[0]
        assert found.partial_sums[k, -1] == one.beta_f
        assert found.errors[k, -1] == pytest.approx(one.beta_f - naive.beta_f(m, beta), abs=1e-12)
    assert found.reference[0].method == "enumeration"
    assert found.partial_sums.shape == found.errors.shape == (2, 5)


def test_the_models_constant_is_in_every_order():
    plain = build_model("rbm:visible=3,hidden=3,seed=2")
    assert plain.offset != 0.0
    found = statfe.cumulant_expansion(plain, "0,0.1", trial="free", seed=1)
    assert found.partial_sums[1, -1] == pytest.approx(naive.beta_f(plain, 0.1), rel=1e-6)
    assert found.pade[1] == pytest.approx(naive.beta_f(plain, 0.1), rel=1e-6)


def test_failures_leave_gaps_and_their_reasons():
    found = statfe.cumulant_expansion("ea:shape=5x5,seed=1", "0.3,0.6", trial="free", evaluation="enumeration", seed=1)
    assert np.all(np.isnan(found.partial_sums))
    assert "too many to enumerate" in found.failures[0]
    json.dumps(found.to_dict(), allow_nan=False)
    with pytest.raises(UsageError, match="negate"):
        statfe.cumulant_expansion("ising:shape=2x2", [-0.1, 0.3])


def test_the_command_prints_the_table_and_where_it_diverges(here, call):
    words = ("cumulants", "ising:shape=4x4", "--beta", "0.1:0.6:6", "--seed", "1")
    code, out, err = call(*words, "--trial", "free")
    assert (code, err) == (0, "")
    assert "diverges by its terms  beta = 0.41" in out
    assert "between 0.4 and 0.5 of the grid" in out
    assert "Onsager" not in out
    code, out, _ = call(*words)
    assert code == 0
    assert "order 2 is the Onsager term" in out
    code, out, err = call(*words, "--trial", "free", "--order", "6", "--json")
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert [row["beta"] for row in found["rows"]] == pytest.approx(np.linspace(0.1, 0.6, 6).tolist())
    assert len(found["rows"][0]["partial_sums"]) == 6
    assert found["divergence_by_terms"]["bracket"] == pytest.approx([0.4, 0.5])
    assert list(here.iterdir()) == []


def test_the_command_draws_and_does_not_overwrite(here, call):
    words = ("cumulants", "ising:shape=3x3", "--beta", "0.1:0.6:4", "--trial", "free", "-o", "c.svg")
    code, out, _ = call(*words)
    assert code == 0
    assert "wrote c.svg" in out
    text = (here / "c.svg").read_text(encoding="utf-8")
    assert text.startswith("<?xml")
    assert call(*words)[0] == 2
    assert call(*words, "--force")[0] == 0


@pytest.mark.parametrize(("words", "said"), [
    (("--trial", "mean-feild"), "mean-field"), (("--order", "9"), "8"), (("--evaluation", "enumerate"), "enumeration"),
    (("--reference", "exakt"), "exact"), (("--beta=-1",), "negate")])
def test_bad_input_is_one_line_and_code_2(words, said, here, call):
    code, out, err = call("cumulants", "ising:shape=3x3", "--beta", "0.3", *words)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert list(here.iterdir()) == []
    assert said in err


def test_a_sum_that_is_not_vouched_for_is_code_3(call):
    code, _, err = call("cumulants", "sk:n=40,seed=1", "--beta", "0.8", "--trial", "free", "--samples", "6400",
                        "--reference", "tap", "--seed", "1", "--json")
    assert code == 3
    assert "rare samples" in err
