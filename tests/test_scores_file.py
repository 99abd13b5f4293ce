"""scores.h5: what goes in comes out, other programs open it, and broken files give one line."""

from __future__ import annotations

import dataclasses
import io
import json
import math
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray

import statfe
from statfe.errors import StoreError, UsageError
from statfe.report import write_report
from statfe.scoring.comparison import Comparison
from statfe.scoring.scores_file import comparisons_in, read_comparisons, scores_image
from tests.comparisons_for_tests import comparison, free_energy
from tests.hdf5_rules import check_format

CASES = {
    "plain": lambda: [comparison()],
    "one by one": lambda: [comparison(1, 1)],
    "no method": lambda: [comparison(0)],
    "all failed": lambda: [comparison(2, 3, failing=("method-0", "method-1"))],
    "bad reference": lambda: [comparison(bad_reference_from=0.9)],
    "no model, seed or sampler": lambda: [comparison(ising=None, seed=None, sampler="", secondary=())],
    "moments": lambda: [with_moments(comparison())],
    "of a study": lambda: [comparison(template="sk:n={N}", group="sk:n=100", tolerance=0.25, moments="exact")],
    "big seed": lambda: [comparison(seed=2**100)],
    "study": lambda: [comparison(2, 2, model=f"sk:n=100,seed={k}", title="Glasses") for k in range(12)],
}


def with_moments(c: Comparison) -> Comparison:
    names = ("magnetization_rms", "magnetization_noise", "correlation_rms", "correlation_noise")
    return dataclasses.replace(c, scores=[
        dataclasses.replace(s, **{name: 0.1 * k + 0.01 * i for i, name in enumerate(names)})
        for k, s in enumerate(c.scores)])


def same(a: Comparison, b: Comparison) -> None:
    for part in ("reference", "secondary", "scores"):
        assert [x.to_dict() for x in getattr(a, part)] == [x.to_dict() for x in getattr(b, part)], part
    names = ("model", "betas", "facts", "command", "seed", "versions", "source_commit", "created", "title", "sampler",
             "moments", "template", "group", "tolerance")
    for name in names:
        assert getattr(a, name) == getattr(b, name), name
    assert list(a.skipped) == list(b.skipped)
    assert (a.ising is None) == (b.ising is None)
    if a.ising is not None and b.ising is not None:
        np.testing.assert_array_equal(a.ising.couplings, b.ising.couplings)
        np.testing.assert_array_equal(a.ising.fields, b.ising.fields)


def write(path: Path, comparisons: list[Comparison]) -> Path:
    path.write_bytes(scores_image(comparisons))
    return path


@pytest.mark.parametrize("case", CASES)
def test_round_trip(tmp_path, case):
    given = CASES[case]()
    found = read_comparisons(write(tmp_path / "scores.h5", given))
    assert len(found) == len(given)
    for a, b in zip(given, found, strict=True):
        same(a, b)


@pytest.mark.parametrize("case", CASES)
def test_written_again_it_is_the_same_bytes(case):
    image = scores_image(CASES[case]())
    assert scores_image(comparisons_in(image)) == image


def test_methods_that_were_not_run_everywhere_round_trip():
    c = comparison(3, 4)
    holes = dataclasses.replace(c, scores=[s for k, s in enumerate(c.scores) if k % 3])
    same(holes, comparisons_in(scores_image([holes]))[0])


def test_scores_are_read_as_given_and_not_judged_anew():
    c = comparison(1, 2)
    odd = dataclasses.replace(c.scores[0], verdict="off by much", error=math.pi, bound_violated=True)
    found = comparisons_in(scores_image([dataclasses.replace(c, scores=[odd, c.scores[1]])]))[0]
    assert found.scores[0].to_dict() == odd.to_dict()


@pytest.mark.parametrize("case", CASES)
def test_rules_of_the_format(tmp_path, case):
    given = CASES[case]()[:2]
    leaves = check_format(write(tmp_path / "scores.h5", given))
    parents = [""] if len(given) == 1 else [f"/study/{k}" for k in range(len(given))]
    names = ["reference", "scores", *(["model"] if given[0].ising is not None else [])]
    assert sorted(leaves) == sorted(f"{p}/{n}" for p in parents for n in names)


