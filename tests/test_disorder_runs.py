"""Runs over disorder: threads, stops and kills change no bit; files keep the format; the commands say what they did."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray
from statfe_cli.main import main

import statfe
from statfe.disorder.disorder_file import read_disorder
from statfe.disorder.rows import Rows
from statfe.errors import Interrupted, StoreError, UsageError
from tests.hdf5_rules import check_format

LANES = {"model": "ea:shape=3x4", "betas": [0.4, 0.9], "realisations": 60, "solve": "sampled", "sweeps": 400,
         "seed": 7}
APART = {"model": "sk:n=8", "betas": [0.4, 0.9], "realisations": 4, "solve": "sampled", "sweeps": 300, "retries": 0,
         "seed": 7}


def same(a: Rows, b: Rows) -> None:
    """Assert that all numbers agree to the bit."""
    for name, array in a.arrays().items():
        assert np.array_equal(array, b.arrays()[name], equal_nan=array.dtype.kind == "f"), name
    assert a.texts() == b.texts()


@pytest.fixture(scope="module")
def whole():
    """The uninterrupted runs."""
    return {name: statfe.disorder_average(**options) for name, options in (("lanes", LANES), ("apart", APART))}


@pytest.mark.parametrize(("name", "options"), [("lanes", LANES), ("apart", APART)])
def test_same_bits_for_any_number_of_workers(whole, name, options):
    run = statfe.disorder_average(**options, workers=3)
    same(whole[name].rows, run.rows)
    assert {a.beta_f for a in run.averages} == {a.beta_f for a in whole[name].averages}
    assert run.methods() == {"mbar": options["realisations"]}


@pytest.mark.parametrize(("name", "options"), [("lanes", LANES), ("apart", APART)])
def test_stopped_and_resumed_to_the_same_bits(whole, name, options, tmp_path):
    output, lines = tmp_path / "run.h5", []

    def stop(_label: str, share: float) -> None:
        if 0.3 < share < 1.0:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(Interrupted, match=r"realisations done; .*run.h5.parts keeps .*--resume"):
        statfe.disorder_average(**options, output=output, progress=stop)
    assert not output.exists()
    with pytest.raises(StoreError, match="an unfinished run"):
        statfe.disorder_average(**options, output=output)
    with pytest.raises(UsageError, match="over 100 realisations here"):
        statfe.disorder_average(**{**options, "realisations": 100}, output=output, resume=True)
    with pytest.raises(UsageError, match="--sweeps is"):
        statfe.disorder_average(**{**options, "sweeps": 77}, output=output, resume=True)
    run = statfe.disorder_average(**options, output=output, resume=True, notify=lines.append)
    assert "going on with" in lines[0]
    same(whole[name].rows, run.rows)
    assert not (tmp_path / "run.h5.parts").exists()
    again = statfe.disorder_average(**options, output=output, resume=True, notify=lines.append)
    assert "nothing to do" in lines[-1]
    same(run.rows, again.rows)


def test_killed_and_resumed_to_the_same_bits(whole, tmp_path):
    output, parts = tmp_path / "run.h5", tmp_path / "run.h5.parts"
    command = [
        "simulate", LANES["model"], "--beta", "0.4,0.9", "--disorder", "60", "--solve", "sampled", "--sweeps", "400",
        "--seed", "7", "--workers", "1", "-o", str(output), "--checkpoint", "0"]
    child = subprocess.Popen([sys.executable, "-m", "statfe_cli", *command])
    deadline = time.monotonic() + 120
    while child.poll() is None and not list(parts.glob("shard-*")) and time.monotonic() < deadline:
        time.sleep(0.005)
    child.kill()
    child.wait()
    assert list(parts.glob("shard-*"))
    assert not output.exists()
    # A damaged shard is made again.
    first = sorted(parts.glob("shard-*"))[0]
    first.write_bytes(first.read_bytes()[:-9])
    with pytest.warns(UserWarning, match="made again"):
        statfe.disorder_average(**LANES, output=output, resume=True)
    same(whole["lanes"].rows, read_disorder(output).rows)


def test_file_keeps_the_format(whole, tmp_path):
    output = tmp_path / "run.h5"
    run = statfe.disorder_average("ea:shape=2x3,couplings=gaussian,seed=5", "0:1:3", 20, output, seed=1)
    assert set(check_format(output)) == {"/disorder", "/distribution", "/averages", "/reference"}
    with xarray.open_dataset(output, group="disorder", engine="h5netcdf") as found:
        assert found.beta_f.dims == ("realisation", "beta")
        assert np.array_equal(found.beta_f, run.beta_f)
        assert list(found.seed.values) == run.seeds
        assert found.spec.values[3] == run.specs[3]
    with xarray.open_dataset(output, group="reference", engine="h5netcdf") as found:
        assert list(found.method.values) == ["quenched-average", "annealed-average"]
        assert np.allclose(found.beta_f[0], run.beta_f.mean(axis=0))
    with xarray.open_dataset(output, group="distribution", engine="h5netcdf") as found:
        assert np.all(found["count"].sum("bin") == 20)
        assert np.array_equal(found.beta_f_quantile.sel(quantile=0.5), np.median(run.beta_f, axis=0))
    loaded = statfe.load(output)
    same(run.rows, loaded.rows)
    assert (loaded.base, loaded.seed, loaded.seeds, loaded.specs) == (5, 1, run.seeds, run.specs)
    for a, b in zip(run.averages, loaded.averages, strict=True):
        assert a.numbers().keys() == b.numbers().keys()
        assert np.array_equal(list(a.numbers().values()), list(b.numbers().values()), equal_nan=True)
    with pytest.raises(StoreError, match="exists; use --force"):
        statfe.disorder_average("sk:n=6", 0.5, 3, output)
    with h5py.File(output, "a") as file:
        del file["disorder/seed"]
    with pytest.raises(StoreError, match="not as statfe writes it"):
        statfe.load(output)


def test_command_and_figures(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["simulate", "sk:n=7", "--beta", "0,0.5,1.5", "--disorder", "30", "--seed", "3", "-o", "a.h5"]) == 0
    text = capsys.readouterr().out
    assert "30 realisations (30 by " in text
    assert "seeds of the realisations from 3, the seed of the run" in text
    assert main(["simulate", "sk:n=9,seed=4", "--beta", "0.5,1.5", "--disorder", "30", "-o", "b.h5", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["realisations"], found["base_seed"], len(found["averages"])) == (30, 4, 2)
    command = found["command"].split()
    assert command[:3] == ["statfe", "simulate", "sk:n=9,seed=4"]
    first = read_disorder("b.h5")
    assert main([*command[1:], "--force"]) == 0
    same(first.rows, read_disorder("b.h5").rows)
    capsys.readouterr()
    assert main(["report", "a.h5", "-o", "out"]) == 0
    assert Path("out/distribution.svg").read_text(encoding="utf-8").startswith("<?xml")
    assert main(["report", "a.h5", "-o", "out"]) == 2
    capsys.readouterr()
    assert main(["self-averaging", "a.h5", "b.h5", "-o", "spread.svg"]) == 0
    text = capsys.readouterr().out
    assert "R ~ N^(" in text
    assert "<svg" in Path("spread.svg").read_text(encoding="utf-8")
    assert main(["self-averaging", "a.h5", "sk:n=6", "--beta", "0.5", "--disorder", "9", "--json"]) == 0
    assert {row["n_sites"] for row in json.loads(capsys.readouterr().out)["sizes"]} == {6, 7}


@pytest.mark.parametrize(("words", "message"), [
    (["simulate", "sk:n=6", "--beta", "1", "--disorder", "0", "-o", "x.h5"], "at least 2, got 0"),
    (["simulate", "sk:n=6", "--beta", "1", "--disorder", "-5", "-o", "x.h5"], "at least 2, got -5"),
    (["simulate", "sk:n=6", "--beta", "1", "--disorder", "1.5", "-o", "x.h5"], "not a valid integer"),
    (["simulate", "ising:shape=4x4", "--beta", "1", "--disorder", "5", "-o", "x.h5"], "ising has no disorder"),
    (["simulate", "sk:n=6", "--beta", "1", "--disorder", "5"], "-o RUN.h5"),
    (["simulate", "sk:n=6", "--beta", "1", "--disorder", "5", "--samples-only", "-o", "x.h5"], "--samples-only"),
    (["simulate", "sk:n=6", "--beta", "1", "--disorder", "5", "--target-error", "0.1", "-o", "x.h5"], "--target-error"),
    (["self-averaging", "sk:n=6", "--beta", "1"], "at least two sizes"),
    (["self-averaging", "sk:n=6", "sk:n=7"], "--beta"),
    (["self-averaging"], "Missing argument"),
])
def test_bad_commands_write_nothing(words, message, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_failed_realisations_end_with_code_3(tmp_path, capsys):
    output = str(tmp_path / "x.h5")
    assert main(["simulate", "ea:shape=6x6x6", "--beta", "2", "--disorder", "4", "--sweeps", "2", "--sampler",
                 "metropolis:burn_in=0", "-o", output, "--seed", "1", "--workers", "2"]) == 3
    text = capsys.readouterr().out
    assert "of 4 realisations failed their checks" in text
    assert statfe.load(output).averages[0].failed > 0


def test_the_table_has_the_distance_from_an_identity(tmp_path, capsys):
    output = str(tmp_path / "x.h5")
    assert main(["simulate", "ea:shape=3x3,p=0.75", "--beta", "0.3,0.549306144", "--disorder", "40", "--seed", "1",
                 "-o", output]) == 0
    rows = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if line.strip()[:2] == "0."}
    sigmas = statfe.load(tmp_path / "x.h5").averages[1].nishimori_sigmas
    assert f" {sigmas:+.1f} " in rows["0.549306"]
    assert " - " in rows["0.3"]


def test_dry_run_writes_nothing(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["simulate", "ea:shape=4x4x4", "--beta", "0.5", "--disorder", "500", "--dry-run", "--seed", "1"]) == 0
    assert "side by side by the bit-lane kernel" in capsys.readouterr().out
    assert main(["simulate", "sk:n=8", "--beta", "0.5", "--disorder", "500", "--dry-run", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["how"] == "solved exactly"
    assert list(tmp_path.iterdir()) == []
