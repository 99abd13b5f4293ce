"""The number of latent units that is searched for: what decides, what is held back for it, what the file keeps."""

from __future__ import annotations

import json
import math

import h5py
import numpy as np
import pytest
from scipy.stats import multivariate_normal

import statfe
from statfe.attractors.trajectory_file import write_trajectories
from statfe.datasets.file_rows import FileRows
from statfe.datasets.rows import MemoryRows
from statfe.datasets.trajectory_rows import TrajectoryRows, split_segments
from statfe.datasets.validation import hold_back, spread
from statfe.errors import UsageError
from statfe.learned.vae.latent_search import search_latent, sizes_of, validation_bounds
from statfe.learned.vae.latent_table import COLUMNS, LatentSearch, differences
from statfe.learned.vae.model import VaeShape
from statfe.learned.vae.training import TrainingOptions, fit_vae
from tests.hdf5_rules import check_format

OPTIONS = TrainingOptions(batch=50, rate=0.02, rate_decay=0.95, seed=4)


def plane(count: int, units: int = 6, noise: float = 0.3, seed: int = 1) -> np.ndarray:
    """A Gaussian of rank 2 with noise: as many latent units are needed, and no more help."""
    rng = np.random.default_rng(seed)
    axes = np.linalg.qr(rng.standard_normal((units, 2)))[0]
    return rng.standard_normal((count, 2)) @ (axes * [2.0, 1.5]).T + noise * rng.standard_normal((count, units))


def numbered(trajectories: int, samples: int) -> TrajectoryRows:
    """The training part of values that name their own place: (trajectory, time)."""
    r, t = np.meshgrid(np.arange(trajectories), np.arange(samples), indexing="ij")
    values = np.stack([r, t], axis=2).astype(np.float64)
    return TrajectoryRows(values, split_segments(np.full(trajectories, samples))[0])


def test_a_plane_has_two_latent_units():
    rows = plane(2000)
    data, held = rows[:1500], rows[1500:]
    found = search_latent(data, held, VaeShape(6, 1, (), (), "gaussian"), (1, 2, 3), epochs=40, options=OPTIONS)
    search = found.search
    assert found.vae.shape.latent == search.kept == 2
    assert search.columns["active_by_variance"].tolist() == search.columns["active_by_divergence"].tolist() == [1, 2, 2]
    # one unit lacks a whole axis; two reach the Gaussian of the training rows itself, which no bound passes by much
    assert search.columns["above_best"][0] > 0.5
    exact = -np.mean(multivariate_normal(data.mean(axis=0), np.cov(data.T)).logpdf(held))
    assert exact - 0.05 < search.columns["bound"][1] < exact + 0.15
    # the kept network is the one that a training of its own gives
    alone = fit_vae(data, VaeShape(6, 2, (), (), "gaussian"), epochs=40, options=OPTIONS)
    assert np.array_equal(found.vae.parameters, alone.vae.parameters)
    assert validation_bounds(alone.vae, held, 4).mean() == search.columns["bound"][1]


def test_the_validation_part_decides():
    """Rows off the plane are likelier under the one unit whose noise must cover the second axis."""
    rows = plane(1200)
    off = np.linalg.svd(rows - rows.mean(axis=0))[2][5]
    for part, kept in ((rows[:200], 2), (rows[:200] + 5.0 * off, 1)):
        found = search_latent(rows, part, VaeShape(6, 1, (), (), "gaussian"), (2, 1), epochs=30, options=OPTIONS)
        assert found.vae.shape.latent == found.search.kept == kept
        assert found.search.columns["above_best"][kept - 1] == 0.0
        assert found.search.alike.sum() == 1
        assert found.search.columns["above_best"][2 - kept] > 0.5


def test_differences_are_paired_and_their_errors_those_of_blocks():
    rng = np.random.default_rng(5)
    common = 30.0 * rng.standard_normal(1000)
    apart = 1.0 + rng.standard_normal(1000)
    above, error, share = differences(np.stack([common + apart, common, np.full(1000, np.nan)]))
    blocks = apart.reshape(10, 100).mean(axis=1)
    assert above[:2] == pytest.approx([apart.mean(), 0.0])
    assert error[:2] == pytest.approx([math.sqrt(np.sum((blocks - blocks.mean()) ** 2) / 90.0), 0.0])
    assert share[:2].tolist() == [1.0, 0.0]
    assert np.isnan([above[2], error[2], share[2]]).all()
    assert np.isnan(differences(np.full((2, 5), np.nan))).all()


