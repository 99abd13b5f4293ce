"""The trust map of a study: who is within the tolerance where, whose bounds hold, whose error is extensive."""

from __future__ import annotations

import csv
import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import pytest

import statfe
from statfe.errors import Interrupted
from statfe.report import compare as comparing
from statfe.report import write as writing
from statfe.report import write_report
from statfe.report.rows import trust_bytes
from statfe.scoring import growth
from statfe.scoring.comparison import Comparison
from statfe.scoring.growth import growth_of
from statfe.scoring.scores import score_methods
from statfe.scoring.scores_file import comparisons_in, scores_image
from statfe.scoring.trust import trust_of
from tests.comparisons_for_tests import free_energy

TEMPLATE = "ea:shape={L}x{L},seed={seed}"


def one(size: int, seed: int, errors: dict[str, list[float]], *, noise: float = 0.0, template: str = TEMPLATE,
        **kinds: str) -> Comparison:
    """A model of `size` sites whose methods have these errors a site at beta = 0.5, 1.0, ...; NaN is a failure."""
    model, n_betas = f"ea:shape={size}x1,seed={seed}", len(next(iter(errors.values())))
    betas = [0.5 * (k + 1) for k in range(n_betas)]
    reference = [free_energy(-size, noise * size, kind="estimate" if noise else "exact", method="exact", beta=b,
                             n_sites=size, model=model) for b in betas]
    results = [free_energy(-size + e * size, kind=kinds.get(m, "uncontrolled"), method=m, beta=b, n_sites=size,
                           model=model) for m, row in errors.items() for b, e in zip(betas, row, strict=True)]
    return Comparison(
        model=model, betas=betas, reference=reference, scores=score_methods(reference, results), seed=1,
        template=template, group=f"ea:shape={size}x1,seed=*", tolerance=1e-2)


def cell_of(trust, method: str, size: int, beta: float = 0.5):
    return next(c for c in trust.cells if (c.method, c.n_sites, c.beta) == (method, size, beta))


def test_one_model_is_no_study():
    assert trust_of([one(16, 1, {"a": [0.1]})]) is None


def test_averages_over_disorder_carry_errors():
    trust = trust_of([one(16, k, {"a": [e]}) for k, e in enumerate([0.1, -0.2, 0.3], start=1)])
    (c,) = trust.cells
    assert (c.realisations, c.judged, c.failed) == (3, 3, 0)
    assert c.median_error == pytest.approx(0.2)
    assert c.mean_error == pytest.approx(0.2 / 3)
    assert c.mean_error_error == pytest.approx(np.std([0.1, -0.2, 0.3], ddof=1) / math.sqrt(3))
    assert c.size == pytest.approx(0.2)
    assert c.size_error == pytest.approx(0.1 / math.sqrt(3))
    assert (c.within, c.noise) == (0.0, 0.0)


def test_a_failure_is_infinitely_far_off_in_medians_alone():
    trust = trust_of([one(16, k, {"a": [e]}) for k, e in enumerate([0.001, math.nan, math.nan, 0.002, 0.001])])
    (c,) = trust.cells
    assert (c.judged, c.failed, c.within) == (3, 2, pytest.approx(0.6))
    assert c.median_error == pytest.approx(0.002)
    assert c.mean_error == pytest.approx(0.004 / 3)
    trust = trust_of([one(16, k, {"a": [math.nan]}) for k in range(2)])
    assert math.isinf(trust.cells[0].median_error)
    assert math.isnan(trust.cells[0].mean_error)
    assert math.isinf(trust.summary[0].worst_error)
    assert trust.best[0].methods == ()


def test_half_of_them_failing_is_infinitely_far_off():
    trust = trust_of([one(16, k, {"a": [e]}) for k, e in enumerate([0.001, math.nan])])
    assert math.isinf(trust.cells[0].median_error)


def test_templates_with_one_group_have_their_own_best():
    """Two templates may give the same models; each has its own best method."""
    def of(template: str, seed: int, a: float) -> Comparison:
        return dataclasses.replace(one(16, seed, {"a": [a], "b": [0.01]}), template=template, group="same")

    trust = trust_of([*(of("first", k, 0.001) for k in range(2)), *(of("second", k, 0.1) for k in range(2))])
    rows = csv.DictReader(trust_bytes(trust).decode().splitlines())
    assert {(r["template"], r["method"]) for r in rows if r["best"] == "true"} == {("first", "a"), ("second", "b")}


