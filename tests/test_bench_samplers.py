"""`statfe bench samplers`: turns and ratios with a clock of our own, the command end to end, its files and figures."""

from __future__ import annotations

import csv
import itertools
import json
import sys
import types
import xml.etree.ElementTree as ET
from dataclasses import replace
from statistics import median
from typing import ClassVar

import numpy as np
import pytest

import statfe
from statfe.bench import peers, samplers, sizes, workloads
from statfe.bench.chains import Choice, automatic, chains, filled
from statfe.bench.large import NAME, LargeRunner
from statfe.bench.machine import machine
from statfe.bench.pairing import Spread, race, sweeps_of_a_lap
from statfe.bench.records import LAYOUT
from statfe.bench.workloads import WORKLOADS, Workload
from statfe.errors import UsageError
from statfe.sampling.bank import Load
from statfe.sampling.choice import kernels

TINY = (
    Workload("glass", "a glass", "ea:shape=3x3x3,seed=1", (0.3, 0.6), peers=("peapods", "dwave-samplers"),
             threads=True, measuring=True),
    Workload("dense", "a dense one", "sk:n=12,seed=1", (0.3, 0.6), peers=("peapods", "dwave-samplers")),
    Workload("long", "only with --full", "ising:shape=4x4", (0.4,), peers=(), level=2),
)


@pytest.fixture
def tiny(monkeypatch):
    """Models of a few spins, laps of a millisecond, no peers."""
    monkeypatch.setattr(samplers, "WORKLOADS", TINY)
    monkeypatch.setattr(sizes, "SIDES", (4, 8, 2000))
    monkeypatch.setattr(samplers, "MODES", {n: replace(m, lap=0.001, repeats=3) for n, m in samplers.MODES.items()})
    for name in ("peapods", "dwave.samplers"):
        monkeypatch.setitem(sys.modules, name, None)


class FakeClock:
    """Time that passes only where a runner says so."""

    def __init__(self) -> None:
        self.now, self.slowness, self.order = 0.0, itertools.repeat(1.0), []

    def __call__(self) -> float:
        return self.now


class FakeRunner:
    """Takes `seconds` a sweep, times whatever the machine's slowness is."""

    def __init__(self, label: str, clock: FakeClock, seconds: float, updates: float = 100.0, own: bool = False) -> None:
        self.label, self.clock, self.seconds, self.updates, self.own = label, clock, seconds, updates, own

    def advance(self, sweeps: int) -> float | None:
        self.clock.order.append(self.label)
        spent = sweeps * self.seconds * next(self.clock.slowness)
        self.clock.now += 10.0 * spent if self.own else spent
        return spent if self.own else None


def test_runners_take_turns_and_the_order_turns_round():
    clock = FakeClock()
    runners = [FakeRunner(name, clock, 0.1) for name in "ABC"]
    race(runners, 3, 0.1, clock=clock)
    assert "".join(clock.order[-9:]) == "ABCCBAABC"


def test_rates_and_ratios_are_those_of_the_clock():
    clock = FakeClock()
    runners = [FakeRunner("fast", clock, 1e-3), FakeRunner("slow", clock, 4e-3, updates=200.0)]
    found = race(runners, 4, 0.05, clock=clock)
    assert found.ns["fast"] == pytest.approx([1e4] * 4)
    assert found.ratios("fast", "slow") == pytest.approx([2.0] * 4)
    assert found.rate("slow").median == pytest.approx(0.5e-4)
    assert found.seconds["fast"] == pytest.approx(4 * found.sweeps["fast"] * 1e-3)