@pytest.mark.parametrize(("above", "error", "kept"), [
    ((1.0, 0.05, 0.0, 0.1), (0.1, 0.03, 0.0, 0.001), 2),
    ((1.0, 0.05, 0.0, 0.1), (0.1, 0.02, 0.0, 0.001), 3),
    ((1.0, 0.009, 0.0, 0.1), (0.1, 0.001, 0.0, 0.001), 2),
    ((math.nan, 0.3, 0.2, 0.0), (math.nan, 0.001, 0.2, 0.0), 3),
    ((math.nan,) * 4, (math.nan,) * 4, 1)])
def test_the_fewest_units_as_good_as_the_best_are_kept(above, error, kept):
    columns = {"above_best": np.array(above), "above_best_error": np.array(error), "stretches_above": np.full(4, 0.8)}
    assert LatentSearch(np.arange(1, 5), columns, "", 9).kept == kept


def test_a_few_bad_rows_do_not_hide_a_network_that_is_worse_everywhere():
    rng = np.random.default_rng(6)
    best = rng.standard_normal(1000)
    torn, same = best + 0.3 + 0.2 * rng.standard_normal(1000), best + 0.2 * rng.standard_normal(1000)
    torn[rng.integers(0, 1000, 3)] += 1000.0
    same[rng.integers(0, 1000, 3)] += 1000.0
    above, error, share = differences(np.stack([torn, same, best]))
    assert np.all(above[:2] < 2.0 * error[:2])
    columns = {"above_best": above, "above_best_error": error, "stretches_above": share}
    assert LatentSearch(np.arange(1, 4), columns, "", 9).alike.tolist() == [False, True, True]


def test_whole_trajectories_are_held_back_by_the_seed():
    rows = numbered(50, 7)
    left, held, rule = hold_back(rows, 3)
    both = [set(r.read(0, len(r))[:, 0]) for r in (left, held)]
    assert both[0] & both[1] == set()
    assert both[0] | both[1] == set(range(50)) - set(range(4, 50, 5))
    assert len(both[1]) == 4
    assert len(held) == 28
    assert "4 of 40 trajectories" in rule
    again, other = (hold_back(rows, seed)[1] for seed in (3, 4))
    assert np.array_equal(again.read(0, 28), held.read(0, 28))
    assert not np.array_equal(other.read(0, 28), held.read(0, 28))


@pytest.mark.parametrize("seed", range(12))
def test_blocks_of_time_have_no_neighbour_on_the_other_side(seed):
    rows = numbered(2, 1000)
    left, held, _ = hold_back(rows, seed)
    for owner in (0, 1):
        ours, theirs = (r.read(0, len(r)) for r in (left, held))
        ours, theirs = ours[ours[:, 0] == owner, 1], theirs[theirs[:, 0] == owner, 1]
        assert 80 <= len(theirs) <= 100
        assert np.abs(ours[:, None] - theirs).min() > 8
        assert len(ours) >= 770 - 100 - 20


def test_rows_in_memory_and_in_a_file(tmp_path):
    values = np.arange(200.0)[:, None] * [1.0, 2.0]
    left, held, _ = hold_back(MemoryRows(values), 1)
    assert sorted(np.concatenate([left.read(0, len(left)), held.read(0, len(held))])[:, 0]) == list(range(200))
    assert len(held) == 20
    statfe.make_data("bars-and-stripes", tmp_path / "bars.h5", seed=1)
    rows = FileRows(tmp_path / "bars.h5")
    rows.block = 2
    left, held, _ = hold_back(rows, 1)
    whole = rows.read(0, len(rows))
    parts = [r.read(0, len(r)) for r in (left, held)]
    assert sorted(map(tuple, np.concatenate(parts))) == sorted(map(tuple, whole))
    assert (len(whole), len(held)) == (30, 3)
    seen = np.concatenate(list(left.batches(np.random.default_rng(1), 3)))
    assert sorted(map(tuple, seen)) == sorted(map(tuple, parts[0]))
    for first in range(0, len(left), 3):
        assert np.array_equal(left.read(first, len(left)), parts[0][first:])
    assert np.array_equal(spread(left, 10**6), parts[0])
    assert np.array_equal(spread(MemoryRows(values), 3)[:, 0], [0.0, 99.0, 199.0])
    with pytest.raises(UsageError, match="leave none"):
        hold_back(MemoryRows(values[:1]), 1)


@pytest.mark.parametrize(("given", "found"), [
    ("3", 3), (3, 3), ("1,2,4", [1, 2, 4]), ("4,1", [1, 4]), ("1:6:6", [1, 2, 3, 4, 5, 6]), ("3:3:1", [3]),
    ((2, 1), [1, 2]), ((5,), [5])])
