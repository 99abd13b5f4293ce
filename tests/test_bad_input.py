"""Bad input on the command line: one clear line, exit code 2, nothing written, nothing overwritten."""

from __future__ import annotations

import os
from pathlib import Path

import h5py
import numpy as np
import pytest

BAD = [
    (("simulat",), "simulate"),
    (("free-energy", "isin:shape=4x4", "--beta", "1", "--method", "tap"), "ising"),
    (("free-energy", "ising:shap=4x4", "--beta", "1", "--method", "tap"), "shape"),
    (("free-energy", "ising:shape=4y4", "--beta", "1", "--method", "tap"), "4y4"),
    (("free-energy", "ising:shape=0x4", "--beta", "1", "--method", "tap"), "shape"),
    (("free-energy", "ising", "--beta", "1", "--method", "tap"), "shape"),
    (("free-energy", "ea:shape=4x4,p=1.5", "--beta", "1", "--method", "tap"), "p"),
    (("free-energy", "ising:shape=4x4,coupling=nan", "--beta", "1", "--method", "tap"), "nan"),
    (("free-energy", "ising:shape=4x4,coupling=inf", "--beta", "1", "--method", "tap"), "inf"),
    (("free-energy", "ising:shape=4x4", "--beta", "1", "--method", "mean-feild"), "mean-field"),
    (("free-energy", "ising:shape=4x4", "--beta", "1", "--method", "mean-field:dampin=0.1"), "damping"),
    (("free-energy", "ising:shape=4x4", "--beta", "one", "--method", "tap"), "one"),
    (("free-energy", "ising:shape=4x4", "--beta", "0.1:0.2:x", "--method", "tap"), "x"),
    (("free-energy", "ising:shape=4x4", "--beta", "nan", "--method", "tap"), "nan"),
    (("free-energy", "ising:shape=4x4", "--beta=-1", "--method", "mean-field"), "negate"),
    (("free-energy", "ising:shape=8x8", "--beta", "1", "--method", "enumeration"), "transfer-matrix"),
    (("free-energy", "ising:shape=40x40x40", "--beta", "1", "--method", "exact"), "mbar"),
    (("free-energy", "file:missing.txt", "--beta", "1", "--method", "tap"), "missing.txt"),
    (("free-energy", "ising:shape=4x4", "--beta", "1"), "--method"),
    (("simulate", "ising:shape=4x4", "--beta=-1", "-o", "x.h5"), "negate"),
    (("simulate", "ising:shape=4x4", "--beta", "1"), "-o"),
    (("simulate", "ising:shape=4x4", "--beta", "1", "-o", "x.h5", "--sampler", "metropolys"), "metropolis"),
    (("simulate", "ising:shape=4x4", "--beta", "1", "-o", "x.h5", "--sweeps", "0"), "sweeps"),
    (("simulate", "ising:shape=4x4", "--beta", "1", "-o", "missing/x.h5"), "missing"),
    (("simulate", "ising:shape=40x40", "--beta", "1", "-o", "deep/er/x.h5", "--sweeps", "1000000"), "make it first"),
    (("compare", "ising:shape=3x3", "--beta", "1", "-o", "deep/er/est"), "make it first"),
    (("compare", "ising:shape=3x3", "--beta", "1", "-o", "out", "--methods"), "--methods needs a value"),
    (("compare", "ising:shape=3x3", "--beta", "1", "--methods", "-o", "out"), "--methods needs a value"),
    (("compare", "ising:shape=3x3", "--beta", "1", "--methods=", "-o", "out"), "--methods needs a value"),
    (("compare", "ising:shape=4x4", "-o", "out"), "--beta"),
    (("compare", "nothing.h5", "-o", "out"), "nothing.h5"),
    (("compare", "nothing.toml", "-o", "out"), "nothing.toml"),
    (("compare", "ising:shape=4x4", "--beta", "1"), "-o"),
    (("compare", "ising:shape=4x4", "--beta", "1", "--methods", "taap", "-o", "out"), "tap"),
    (("compare", "ising:shape=4x4", "--beta", "1", "--reference", "exakt", "-o", "out"), "exact"),
    (("inspect", "nothing.h5"), "nothing.h5"),
    (("report", "nothing.h5", "-o", "out"), "nothing.h5"),
]