def test_a_machine_that_slows_down_does_not_move_the_ratio():
    clock = FakeClock()
    runners = [FakeRunner("A", clock, 1e-3), FakeRunner("B", clock, 3e-3)]
    # The machine has a new speed in every round of two laps, after the trials.
    clock.slowness = itertools.chain([1.0] * 40, (s for s in itertools.count(2) for _ in range(2)))
    trials = sum(1 for _ in _trial_laps(runners, clock))
    clock.slowness = itertools.chain([1.0] * trials, (float(s) for s in itertools.count(2) for _ in range(2)))
    found = race(runners, 5, 0.01, clock=clock)
    assert found.cost("A").high / found.cost("A").low == pytest.approx(3.0)
    assert found.ratios("A", "B") == pytest.approx([3.0] * 5)


def _trial_laps(runners, clock):
    before = len(clock.order)
    for runner in runners:
        sweeps_of_a_lap(runner, 0.01, clock)
    return clock.order[before:]


def test_a_runner_that_times_itself_is_believed():
    clock = FakeClock()
    found = race([FakeRunner("own", clock, 1e-3, own=True)], 2, 0.01, clock=clock)
    assert found.ns["own"] == pytest.approx([1e4] * 2)


@pytest.mark.parametrize(("seconds", "lap", "sweeps"), [(1e-3, 0.1, 100), (1e-6, 0.1, 100_000), (5.0, 0.1, 1)])
def test_a_lap_is_as_long_as_asked(seconds, lap, sweeps):
    clock = FakeClock()
    assert sweeps_of_a_lap(FakeRunner("A", clock, seconds), lap, clock) == pytest.approx(sweeps, rel=1e-3)


def test_the_first_sweep_is_not_timed():
    clock = FakeClock()
    clock.slowness = itertools.chain([1000.0], itertools.repeat(1.0))
    assert sweeps_of_a_lap(FakeRunner("A", clock, 1e-3), 0.1, clock) == pytest.approx(100, rel=1e-3)


def test_spread():
    assert Spread.of([3.0, 1.0, 2.0]) == Spread(2.0, 1.0, 3.0)


@pytest.mark.parametrize("name", sorted(kernels()))
def test_every_kernel_is_timed_on_a_model_that_it_holds(name):
    kernel = kernels()[name]
    models = (statfe.model(spec) for spec in ("ising:shape=8x8", "ising:shape=64x64", "sk:n=16,seed=1"))
    model = next(model for model in models if not kernel.obstacle(model))
    runner = chains(model, np.array([0.3, 0.4]), filled(model, kernel, 2), 1)
    before = runner.bank.spins(0).copy()
    runner.advance(5)
    assert np.all(np.isfinite(runner.energy[:, :5]))
    assert np.all(np.any(runner.energy[:, :5] != 0.0, axis=(0, 1)))
    assert np.all(np.any(runner.bank.spins(0) != before, axis=1))
    assert runner.updates == model.n_sites * 2 * runner.replicas
    assert runner.bytes_per_spin > 0


def test_a_large_lattice_needs_no_model():
    runner = LargeRunner(32, 0.4, 1)
    runner.advance(3)
    spins = runner.lattice.unpack(runner.words[0])
    assert runner.energy[2, 0] == statfe.model("ising:shape=32x32").energy(spins)
    assert runner.updates == 1024
    with pytest.raises(UsageError, match="even sides"):
        LargeRunner(31, 0.4, 1)


def test_more_sweeps_than_draws_are_kept_go_on(monkeypatch):
    monkeypatch.setattr("statfe.bench.chains.MOST_DRAWS", 3)
    model = statfe.model("ising:shape=4x4")
    runner = chains(model, np.array([0.4]), Choice(kernels()["scalar"], "metropolis", 1), 1)
    swept = []
    advance = runner.bank.advance
    monkeypatch.setattr(runner.bank, "advance", lambda g, block, e, m: (swept.append(block.sweeps),
                                                                       advance(g, block, e, m)))
    runner.advance(8)
    assert sum(swept) == 8
    assert max(swept) == 3