def test_sizes(given, found):
    assert sizes_of(given) == found


@pytest.mark.parametrize("given", ["0", "1.5", "1:6:4", "1,1", "", "a", "1,", "-2", "1:2:3:4", 0, (1, 0)])
def test_sizes_that_are_none(given):
    with pytest.raises(UsageError, match="latent="):
        sizes_of(given)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A file of 30 trajectories of the plane."""
    path = tmp_path_factory.mktemp("search") / "data.h5"
    write_trajectories(path, observations=3.0 + plane(1200).reshape(30, 40, 6), step=1.0)
    return path


def test_the_command_says_the_table_and_the_file_keeps_it(data, here, call):
    words = ("train", "vae", str(data), "--hidden", "", "--batch", "24", "--rate", "0.02", "--seed", "3", "--epochs")
    code, out, _ = call(*words, "30", "--latent", "1:3:3", "-o", "a.h5", "--json")
    assert code == 0
    report = json.loads(out)["latent_search"]
    assert report["kept"] == 2
    assert 1 not in report["alike"]
    assert report["latent"] == [1, 2, 3]
    assert report["rows"] == 80
    assert "2 of 24 trajectories" in report["rule"]
    assert "/latent_search" in check_format(here / "a.h5")
    found = statfe.load("a.h5")
    assert found.search.to_dict() == {**found.search.to_dict(), **report}
    assert set(found.search.columns) == set(COLUMNS)
    code, out, _ = call(*words, "30", "--latent", "3,2,1", "-o", "b.h5")
    assert code == 0
    assert "kept 2 latent units" in out
    assert "above the best" in out
    again = statfe.load("b.h5")
    assert np.array_equal(again.vae.parameters, found.vae.parameters)
    assert again.search.to_dict() == found.search.to_dict()
    with h5py.File("b.h5") as file:
        assert "--latent 1,2,3 " in file.attrs["command"]


def test_what_was_kept_goes_on_but_no_search_does(data, here, call):
    words = ("train", "vae", str(data), "--hidden", "", "--batch", "24", "--rate", "0.02", "--seed", "3", "--latent")
    assert call(*words, "2:2:1", "--epochs", "2", "-o", "half.h5")[0] == 0
    assert call(*words, "2:2:1", "--epochs", "4", "-o", "whole.h5")[0] == 0
    assert call("train", "vae", str(data), "--resume", "--epochs", "4", "-o", "half.h5")[0] == 0
    half, whole = statfe.load("half.h5"), statfe.load("whole.h5")
    # with the same rows held back
    assert np.array_equal(half.vae.parameters, whole.vae.parameters)
    assert half.search.columns["epochs"].tolist() == [2]
    code, _, err = call("train", "vae", str(data), "--resume", "--epochs", "6", "--latent", "1,2", "-o", "half.h5")
    assert (code, "leave out --latent" in err) == (2, True)
    with pytest.raises(UsageError, match="does not go on"):
        statfe.train_vae(data, here / "half.h5", resume=True, latent=(1, 2))
    code, _, err = call(*words, "1,2", "--objective", "autoencoder", "-o", "new.h5")
    assert (code, "no bound" in err) == (2, True)
    assert not (here / "new.h5").exists()
    # one number is no search, and all rows are trained on
    assert call(*words, "2", "--epochs", "2", "-o", "one.h5")[0] == 0
    one = statfe.load("one.h5")
    assert one.search is None
    assert one.history["loss"][-1] != half.history["loss"][1]


def test_streamed_rows_are_held_back_too(data, here, call):
    words = ("train", "vae", str(data), "--hidden", "", "--batch", "24", "--rate", "0.02", "--seed", "3", "--epochs")
    reports = []
    for extra in ("--stream", "--no-stream"):
        code, out, _ = call(*words, "20", "--latent", "1,2", "-o", f"x{extra}.h5", extra, "--json")
        assert code == 0
        reports.append(json.loads(out)["latent_search"])
    assert reports[0]["rule"] == reports[1]["rule"]
    assert reports[0]["bound"] == pytest.approx(reports[1]["bound"], abs=0.5)
    assert reports[0]["kept"] == 2


def test_sizes_that_diverge_are_never_kept():
    rows = plane(400)
    wild = TrainingOptions(batch=50, rate=1e6, seed=1)
    found = search_latent(rows, rows[:50], VaeShape(6, 1, (), (), "gaussian"), (1, 2), epochs=3, options=wild)
    assert found.status == "diverged"
    assert found.search.columns["status"].tolist() == ["diverged", "diverged"]
    assert np.isnan(found.search.columns["bound"]).all()
    assert not found.search.alike.any()
