"""The certified bracket: which bounds count, what is outside, and what that does to a reference."""

from __future__ import annotations

import dataclasses
import json
import math

import h5py
import numpy as np
import pytest
from statfe_cli.output import bracket_table

import statfe
from statfe.errors import NotApplicableError, UsageError
from statfe.registry import run_method
from statfe.result import Kind
from statfe.scoring.bracket import bounding_methods, brackets, held_in
from statfe.scoring.contest import Contest, compare_model, compare_run
from tests.comparisons_for_tests import free_energy

METHODS = ["mean-field", "gibbs-bogoliubov"]


def bound(value: float, kind: Kind, method: str, error: float = 0.0, **more):
    return free_energy(value, error, kind=kind, method=method, **more)


LOW, LOWER = bound(-80.0, "lower_bound", "low"), bound(-90.0, "lower_bound", "lower")
HIGH, HIGHER = bound(-60.0, "upper_bound", "high"), bound(-50.0, "upper_bound", "higher")


def test_the_highest_lower_and_the_lowest_upper_bound():
    (found,) = brackets([LOWER, HIGHER, LOW, HIGH, free_energy(-70.0, method="neither"),
                         free_energy(-65.0, 0.1, kind="estimate", method="sampled")])
    assert (found.lower, found.lower_method, found.upper, found.upper_method) == (-80.0, "low", -60.0, "high")
    assert (found.width, found.crossed) == (20.0, False)


def test_a_side_may_be_missing():
    (found,) = brackets([HIGH])
    assert math.isinf(found.lower)
    assert found.lower_method == ""
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["lower"] is None
    (nothing,) = brackets([free_energy(-70.0)])
    assert (nothing.lower_method, nothing.upper_method) == ("", "")


def test_bounds_that_have_not_converged_do_not_count():
    failed = [bound(-75.0, "lower_bound", "a", status="not_converged"), bound(math.nan, "upper_bound", "b")]
    (found,) = brackets([LOW, HIGH, *failed])
    assert (found.lower_method, found.upper_method) == ("low", "high")


def test_a_bound_that_holds_at_any_step_counts_and_is_said():
    """Tree-reweighted messages that have not settled: the bound is only looser."""
    model = statfe.model("ea:shape=6x6,couplings=gaussian,seed=2,field=0.1")
    results = run_method(model, np.array([3.0]), "trw:iterations=2,updates=0")
    assert results[0].status == "not_converged"
    (found,) = brackets(results)
    assert (found.lower, found.lower_method, found.lower_loose) == (results[0].beta_f, results[0].method, True)
    (exact,) = run_method(model, np.array([3.0]), "exact")
    assert found.lower <= exact.beta_f
    assert "(not converged)" in bracket_table([found])
    # what has no certificate does not count, nor does one without a number
    plain = bound(-75.0, "lower_bound", "a", status="not_converged", message="raise iterations")
    held = dataclasses.replace(plain, stats={"bound_holds": True})
    (found,) = brackets([LOW, plain])
    assert (found.lower, found.lower_loose) == (-80.0, False)
    assert brackets([LOW, held])[0].lower == -75.0
    assert brackets([LOW, dataclasses.replace(held, beta_f=math.nan)])[0].lower == -80.0


def test_an_exact_result_is_both_bounds():
    (found,) = brackets([LOW, HIGH, free_energy(-70.0, kind="exact", method="bethe")])
    assert (found.lower_method, found.upper_method, found.width) == ("bethe", "bethe", 0.0)


def test_sampled_bounds_count_three_errors_further_out():
    close = bound(-61.0, "upper_bound", "noisy", 0.2)
    (found,) = brackets([LOW, HIGH, close])
    assert (found.upper_method, found.upper_error) == ("noisy", 0.2)
    assert found.upper == pytest.approx(-60.4)
    (found,) = brackets([LOW, HIGH, bound(-60.5, "upper_bound", "noisy", 0.2)])
    assert (found.upper_method, found.upper_error) == ("high", 0.0)
    (found,) = brackets([LOW, bound(-79.0, "lower_bound", "noisy", 0.1)])
    assert found.lower == pytest.approx(-79.3)


