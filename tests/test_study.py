"""Study files: what is read, and one line for each way they can be wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import statfe
from statfe.errors import SpecError, StoreError
from statfe.scoring.study import read_study

GOOD = 'models = ["sk:n=8,seed=1", "ising:shape=3x3"]\nbeta = "0:1:3"\n'


def study(folder: Path, text: str) -> Path:
    path = folder / "study.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_defaults(tmp_path):
    found = read_study(study(tmp_path, GOOD))
    assert found.models == ["sk:n=8,seed=1", "ising:shape=3x3"]
    assert found.betas.tolist() == [0.0, 0.5, 1.0]
    assert (found.title, found.methods, found.reference, found.seed) == ("", ["all"], None, None)


def test_everything_given(tmp_path):
    text = 'title = "Glasses σ"\nmethods = ["tap", "mean-field"]\nreference = "exact"\nseed = 3\n' + GOOD
    found = read_study(str(study(tmp_path, text)))
    assert (found.title, found.methods, found.reference, found.seed) == (
        "Glasses σ", ["tap", "mean-field"], "exact", 3)


@pytest.mark.parametrize(("value", "betas"), [
    ("0.5", [0.5]), ("1", [1.0]), ("[0.25, 1]", [0.25, 1.0]), ('"0.2,0.44"', [0.2, 0.44])])
def test_betas(tmp_path, value, betas):
    found = read_study(study(tmp_path, f'models = "sk:n=8"\nbeta = {value}\n'))
    assert found.models == ["sk:n=8"]
    np.testing.assert_array_equal(found.betas, betas)


TEMPLATES = ('models = ["ea:shape={L}x{L},seed={seed}", "sk:n={N},seed={seed}", "ising:shape={L}x{N}", "sk:n=5"]\n'
             "sizes = {L = [2, 3], N = [4, 6]}\ndisorder = 2\nbeta = 1\n")


def test_templates_stand_for_every_size_and_realisation(tmp_path):
    found = read_study(study(tmp_path, TEMPLATES + "tolerance = 1\nmoments = false\n"))
    assert found.models == [
        *[f"ea:shape={n}x{n},seed={s}" for n in (2, 3) for s in (1, 2)],
        *[f"sk:n={n},seed={s}" for n in (4, 6) for s in (1, 2)],
        *[f"ising:shape={a}x{b}" for a in (2, 3) for b in (4, 6)], "sk:n=5"]
    assert (found.tolerance, found.moments) == (1.0, False)
    groups = {m.spec: (m.template, m.group) for m in found.members}
    assert groups["ea:shape=3x3,seed=2"] == ("ea:shape={L}x{L},seed={seed}", "ea:shape=3x3,seed=*")
    assert groups["ising:shape=2x6"] == ("ising:shape={L}x{N}", "ising:shape=2x6")
    assert groups["sk:n=5"] == ("", "")


def test_braces_in_the_name_of_a_file_are_its_own(tmp_path):
    found = read_study(study(tmp_path, 'models = ["file:a{b}.txt", "file:J-{seed}.txt"]\ndisorder = 2\nbeta = 1\n'))
    assert found.models == ["file:a{b}.txt", "file:J-1.txt", "file:J-2.txt"]
    assert read_study(study(tmp_path, 'models = "file:a{b}.txt"\nbeta = 1\n')).models == ["file:a{b}.txt"]


@pytest.mark.parametrize(("text", "says"), [
    ("models = [", "is not TOML"),
    (GOOD + "size = {L = [2]}\n", "did you mean 'sizes'"),
    (GOOD + "disordr = 2\n", "did you mean 'disorder'"),
    (GOOD + "tolerence = 1\n", "did you mean 'tolerance'"),
    (GOOD + "sizes = [2]\n", "sizes must name them"),
    (GOOD + "sizes = {L = [2]}\n", "sizes has L, but no model has {L}"),
    (GOOD + "disorder = 2\n", "disorder needs a model with {seed}"),
    (GOOD + "tolerance = 0\n", "tolerance must be a number"),
    (GOOD + "tolerance = true\n", "tolerance must be a number"),
    (GOOD + "tolerance = inf\n", "tolerance must be a number"),
    (GOOD + 'moments = "no"\n', "moments must be true or false"),
    ('models = "sk:n={N}"\nbeta = 1\n', "{N} needs sizes, such as N = [4, 6, 8]"),
    ('models = "sk:n=4,seed={seed}"\nbeta = 1\n', "{seed} needs disorder, such as disorder = 5"),
    ('models = "sk:n=4,seed={seed}"\nbeta = 1\ndisorder = 0\n', "disorder must be a number of realisations"),
    ('models = "sk:n=4,seed={seed}"\nbeta = 1\ndisorder = true\n', "disorder must be a number of realisations"),
    ('models = "sk:n=4,seed={seed}"\nbeta = 1\ndisorder = "5"\n', "disorder must be a number of realisations"),
    ('models = "sk:n={M}"\nbeta = 1\nsizes = {N = [4]}\n', "sizes has N, but no model has {N}"),
    ('models = ["sk:n={N}", "sk:n={Nn}"]\nbeta = 1\nsizes = {N = [4]}\n', "did you mean 'N'"),
    ('models = "sk:n={N}"\nbeta = 1\nsizes = {N = []}\n', "N must be a list of positive integers"),
    ('models = "sk:n={N}"\nbeta = 1\nsizes = {N = [4.5]}\n', "N must be a list of positive integers"),
    ('models = "sk:n={N}"\nbeta = 1\nsizes = {N = [4, 4]}\n', "N has a number twice"),
    ('models = "sk:n={N}"\nbeta = 1\nsizes = {seed = [4]}\n', "sizes cannot have seed; write disorder = 5"),
    ('models = "sk:n=4,seed={seed}"\nbeta = 1\ndisorder = 10001\n', "from 1 to 10000"),
    ('beta = "0:1:3"\n', "models must be a list of specs"),
    ('models = []\nbeta = 1\n', "models must be a list of specs"),
    ('models = [1]\nbeta = 1\n', "models must be a list of specs"),
    ('models = "sk:n=8"\n', "beta is required"),
    ('models = "sk:n=8"\nbeta = true\n', "beta must be"),
    ('models = "sk:n=8"\nbeta = [true]\n', "beta must be"),
    ('models = "sk:n=8"\nbeta = ["0.1"]\n', "beta must be"),
    ('models = "sk:n=8"\nbeta = [[0.1], [0.2]]\n', "beta must be"),
    ('models = "sk:n=8"\nbeta = 2026-01-01\n', "beta must be"),
    ('models = "sk:n=8"\nbeta = []\n', "empty"),
    ('models = "sk:n=8"\nbeta = nan\n', "must be finite"),
    ('models = "sk:n=8"\nbeta = "0:1"\n', "start:stop:count"),
    (GOOD + 'method = ["tap"]\n', "did you mean 'methods'"),
    (GOOD + 'methods = []\n', "methods must be a list of specs"),
    (GOOD + "reference = 1\n", "reference must be the spec of a method"),
    (GOOD + "seed = -1\n", "seed must be an integer, at least 0"),
    (GOOD + "seed = true\n", "seed must be an integer"),
    (GOOD + "seed = 1.5\n", "seed must be an integer"),
    (GOOD + "title = 1\n", "title must be text"),
    (GOOD + 'seed = 1\nseed = 2\n', "is not TOML"),
])
def test_bad_studies_name_the_file_and_the_fault(tmp_path, text, says):
    path = study(tmp_path, text)
    with pytest.raises(SpecError) as caught:
        read_study(path)
    assert says in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_not_utf8(tmp_path):
    (tmp_path / "s.toml").write_bytes(b'title = "\xff"\n')
    with pytest.raises(SpecError, match="is not TOML"):
        read_study(tmp_path / "s.toml")


def test_missing_file(tmp_path):
    with pytest.raises(StoreError, match=r"cannot read .*No such file"):
        read_study(tmp_path / "none.toml")
    with pytest.raises(StoreError, match="cannot read"):
        read_study(tmp_path)


@pytest.mark.parametrize(("line", "says"), [
    ('methods = ["taap"]', "did you mean 'tap'"), ('methods = ["mean-field:dampin=0.1"]', "damping"),
    ('reference = "exakt"', "exact"), ('disordr = 3', "did you mean 'disorder'")])
def test_what_a_study_misspells_is_code_2_before_any_work(here, call, monkeypatch, line, says):
    monkeypatch.setattr("statfe.report.compare.compare_model", lambda *_: pytest.fail("work was done"))
    Path("s.toml").write_text('models = ["sk:n={N},seed=1"]\nsizes = {N = [4, 6]}\nbeta = 1\n' + line + "\n")
    code, out, err = call("compare", "s.toml", "-o", "out")
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert says in err
    assert [p.name for p in here.iterdir()] == ["s.toml"]


def test_the_command_has_only_what_was_given(tmp_path):
    path = study(tmp_path, 'methods = ["mean-field"]\nseed = 3\nmodels = ["ising:shape=3", "sk:n=4"]\nbeta = 0.5\n')
    own = statfe.compare(path)
    assert own.comparisons[0].command == f"statfe compare {path} --seed 3"
    assert {s.result.method for s in own.scores} == {"mean-field"}
    asked = statfe.compare(path, methods=["tap"], seed=4)
    assert asked.comparisons[0].command == f"statfe compare {path} --methods tap --seed 4"
    every = statfe.compare(path, methods="all")
    assert len({s.result.method for s in every.scores}) > 3
    assert "--methods all" in every.comparisons[0].command


def test_a_model_file_of_a_study_is_not_replaced(tmp_path):
    model = tmp_path / "out" / "scores.csv"
    model.parent.mkdir()
    model.write_text("0 1 0.5\n", encoding="utf-8")
    path = study(tmp_path, f'models = ["file:{model.as_posix()}"]\nbeta = 0.5\nmethods = ["tap"]\n')
    with pytest.raises(StoreError, match="is the input itself"):
        statfe.compare(path, output=tmp_path / "out", force=True)
    assert model.read_text(encoding="utf-8") == "0 1 0.5\n"