@pytest.mark.parametrize("engine", ["h5netcdf", "netcdf4"])
def test_numbers_as_xarray_sees_them(tmp_path, engine):
    c = comparison()
    path = write(tmp_path / "scores.h5", [c])
    with xarray.open_dataset(path, group="scores", engine=engine) as scores:
        assert scores["error"].dims == ("method", "beta")
        for s in c.scores:
            cell = scores.sel({"method": s.result.method, "beta": s.result.beta})
            np.testing.assert_equal(float(cell["error_per_site"]), s.error_per_site)
            np.testing.assert_equal(float(cell["beta_f"]), s.result.beta_f)
            assert str(cell["verdict"].values) == s.verdict
            assert cell["bound_violated"].dtype == np.int8
    with xarray.open_dataset(path, group="reference", engine=engine) as reference:
        assert reference["method"].values.tolist() == ["mbar", "thermodynamic-integration"]
        np.testing.assert_array_equal(reference["beta_f"][0], [r.beta_f for r in c.reference])
        assert reference["kind"].values[0, 0] == "estimate"


def test_files_of_before_have_no_moments_and_no_bracket(tmp_path):
    """A scores.h5 without what was added later is read as before."""
    c = with_moments(comparison())
    path = write(tmp_path / "scores.h5", [c])
    with h5py.File(path, "r+") as file:
        for name in ("magnetization_rms", "magnetization_noise", "correlation_rms", "correlation_noise", "lower",
                     "lower_method", "upper", "upper_method"):
            del file["scores"][name]
        for name in ("moments", "template", "group", "tolerance"):
            del file["scores"].attrs[name]
    (found,) = read_comparisons(path)
    same(comparison(created=c.created), found)


def test_the_bracket_as_xarray_sees_it(tmp_path):
    c = comparison()
    with xarray.open_dataset(write(tmp_path / "scores.h5", [c]), group="scores", engine="h5netcdf") as scores:
        assert scores["upper"].dims == scores["upper_method"].dims == ("beta",)
        # method-0 is an upper bound that stops converging at beta = 0.8 of others; nothing bounds from below.
        np.testing.assert_array_equal(scores["upper"], [b.upper for b in c.brackets])
        assert set(scores["upper_method"].values) == {"method-0"}
        assert np.all(np.isnan(scores["lower"]))
        assert set(scores["lower_method"].values) == {""}
        assert scores["correlation_rms"].dims == ("method", "beta")


def test_provenance_is_of_those_who_made_the_numbers(tmp_path):
    old = comparison(versions={"statfe": "0.0.1", "numpy": "1.0"}, created="2020-01-01T00:00:00Z", source_commit="abc")
    path = write(tmp_path / "scores.h5", [old])
    with h5py.File(path) as file:
        found = dict(file.attrs)
    assert {name: found[name] for name in ("statfe_version", "numpy_version", "created", "source_commit", "seed")} == {
        "statfe_version": "0.0.1", "numpy_version": "1.0", "created": "2020-01-01T00:00:00Z", "source_commit": "abc",
        "seed": 7}


def test_long_commands_and_names(tmp_path):
    long = comparison(2, 2, command="statfe " + "x" * 200_000, model="file:" + "y" * 70_000)
    path = write(tmp_path / "scores.h5", [long])
    same(long, read_comparisons(path)[0])
    check_format(path)


def test_facts_keep_their_order():
    facts = {"z": 1, "a": None, "m": 0.5}
    assert list(comparisons_in(scores_image([comparison(facts=facts)]))[0].facts) == ["z", "a", "m"]