def test_the_best_and_those_that_noise_cannot_tell_apart():
    errors = {"a": [0.02], "b": [-0.01], "c": [0.5]}
    assert trust_of([one(16, k, errors) for k in range(2)]).best[0].methods == ("b",)
    noisy = trust_of([one(16, k, errors, noise=0.03) for k in range(2)])
    assert noisy.best[0].methods == ("a", "b")
    assert noisy.best[0].error == pytest.approx(0.01)


def test_noise_of_its_own_makes_no_method_the_best():
    def with_noise(seed: int) -> Comparison:
        c = one(16, seed, {"near": [1e-6], "noisy": [0.02]})
        noisy = [dataclasses.replace(s.result, beta_f_error=0.5) for s in c.scores if s.result.method == "noisy"]
        near = [s.result for s in c.scores if s.result.method == "near"]
        return dataclasses.replace(c, scores=score_methods(c.reference, [*near, *noisy]))

    trust = trust_of([with_noise(k) for k in range(2)])
    cell = cell_of(trust, "noisy", 16)
    assert cell.noise > cell.median_error > cell.reference_noise == 0.0
    assert trust.best[0].methods == ("near",)


def test_summary_of_a_method():
    errors = {"good": [1e-3, 1e-3, 5e-3], "then-bad": [1e-3, 0.5, 1e-3], "bad": [0.1, 0.1, 0.1]}
    trust = trust_of([one(n, k, errors, good="upper_bound") for n in (16, 64) for k in range(2)])
    assert [t.method for t in trust.summary] == ["good", "then-bad", "bad"]
    good, then_bad, bad = trust.summary
    assert (good.cells, good.within, good.trusted_to, good.bounds, good.violated) == (6, 6, 1.5, 12, 0)
    assert (then_bad.within, then_bad.trusted_to) == (4, 0.5)
    assert then_bad.worst_error == pytest.approx(0.5)
    assert math.isnan(bad.trusted_to)
    assert bad.seconds == pytest.approx(0.0125)
    assert good.best == 4  # at beta = 0.5 it shares the place
    assert then_bad.best == 4


def test_violated_bounds_are_counted():
    trust = trust_of([one(16, k, {"a": [-0.1]}, a="upper_bound") for k in range(3)])
    assert (trust.cells[0].bounds, trust.cells[0].violated, trust.summary[0].violated) == (3, 3, 3)


# ---- growth with size ----

def law(exponent: float, scatter: float = 0.02, realisations: int = 10, sizes=(16, 64, 256), noise: float = 0.0):
    rng = np.random.default_rng(1)
    points = []
    for n in sizes:
        values = 0.1 * n**exponent * (1.0 + scatter * rng.normal(size=realisations))
        error = values.std(ddof=1) / math.sqrt(realisations) if realisations > 1 else 0.0
        points.append((n, float(values.mean()), float(error), noise, realisations))
    return growth_of("t", "m", 0.5, points)


@pytest.mark.parametrize(("exponent", "verdict"), [
    (0.0, "extensive"), (-1.0, "vanishing"), (-0.5, "vanishing"), (0.5, "growing"), (0.05, "extensive")])
def test_power_laws_are_recognised(exponent, verdict):
    found = law(exponent)
    assert found.verdict == verdict
    assert abs(found.exponent - exponent) < 4.0 * found.error
    assert 0.0 < found.error < 0.05
    assert found.sizes == 3


@pytest.mark.parametrize(("exponent", "error", "verdict"), [
    (-0.92, 0.38, "undecided"), (-0.07, 0.16, "extensive"), (-1.2, 0.38, "vanishing"), (0.45, 0.2, "undecided"),
    (0.0, 0.3, "undecided"), (0.09, 0.001, "extensive"), (0.11, 0.001, "growing")])
def test_a_vague_exponent_is_called_nothing(exponent, error, verdict):
    assert growth._verdict(exponent, error) == verdict


def test_without_disorder_the_sizes_themselves_say_how_sure_it_is():
    assert law(-1.0, 0.0, 1).verdict == "vanishing"
    assert law(0.0, 0.0, 1).verdict == "extensive"
    two = law(-1.0, 0.0, 1, sizes=(16, 64))
    assert (two.verdict, two.sizes) == ("undecided", 2)
    assert two.exponent == pytest.approx(-1.0)
    assert math.isnan(two.error)
    bent = growth_of("t", "m", 0.5, [(16, 0.1, 0.0, 0.0, 1), (64, 0.001, 0.0, 0.0, 1), (256, 0.1, 0.0, 0.0, 1)])
    assert bent.verdict == "undecided"