def test_one_bracket_a_beta():
    found = brackets([dataclasses.replace(LOW, beta=0.9), HIGH, LOW])
    assert [(b.beta, b.lower_method, b.upper_method) for b in found] == [(0.5, "low", "high"), (0.9, "low", "")]


def test_outside_is_beyond_three_errors_and_rounding():
    (found,) = brackets([LOW, HIGH])
    assert found.outside(free_energy(-70.0, 0.1, kind="estimate")) == 0.0
    assert found.outside(free_energy(-59.7, 0.1, kind="estimate")) == 0.0
    assert found.outside(free_energy(-59.6, 0.1, kind="estimate")) == pytest.approx(0.4)
    assert found.outside(free_energy(-81.0, 0.1, kind="estimate")) == pytest.approx(1.0)
    assert found.outside(free_energy(-60.0 + 1e-9, kind="exact")) == 0.0
    assert found.outside(free_energy(-60.0 + 1e-7, kind="exact")) > 0.0
    assert found.outside(free_energy(math.nan)) == 0.0


def test_bounds_that_contradict_each_other_refute_nobody():
    (found,) = brackets([bound(-60.0, "lower_bound", "a"), bound(-70.0, "upper_bound", "b")])
    assert found.crossed
    assert found.outside(free_energy(-10.0, kind="estimate")) == 0.0
    (touching,) = brackets([bound(-60.0 + 1e-9, "lower_bound", "a"), HIGH])
    assert not touching.crossed


def test_a_sampled_reference_outside_has_not_converged():
    sampled = free_energy(-58.0, 0.1, kind="estimate", method="mbar")
    inside, outside = held_in(brackets([LOW, HIGH]), [free_energy(-70.0, 0.1, kind="estimate"), sampled])
    assert inside.status == "converged"
    assert (outside.status, outside.beta_f) == ("not_converged", -58.0)
    for words in ("2 nats above the certified bound -60 of high", "wrong, whatever its own checks say", "longer"):
        assert words in outside.message
    (below,) = held_in(brackets([LOW, HIGH]), [dataclasses.replace(sampled, beta_f=-81.0)])
    assert "1 nats below the certified bound -80 of low" in below.message
    # An exact reference is not the one to doubt first.
    assert held_in(brackets([HIGH]), [free_energy(-58.0, kind="exact")])[0].status == "converged"
    assert held_in([], [sampled]) == [sampled]


# ---- on models ----

@pytest.mark.parametrize("spec", ["sk:n=10,seed=1", "ea:shape=3x4,seed=2,field=0.3", "ising:shape=4x4,coupling=-1"])
def test_the_truth_lies_between(spec):
    grid = [0.0, 0.3, 1.0, 3.0]
    exact = statfe.free_energy(spec, grid, "exact")
    found = statfe.bracket(spec, grid, METHODS, seed=1)
    assert [b.beta for b in found.brackets] == grid
    for b, e in zip(found.brackets, exact, strict=True):
        assert b.upper >= e.beta_f - 1e-10
        assert b.outside(e) == 0.0
    assert all(r.moments is None for r in found.results)


def test_a_tree_is_certified_to_a_point():
    found = statfe.bracket("ising:shape=10,boundary=open", 0.7, ["bethe"], seed=1)
    assert found.complete
    assert abs(found.brackets[0].width) < 1e-11


def test_by_default_every_approximation_that_can_bound_is_run():
    specs = bounding_methods()
    assert {spec.split(":")[0] for spec in specs} >= {"mean-field", "gibbs-bogoliubov"}
    assert not {spec.split(":")[0] for spec in specs} & {"tap", "ais", "laplace"}


def test_what_a_bracket_refuses():
    with pytest.raises(UsageError, match="did you mean 'mean-field'"):
        statfe.bracket("sk:n=6,seed=1", 0.5, "mean-feild")
    with pytest.raises(UsageError, match="tap: gives no bound; those that can: "):
        statfe.bracket("sk:n=6,seed=1", 0.5, ["tap"])
    with pytest.raises(UsageError, match="mean-field needs beta >= 0"):
        statfe.bracket("sk:n=6,seed=1", -0.5, ["mean-field"])
    with pytest.raises(NotApplicableError):
        statfe.bracket("sk:n=50,seed=1", 0.5, ["enumeration"])