def test_filled_takes_the_fewest_replicas_that_are_close_to_the_best():
    model = statfe.model("ising:shape=8x8")
    scalar = kernels()["scalar"]
    lanes = replace(scalar, cost=lambda m, load: 64.0 / min(load.total, 64))
    assert filled(model, scalar, 4).replicas == 1
    assert filled(model, lanes, 4).replicas == 16
    with pytest.raises(UsageError, match="too odd"):
        filled(model, replace(scalar, obstacle=lambda m: "too odd"), 4)


def test_automatic_is_no_dearer_than_any_kernel_at_any_load():
    model = statfe.model("ea:shape=4x4x4,seed=1")
    choice = automatic(model, 8)
    cost = choice.kernel.cost(model, Load(choice.replicas, 8))
    others = [k.cost(model, Load(r, 8)) for k in kernels().values() for r in (1, 16, 256)
              if "metropolis" in k.samplers and not k.obstacle(model)]
    assert cost <= 1.05 * min(others)


def test_the_command_without_peers(call, tiny, tmp_path):
    code, out, err = call("bench", "samplers", "--quick", "--threads", "1,2", "--seed", "3", "-o", str(tmp_path / "b"))
    assert (code, err) == (0, "")
    assert "flips/ns" in out
    assert "not timed: glass: peapods: not installed; install statfe[peers]" in out
    found = json.loads((tmp_path / "b/samplers.json").read_text())
    _check_record(found)
    assert found["peers"] == {"peapods": None, "dwave-samplers": None}
    assert {r["workload"] for r in found["rates"]} == {"glass", "dense"}
    assert {r["threads"] for r in found["threads"]} == {1, 2}
    assert [s["workload"] for s in found["measuring"]] == ["glass"]
    assert {r["n_sites"] for r in found["sizes"]} == {16, 64}
    assert {r["kernel"] for r in found["sizes"]} >= {"scalar"}
    assert any(s["workload"] == "sizes" and "2000x2000" in s["what"] for s in found["skipped"])
    rows = list(csv.DictReader((tmp_path / "b/samplers.csv").open()))
    assert len(rows) == sum(len(found[part]) for part in ("rates", "threads", "sizes"))
    for name in ("samplers-rates", "samplers-sizes", "samplers-threads"):
        root = ET.fromstring((tmp_path / f"b/{name}.svg").read_bytes())
        assert root.tag.endswith("svg")
        assert len(list(root.iter())) > 50
    code, _, err = call("bench", "samplers", "--quick", "-o", str(tmp_path / "b"))
    assert code == 2
    assert "--force" in err


def _check_record(found):
    assert found["layout"] == LAYOUT
    assert found["command"].startswith("statfe bench samplers")
    assert f"--seed {found['seed']}" in found["command"]
    assert found["machine"]["cpu"]
    assert found["machine"]["cores"] >= 1
    assert {"statfe", "numpy", "numba", "python"} <= set(found["versions"])
    for r in [*found["rates"], *found["threads"], *found["sizes"]]:
        assert 0 < r["rate_low"] <= r["rate"] <= r["rate_high"]
        assert r["repeats"] == 3
        assert r["rate"] * r["ns_per_flip"] == pytest.approx(1.0)
        assert r["seconds"] > 0
        updates = r["sweeps"] * r["repeats"] * r["replicas"] * r["temperatures"] * r["n_sites"]
        # The mean cost of the laps lies within their range.
        assert 0.999 / r["rate_high"] <= 1e9 * r["seconds"] / updates <= 1.001 / r["rate_low"]
    for r in found["ratios"]:
        assert len(r["rounds"]) == 3
        assert (r["low"], r["ratio"], r["high"]) == (min(r["rounds"]), median(r["rounds"]), max(r["rounds"]))
    for s in found["measuring"]:
        assert s["low"] <= s["share"] <= s["high"] < 1.0


