"""Rows in memory and in files: every row once an epoch, the same from the same seed, and little of a file at a time."""

from __future__ import annotations

import tracemalloc

import h5py
import numpy as np
import pytest

from statfe.datasets import file_rows
from statfe.datasets.dataset import Dataset
from statfe.datasets.dataset_file import write_dataset
from statfe.datasets.file_rows import FileRows, open_rows
from statfe.datasets.rows import MemoryRows, survey, window_batches
from statfe.errors import StoreError, UsageError
from statfe.learned.vae.to_file import train_vae
from statfe.learned.vae.training import TrainingOptions
from statfe.machines.rbm_file import read_training
from statfe.machines.train import train_rbm


def binary(count, units):
    """Rows of 0 and 1, each with its number in the first units."""
    rows = np.zeros((count, units), np.int8)
    rows[:, :16] = (np.arange(count)[:, None] >> np.arange(16)) & 1
    return rows


def numbers(rows):
    return (rows[:, :16].astype(int) << np.arange(16)).sum(axis=1)


def stored(path, train, test=None, shape=None):
    test = train[:7] if test is None else test
    write_dataset(path, Dataset(
        train=train, test=test, train_labels=np.full(len(train), -1), test_labels=np.full(len(test), -1),
        shape=shape or train.shape[1:], name="rows", rule="made", split="none", seed=1))
    return path


@pytest.fixture
def small_blocks(monkeypatch):
    """Windows of 4 blocks of about 32 rows of 20 bytes."""
    monkeypatch.setattr(file_rows, "BLOCK_BYTES", 640)
    monkeypatch.setattr(file_rows, "WINDOW", 4)


