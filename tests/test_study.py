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


@pytest.mark.parametrize(("text", "says"), [
    ("models = [", "is not TOML"),
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