class FakePeapods:
    """Counts what it was asked for."""

    made: ClassVar[list] = []

    def __init__(self, shape, couplings, temperatures, n_replicas):
        assert couplings.flags.c_contiguous
        assert couplings.shape == (*shape, len(shape))
        FakePeapods.made.append((couplings, temperatures, n_replicas))

    def sample(self, sweeps, sweep_mode, pt_interval, warmup_ratio, sequential):
        assert sequential
        assert warmup_ratio == 0.0
        assert pt_interval == 1
        np.zeros(2000 * sweeps).sum()


class FakeAnnealing:
    """A sampler that says that an update takes 10 ns."""

    def sample(self, bqm, num_reads, beta_schedule_type, beta_schedule, num_sweeps_per_beta, num_sweeps, seed):
        assert num_sweeps == num_sweeps_per_beta * len(beta_schedule)
        assert beta_schedule_type == "custom"
        return types.SimpleNamespace(info={"timing": {"sampling_ns": 10 * bqm * num_reads * num_sweeps}})


@pytest.fixture
def fakes(monkeypatch, tiny):
    module = types.ModuleType("dimod")
    module.BinaryQuadraticModel = types.SimpleNamespace(
        from_numpy_vectors=lambda linear, quadratic, offset, kind: len(linear))
    monkeypatch.setitem(sys.modules, "dimod", module)
    monkeypatch.setitem(sys.modules, "peapods", types.SimpleNamespace(Ising=FakePeapods))
    monkeypatch.setitem(
        sys.modules, "dwave.samplers", types.SimpleNamespace(SimulatedAnnealingSampler=FakeAnnealing))
    monkeypatch.setattr(peers, "TRIAL", 0.001)
    FakePeapods.made.clear()


def test_the_command_beside_peers(call, fakes):
    code, out, err = call("bench", "samplers", "--quick", "--workloads", "glass,dense", "--kernels", "scalar",
                          "--threads", "1", "--json")
    assert (code, err) == (0, "")
    found = json.loads(out)
    _check_record(found)
    assert [(r["workload"], r["program"]) for r in found["rates"]] == [
        ("glass", "statfe"), ("glass", "peapods"), ("glass", "dwave-samplers"), ("dense", "statfe"),
        ("dense", "dwave-samplers")]
    assert [r["rate"] for r in found["rates"] if r["program"] == "dwave-samplers"] == pytest.approx([0.1, 0.1])
    assert [(s["workload"], s["what"]) for s in found["skipped"]] == [("dense", "peapods")]
    assert [(r["workload"], r["kernel"], r["slow"]) for r in found["ratios"]] == [
        ("glass", "scalar", "peapods"), ("glass", "scalar", "dwave-samplers"), ("dense", "scalar", "dwave-samplers")]
    rate = {(r["workload"], r["program"]): r for r in found["rates"]}
    for r in found["ratios"]:
        ours, theirs = rate[r["workload"], "statfe"], rate[r["workload"], r["slow"]]
        assert ours["rate_low"] / theirs["rate_high"] <= r["ratio"] <= ours["rate_high"] / theirs["rate_low"]


def test_peapods_is_given_the_same_model(fakes):
    model = statfe.model("ea:shape=3x4x5,couplings=gaussian,seed=2")
    peers.installed()["peapods"].runner(model, np.array([0.5, 1.0]), 1)
    couplings, temperatures, _ = FakePeapods.made[0]
    np.testing.assert_allclose(temperatures, [2.0, 1.0])
    spins = np.random.default_rng(1).choice([-1, 1], size=(3, 4, 5))
    energy = -sum((couplings[..., axis] * spins * np.roll(spins, -1, axis)).sum() for axis in range(3))
    assert energy == pytest.approx(model.energy(spins.ravel()), rel=1e-12)


@pytest.mark.parametrize(("spec", "holds"), [
    ("ising:shape=4x4", True), ("ising:shape=4x4,boundary=open", False), ("ising:shape=2x4", False),
    ("ising:shape=4x4,field=0.1", False), ("triangular:shape=4x4", False), ("sk:n=8,seed=1", False)])
