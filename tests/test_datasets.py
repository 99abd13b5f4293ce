"""Data to learn from: what is made, what is imported, how grey values become units, and the file."""

from __future__ import annotations

import gzip
import json
import struct
import sys
import types

import numpy as np
import pytest
from statfe_cli.main import main

import statfe
from statfe.datasets.dataset import Dataset
from statfe.datasets.dataset_file import read_dataset, write_dataset
from statfe.datasets.idx import import_idx, read_idx
from statfe.datasets.make import bars_and_stripes, digits, ising_configurations
from statfe.errors import StoreError, UsageError
from tests.hdf5_rules import check_format


def idx_bytes(array, kind=8):
    return bytes([0, 0, kind, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


@pytest.fixture
def images(tmp_path):
    rng = np.random.default_rng(1)
    pixels, classes = rng.integers(0, 256, (20, 3, 4), np.uint8), rng.integers(0, 10, 20).astype(np.uint8)
    (tmp_path / "x.idx").write_bytes(idx_bytes(pixels))
    (tmp_path / "y.idx.gz").write_bytes(gzip.compress(idx_bytes(classes), mtime=0))
    return tmp_path, pixels, classes


def test_idx_is_read_plain_and_compressed(images):
    folder, pixels, classes = images
    assert np.array_equal(read_idx(folder / "x.idx"), pixels)
    assert np.array_equal(read_idx(folder / "y.idx.gz"), classes)


def test_import_binarises_splits_and_keeps_labels(images):
    folder, pixels, classes = images
    found = import_idx(folder / "x.idx", labels=folder / "y.idx.gz", threshold=0.3, test_fraction=0.25, seed=2)
    assert (found.train.shape, found.test.shape, found.shape) == ((15, 12), (5, 12), (3, 4))
    assert "above 0.3" in found.rule
    grey = pixels.reshape(20, -1) / 255
    rows = {(tuple((g > 0.3).astype(int)), int(c)) for g, c in zip(grey, classes, strict=True)}
    both = np.concatenate([found.train, found.test]), np.concatenate([found.train_labels, found.test_labels])
    assert {(tuple(map(int, x)), int(c)) for x, c in zip(*both, strict=True)} == rows


def test_import_with_a_test_file_of_its_own(images):
    folder, pixels, _ = images
    found = import_idx(folder / "x.idx", test=folder / "x.idx", binarise="sample", seed=1)
    assert len(found.train) == len(found.test) == 20
    assert not np.array_equal(found.train, found.test)  # draws of their own
    assert set(found.train_labels.tolist()) == {-1}
    grey = pixels.reshape(20, -1)
    assert np.all(found.train[grey == 255] == 1)
    assert np.all(found.train[grey == 0] == 0)


def test_sampled_units_have_the_grey_value_as_probability(tmp_path):
    (tmp_path / "x.idx").write_bytes(idx_bytes(np.full((4000, 2), 64, np.uint8)))
    found = import_idx(tmp_path / "x.idx", binarise="sample", test_fraction=0.0, seed=1)
    assert found.train.mean() == pytest.approx(64 / 255, abs=5 * 0.5 / np.sqrt(8000))


@pytest.mark.parametrize(("content", "words"), [
    (b"", "not an IDX"), (b"P5 image", "not an IDX"), (idx_bytes(np.zeros((2, 2), np.uint8), 13), "type 0x0d"),
    (idx_bytes(np.zeros((2, 2), np.uint8))[:-1], "3 values, its header says 4"), (b"\0\0\x08\x02\0\0", "cut short"),
    (gzip.compress(idx_bytes(np.zeros((2, 2), np.uint8)), mtime=0)[:-9], "cannot read"),
    (idx_bytes(np.zeros((0, 2), np.uint8)), "no samples"),
])
def test_files_that_are_not_idx(tmp_path, content, words):
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(StoreError, match=words):
        import_idx(tmp_path / "x")
    with pytest.raises(StoreError, match="cannot read"):
        import_idx(tmp_path / "missing")


def test_labels_and_tests_that_do_not_fit(images):
    folder, _, classes = images
    (folder / "few").write_bytes(idx_bytes(classes[:3]))
    with pytest.raises(StoreError, match="20 samples"):
        import_idx(folder / "x.idx", labels=folder / "few")
    with pytest.raises(UsageError, match="samples of shape"):
        import_idx(folder / "x.idx", test=folder / "few")
    with pytest.raises(UsageError, match="need a test file"):
        import_idx(folder / "x.idx", test_labels=folder / "few")
    for options, words in (({"binarise": "round"}, "binarise"), ({"threshold": 1.0}, "threshold"),
                           ({"test_fraction": 1.0}, "test_fraction"), ({"test_fraction": 0.99}, "no training sample")):
        with pytest.raises(UsageError, match=words):
            import_idx(folder / "x.idx", **options)


@pytest.mark.parametrize("side", [1, 2, 3, 4])
def test_bars_and_stripes_are_all_of_them_once(side):
    found = bars_and_stripes(side)
    assert len(found.train) == 2 ** (side + 1) - 2 + (2 if side == 0 else 0)
    assert len(np.unique(found.train, axis=0)) == len(found.train)
    for row, label in zip(found.train.reshape(-1, side, side), found.train_labels, strict=True):
        assert np.all(row == row[:, :1]) if label else np.all(row == row[:1])


def test_drawn_bars_and_stripes():
    found = bars_and_stripes(3, 200, test_fraction=0.5, seed=1)
    assert len(found.train) == len(found.test) == 100
    assert {tuple(r) for r in found.train} <= {tuple(r) for r in bars_and_stripes(3).train}
    with pytest.raises(UsageError, match="at most 16"):
        bars_and_stripes(40)


def test_ising_configurations_have_the_energy_of_their_beta():
    model, beta, n = statfe.model("ising:shape=4x4,field=0.1"), 0.3, 4000
    found = ising_configurations(model, beta, n, seed=1)
    assert found.shape == (4, 4)
    energy = model.energy(2.0 * np.concatenate([found.train, found.test]) - 1.0)
    step = 1e-4
    low, high = (statfe.free_energy(model, beta + d, "exact").beta_f for d in (-step, step))
    assert abs(energy.mean() - (high - low) / (2 * step)) < 4 * energy.std() / np.sqrt(n)
    with pytest.raises(UsageError):
        ising_configurations("sk:n=200,seed=1", beta)


def test_digits_need_scikit_learn(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(UsageError, match=r"pip install 'statfe\[peers\]'"):
        digits()


def test_digits_are_binarised_by_sixteenths(monkeypatch):
    grey = np.arange(40 * 64).reshape(40, 64) % 17.0
    module = types.SimpleNamespace(load_digits=lambda return_X_y: (grey, np.arange(40) % 10))
    monkeypatch.setitem(sys.modules, "sklearn", types.ModuleType("sklearn"))
    monkeypatch.setitem(sys.modules, "sklearn.datasets", module)
    found = digits(test_fraction=0.0)
    assert np.array_equal(found.train, grey > 8)
    assert np.array_equal(found.train_labels, np.arange(40) % 10)


def test_the_file_keeps_everything(tmp_path):
    path = tmp_path / "d.h5"
    data = statfe.make_data("bars-and-stripes", path, samples=20, test_fraction=0.25, seed=4)
    assert set(check_format(path)) == {"/train", "/test"}
    back = statfe.load(path)
    assert isinstance(back, Dataset)
    for name in ("train", "test", "train_labels", "test_labels"):
        assert np.array_equal(getattr(back, name), getattr(data, name))
    for name in ("shape", "name", "rule", "split", "seed", "command", "path"):
        assert getattr(back, name) == getattr(data, name), name


def test_an_empty_test_part_is_kept(tmp_path):
    write_dataset(tmp_path / "d.h5", bars_and_stripes(2))
    check_format(tmp_path / "d.h5")
    assert read_dataset(tmp_path / "d.h5").test.shape == (0, 4)


def test_units_must_be_0_or_1():
    facts = {"shape": (2,), "name": "x", "rule": "", "split": "", "test": np.zeros((0, 2)), "test_labels": np.zeros(0)}
    with pytest.raises(UsageError, match="binarise"):
        Dataset(train=np.full((1, 2), 0.5), train_labels=np.zeros(1), **facts)
    with pytest.raises(UsageError, match="not samples of 2 units"):
        Dataset(train=np.zeros((1, 3)), train_labels=np.zeros(1), **facts)


@pytest.mark.parametrize("words", [
    ("make", "bars-and-stripes", "--side", "2"),
    ("make", "ising", "ising:shape=2x3", "--beta", "0.4", "--samples", "9"),
    ("import", "idx", "{folder}/x.idx", "--labels", "{folder}/y.idx.gz", "--binarise", "sample"),
])
def test_the_command_makes_the_same_data_again(images, capsys, words):
    folder, _, _ = images
    path = folder / "d.h5"
    assert main(["data", *(w.format(folder=folder) for w in words), "-o", str(path), "--json"]) == 0
    facts, data = json.loads(capsys.readouterr().out), read_dataset(path)
    assert facts["train"] == len(data.train)
    assert main([*data.command.split()[1:], "--force"]) == 0
    assert np.array_equal(read_dataset(path).train, data.train)
    assert main(data.command.split()[1:]) == 2
    assert "exists" in capsys.readouterr().err


def test_unknown_kinds_and_options():
    with pytest.raises(UsageError, match="did you mean 'digits'"):
        statfe.make_data("digit")
    with pytest.raises(UsageError, match="speed"):
        statfe.make_data("bars-and-stripes", speed=3)