def test_the_command_prints_both_sides(call):
    code, out, err = call("bracket", "ising:shape=6,boundary=open", "--beta", "0.2,0.9", "--method", "bethe")
    assert (code, err) == (0, "")
    assert "6 spins, seed" in out
    assert out.count("bethe") == 4
    words = ("bracket", "sk:n=8,seed=1", "--beta", "0.4", "--method", "mean-field", "--seed", "1", "--json")
    code, out, err = call(*words)
    assert (code, err) == (3, "")  # there is no lower bound
    (row,) = json.loads(out)
    assert list(row) == ["model", "beta", "n_sites", "lower", "lower_method", "lower_error", "lower_loose",
                         "upper", "upper_method", "upper_error", "upper_loose", "width", "width_per_site",
                         "crossed", "results"]
    assert row["lower"] is None
    assert row["upper"] == row["results"][0]["beta_f"]


# ---- in a comparison ----

def wrong_run(tmp_path, shift: float):
    statfe.simulate("ising:shape=3x3", [0.1, 0.3], tmp_path / "run.h5", sweeps=400, seed=1)
    with h5py.File(tmp_path / "run.h5", "r+") as file:
        file["reference/beta_f"][:, 1] += shift
    return statfe.load(tmp_path / "run.h5")


def test_a_reference_outside_the_bracket_never_counts_as_converged(tmp_path):
    with pytest.warns(UserWarning, match=r"outside the certified bracket at beta=0\.3: it is wrong") as said:
        found = compare_run(wrong_run(tmp_path, 50.0), None, Contest(["mean-field", "tap"], seed=1))
    assert len(said) == 1
    good, bad = found.reference
    assert (good.status, bad.status) == ("converged", "not_converged")
    assert "wrong, whatever" in bad.message
    assert all(r.status == "not_converged" for r in found.secondary if r.beta == 0.3)
    rows = {(s.result.method, s.result.beta): s for s in found.scores}
    violated = rows["mean-field", 0.3]
    assert (violated.verdict, violated.bound_violated) == ("reference not converged", True)
    assert math.isnan(violated.error)
    assert rows["tap", 0.3].verdict == "reference not converged"
    assert rows["mean-field", 0.1].judged
    assert found.brackets[1].outside(bad) > 40.0


def test_an_exact_reference_and_a_bound_that_differ_are_said(monkeypatch):
    from statfe.scoring import contest

    real = contest._run

    def low(model, grid, spec, own):
        found = real(model, grid, spec, own)
        return [dataclasses.replace(r, beta_f=r.beta_f - 9.0) for r in found] if spec == "mean-field" else found

    monkeypatch.setattr(contest, "_run", low)
    with pytest.warns(UserWarning, match=r"rigorous bound is violated at beta=0\.3: the reference or the method"):
        found = compare_model(statfe.model("ising:shape=3x3"), np.array([0.3]), Contest(["mean-field"], seed=1))
    assert found.reference[0].status == "converged"
    assert found.scores[0].verdict.startswith("bound violated")


def test_the_bracket_is_in_every_output(here, call):
    code, out, _ = call("compare", "ising:shape=5,boundary=open", "--beta", "0.2,0.9", "--methods", "mean-field",
                        "bethe", "--seed", "1", "-o", "out")
    assert code == 0
    assert "certified bracket: the true beta_f lies between these bounds" in out
    assert out.count("inside") == 2
    page = (here / "out/report.html").read_text(encoding="utf-8")
    assert "Certified bracket" in page
    assert ">inside<" in page
    content = json.loads((here / "out/scores.json").read_text(encoding="utf-8"))
    (bracket,) = (c["brackets"] for c in content["comparisons"])
    assert [b["lower_method"] for b in bracket] == ["bethe", "bethe"]
    with h5py.File("out/scores.h5") as file:
        np.testing.assert_allclose(file["scores/lower"][()], [b["lower"] for b in bracket], rtol=1e-15)
        assert file["scores/upper_method"].asstr()[()].tolist() == ["bethe", "bethe"]