def test_what_cannot_be_told_from_noise_is_not_fitted():
    assert law(0.0, noise=0.5).verdict == "undecided"
    assert law(0.0, noise=0.01).verdict == "extensive"
    assert law(0.0, scatter=1.0, realisations=2).verdict == "undecided"
    assert growth_of("t", "m", 0.5, [(16, 0.0, 0.0, 0.0, 1), (64, 0.0, 0.0, 0.0, 1)]).verdict == "exact"
    assert growth_of("t", "m", 0.5, []).verdict == "undecided"


def test_growth_of_a_study_and_none_without_a_template():
    errors = {16: 0.1, 64: 0.1 / 4, 256: 0.1 / 16}
    study = [one(n, k, {"a": [e * (1.0 + 0.01 * k)]}) for n, e in errors.items() for k in range(3)]
    (found,) = trust_of(study).growth
    assert found.exponent == pytest.approx(-1.0, abs=0.01)
    assert trust_of(study).summary[0].growth == {"vanishing": 1}
    plain = [dataclasses.replace(c, template="", group="") for c in study]
    assert trust_of(plain).growth == []


@pytest.mark.parametrize("trial", ["mean-field"])
def test_mean_field_is_exact_a_site_for_curie_weiss_and_not_for_a_lattice(tmp_path, trial):
    """Curie-Weiss: the error of F grows as ln N at most. The square lattice: it grows as N."""
    path = tmp_path / "s.toml"
    path.write_text('models = ["curie-weiss:n={N}", "ising:shape={L}x{L}"]\nsizes = {N = [64, 128, 256, 512], '
                    'L = [6, 8, 10, 12]}\n' + f'beta = 0.3\nmethods = "{trial}"\nmoments = false\n', encoding="utf-8")
    trust = statfe.compare(path, seed=1).trust
    verdicts = {g.template: g.verdict for g in trust.growth}
    assert verdicts == {"curie-weiss:n={N}": "vanishing", "ising:shape={L}x{L}": "extensive"}


# ---- files ----

def study() -> list[Comparison]:
    return [one(n, k, {"a": [0.1, math.nan], "b": [0.0, 1e-3]}, b="upper_bound") for n in (16, 64) for k in (1, 2)]


def test_the_map_is_made_again_from_the_scores():
    again = comparisons_in(scores_image(study()))
    assert trust_of(again).to_dict() == trust_of(study()).to_dict()
    assert [(c.template, c.group, c.tolerance) for c in again] == [
        (c.template, c.group, c.tolerance) for c in study()]


def test_the_table_has_a_row_a_cell():
    trust = trust_of(study())
    rows = list(csv.DictReader(trust_bytes(trust).decode().splitlines()))
    assert len(rows) == len(trust.cells) == 8
    for row, cell in zip(rows, trust.cells, strict=True):
        assert (row["method"], float(row["beta"]), int(row["n_sites"])) == (cell.method, cell.beta, cell.n_sites)
        assert row["best"] == ("true" if cell.method == "b" else "false")
        assert row["median_error"] == ("" if math.isnan(cell.median_error) else str(cell.median_error))
    assert {r["growth"] for r in rows if (r["method"], r["beta"]) == ("b", "0.5")} == {"exact"}
    assert {r["median_error"] for r in rows if (r["method"], r["beta"]) == ("a", "1.0")} == {"inf"}


def test_the_report_of_a_study(tmp_path, monkeypatch):
    monkeypatch.setattr(writing, "MOST_DRAWN", 1)
    files = write_report(study(), tmp_path / "out")
    assert {"trust.csv", "trust-map.svg", "error-against-size.svg", "pareto.svg"} <= set(files)
    content = json.loads(files["scores.json"].read_text(encoding="utf-8"))
    assert content["trust"]["tolerance"] == 1e-2
    assert len(content["trust"]["cells"]) == 8
    page = files["report.html"].read_text(encoding="utf-8")
    for words in ("Which method to trust where", "within tolerance", "hold <b>8</b>", "exact <b>1</b>",
                  'href="trust.csv"', 'href="#trust"'):
        assert words in page, words


