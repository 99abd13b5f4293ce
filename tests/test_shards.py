"""Sealed files: what goes in comes out to the bit, and no change of a byte goes unseen."""

from __future__ import annotations

import numpy as np
import pytest

from statfe.errors import DamagedError, StoreError
from statfe.store import shards
from statfe.store.shards import read_sealed, write_sealed

RNG = np.random.default_rng(1)
ARRAYS = {
    "spins": (2 * RNG.integers(0, 2, (3, 37)) - 1).astype(np.int8),
    "not_spins": np.array([[-128, 0, 1, 127]], dtype=np.int8),
    "words": RNG.integers(0, 2**64, (5, 4), dtype=np.uint64),
    "numbers": np.array([np.pi, -0.0, np.inf, np.nan, 5e-324]),
    "counts": np.arange(7, dtype=np.int32)[::2],
    "across": np.asfortranarray(np.arange(12.0).reshape(3, 4)),
    "none": np.empty((0, 4)),
    "no_spins": np.empty((0, 4), dtype=np.int8),
    "one": np.array(3, dtype=np.int64),
    "flags": np.array([True, False]),
}


def test_what_is_written_comes_back(tmp_path):
    facts = {"last": 3, "seconds": 0.1, "name": "é", "deep": {"seed": 2**70, "none": None}}
    write_sealed(tmp_path / "x", facts, ARRAYS)
    found, arrays = read_sealed(tmp_path / "x")
    assert found == facts
    assert list(arrays) == list(ARRAYS)
    for name, array in ARRAYS.items():
        assert arrays[name].dtype == array.dtype
        assert arrays[name].shape == array.shape
        assert arrays[name].tobytes() == np.ascontiguousarray(array).tobytes(), name
        assert arrays[name].flags.writeable


@pytest.mark.parametrize("size", [1, 7, 8, 9, 16, 17, 31, 64, 65])
def test_spins_take_a_bit_each_whatever_their_number(tmp_path, monkeypatch, size):
    monkeypatch.setattr(shards, "PACKED_AT_ONCE", 16)
    spins = (2 * RNG.integers(0, 2, size) - 1).astype(np.int8)
    write_sealed(tmp_path / "x", {}, {"spins": spins})
    assert np.array_equal(read_sealed(tmp_path / "x")[1]["spins"], spins)
    one_zero = np.append(spins, np.int8(0))
    write_sealed(tmp_path / "x", {}, {"spins": one_zero})
    assert np.array_equal(read_sealed(tmp_path / "x")[1]["spins"], one_zero)


def test_packed_spins_are_small(tmp_path):
    write_sealed(tmp_path / "x", {}, {"spins": np.ones(80_000, dtype=np.int8)})
    assert (tmp_path / "x").stat().st_size < 10_000 + 300


def test_every_flipped_byte_and_every_cut_is_seen(tmp_path):
    path = tmp_path / "x"
    write_sealed(path, {"last": 1}, {"energy": np.arange(3.0), "spins": np.ones(9, dtype=np.int8)})
    whole = path.read_bytes()
    for k in range(len(whole)):
        for bad in (whole[:k] + bytes([whole[k] ^ 1 << k % 8]) + whole[k + 1:], whole[:k]):
            path.write_bytes(bad)
            with pytest.raises(DamagedError, match="checksum"):
                read_sealed(path)
    path.write_bytes(whole + b"\0")
    with pytest.raises(DamagedError):
        read_sealed(path)
    path.write_bytes(whole)
    assert read_sealed(path)[0] == {"last": 1}


def test_another_version_and_no_file_are_said(tmp_path, monkeypatch):
    with pytest.raises(StoreError, match="cannot read"):
        read_sealed(tmp_path / "x")
    monkeypatch.setattr(shards, "MAGIC", b"statfe-checkpoint-2\n")
    write_sealed(tmp_path / "x", {}, {})
    monkeypatch.undo()
    with pytest.raises(StoreError, match="another version") as caught:
        read_sealed(tmp_path / "x")
    assert not isinstance(caught.value, DamagedError)


def test_a_write_that_fails_leaves_what_was_there(tmp_path):
    write_sealed(tmp_path / "x", {"last": 1}, {})
    with pytest.raises(ValueError, match="allow_pickle"):
        write_sealed(tmp_path / "x", {"last": 2}, {"bad": np.array([object()])})
    assert read_sealed(tmp_path / "x")[0] == {"last": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["x"]