@pytest.mark.parametrize(("words", "said"), BAD, ids=[" ".join(w) for w, _ in BAD])
def test_bad_input_is_one_line_and_code_2(words, said, here, call):
    code, out, err = call(*words)
    assert code == 2
    assert out == ""
    assert err.count("\n") == 1
    assert err.startswith("statfe: error: ")
    assert said in err
    assert list(here.iterdir()) == []


BAD_FILES = {
    "nan": "0 1 nan\n", "infinite": "0 1 inf\n", "asymmetric": "0 1 1.0\n1 0 0.5\n", "words": "0 1 one\n",
    "negative": "-1 2 1.0\n", "short": "0 1\n", "empty": "", "fractional": "0.5 1 1.0\n"}


@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_couplings_are_one_line_and_code_2(name, here, call):
    (here / "J.txt").write_text(BAD_FILES[name], encoding="utf-8")
    code, out, err = call("simulate", "file:J.txt", "--beta", "0.3", "-o", "run.h5")
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert "J.txt" in err
    assert [p.name for p in here.iterdir()] == ["J.txt"]


def test_existing_output_needs_force(here, call):
    simulate = ("simulate", "ising:shape=2x3", "--beta", "0.3", "--sweeps", "500", "--seed", "1", "-o", "run.h5")
    compare = ("compare", "ising:shape=2x3", "--beta", "0.3", "--methods", "mean-field", "-o", "out")
    for words, file in ((simulate, Path("run.h5")), (compare, Path("out/report.html"))):
        assert call(*words)[0] == 0
        before = file.stat().st_mtime_ns
        code, out, err = call(*words)
        assert (code, out) == (2, "")
        assert "--force" in err
        assert file.stat().st_mtime_ns == before
        assert call(*words, "--force")[0] == 0
        assert file.stat().st_mtime_ns > before


@pytest.mark.parametrize("damage", ["truncated", "foreign", "text"])
def test_damaged_files_are_refused(damage, here, call):
    assert call("simulate", "ising:shape=2x3", "--beta", "0.3", "--sweeps", "500", "-o", "run.h5")[0] == 0
    bad = here / "bad.h5"
    if damage == "truncated":
        whole = (here / "run.h5").read_bytes()
        bad.write_bytes(whole[: len(whole) // 2])
    elif damage == "foreign":
        with h5py.File(bad, "w") as file:
            file["x"] = np.arange(3)
    else:
        bad.write_text("not HDF5\n", encoding="utf-8")
    for words in (("compare", "bad.h5", "-o", "out"), ("inspect", "bad.h5"), ("report", "bad.h5", "-o", "out"),
                  ("simulate", "file:bad.h5", "--beta", "1", "-o", "new.h5")):
        code, out, err = call(*words)
        assert (code, out) == (2, ""), words
        assert err.count("\n") == 1
        assert "bad.h5" in err
    assert sorted(p.name for p in here.iterdir()) == ["bad.h5", "run.h5"]


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="needs a user whom the system refuses")
def test_an_unwritable_folder_is_refused(here, call):
    (here / "locked").mkdir(mode=0o500)
    assert call("simulate", "ising:shape=2x3", "--beta", "0.3", "-o", "locked/run.h5")[0] == 2


def test_an_output_under_a_file_is_refused(here, call):
    (here / "taken").write_text("", encoding="utf-8")
    for words in (("simulate", "ising:shape=2x3", "--beta", "0.3", "-o", "taken/run.h5"),
                  ("compare", "ising:shape=2x3", "--beta", "0.3", "-o", "taken/out")):
        code, out, err = call(*words)
        assert (code, out) == (2, "")
        assert err.count("\n") == 1
        assert "taken" in err