@pytest.mark.parametrize("size", [1, 7, 50, 64, 1000])
@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize(("count", "block", "window"), [(1000, 32, 4), (1000, 1000, 1), (100, 7, 3)])
def test_an_epoch_sees_every_row_once(count, block, window, size, whole):
    if size > count:
        return
    rows, spans = binary(count, 20), []

    def read(first, last):
        spans.append(last - first)
        return rows[first:last]

    seen = list(window_batches(read, count, block, window, np.random.default_rng(1), size, whole))
    assert all(len(batch) == size for batch in seen[:-1])
    found = numbers(np.concatenate(seen))
    assert len(seen) == (count // size if whole else -(-count // size))
    assert len(np.unique(found)) == len(found) == (count - count % size if whole else count)
    assert sum(spans) == count
    if size < count:
        assert not np.array_equal(found, np.arange(len(found)))
    again = list(window_batches(read, count, block, window, np.random.default_rng(1), size, whole))
    other = list(window_batches(read, count, block, window, np.random.default_rng(2), size, whole))
    assert all(np.array_equal(a, b) for a, b in zip(seen, again, strict=True))
    assert not np.array_equal(numbers(np.concatenate(other)), found)


def test_rows_of_a_window_are_mixed():
    """Every block of a window is in its minibatches: neighbours in the file are no minibatch."""
    batches = window_batches(lambda a, b: binary(1024, 20)[a:b], 1024, 32, 8, np.random.default_rng(3), 64, False)
    assert min(len(np.unique(numbers(batch) // 32)) for batch in batches) >= 5


def test_what_others_draw_does_not_change_the_order(tmp_path, small_blocks):
    rows = FileRows(stored(tmp_path / "d.h5", binary(500, 20)))
    plain = [numbers(b) for b in rows.batches(np.random.default_rng(1), 30)]
    rng, seen = np.random.default_rng(1), []
    for batch in rows.batches(rng, 30):
        seen.append(numbers(batch))
        rng.random(3)
    assert all(np.array_equal(a, b) for a, b in zip(plain, seen, strict=True))


def test_rows_of_a_file_are_those_of_the_array(tmp_path, small_blocks):
    values = binary(500, 20)
    there, here = FileRows(stored(tmp_path / "d.h5", values)), MemoryRows(values)
    assert there.shape == (500, 20)
    index = np.array([499, 3, 3, 250, 31, 32, 0])
    assert np.array_equal(there.pick(index), values[index])
    assert np.array_equal(np.concatenate(list(there.blocks())), values)
    a, b = survey(there), survey(here)
    assert a.digest == b.digest
    assert np.array_equal(a.means, b.means)
    assert a.binary
    with h5py.File(tmp_path / "d.h5") as file:
        assert there.block % file["train/state"].chunks[0] == 0


def test_a_survey_over_blocks_is_that_of_all_rows():
    rng = np.random.default_rng(2)
    values = rng.normal(size=(9000, 6)) * 3 + 100
    values[:, 4] = -1.5
    found = survey(MemoryRows(values))
    assert found.means == pytest.approx(values.mean(axis=0), rel=1e-13)
    assert found.variances == pytest.approx(values.var(axis=0), rel=1e-10, abs=1e-25)
    assert found.constant.tolist() == [False] * 4 + [True, False]
    assert (found.count, found.whole, found.binary) == (9000, True, False)
    values[5000, 2] = np.inf
    assert (survey(MemoryRows(values)).whole, survey(MemoryRows(values)).bad_row) == (False, 5000)


def test_a_file_larger_than_memory_may_hold_is_never_held(tmp_path, monkeypatch):
    """16 MiB of rows in windows of about 1 MiB: neither the survey nor an epoch comes near to all of them."""
    monkeypatch.setattr(file_rows, "BLOCK_BYTES", 2**18)
    monkeypatch.setattr(file_rows, "WINDOW", 4)
    rows = FileRows(stored(tmp_path / "d.h5", np.tile(binary(4096, 256), (16, 1))))
    assert rows.bytes == 2**24
    tracemalloc.start()
    try:
        seen = sum(len(batch) for batch in rows.batches(np.random.default_rng(1), 100))
        assert survey(rows).count == seen
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert seen == len(rows)
    assert rows.block * file_rows.WINDOW < len(rows) / 4
    assert peak < rows.bytes / 2


def test_the_size_of_the_file_decides_unless_asked(tmp_path, monkeypatch):
    path = stored(tmp_path / "d.h5", binary(500, 20))
    assert isinstance(open_rows(path, None, 3)[0], MemoryRows)
    rows, test, streamed = open_rows(path, True, 3)
    assert (isinstance(rows, FileRows), len(test), streamed) == (True, 3, True)
    monkeypatch.setattr(file_rows, "STREAM_BYTES", 9999)
    assert open_rows(path, None, 3)[2]
    assert not open_rows(path, False, 3)[2]


@pytest.mark.parametrize("options", [{}, {"algorithm": "cd"}, {"visible": "gaussian"}], ids=str)
def test_a_streamed_rbm_learns_and_goes_on_with_the_same_bits(tmp_path, small_blocks, options):
    rng = np.random.default_rng(1)
    data = stored(tmp_path / "d.h5", (rng.random((600, 20)) < np.linspace(0.1, 0.9, 20)).astype(np.int8))
    shared = {"hidden": 3, "batch": 25, "seed": 2, "stream": True, **options}
    whole = train_rbm(data, epochs=4, **shared)
    path = tmp_path / "m.h5"
    train_rbm(data, path, epochs=2, **shared)
    found = train_rbm(data, path, epochs=4, resume=True)
    assert found.settings.stream
    assert "--stream" in read_training(path).command
    for name, array in whole.state.items():
        assert np.array_equal(found.state[name], array), name
    held = train_rbm(data, epochs=4, **{**shared, "stream": False})
    assert not np.array_equal(held.state["parameters"], found.state["parameters"])
    assert held.record[-1]["log_likelihood"] == pytest.approx(found.record[-1]["log_likelihood"], abs=0.5)
    with pytest.raises(UsageError, match="another stream"):
        train_rbm(data, path, epochs=6, resume=True, stream=False)


def test_a_streamed_vae_goes_on_with_the_same_bits(tmp_path, small_blocks):
    rng = np.random.default_rng(1)
    data = stored(tmp_path / "d.h5", (rng.random((600, 20)) < 0.4).astype(np.int8))
    shared = {"hidden": (5,), "likelihood": "spin", "options": TrainingOptions(batch=50, seed=3), "stream": True}
    whole = train_vae(data, tmp_path / "once.h5", epochs=4, **shared)
    train_vae(data, tmp_path / "half.h5", epochs=2, **shared)
    found = train_vae(data, tmp_path / "half.h5", epochs=4, resume=True)
    assert np.array_equal(found.vae.parameters, whole.vae.parameters)
    held = train_vae(data, tmp_path / "held.h5", epochs=4, **{**shared, "stream": False})
    assert not np.array_equal(held.vae.parameters, found.vae.parameters)
    assert held.history["loss"][-1] == pytest.approx(found.history["loss"][-1], rel=0.05)
    with pytest.raises(UsageError, match="stream=True"):
        train_vae(data, tmp_path / "half.h5", epochs=6, resume=True, stream=False)


def test_what_cannot_be_streamed(tmp_path):
    with pytest.raises(UsageError, match="path of the file"):
        train_rbm(binary(10, 20), hidden=2, batch=5, stream=True)
    grey = stored(tmp_path / "grey.h5", np.random.default_rng(1).random((50, 20)).astype(np.float32) + 1)
    with pytest.raises(UsageError, match=r"\[0, 1\]"):
        train_rbm(grey, hidden=2, batch=5, stream=True)
    with h5py.File(grey, "a") as file:
        file["train/state"][13, 2] = np.nan
    with pytest.raises(UsageError, match="row 13"):
        train_rbm(grey, hidden=2, batch=5, stream=True, visible="gaussian")
    machine = tmp_path / "m.h5"
    train_rbm(binary(10, 20), machine, hidden=2, batch=5, epochs=0, seed=1)
    with pytest.raises(StoreError, match="no data"):
        train_rbm(machine, hidden=2, batch=5)
