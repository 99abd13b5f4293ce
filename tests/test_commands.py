"""The command line as scripts see it: exit codes, one line of error, strict JSON, and nothing written on failure."""

from __future__ import annotations

import inspect
import io
import json
import os
import signal
import subprocess
import sys
import time

import click
import h5py
import numpy as np
import pytest
from statfe_cli.main import cli, main
from statfe_cli.progress import progress_bar

import statfe
from statfe.result import KINDS
from statfe.sampling.as_method import DEFAULT_SWEEPS
from statfe.sampling.samplers import DEFAULT_SAMPLER

RESULT_KEYS = ["model", "method", "kind", "status", "message", "beta", "n_sites", "beta_f", "beta_f_error", "seconds",
               "stats"]
SCORE_KEYS = [*RESULT_KEYS, "reference", "reference_beta_f", "reference_error", "error", "error_per_site", "sigmas",
              "verdict", "bound_violated", "reference_status", "magnetization_rms", "magnetization_noise",
              "correlation_rms", "correlation_noise"]


def strict(text: str):
    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is not JSON")

    return json.loads(text, parse_constant=refuse)


def process(*words: str, **more) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-m", "statfe_cli", *words], capture_output=True, text=True, **more)


def test_help_is_quick_and_imports_nothing_heavy():
    code = ("import sys, statfe_cli.main as m; m.main(['--help']); "
            "print([n for n in ('numpy', 'numba', 'scipy', 'h5py', 'matplotlib') if n in sys.modules])")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        assert process("--help").returncode == 0
        seconds.append(time.perf_counter() - start)
    # The bare interpreter is part of it; the margin is for a loaded machine.
    assert min(seconds) < 0.3


@pytest.mark.parametrize("name", cli.list_commands(click.Context(cli)))
def test_every_command_has_help(name, call):
    code, out, err = call(name, "--help")
    assert (code, err) == (0, "")
    assert out.startswith("Usage: statfe")


def test_models_and_methods_as_json(call):
    for name in ("models", "methods"):
        code, out, _ = call(name, "--json")
        assert code == 0
        for entry in strict(out):
            assert {"name", "family", "kinds", "options", "reference"} <= set(entry)
            assert entry["kinds"]
            assert set(entry["kinds"]) <= set(KINDS)
        assert call(name)[0] == 0


def test_facts_of_a_model(call):
    code, out, _ = call("models", "ising:shape=4x4,coupling=-1", "--json")
    found = strict(out)
    assert code == 0
    assert (found["n_sites"], found["n_bonds"], found["plaquettes"], found["frustrated_plaquettes"]) == (16, 32, 16, 0)
    assert found == statfe.facts("ising:shape=4x4,coupling=-1")
    code, out, _ = call("models", "triangular:shape=3x3,coupling=-1")
    assert code == 0
    assert "frustrated plaquettes" in out


def test_free_energy_as_json(call):
    code, out, err = call("free-energy", "ising:shape=4x4", "--beta", "0,0.2,0.44", "--method", "exact", "--json")
    assert (code, err) == (0, "")
    rows = strict(out)
    assert [list(row) for row in rows] == [RESULT_KEYS] * 3
    assert [row["beta"] for row in rows] == [0, 0.2, 0.44]
    assert rows[0]["beta_f"] == pytest.approx(-16 * np.log(2), rel=1e-14)
    assert "seed" not in rows[0]["stats"]
    assert rows[0]["stats"]["exact_method"] in rows[0]["message"]


def test_the_seed_is_in_the_json(call):
    words = ("free-energy", "sk:n=8,seed=1", "--beta", "0.5", "--method", "mean-field", "--json")
    assert strict(call(*words, "--seed", "5")[1])[0]["stats"]["seed"] == 5
    assert isinstance(strict(call(*words)[1])[0]["stats"]["seed"], int)


def test_free_energy_for_people_says_which_exact_method(call):
    code, out, _ = call("free-energy", "ising:shape=8x8", "--beta", "0.44", "--method", "exact")
    assert code == 0
    assert "by kaufman" in out
    assert "seed" in out


def test_not_converged_is_code_3_with_a_message(call):
    code, out, _ = call(
        "free-energy", "ea:shape=4x4x4,seed=1", "--beta", "2", "--method", "mbar:sweeps=20,replicas=2", "--seed", "1",
        "--json")
    assert code == 3
    assert strict(out)[0]["status"] == "not_converged"
    assert "raise sweeps" in strict(out)[0]["message"]


