"""Training of restricted Boltzmann machines: it learns, goes on with the same bits, and says when it runs away."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from statfe_cli.main import main

import statfe
from statfe.datasets.make import bars_and_stripes
from statfe.errors import StoreError, UsageError
from statfe.machines.course import Course
from statfe.machines.rbm_file import read_rbm, read_training, write_rbm
from statfe.machines.settings import Settings
from statfe.machines.train import train_rbm
from tests.hdf5_rules import check_format
from tests.machines_for_tests import random_machine

BARS = bars_and_stripes(3)
#: ln of the share of each of the 14 patterns: no machine can do better.
BEST = -math.log(14)
QUICK = {"hidden": 4, "batch": 5, "epochs": 3, "seed": 7}


@pytest.mark.parametrize(("options", "least"), [
    ({"algorithm": "exact"}, -2.8), ({"algorithm": "cd"}, -3.5), ({"algorithm": "cd", "steps": 5}, -3.0),
    ({"algorithm": "pcd", "steps": 10, "chains": 100}, -3.3),
    ({"algorithm": "pt", "chains": 100, "levels": 4}, -3.1), ({"algorithm": "tap", "steps": 3, "order": 3}, -5.0),
    ({"algorithm": "exact", "optimiser": "adam", "rate": 0.01}, -2.8),
    ({"algorithm": "exact", "centred": False, "precision": "double"}, -3.6),
    ({"algorithm": "ratio", "rate": 0.5}, -3.2),
], ids=str)
def test_every_algorithm_learns_bars_and_stripes(options, least):
    found = train_rbm(np.repeat(BARS.train, 10, axis=0), hidden=8, seed=1, batch=28, epochs=400, monitor_every=400,
                      **{"rate": 0.1, **options})
    first, last = (look["log_likelihood"] for look in (found.record[0], found.record[-1]))
    assert first < -6.0
    assert least < last <= BEST + 1e-9


def test_monitors_are_those_of_the_machine():
    test = BARS.train[:5]
    found = train_rbm(BARS.train, test=test, **QUICK)
    machine, look = found.machine, found.record[-1]
    assert [r["epoch"] for r in found.record] == [0, 1, 2, 3]
    exact = statfe.free_energy(machine.ising(), 1.0, "exact").beta_f
    assert (look["beta_f"], look["status"]) == (pytest.approx(exact, abs=1e-10), "converged")
    assert look["log_likelihood"] == pytest.approx(exact - machine.clamped_free_energy(BARS.train).mean(), abs=1e-10)
    assert look["test_log_likelihood"] == pytest.approx(exact - machine.clamped_free_energy(test).mean(), abs=1e-10)
    assert look["free_energy_gap"] == pytest.approx(look["log_likelihood"] - look["test_log_likelihood"], abs=1e-10)
    assert look["pseudo_likelihood"] == pytest.approx(machine.log_pseudo_likelihood(BARS.train).mean())
    assert look["weight_rms"] == pytest.approx(np.sqrt(np.mean(machine.weights**2)))
    assert look["largest_singular"] == pytest.approx(np.linalg.svd(machine.weights)[1][0])
    couplings = machine.ising().adjacency.toarray()
    assert look["effective_beta"] == pytest.approx(np.linalg.eigvalsh(couplings)[-1])
    assert look["tap_beta_f"] == pytest.approx(statfe.free_energy(machine.ising(), 1.0, "tap").beta_f, abs=1e-6)
    assert look["tap_log_likelihood"] == pytest.approx(
        look["log_likelihood"] + look["tap_beta_f"] - look["beta_f"], abs=1e-10)
    assert math.isnan(look["objective"])
    shown = machine.visible_means(machine.hidden_means(BARS.train))
    assert look["reconstruction"] == pytest.approx(np.mean((shown - BARS.train) ** 2))


def test_a_sampled_likelihood_has_an_error():
    found = train_rbm(BARS.train, likelihood="ais:particles=20,sweeps=20", **QUICK)
    assert all(look["beta_f_error"] > 0.0 for look in found.record[1:])
    assert all(math.isnan(look["beta_f"]) for look in train_rbm(BARS.train, likelihood="none", **QUICK).record)


ALGORITHMS = [
    {"algorithm": "pcd"}, {"algorithm": "cd", "optimiser": "adam"}, {"algorithm": "pt", "levels": 3},
    {"algorithm": "tap", "order": 3}, {"algorithm": "tap", "restart": True},
    {"algorithm": "exact", "precision": "double", "rate_decay": 0.5},
    {"algorithm": "ratio"}, {"visible": "gaussian", "algorithm": "score"}, {"visible": "gaussian", "algorithm": "tap"},
    {"visible": "gaussian", "noise": 0.5}]


@pytest.mark.parametrize("options", ALGORITHMS, ids=str)
def test_a_training_that_goes_on_gives_the_same_bits(tmp_path, options):
    whole = train_rbm(BARS.train, **{**QUICK, **options, "epochs": 6})
    path = tmp_path / "m.h5"
    train_rbm(BARS.train, path, **{**QUICK, **options})
    found = train_rbm(BARS.train, path, resume=True, epochs=6)
    assert found.state.keys() == whole.state.keys()
    for name, array in whole.state.items():
        assert np.array_equal(found.state[name], array), name
    assert str(found.record) == str(whole.record)
    other = train_rbm(BARS.train, **{**QUICK, **options, "epochs": 6, "seed": 8})
    assert not np.array_equal(other.state["parameters"], whole.state["parameters"])


def test_the_file_keeps_everything(tmp_path):
    path = tmp_path / "m.h5"
    found = train_rbm(BARS.train, path, **QUICK)
    leaves = check_format(path)
    assert {"/model", "/machine", "/training", "/checkpoint/parameters", "/checkpoint/streams"} <= set(leaves)
    back = read_training(path)
    assert str(back.to_dict()) == str(found.to_dict())
    assert isinstance(statfe.load(path), type(found))
    for name in ("visible_bias", "hidden_bias", "weights"):
        assert np.array_equal(getattr(back.machine, name), getattr(found.machine, name))
    model = statfe.free_energy(f"file:{path}", 1.0, "exact")
    assert model.beta_f == pytest.approx(found.record[-1]["beta_f"], abs=1e-10)


def test_a_machine_alone_has_a_file(tmp_path):
    machine, path = random_machine(), tmp_path / "m.h5"
    write_rbm(path, machine)
    check_format(path)
    assert np.array_equal(read_rbm(path).weights, machine.weights)
    assert np.array_equal(statfe.load(path).hidden_bias, machine.hidden_bias)
    assert statfe.model(f"file:{path}").offset == machine.ising().offset
    with pytest.raises(StoreError, match="no training"):
        read_training(path)


def test_a_training_that_runs_away_keeps_its_last_good_machine(tmp_path):
    path = tmp_path / "m.h5"
    good = train_rbm(BARS.train, **{**QUICK, "rate": 3.0, "momentum": 0.9, "rate_decay": 1.0, "epochs": 1})
    found = train_rbm(BARS.train, path, **{**QUICK, "rate": 3.0, "momentum": 0.9, "epochs": 500, "algorithm": "pcd"})
    assert found.status == "diverged"
    assert "lower rate (now 3)" in found.message
    assert np.abs(found.state["parameters"]).max() <= 100.0
    again = train_rbm(BARS.train, **{
        **QUICK, "rate": 3.0, "momentum": 0.9, "epochs": found.epochs})
    assert np.array_equal(again.state["parameters"], found.state["parameters"])
    assert np.array_equal(read_training(path).machine.weights, found.machine.weights)
    assert good.status == "converged"
    with pytest.raises(UsageError, match="diverged"):
        train_rbm(BARS.train, path, resume=True, epochs=600)


def test_the_last_good_state_is_there_after_numbers_overflow():
    found = train_rbm(BARS.train, **{**QUICK, "rate": 1e30})
    assert (found.status, found.epochs) == ("diverged", 0)
    assert np.isfinite(found.machine.weights).all()


@pytest.mark.parametrize(("data", "options", "words"), [
    (BARS.train, {"batch": 15}, "batch of 15 is larger than the 14"), (BARS.train[:1], {"batch": 1}, "one sample"),
    (BARS.train * 2, {}, r"\[0, 1\]"), (BARS.train, {"algorithm": "magic"}, "algorithm must be one of"),
    (BARS.train, {"rate": math.nan}, "rate must be"), (BARS.train, {"momentum": 1.0}, "momentum must be"),
    (BARS.train, {"hidden": 0}, "hidden must be at least 1"), (BARS.train, {"speed": 1}, "no option 'speed'"),
    (BARS.train, {"likelihood": "magic"}, "neither auto nor none"),
    (BARS.train, {"test": np.zeros((2, 3))}, "3 columns"),
    (BARS.train, {"hidden": None}, "how many hidden"), (BARS.train, {"order": 4}, "order must be one of"),
    (BARS.train, {"likelihood": "noen"}, "did you mean 'none'"), (BARS.train, {"likelihood": "ais:speed=1"}, "speed"),
    (np.zeros((30, 30)), {"hidden": 30, "algorithm": "exact"}, "at most 20 units"),
    (BARS.train, {"algorithm": "cd", "chains": 5}, "chains is not for algorithm cd"),
    (BARS.train, {"order": 3}, "order is not for algorithm pcd, but for tap"),
    (BARS.train, {"noise": 2.0}, "noise is not for visible bernoulli"),
    (BARS.train, {"optimiser": "adam", "momentum": 0.9}, "momentum is not for optimiser adam"),
    (np.where(np.eye(14) > 0, np.nan, 0), {}, "NaN"), (BARS, {"test": BARS.train}, "test part of its own"),
])
def test_bad_input_is_one_line(data, options, words):
    with pytest.raises(UsageError, match=words):
        train_rbm(data, **{**QUICK, **options})


def test_constant_columns_are_learnt():
    data = np.concatenate([BARS.train, np.zeros((14, 2)), np.ones((14, 1))], axis=1)
    found = train_rbm(data, **{**QUICK, "epochs": 20})
    assert (found.status, found.constant_columns) == ("converged", 3)
    assert found.machine.visible_means(np.zeros((1, 4)))[0, 9:] == pytest.approx([0, 0, 1], abs=0.15)


@pytest.mark.parametrize(("change", "data", "words"), [
    ({"rate": 0.2}, BARS.train, "another rate"), ({"hidden": 5}, BARS.train, "another hidden"),
    ({"seed": 1}, BARS.train, "another seed"), ({}, BARS.train[:13], "other data"),
    ({}, BARS.train[:, :8], "9 visible units, the data have 8"),
])
def test_a_resume_that_does_not_fit(tmp_path, change, data, words):
    path = tmp_path / "m.h5"
    train_rbm(BARS.train, path, **QUICK)
    before = path.read_bytes()
    with pytest.raises(UsageError, match=words):
        train_rbm(data, path, resume=True, **{"epochs": 6, **change})
    assert path.read_bytes() == before


def test_a_training_that_was_killed_goes_on_from_its_last_file(tmp_path, monkeypatch):
    monkeypatch.setattr("statfe.machines.train.SAVE_SECONDS", 0.0)
    path, whole = tmp_path / "m.h5", train_rbm(BARS.train, **{**QUICK, "epochs": 6})

    def killed(_what, share):
        if share > 0.6:
            raise MemoryError  # as sudden as a kill: nothing is written on the way out

    with pytest.raises(MemoryError):
        train_rbm(BARS.train, path, progress=killed, **{**QUICK, "epochs": 6})
    assert read_training(path).epochs == 4
    found = train_rbm(BARS.train, path, resume=True, epochs=6)
    assert all(np.array_equal(found.state[name], array) for name, array in whole.state.items())


def test_existing_files_stay(tmp_path):
    path = tmp_path / "m.h5"
    path.write_text("mine")
    with pytest.raises(StoreError, match="exists"):
        train_rbm(BARS.train, path, **QUICK)
    with pytest.raises(UsageError, match="name the file"):
        train_rbm(BARS.train, resume=True)
    assert path.read_text() == "mine"


def test_grey_data_train_but_have_no_pseudo_likelihood():
    found = train_rbm(BARS.train * 0.5 + 0.25, **QUICK)
    assert math.isnan(found.record[-1]["pseudo_likelihood"])
    assert math.isfinite(found.record[-1]["log_likelihood"])


GREY = np.repeat(BARS.train, 20, axis=0) + 0.25 * np.random.default_rng(2).normal(size=(280, 9))


@pytest.mark.parametrize(("options", "least"), [
    ({"algorithm": "exact"}, -4.0), ({"algorithm": "cd", "steps": 5}, -7.0), ({"steps": 5}, -6.0),
    ({"algorithm": "pt"}, -5.5), ({"algorithm": "score"}, -7.0), ({"algorithm": "tap", "steps": 3}, -7.0),
], ids=str)
def test_gaussian_units_learn_noisy_bars_and_stripes(options, least):
    found = train_rbm(GREY, hidden=8, seed=1, batch=28, epochs=150, monitor_every=150, visible="gaussian", noise=0.5,
                      rate=0.02, **options)
    first, last = (look["log_likelihood"] for look in (found.record[0], found.record[-1]))
    # the entropy of the source: 14 patterns, and noise of 0.25 a unit
    best = -math.log(14) - 9 * 0.5 * math.log(2 * math.pi * math.e * 0.25**2)
    assert first < -10.0
    assert least < last < best + 1.0


def test_constant_columns_have_a_scale_with_gaussian_units():
    data = np.concatenate([GREY, np.full((280, 2), 7.0)], axis=1)
    found = train_rbm(data, hidden=4, seed=1, batch=28, epochs=5, visible="gaussian", rate=0.01)
    assert (found.status, found.constant_columns) == ("converged", 2)
    assert found.machine.sigma[9:] == pytest.approx(np.median(GREY.std(axis=0)))
    assert found.machine.visible_means(np.full((1, 4), 0.5))[0, 9:] == pytest.approx([7.0, 7.0], abs=0.3)
    flat = train_rbm(np.ones((10, 3)), hidden=2, seed=1, batch=5, epochs=5, visible="gaussian", rate=0.01)
    assert np.array_equal(flat.machine.sigma, np.ones(3))
    far = train_rbm(1000.0 * GREY + 1e6, hidden=4, seed=1, batch=28, epochs=5, visible="gaussian", rate=0.01)
    near = train_rbm(GREY, hidden=4, seed=1, batch=28, epochs=5, visible="gaussian", rate=0.01)
    assert far.record[-1]["log_likelihood"] == pytest.approx(
        near.record[-1]["log_likelihood"] - 9 * math.log(1000.0), abs=1e-2)  # the same law in other units


@pytest.mark.parametrize("algorithm", ["cd", "exact"])
def test_an_epoch_sees_every_sample_once(algorithm):
    data = np.eye(14, dtype=np.int8)
    course = Course(data, Settings(hidden=2, batch=4, algorithm=algorithm).checked(*data.shape), seed=1)
    seen = []
    if algorithm == "cd":
        course.team._take = lambda batches, rate: seen.extend(rows.copy() for rows in batches)
    else:
        course.step = lambda rows, rate: seen.append(rows.copy())
    assert course.epoch()
    assert [len(rows) for rows in seen] == [4, 4, 4, 2]
    assert np.array_equal(np.concatenate(seen).sum(axis=0), np.ones(14))
    assert not np.array_equal(np.concatenate(seen), data)


class TestCommand:
    def run(self, capsys, *words):
        code = main(list(map(str, words)))
        out, err = capsys.readouterr()
        return code, out, err

    def test_train_resume_and_compare(self, tmp_path, capsys):
        data, path = tmp_path / "bars.h5", tmp_path / "m.h5"
        assert self.run(capsys, "data", "make", "bars-and-stripes", "--side", 3, "-o", data)[0] == 0
        words = ("train", "rbm", data, "-o", path, "--json")
        code, out, _ = self.run(capsys, *words, "--hidden", 4, "--batch", 7, "--epochs", 2, "--seed", 1)
        assert code == 0
        assert json.loads(out)["epochs"] == 2
        code, out, _ = self.run(capsys, *words, "--resume", "--epochs", 4)
        assert [r["epoch"] for r in json.loads(out)["record"]] == [0, 1, 2, 3, 4]
        code, out, err = self.run(capsys, "train", "rbm", data, "-o", path, "--force", "--hidden", 4, "--batch", 7,
                                  "--epochs", 50, "--rate", 1e9)
        assert (code, "diverged" in out, err) == (3, True, "")
        code, out, _ = self.run(capsys, "free-energy", f"file:{path}", "--beta", "1", "--method", "exact", "--json")
        assert (code, json.loads(out)[0]["kind"]) == (0, "exact")
        code, _, err = self.run(capsys, "train", "rbm", data, "-o", data, "--hidden", 4, "--force")
        assert code == 2
        assert "is the input itself" in err

    def test_the_stored_command_trains_again(self, tmp_path, capsys):
        data, path = tmp_path / "bars.h5", tmp_path / "m.h5"
        self.run(capsys, "data", "make", "bars-and-stripes", "--side", 3, "-o", data)
        found = train_rbm(data, path, optimiser="adam", centred=False, **QUICK)
        assert self.run(capsys, *found.command.split()[1:], "--force")[0] == 0
        assert np.array_equal(read_training(path).state["parameters"], found.state["parameters"])