def test_what_peapods_can_hold(fakes, spec, holds):
    assert (peers.installed()["peapods"].obstacle(statfe.model(spec)) == "") == holds


@pytest.mark.parametrize(("words", "message"), [
    (["--kernels", "scaler"], "unknown kernel 'scaler'; did you mean 'scalar'"),
    (["--workloads", "gaussian3d"], "did you mean 'gaussian-3d'"),
    (["--kernels", "scalar,"], "empty name"),
    (["--threads", "one"], "numbers such as 1,2"),
    (["--threads", "0"], "at least 1"),
    (["--repeats", "0"], "0"),
])
def test_bad_requests(call, words, message):
    code, out, err = call("bench", "samplers", *words)
    assert (code, out) == (2, "")
    assert message in err


def test_kernels_that_cannot_hold_a_model_are_named_with_the_reason(call, tiny):
    code, out, _ = call("bench", "samplers", "--workloads", "glass", "--kernels", "scalar,wolff", "--threads", "1",
                        "--json")
    assert code == 0
    found = json.loads(out)
    assert {r["kernel"] for r in found["rates"]} == {"scalar"}
    assert any(s["what"] == "wolff" and "frustrated" in s["reason"] for s in found["skipped"])


def test_sizes_that_take_too_long_or_too_much_memory_are_said(call, tiny, monkeypatch):
    modes = {n: replace(m, patience=1e-9) for n, m in samplers.MODES.items()}
    monkeypatch.setattr(samplers, "MODES", modes)
    _, out, _ = call("bench", "samplers", "--quick", "--workloads", "sizes", "--kernels", "scalar", "--json")
    found = json.loads(out)
    assert [r["n_sites"] for r in found["sizes"]] == [16]
    assert any("would take about" in s["reason"] for s in found["skipped"])
    monkeypatch.setattr(sizes, "available_bytes", lambda: 5000.0)
    _, out, _ = call("bench", "samplers", "--quick", "--workloads", "sizes", "--kernels", "scalar", "--json")
    assert any(s["what"] == "all, 8x8" and "GB are the most" in s["reason"] for s in json.loads(out)["skipped"])


def test_where_no_model_fits_one_kernel_goes_on(call, tiny, monkeypatch):
    monkeypatch.setattr(sizes, "SIDES", (8, 32))
    monkeypatch.setattr(sizes, "MODEL_BYTES", 1e12)
    _, out, _ = call("bench", "samplers", "--quick", "--workloads", "sizes", "--json")
    found = json.loads(out)
    _check_record(found)
    assert [(r["kernel"], r["n_sites"]) for r in found["sizes"]] == [(NAME, 64), (NAME, 1024)]


def test_missing_matplotlib_is_said_before_any_timing(call, tiny, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setattr(samplers, "_tasks", lambda *a: pytest.fail("timed"))
    code, _, err = call("bench", "samplers", "-o", str(tmp_path / "b"))
    assert code == 2
    assert "statfe[report]" in err


def test_progress_goes_from_nothing_to_all(tiny):
    told = []
    samplers.bench_samplers(mode="quick", threads=(1,), seed=1, progress=lambda label, share: told.append(share))
    assert told == sorted(told)
    assert told[-1] == pytest.approx(1.0)


def test_workloads_are_models_with_names_of_their_own():
    assert len({w.name for w in WORKLOADS}) == len(WORKLOADS)
    for w in WORKLOADS:
        assert set(w.peers) <= set(peers.installed())
        if w.level == 0:
            assert statfe.model(w.model).n_sites >= 1000
    assert list(workloads.SIDES) == sorted(workloads.SIDES)


def test_machine_facts():
    facts = machine()
    assert facts["cores"] >= 1
    assert facts["architecture"]
    assert facts["memory_bytes"] > 1e8