@pytest.mark.parametrize(("change", "says"), [
    (lambda f: f.__delitem__("scores"), "holds no scores; make them from it with statfe compare"),
    (lambda f: f.__delitem__("reference"), "has no /reference"),
    (lambda f: f["scores"].__delitem__("sigmas"), "sigmas"),
    (lambda f: f["scores"].attrs.__delitem__("facts"), "facts"),
    (lambda f: f["scores"].attrs.__setitem__("facts", "{"), "/scores"),
    (lambda f: f["scores"].attrs.__setitem__("skipped", "[1]"), "/scores"),
    (lambda f: f["scores"].attrs.__setitem__("n_sites", "x"), "/scores"),
    (lambda f: f["scores/verdict"].__setitem__((0, 0), "perfect"), "no verdict is 'perfect'"),
    (lambda f: f["scores/status"].__setitem__((0, 0), ""), "/scores"),
    (lambda f: f.create_group("study/x"), "/study"),
    (lambda f: f.__setitem__("study", [1.0]), "no /study"),
])
def test_files_with_something_wrong_in_them(tmp_path, change, says):
    path = write(tmp_path / "scores.h5", [comparison()])
    with h5py.File(path, "r+") as file:
        change(file)
    with pytest.raises(StoreError) as caught:
        read_comparisons(path)
    assert says in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_truncated_and_damaged_files_never_crash(tmp_path):
    path, rng = tmp_path / "scores.h5", np.random.default_rng(2)
    image = scores_image([comparison(2, 3)])
    for length in np.linspace(1, len(image) - 1, 25).astype(int):
        path.write_bytes(image[:length])
        with pytest.raises(StoreError, match=r"truncated|not an HDF5 file|damaged"):
            read_comparisons(path)
    said = []
    for _ in range(100):
        start = int(rng.integers(8, len(image) - 64))
        path.write_bytes(image[:start] + rng.bytes(64) + image[start + 64:])
        try:
            read_comparisons(path)
        except UsageError as error:
            said.append(str(error))
    assert len(said) > 20
    assert "\n" not in "".join(said)


def test_what_a_comparison_refuses():
    c = comparison(2, 3)
    for change, says in (
        ({"betas": [0.0, 0.75, 0.75, 1.5]}, "beta 0.75 is given twice"),
        ({"betas": [0.0, 0.75]}, "outside the grid"),
        ({"scores": [*c.scores, c.scores[0]]}, "method-0 at beta=0.0 is given twice"),
        ({"reference": [c.reference[0], dataclasses.replace(c.reference[1], method="exact")], "secondary": ()},
         "of several methods"),
        ({"reference": c.reference[:1], "secondary": [c.reference[1]]}, "both the reference and its second estimate"),
    ):
        with pytest.raises(UsageError, match=says):
            dataclasses.replace(c, **change)


def test_stats_with_nan_are_strict_json(tmp_path):
    path = write(tmp_path / "scores.h5", [comparison()])
    with h5py.File(path) as file:
        assert json.loads(file["reference/stats"].asstr()[0, 0]) == {"effective_draws": 1234.5, "other": [1.0, None]}


def test_an_empty_cell_is_no_result():
    c = comparison(1, 2)
    part = dataclasses.replace(c, scores=c.scores[1:], secondary=[free_energy(-70.0, method="ti", beta=0.0)])
    found = comparisons_in(scores_image([part]))[0]
    assert [(s.result.method, s.result.beta) for s in found.scores] == [("method-0", 1.5)]
    assert [(r.method, r.beta) for r in found.secondary] == [("ti", 0.0)]


def test_the_title_names_every_model_where_the_study_has_none():
    many = [comparison(1, 1, model=f"sk:n=100,seed={k}") for k in range(3)]
    with h5py.File(io.BytesIO(scores_image(many)), "r") as file:
        for k in range(3):
            assert f"sk:n=100,seed={k}" in file.attrs["title"]
    titled = [comparison(1, 1, model=f"sk:n=100,seed={k}", title="Glasses") for k in range(2)]
    with h5py.File(io.BytesIO(scores_image(titled)), "r") as file:
        assert file.attrs["title"] == "Glasses"


def test_load_gives_the_comparisons(tmp_path):
    for count in (1, 2):
        path = tmp_path / f"{count}.h5"
        written = [comparison(1, 2, model=f"sk:n=100,seed={k}") for k in range(count)]
        path.write_bytes(scores_image(written))
        for a, b in zip(written, statfe.load(path), strict=True):
            same(a, b)


def test_no_command_is_no_command(tmp_path):
    write_report([comparison(1, 1, command="")], tmp_path / "out")
    page = (tmp_path / "out/report.html").read_text(encoding="utf-8")
    assert "Made from Python" in page
    assert "makes the report again" not in page
    assert read_comparisons(tmp_path / "out/scores.h5")[0].command == ""
