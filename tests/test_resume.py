"""Runs that are stopped, killed or damaged at any moment and go on give the bits of a run that was never stopped."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from functools import cache
from pathlib import Path

import h5py
import numpy as np
import pytest

import statfe
from statfe.errors import Interrupted, StoreError, UsageError
from statfe.models.catalogue import build_model
from statfe.sampling import driver
from statfe.sampling.choice import kernels
from statfe.signals import REPEAT_SECONDS, Stop
from statfe.store import atomic, parts
from statfe.store.checkpoints import Checkpoints
from tests.models_for_tests import peaked

SPEC, BETAS = "ea:shape=3x4,seed=2", [0.3, 0.8]
OPTIONS = {"sweeps": 300, "replicas": 3, "checkpoint_seconds": 0.0}
posix = pytest.mark.skipif(os.name == "nt", reason="POSIX signals")


@pytest.fixture(autouse=True)
def short_blocks(monkeypatch):
    """Blocks of some ten sweeps of the small models here."""
    monkeypatch.setattr(driver, "ALL_BLOCK_NS", 1.2e5)


class Killed(BaseException):
    """Nothing may catch it, as nothing catches kill -9."""


def datasets(path: Path) -> dict[str, tuple]:
    """Every dataset of a file but the times, to the bit."""
    found = {}

    def visit(name, item):
        if isinstance(item, h5py.Dataset) and not name.endswith("seconds"):
            text = h5py.check_string_dtype(item.dtype) is not None
            found[name] = item[()].tolist() if text else (item.dtype.str, item.shape, item[()].tobytes())

    with h5py.File(path) as file:
        file.visititems(visit)
        found["attributes"] = {k: str(v) for k, v in file.attrs.items()
                               if k not in ("created", "seconds", "command", "source_commit")}
    return found


@cache
def _reference(folder: str, seed: int, spec: str, options: tuple) -> dict[str, tuple]:
    path = Path(folder) / f"{seed}-{abs(hash((spec, options)))}.h5"
    statfe.simulate(spec, BETAS, path, seed=seed, **dict(options))
    return datasets(path)


@pytest.fixture
def reference(tmp_path_factory):
    """``reference(seed, spec, **options)``: the datasets of a run that is never stopped, and never saved."""
    folder = tmp_path_factory.getbasetemp() / "references"
    folder.mkdir(exist_ok=True)

    def make(seed: int, spec: str = SPEC, **options) -> dict[str, tuple]:
        chosen = {**OPTIONS, "checkpoint_seconds": 1e9, **options}
        return _reference(str(folder), seed, spec, tuple(sorted(chosen.items())))

    return make


def start_and_kill(monkeypatch, path, saves: int, spec=SPEC, **options):
    """A run that dies right after its `saves`-th save."""
    save, done = Checkpoints.save, []

    def saving(self, *args):
        save(self, *args)
        done.append(1)
        if len(done) == saves:
            raise Killed

    monkeypatch.setattr(Checkpoints, "save", saving)
    with pytest.raises(Killed):
        statfe.simulate(spec, BETAS, path, **{"seed": 5, **OPTIONS, **options})
    monkeypatch.setattr(Checkpoints, "save", save)


def resume(path, spec=SPEC, **options):
    statfe.simulate(spec, BETAS, path, resume=True, **{**OPTIONS, **options})
    assert [p.name for p in path.parent.iterdir() if "parts" in p.name or p.name.endswith(".tmp")] == []
    return datasets(path)


ZOO = ("ea:shape=3x4,seed=2", "ising:shape=8x8", "ea:shape=4x4x4,seed=1", "ising:shape=64x64", "sk:n=20,seed=1")


@pytest.mark.parametrize("schedule", ["tempering", "annealing"])
@pytest.mark.parametrize("kernel", sorted(kernels()))
def test_every_kernel_goes_on_with_the_same_bits(kernel, schedule, tmp_path, monkeypatch, reference):
    k = kernels()[kernel]
    spec = next((s for s in ZOO if not k.obstacle(build_model(s))), None)
    assert spec is not None, f"name a small model that {kernel} can hold"
    stretches = driver._stretches
    monkeypatch.setattr(driver, "_stretches", lambda total, size: stretches(total, 30))
    options = {"sampler": f"{k.samplers[0]}:kernel={kernel},schedule={schedule}", "workers": 2}
    expected = reference(5, spec, **{**options, "workers": 1})
    for saves in (1, 3):
        path = tmp_path / f"{saves}.h5"
        start_and_kill(monkeypatch, path, saves, spec, **options)
        # Killed once more, then to the end with another number of workers.
        start_and_kill(monkeypatch, path, 2, spec, resume=True, **options)
        assert resume(path, spec, **{**options, "workers": 1}) == expected


def test_saves_are_linear_in_the_draws_and_old_states_go(tmp_path, monkeypatch):
    start_and_kill(monkeypatch, tmp_path / "run.h5", 9)
    with parts.Parts(tmp_path / "run.h5") as folder:
        assert folder.numbers("shard") == list(range(1, 10))
        assert folder.numbers("state") == [8, 9]
        draws = sum(folder.shard(k).stat().st_size for k in range(1, 10))
    run = resume(tmp_path / "run.h5")
    assert draws < run["samples/energy"][1][0] * 300 * 3 * 12 + 9 * 1000


def test_a_crash_after_any_file_operation_is_survived(tmp_path, monkeypatch, reference):
    """The folder is copied around every rename and removal; from each copy the run goes on."""
    monkeypatch.setattr(driver, "ALL_BLOCK_NS", 2.5e5)
    place, copies = tmp_path / "work", tmp_path / "copies"
    place.mkdir()
    copies.mkdir()
    taken = []

    def look(cut: bool = False) -> None:
        copy = copies / str(len(taken))
        shutil.copytree(place, copy)
        for temporary in copy.rglob(".*.tmp") if cut else ():
            temporary.write_bytes(temporary.read_bytes()[: temporary.stat().st_size // 2])
        taken.append(copy)

    real_replace, real_unlink, real_mkdir = os.replace, Path.unlink, Path.mkdir

    def replace(source, target):
        look(cut=True)
        real_replace(source, target)
        look()

    def followed(method):
        def call(self, *args, **more):
            method(self, *args, **more)
            if place in self.parents:
                look()

        return call

    with monkeypatch.context() as patch:
        patch.setattr(atomic.os, "replace", replace)
        patch.setattr(Path, "unlink", followed(real_unlink))
        patch.setattr(Path, "mkdir", followed(real_mkdir))
        statfe.simulate(SPEC, BETAS, place / "run.h5", seed=7, **OPTIONS)
    assert len(taken) > 40
    shutil.rmtree(place)
    for copy in taken:
        # A seed is drawn where nothing is kept yet.
        seed = None if (copy / "run.h5.parts/manifest").exists() or (copy / "run.h5").exists() else 7
        # Back to the old place: its name is in the file.
        copy.rename(place)
        assert resume(place / "run.h5", seed=seed, checkpoint_seconds=1e9) == reference(7), copy
        shutil.rmtree(place)


def _child(path: str, seed: int | None) -> None:
    driver.ALL_BLOCK_NS = 1e6
    statfe.simulate(SPEC, BETAS, path, seed=seed, resume=True, **{**OPTIONS, "sweeps": 3_000})


@posix
def test_kill_9_at_twenty_moments(tmp_path, monkeypatch, reference):
    """Each run is killed at a random moment, and often killed once more while it goes on."""
    monkeypatch.setattr(driver, "ALL_BLOCK_NS", 1e6)
    server = multiprocessing.get_context("forkserver")
    server.set_forkserver_preload(["tests.test_resume", "tests.preloaded_run"])
    rng = np.random.default_rng(4)

    def run(path: Path, seconds: float | None) -> bool:
        child = server.Process(target=_child, args=(str(path), 5))
        child.start()
        child.join(seconds)
        finished = child.exitcode is not None
        child.kill()
        child.join()
        assert not finished or child.exitcode == 0
        return not finished

    run(tmp_path / "first.h5", None)
    start = time.monotonic()
    run(tmp_path / "whole.h5", None)
    whole = time.monotonic() - start
    expected = reference(5, sweeps=3_000)
    assert datasets(tmp_path / "whole.h5") == expected
    killed = 0
    for k in range(20):
        path = tmp_path / f"{k}.h5"
        killed += run(path, whole * (k + rng.random()) / 20)
        if k % 2:
            killed += run(path, whole * rng.random() * (1 - k / 20))
        assert resume(path, seed=5, sweeps=3_000) == expected
    assert killed >= 20


@pytest.mark.parametrize("kind", ["shard", "state"])
def test_a_flipped_byte_in_the_newest_save_costs_that_save_only(kind, tmp_path, monkeypatch, reference):
    start_and_kill(monkeypatch, tmp_path / "run.h5", 5)
    newest = tmp_path / f"run.h5.parts/{kind}-000005"
    whole, saved = newest.read_bytes(), tmp_path / "saved"
    shutil.copytree(tmp_path / "run.h5.parts", saved)
    rng = np.random.default_rng(3)
    for at in [0, len(whole) - 1, *rng.integers(0, len(whole), 10)]:
        shutil.rmtree(tmp_path / "run.h5.parts", ignore_errors=True)
        (tmp_path / "run.h5").unlink(missing_ok=True)
        shutil.copytree(saved, tmp_path / "run.h5.parts")
        newest.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << int(rng.integers(8))]) + whole[at + 1:])
        lines: list[str] = []
        with pytest.warns(UserWarning, match=f"{kind}-000005 is damaged"):
            assert resume(tmp_path / "run.h5", notify=lines.append, checkpoint_seconds=1e9) == reference(5)
        assert lines[0].startswith("going on after")


def test_a_damaged_first_shard_starts_again_and_a_damaged_manifest_is_refused(tmp_path, monkeypatch, reference):
    start_and_kill(monkeypatch, tmp_path / "run.h5", 5)
    first, manifest = tmp_path / "run.h5.parts/shard-000001", tmp_path / "run.h5.parts/manifest"
    whole = manifest.read_bytes()
    manifest.write_bytes(whole[:-1])
    with pytest.raises(StoreError, match=r"manifest is damaged.*--force"):
        resume(tmp_path / "run.h5")
    manifest.write_bytes(whole)
    first.write_bytes(first.read_bytes()[:-1])
    with pytest.warns(UserWarning, match="shard-000001 is damaged"):
        assert resume(tmp_path / "run.h5") == reference(5)


@pytest.mark.parametrize(("change", "named"), [
    ({"sweeps": 301}, "--sweeps is 300 there, 301 here"), ({"replicas": 4}, "--replicas is 3 there"),
    ({"sampler": "gibbs"}, "--sampler is metropolis"), ({"sampler": "metropolis:kernel=scalar"}, "--sampler"),
    ({"samples_only": True}, "--samples-only is False there, True here"), ({"seed": 6}, "--seed is 5 there, 6 here"),
    ({"betas": [0.3, 0.9]}, "the grid of --beta differs"), ({"model": "ea:shape=3x4,seed=3"}, "seed=2.*seed=3"),
    ({"model": peaked(5)}, "the model is ea")])
def test_another_run_is_refused_and_what_differs_is_named(change, named, tmp_path, monkeypatch, reference):
    start_and_kill(monkeypatch, tmp_path / "run.h5", 2)
    before = sorted(os.listdir(tmp_path / "run.h5.parts"))
    asked = {"model": SPEC, "betas": BETAS, **OPTIONS, **change}
    with pytest.raises(UsageError, match=f"run.h5.parts holds another run: .*{named}.*--force"):
        statfe.simulate(asked.pop("model"), asked.pop("betas"), tmp_path / "run.h5", resume=True, **asked)
    assert sorted(os.listdir(tmp_path / "run.h5.parts")) == before
    assert resume(tmp_path / "run.h5") == reference(5)
    asked = {"model": SPEC, "betas": BETAS, **OPTIONS, **change}
    with pytest.raises(UsageError, match=rf"run\.h5 holds another run: .*{named}.*--force"):
        statfe.simulate(asked.pop("model"), asked.pop("betas"), tmp_path / "run.h5", resume=True, **asked)
    assert sorted(os.listdir(tmp_path)) == ["run.h5"]


def test_a_changed_model_file_and_changed_kernels_are_refused(tmp_path, monkeypatch):
    (tmp_path / "J.txt").write_text("0 1 1.0\n1 2 0.5\n")
    spec = f"file:{tmp_path}/J.txt"
    start_and_kill(monkeypatch, tmp_path / "run.h5", 2, spec)
    (tmp_path / "J.txt").write_text("0 1 1.0\n1 2 0.25\n")
    with pytest.raises(UsageError, match=r"the contents of file:.*J\.txt have changed"):
        resume(tmp_path / "run.h5", spec)
    (tmp_path / "J.txt").write_text("0 1 1.0\n1 2 0.5\n")
    monkeypatch.setattr("statfe.store.unfinished.source_hash", lambda: "other")
    with pytest.raises(UsageError, match="the sources of the kernels"):
        resume(tmp_path / "run.h5", spec)
    monkeypatch.undo()
    monkeypatch.setattr(driver, "ALL_BLOCK_NS", 1e4)
    with pytest.raises(UsageError, match="divides runs otherwise"):
        resume(tmp_path / "run.h5", spec)


def test_without_resume_an_unfinished_run_is_neither_lost_nor_continued_unasked(tmp_path, monkeypatch, reference):
    path = tmp_path / "run.h5"
    start_and_kill(monkeypatch, path, 2)
    with pytest.raises(StoreError, match=r"an unfinished run is in .*run\.h5\.parts; --resume continues it, --force"):
        statfe.simulate(SPEC, BETAS, path, seed=5, **OPTIONS)
    statfe.simulate(SPEC, BETAS, path, seed=6, force=True, **OPTIONS)
    assert datasets(path) == reference(6)
    assert os.listdir(tmp_path) == ["run.h5"]


def test_a_run_that_replaces_a_file_goes_on_without_force(tmp_path, monkeypatch, reference):
    path = tmp_path / "run.h5"
    statfe.simulate(SPEC, BETAS, path, seed=6, **OPTIONS)
    start_and_kill(monkeypatch, path, 2, force=True)
    assert datasets(path) == reference(6)
    assert resume(path) == reference(5)


def test_a_file_that_came_in_between_is_not_replaced(tmp_path, monkeypatch):
    path = tmp_path / "run.h5"
    start_and_kill(monkeypatch, path, 2)
    path.write_text("not ours")
    with pytest.raises(StoreError, match="exists; use --force"):
        resume(path)
    assert path.read_text() == "not ours"


def test_resume_without_anything_starts_and_with_everything_does_nothing(tmp_path, reference):
    path, lines = tmp_path / "run.h5", []
    assert resume(path, seed=5, notify=lines.append) == reference(5)
    assert lines == [f"no unfinished run in {path}.parts; starting from the beginning"]
    before = path.stat()
    run = statfe.simulate(SPEC, BETAS, path, resume=True, notify=lines.append, **OPTIONS)
    assert lines[1:] == [f"{path} is complete; nothing to do"]
    assert run.chains.seed == 5
    assert path.stat() == before
    with pytest.raises(StoreError, match="exists; use --force"):
        statfe.simulate(SPEC, BETAS, path, **OPTIONS)


def test_bad_requests_leave_no_folder(tmp_path):
    for options, words in (({"resume": True}, "needs an output"), ({"checkpoint_seconds": -1.0}, "from 0 up"),
                           ({"checkpoint_seconds": "x"}, "from 0 up"), ({"checkpoint_seconds": np.nan}, "from 0 up")):
        with pytest.raises(UsageError, match=words):
            statfe.simulate(SPEC, BETAS, **{**OPTIONS, **options})
    with pytest.raises(UsageError, match="negate"):
        statfe.simulate(SPEC, [-1.0], tmp_path / "run.h5", **OPTIONS)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "run.h5.parts").mkdir()
    (tmp_path / "run.h5.parts/thesis.tex").touch()
    with pytest.raises(StoreError, match=r"not ours, such as thesis\.tex"):
        statfe.simulate(SPEC, BETAS, tmp_path / "run.h5", force=True, **OPTIONS)
    assert os.listdir(tmp_path / "run.h5.parts") == ["thesis.tex"]
    (tmp_path / "b.h5.parts").touch()
    with pytest.raises(StoreError, match="cannot make the folder"):
        statfe.simulate(SPEC, BETAS, tmp_path / "b.h5", **OPTIONS)


@posix
def test_two_processes_do_not_share_a_folder(tmp_path, reference):
    with parts.Parts(tmp_path / "run.h5"):
        for options in ({}, {"resume": True}, {"force": True}):
            with pytest.raises(StoreError, match=rf"another process \(process {os.getpid()}\) is writing"):
                statfe.simulate(SPEC, BETAS, tmp_path / "run.h5", seed=5, **options, **OPTIONS)
    # The lock of a process that is gone holds nobody up.
    (tmp_path / "run.h5.parts").mkdir()
    (tmp_path / "run.h5.parts/lock").write_text("process 1")
    assert resume(tmp_path / "run.h5", seed=5) == reference(5)


def test_a_full_disk_does_not_stop_the_run(tmp_path, monkeypatch, reference):
    write, calls = atomic.writing, []

    def sometimes(path):
        calls.append(path)
        if "shard" in str(path) and len(calls) % 3:
            raise StoreError("cannot write: no space left")
        return write(path)

    monkeypatch.setattr(atomic, "writing", sometimes)
    with pytest.warns(UserWarning, match="no space left; the run goes on"):
        start_and_kill(monkeypatch, tmp_path / "run.h5", 9)
    monkeypatch.setattr(atomic, "writing", write)
    assert resume(tmp_path / "run.h5") == reference(5)


@posix
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("stage", ["placing rungs", "sampling", "free energies"])
def test_a_signal_saves_and_raises_in_python_too(stage, number, tmp_path, reference):
    before = [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)]
    sent = []

    def progress(label: str, share: float) -> None:
        if label == stage and not sent and share >= (0.4 if label == "sampling" else 0.0):
            sent.append(1)
            os.kill(os.getpid(), number)

    with pytest.raises(Interrupted, match=r"^stopped.*; .*run\.h5\.parts keeps what was done, .* --resume"):
        statfe.simulate(SPEC, BETAS, tmp_path / "run.h5", progress=progress, **{**OPTIONS, "checkpoint_seconds": 1e9})
    assert [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)] == before
    shares: list[float] = []
    found = resume(tmp_path / "run.h5", progress=lambda label, x: shares.append(x) if label == "sampling" else None)
    seed = int(found["attributes"]["seed"])
    assert found == reference(seed)
    if stage == "sampling":
        assert shares[0] > 0.4  # what was done is not done again


@posix
def test_a_stop_leaves_the_handlers_of_others_alone():
    def mine(*_):
        pass

    before = signal.signal(signal.SIGTERM, mine)
    try:
        with Stop("x") as stop:
            assert signal.getsignal(signal.SIGTERM) is mine
            assert signal.getsignal(signal.SIGINT) == stop._handle
    finally:
        signal.signal(signal.SIGTERM, before)
    inside = []
    thread = threading.Thread(target=lambda: inside.append(Stop("x").__enter__()))
    thread.start()
    thread.join()
    assert signal.getsignal(signal.SIGINT) == signal.default_int_handler
    assert not inside[0].asked


@posix
def test_a_held_stop_waits_and_a_second_signal_does_not():
    reached = []

    def held(stop: Stop, wait: float) -> None:
        with stop.held():
            for number in (signal.SIGINT, signal.SIGINT, signal.SIGTERM):
                os.kill(os.getpid(), number)
                time.sleep(wait)
            reached.append(stop.asked)

    with Stop("kept") as stop, pytest.raises(Interrupted, match="kept"):
        held(stop, 0.0)  # the same Ctrl-C, passed on by others
    assert reached == [True]
    with Stop("kept") as stop, pytest.raises(KeyboardInterrupt) as caught:
        held(stop, 1.5 * REPEAT_SECONDS)
    assert caught.type is KeyboardInterrupt
    assert reached == [True]


def command(*words: str) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, "-m", "statfe_cli", *words], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True)


def wait_for(path: Path, child: subprocess.Popen) -> None:
    until = time.monotonic() + 120.0
    while not path.exists() and child.poll() is None and time.monotonic() < until:
        time.sleep(0.01)
    assert path.exists(), child.communicate()


@posix
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_command_with_130_and_the_way_on(number, here, call, monkeypatch):
    monkeypatch.setattr(driver, "ALL_BLOCK_NS", 1.0e9)  # as in the child
    words = ("simulate", "ising:shape=16x16", "--beta", "0.3", "--sweeps", "120000", "--replicas", "2",
             "--samples-only", "--sampler", "metropolis:kernel=scalar", "--checkpoint", "0", "-o", "run.h5")
    child = command(*words)
    wait_for(here / "run.h5.parts/shard-000001", child)
    start = time.monotonic()
    child.send_signal(number)
    out, err = child.communicate(timeout=60)
    assert time.monotonic() - start < 10.0
    assert child.returncode == 130, err
    assert out == ""
    assert err.count("\n") == 1
    assert err.startswith("statfe: stopped with ")
    assert err.endswith("run.h5.parts keeps what was done, and the same command with --resume goes on\n")
    code, out, err = call(*words, "--resume")
    assert (code, out.splitlines()[-1]) == (0, "wrote run.h5")
    assert err.startswith("statfe: going on after ")
    code, out, err = call(*words, "--resume")
    assert (code, out.splitlines()[-1]) == (0, "read run.h5")
    assert err == "statfe: run.h5 is complete; nothing to do\n"
    seed = str(statfe.load("run.h5").chains.seed)
    assert call(*words[:-1], "other.h5", "--seed", seed)[0] == 0
    assert datasets(here / "run.h5") == datasets(here / "other.h5")


@posix
def test_a_second_ctrl_c_ends_the_command_at_once(here):
    """Here in a kernel of many seconds, which Python cannot interrupt."""
    code = (
        "import hashlib, pathlib, statfe, statfe_cli.main as main\n"
        "def busy(*_, **more):\n"
        "    pathlib.Path('busy').touch()\n"
        "    hashlib.pbkdf2_hmac('sha256', b'', b'', 10**9)\n"
        "statfe.simulate = busy\n"
        "main.run()\n")
    child = subprocess.Popen(
        [sys.executable, "-c", code, "simulate", "ising:shape=3", "--beta", "1", "-o", "run.h5"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        wait_for(here / "busy", child)
        time.sleep(0.2)
        child.send_signal(signal.SIGINT)
        time.sleep(2 * REPEAT_SECONDS)
        assert child.poll() is None
        child.send_signal(signal.SIGTERM)
        _, err = child.communicate(timeout=20)
    finally:
        child.kill()
    assert child.returncode == 130
    assert err == "statfe: stopped at once\n"