def test_simulate_compare_inspect_and_report(here, call):
    words = ["ising:shape=4x4", "--beta", "0.2:0.6:3", "--sweeps", "2000", "--replicas", "2", "--seed", "7"]
    code, out, err = call("simulate", *words, "-o", "run.h5")
    assert (code, err) == (0, "")
    assert "seed 7" in out
    assert "added" in out
    assert "thermodynamic-integration" in out
    assert "mbar" in out
    code, out, _ = call("compare", "run.h5", "--methods", "mean-field", "bethe", "-o", "out")
    assert code in (0, 3)
    assert "mean-field" in out
    assert "out/report.html" in out
    assert "statfe compare run.h5" in (here / "out/report.html").read_text(encoding="utf-8")
    rows = strict((here / "out/scores.json").read_text(encoding="utf-8"))["rows"]
    assert [list(r) for r in rows] == [SCORE_KEYS] * 6
    code, out, _ = call("inspect", "run.h5")
    assert code == 0
    assert "statfe_format: statfe-1" in out
    assert "energy(beta=" in out
    code, out, _ = call("report", "out/scores.h5", "-o", "again")
    assert code == 0
    assert (here / "again/scores.csv").read_bytes() == (here / "out/scores.csv").read_bytes()


def test_compare_as_json_needs_no_output(here, call):
    code, out, _ = call("compare", "ising:shape=3x3", "--beta", "0.1,0.2", "--methods", "mean-field", "--json")
    assert code == 0
    rows = strict(out)
    assert [list(r) for r in rows] == [SCORE_KEYS] * 2
    for row in rows:
        assert row["error"] == pytest.approx(row["beta_f"] - row["reference_beta_f"])
        assert row["error_per_site"] == pytest.approx(row["error"] / 9)
    assert list(here.iterdir()) == []


def test_the_command_of_a_run_makes_the_same_run(here, call):
    code, out, _ = call(
        "simulate", "sk:n=12,seed=1", "--beta", "0.3,0.8", "--sweeps", "3000", "-o", "a.h5", "--json")
    assert code in (0, 3)
    done = strict(out)
    again = done["command"].split()[1:]
    again[again.index("-o") + 1] = "b.h5"
    call(*again)
    with h5py.File("a.h5") as a, h5py.File("b.h5") as b:
        assert np.array_equal(a["samples/energy"][()], b["samples/energy"][()])
        assert a.attrs["seed"] == done["seed"]


def test_samples_only_and_dry_run(here, call):
    code, out, _ = call("simulate", "ising:shape=3x3", "--beta", "0.2", "--dry-run", "--sweeps", "100")
    assert code == 0
    assert "nothing was written" in out
    assert list(here.iterdir()) == []
    code, out, _ = call("simulate", "ising:shape=3x3", "--beta", "0.2,0.4", "--samples-only", "-o", "s.h5",
                        "--sweeps", "100")
    assert code == 0
    assert "no reference" in out
    code, _, err = call("compare", "s.h5", "--json")
    assert code == 2
    assert "--reference" in err


def test_defaults_of_the_commands_are_those_of_the_functions(capfd):
    simulate = {p.name: p.default for p in cli.get_command(click.Context(cli), "simulate").params}
    function = inspect.signature(statfe.simulate).parameters
    assert simulate["sampler"] == function["sampler"].default == DEFAULT_SAMPLER
    assert simulate["sweeps"] == function["sweeps"].default == DEFAULT_SWEEPS
    assert simulate["replicas"] is function["replicas"].default is None
    assert main(["compare", "--help"]) == 0
    assert "those of the study, else all" in " ".join(capfd.readouterr().out.split())
    assert inspect.signature(statfe.compare).parameters["methods"].default is None


def test_pairs_in_both_orders_are_one_warning(here, call):
    (here / "J.txt").write_text("0 1 0.5\n1 0 0.5\n", encoding="utf-8")
    code, out, err = call("free-energy", "file:J.txt", "--beta", "1", "--method", "exact", "--json")
    assert code == 0
    assert err.count("\n") == 1
    assert "warning" in err
    assert strict(out)[0]["beta_f"] == pytest.approx(-np.log(4 * np.cosh(1.0)))


def test_methods_may_follow_an_equal_sign(call):
    words = ("compare", "ising:shape=3x3", "--beta", "0.2", "--seed", "1", "--json")
    for methods in (("--methods=tap", "bethe"), ("--methods", "tap", "bethe"), ("--methods=tap", "--methods=bethe")):
        code, out, _ = call(*words, *methods)
        assert code == 0
        assert [row["method"] for row in strict(out)] == ["tap", "bethe"]


def test_files_are_known_by_what_they_are(here, call):
    assert call("simulate", "ising:shape=2x3", "--beta", "0.3", "--sweeps", "500", "-o", "ok.txt")[0] == 0
    code, out, _ = call("compare", "ok.txt", "--methods", "tap", "--json")
    assert code == 0
    assert strict(out)[0]["reference"] == "mbar"
    (here / "star.txt").write_text("0 1 0.5\n", encoding="utf-8")
    for words in (("free-energy", "star.txt", "--beta", "1", "--method", "tap"),
                  ("simulate", "star.txt", "--beta", "1", "-o", "x.h5"), ("compare", "star.txt", "--json")):
        code, _, err = call(*words, *(["--beta", "1"] if words[0] == "compare" else []))
        assert code == 2
        assert "file:star.txt" in err


