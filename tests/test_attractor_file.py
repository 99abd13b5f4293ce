"""Attractors in HDF5: what is written is what is read, and other tools open it."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from statfe.attractors.found import AttractorSet, BasinSlice, Points, Saddles, basin_fractions
from statfe.attractors.found_file import read_found, write_found
from statfe.errors import StoreError
from tests.hdf5_rules import check_format


def found_set(count=2, full=True):
    labels = np.minimum([0, 0, 0, 1, 1, -1, -2, -3], count - 1).astype(np.int64)
    share, error = basin_fractions(labels, count)
    words = ("limit cycle", "fixed point")[:count]
    more = {
        "points": Points(np.arange(8.0).reshape(4, 2), np.array([0, 0, 1, 1])),
        "basin_slice": BasinSlice((1, 0), np.arange(3.0), np.arange(2.0), np.array([[0, 1], [-1, -2], [-3, 0]]),
                                  np.array([0.5, 0.25])),
        "saddles": Saddles(("saddle point",), np.array([[0.0, 1.0]]), np.array([0.5]), np.array([3])),
    } if full else {}
    stats = {"period": np.array([2.5, np.nan])[:count], "note": np.array(["a", "b"], dtype=object)[:count],
             "divergence": -0.5, "cells": 12}
    return AttractorSet(
        "duffing:force=0", "recurrences:cells=50", words, np.arange(2.0 * count).reshape(count, 2), ("x", "v"),
        np.full(count, np.nan), np.array([0.0, -0.5])[:count], share, error,
        np.arange(16.0).reshape(8, 2), labels, 7, "not_converged", "follow them longer", stats, **more)


def same(a, b):
    if isinstance(a, (Points, BasinSlice, Saddles)):
        return all(same(v, getattr(b, k)) for k, v in vars(a).items())
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(v, b[k]) for k, v in a.items())
    if isinstance(a, np.ndarray) and a.dtype != object:
        return a.shape == b.shape and np.array_equal(a, b, equal_nan=True)
    return a == b if not isinstance(a, np.ndarray) else a.tolist() == b.tolist()


@pytest.mark.parametrize(("count", "full"), [(2, True), (2, False), (1, False), (0, False)])
def test_what_is_written_is_read(tmp_path, count, full):
    found = found_set(count, full)
    write_found(tmp_path / "a.h5", found, command="statfe attractors identify")
    again = read_found(tmp_path / "a.h5")
    for name, value in vars(found).items():
        assert same(value, getattr(again, name)), name


def test_other_tools_open_it(tmp_path):
    write_found(tmp_path / "a.h5", found_set(), sampler="laboratory", note="more")
    leaves = check_format(tmp_path / "a.h5")
    assert set(leaves) == {"/attractors", "/starts", "/attractor_points", "/basin_slice", "/saddles"}
    with h5py.File(tmp_path / "a.h5") as file:
        assert file.attrs["sampler"] == "laboratory"
        assert file["starts/label"].attrs["label_minus_2"] == "escaped to infinity"


def test_a_file_without_attractors_is_named(tmp_path):
    write_found(tmp_path / "a.h5", found_set())
    with h5py.File(tmp_path / "a.h5", "a") as file:
        del file["attractors"]
    with pytest.raises(StoreError, match="has no /attractors"):
        read_found(tmp_path / "a.h5")