def test_a_large_study_keeps_to_its_rankings(tmp_path):
    many = [one(16, k, {"a": [0.1], "b": [0.2]}) for k in range(20)]
    files = write_report(many, tmp_path / "out")
    assert sorted(n for n in files if n.endswith(".svg")) == ["pareto.svg", "trust-map.svg"]
    page = files["report.html"].read_text(encoding="utf-8")
    assert page.count("All scores stand in scores.csv.") == 20
    assert len(page) < 400_000


# ---- runs ----

STUDY = ('models = "sk:n={N},seed={seed}"\nsizes = {N = [4, 6]}\ndisorder = 2\nbeta = [0.3, 0.6]\n'
         'methods = ["mean-field", "tap"]\ntolerance = 0.05\n')


def test_a_study_of_sizes_and_disorder(here, call, monkeypatch):
    monkeypatch.setattr(writing, "MOST_DRAWN", 1)
    Path("s.toml").write_text(STUDY, encoding="utf-8")
    code, out, err = call("compare", "s.toml", "--seed", "1", "-o", "out")
    assert (code, err) == (0, "")
    assert "trust map: error of beta_f in nats a site, tolerance 0.05" in out
    assert "sk:n={N},seed={seed}" in out
    assert "out/trust.csv" in out
    rows = json.loads(Path("out/scores.json").read_text(encoding="utf-8"))["rows"]
    assert [r["model"] for r in rows[::4]] == [f"sk:n={n},seed={s}" for n in (4, 6) for s in (1, 2)]
    code, out, _ = call("report", "out/scores.h5", "-o", "again")
    assert code == 0
    for name in ("trust.csv", "report.html", "trust-map.svg"):
        assert Path("again", name).read_bytes() == Path("out", name).read_bytes()


def test_a_method_that_cannot_take_one_size_is_left_out_there(here):
    Path("s.toml").write_text(STUDY.replace("[4, 6]", "[4, 50]").replace('"tap"', '"enumeration"'), encoding="utf-8")
    found = statfe.compare("s.toml", seed=1, reference="mean-field")
    assert [len(c.skipped) for c in found.comparisons] == [0, 0, 1, 1]
    assert found.comparisons[2].skipped[0][0] == "enumeration"


def test_progress_goes_over_the_whole_study(here):
    Path("s.toml").write_text(STUDY, encoding="utf-8")
    told: list[tuple[str, float]] = []
    statfe.compare("s.toml", seed=1, progress=lambda label, share: told.append((label, share)))
    assert told[0][0].startswith("model 1 of 4, ")
    assert told[-1][0].startswith("model 4 of 4, ")
    assert all(0.0 <= share <= 1.0 for _, share in told)
    for label, share in told:
        number = int(label.split()[1])
        assert (number - 1) / 4 <= share <= number / 4
    assert {label.split(", ")[1] for label, _ in told} >= {"mean-field", "tap", "correlations"}
    assert [share for _, share in told] == sorted(share for _, share in told)


@pytest.mark.parametrize(("after", "files"), [(0, 0), (2, 1)])
def test_an_interrupted_study_reports_the_models_that_were_done(here, call, monkeypatch, after, files):
    Path("s.toml").write_text(STUDY, encoding="utf-8")
    real, seen = comparing.compare_model, []

    def stop(*arguments):
        if len(seen) == after:
            raise KeyboardInterrupt
        seen.append(1)
        return real(*arguments)

    monkeypatch.setattr(writing, "MOST_DRAWN", 1)
    monkeypatch.setattr(comparing, "compare_model", stop)
    code, out, err = call("compare", "s.toml", "--seed", "1", "-o", "out")
    assert (code, out) == (130, "")
    assert f"stopped after {after} of 4 models" in err
    assert len([p for p in here.iterdir() if p.name == "out"]) == files
    if files:
        assert "out holds the report of those" in err
        assert len(statfe.load("out/scores.h5")) == after
    else:
        assert "nothing was written" in err
    monkeypatch.setattr(comparing, "compare_model", stop)
    with pytest.raises(Interrupted):
        statfe.compare("s.toml", seed=1)


def test_the_table_of_a_study_is_never_replaced_unasked(here, call):
    Path("s.toml").write_text(STUDY, encoding="utf-8")
    Path("out").mkdir()
    Path("out/trust.csv").write_text("mine", encoding="utf-8")
    code, _, err = call("compare", "s.toml", "-o", "out")
    assert code == 2
    assert "trust.csv exists" in err