def test_the_input_is_never_replaced(here, call):
    text = "0 1 0.5\n1 2 0.5\n"
    (here / "self.txt").write_text(text, encoding="utf-8")
    (here / "link.txt").symlink_to("self.txt")
    for output in ("self.txt", "./self.txt", "link.txt", str(here / "self.txt")):
        for source in ("file:self.txt", "file:self.txt,convention=plus"):
            code, out, err = call("simulate", source, "--beta", "0.3", "-o", output, "--force")
            assert (code, out) == (2, "")
            assert err.count("\n") == 1
            assert "is the input itself" in err
    assert (here / "self.txt").read_text(encoding="utf-8") == text


def test_a_violated_bound_is_one_line(here, call):
    statfe.simulate("ising:shape=3x3", [0.3], here / "run.h5", sweeps=400, seed=1)
    with h5py.File(here / "run.h5", "r+") as file:
        file["reference/beta_f"][...] += 50.0
    code, out, err = call("compare", "run.h5", "--methods", "mean-field", "--json")
    assert code == 3
    assert strict(out)[0]["bound_violated"] is True
    assert strict(out)[0]["reference_status"] == "not_converged"
    assert err == ("statfe: warning: the reference lies outside the certified bracket at beta=0.3: it is wrong, "
                   "whatever its own checks say, and nothing is judged there\n")


def test_huge_couplings_are_code_3(here, call):
    (here / "huge.txt").write_text("0 1 1e308\n1 2 1e308\n0 2 -1e308\n", encoding="utf-8")
    code, out, err = call("compare", "file:huge.txt", "--beta", "0.5,2", "--json")
    assert (code, err) == (3, "")
    rows = strict(out)
    assert all(row["message"] for row in rows if row["beta_f"] is None)
    (bethe,) = [row for row in rows if row["method"] == "bethe" and row["beta"] == 2]
    assert bethe["status"] == "diverged"


def test_a_new_stage_of_progress_counts_its_time_anew(monkeypatch):
    class Screen(io.StringIO):
        def isatty(self) -> bool:
            return True

    clock = [1000.0]
    monkeypatch.setattr(sys, "stderr", Screen())
    monkeypatch.setattr(time, "time", lambda: clock[0])
    with progress_bar("sampling") as tell:
        for step in range(1, 11):
            clock[0] += 100.0
            tell("sampling", step / 10)
        clock[0] += 2.0
        tell("free energies", 0.0)
        for step in range(1, 6):
            clock[0] += 2.0
            tell("free energies", step / 10)
    last = sys.stderr.getvalue().split("\r")[-1]
    assert "free energies" in last
    assert "00:00:1" in last, last  # 10 of 20 s are left, not 1000


@pytest.mark.skipif(os.name == "nt", reason="sends SIGINT")
def test_an_interrupted_run_says_so_and_leaves_its_parts(here, tmp_path_factory):
    started = tmp_path_factory.mktemp("marks") / "started"
    # The command itself, with a progress that leaves a mark once sampling goes on.
    code = (
        "import contextlib, pathlib, sys, statfe_cli.progress as progress, statfe_cli.main as main\n"
        f"mark = lambda label, share: label == 'sampling' and pathlib.Path({str(started)!r}).touch()\n"
        "progress.progress_bar = lambda title: contextlib.nullcontext(mark)\n"
        "main.run()\n")
    words = [sys.executable, "-c", code, "simulate", "ising:shape=64x64", "--beta", "0.44", "--sweeps",
             "100000", "-o", "run.h5"]
    child = subprocess.Popen(words, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    until = time.monotonic() + 120.0
    while not started.exists() and child.poll() is None and time.monotonic() < until:
        time.sleep(0.05)
    assert started.exists()
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=60)
    assert child.returncode == 130
    assert err.startswith("statfe: stopped with ")
    assert err.endswith("run.h5.parts keeps what was done, and the same command with --resume goes on\n")
    assert err.count("\n") == 1
    assert out == ""
    assert [p.name for p in here.iterdir()] == ["run.h5.parts"]


def test_no_progress_where_nobody_is_watching(here):
    done = process("simulate", "ising:shape=2x3", "--beta", "0.3", "--sweeps", "500", "-o", "run.h5", cwd=here)
    assert done.returncode == 0
    assert done.stderr == ""


def test_doctor_is_content(call):
    code, out, _ = call("doctor", "--json")
    findings = {f["name"]: f for f in strict(out)}
    assert code == 0, findings
    assert all(f["verdict"] in ("ok", "note") for f in findings.values())
    assert {"versions", "exact kernels", "samplers", "HDF5", "speed"} <= set(findings)


def test_a_diverged_reference_is_printed_and_ends_with_3(here, capfd):
    assert main(["simulate", "ea:shape=4x4", "--beta", "1e300", "--sweeps", "200", "--seed", "1", "-o", "a.h5"]) == 3
    out, err = capfd.readouterr()
    assert "diverged" in out
    assert "Traceback" not in err
