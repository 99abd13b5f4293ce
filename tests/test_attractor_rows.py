"""Trajectories as training data: what is held back, how rows are standardised, what a training keeps of both."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
from statfe_cli.main import main

import statfe
from statfe.attractors.trajectory_file import write_trajectories
from statfe.datasets.rows import survey
from statfe.datasets.trajectory_rows import TrajectoryRows, open_trajectories, split_segments
from statfe.errors import UsageError
from statfe.learned.vae.standard import standard_of
from statfe.learned.vae.training import TrainingOptions
from tests.hdf5_rules import check_format


def numbered(trajectories: int, samples: int) -> np.ndarray:
    """Values that name their own place: (trajectory, time)."""
    r, t = np.meshgrid(np.arange(trajectories), np.arange(samples), indexing="ij")
    return np.stack([r, t], axis=2).astype(np.float64)


def rows_of(values: np.ndarray, kept: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    counts = np.full(len(values), values.shape[1]) if kept is None else kept
    train, test, _ = split_segments(counts)
    return tuple(TrajectoryRows(values, part).read(0, len(part)) for part in (train, test))  # type: ignore[return-value]


def test_whole_trajectories_are_held_back():
    train, test = rows_of(numbered(13, 7))
    assert set(test[:, 0]) == {4.0, 9.0}
    assert set(train[:, 0]) == set(range(13)) - {4, 9}
    assert len(train) + len(test) == 13 * 7


@pytest.mark.parametrize("count", [1, 4])
def test_blocks_of_time_have_no_neighbour_on_the_other_side(count):
    train, test = rows_of(numbered(count, 1000))
    for r in range(count):
        ours, theirs = train[train[:, 0] == r, 1], test[test[:, 0] == r, 1]
        assert len(theirs) == 200
        assert np.abs(ours[:, None] - theirs).min() > 10
        assert len(ours) == 800 - 3 * 10


def test_what_comes_after_an_escape_is_in_no_part():
    kept = np.array([7, 0, 3, 7, 5, 7])
    train, test = rows_of(numbered(6, 7), kept)
    assert np.array_equal(test, [[4, t] for t in range(5)])
    assert len(train) == 24
    assert all(t < kept[int(r)] for r, t in train)


def test_pieces_are_those_of_the_whole():
    values = numbered(6, 11)
    train, _, _ = split_segments(np.array([11, 0, 4, 11, 11, 2]))
    rows = TrajectoryRows(values, train)
    whole = rows.read(0, len(rows))
    for first, last in itertools.combinations(range(0, len(rows) + 1, 3), 2):
        assert np.array_equal(rows.read(first, last), whole[first:last])
    index = np.array([5, 0, 27, 5, 11])
    assert np.array_equal(rows.pick(index), whole[index])
    seen = np.concatenate(list(rows.batches(np.random.default_rng(1), 4)))
    assert sorted(map(tuple, seen)) == sorted(map(tuple, whole))


def test_too_little_data_says_so():
    with pytest.raises(UsageError, match="too few"):
        split_segments(np.array([3]))


def test_standardised_rows_come_back():
    rng = np.random.default_rng(3)
    values = 1e3 + rng.standard_normal((8, 50, 3)) * [0.1, 5.0, 20.0]
    train, _, _ = split_segments(np.full(8, 50))
    rows = TrajectoryRows(values, train)
    standard = standard_of(survey(rows))
    seen = standard.apply(rows.read(0, len(rows)))
    assert seen.mean(axis=0) == pytest.approx(0.0, abs=1e-5)
    assert np.mean(seen.var(axis=0)) == pytest.approx(1.0, rel=1e-4)
    # one scale: ratios of sizes, and so noise that is the same everywhere, are kept
    assert seen.std(axis=0) / seen[:, 2].std() == pytest.approx(
        rows.read(0, len(rows)).std(axis=0) / rows.read(0, len(rows))[:, 2].std(), rel=1e-4)
    assert np.abs(standard.undo(seen) - rows.read(0, len(rows))).max() < 1e-4
    with pytest.raises(UsageError, match="all rows"):
        standard_of(survey(TrajectoryRows(np.ones((8, 5, 2)), split_segments(np.full(8, 5))[0])))


def test_angles_enter_without_a_jump(tmp_path):
    states = np.zeros((6, 5, 3))
    states[..., 2] = np.linspace(0.0, 12.0, 5)
    write_trajectories(tmp_path / "a.h5", states, system="duffing", step=0.1)
    parts = open_trajectories(tmp_path / "a.h5")
    rows = parts.train.read(0, 5)
    assert parts.source == "trajectories"
    assert rows[:, 2] ** 2 + rows[:, 3] ** 2 == pytest.approx(1.0)
    assert len(parts.names) == 4
    assert parts.step == pytest.approx(0.1)


def test_the_command_trains_streams_and_resumes(tmp_path, capsys):
    rng = np.random.default_rng(5)
    z = rng.standard_normal((10, 40, 1))
    data = 3.0 + z @ np.array([[2.0, 1.0, -1.0]]) + 0.1 * rng.standard_normal((10, 40, 3))
    write_trajectories(tmp_path / "data.h5", observations=data, step=1.0)
    words = ["train", "vae", str(tmp_path / "data.h5"), "--hidden", "8", "--batch", "32", "--seed", "3",
             "--latent", "2"]
    assert main([*words, "-o", str(tmp_path / "a.h5"), "--epochs", "4", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["shape"]["likelihood"] == "gaussian"
    assert report["options"]["rate_decay"] == 0.97
    assert report["history"]["test_bound"][-1] < report["history"]["test_bound"][0]
    assert main([*words, "-o", str(tmp_path / "b.h5"), "--epochs", "2"]) == 0
    again = [*words[:3], "-o", str(tmp_path / "b.h5"), "--resume", "--epochs", "4"]
    assert main(again) == 0
    one, two = statfe.load(tmp_path / "a.h5"), statfe.load(tmp_path / "b.h5")
    assert np.array_equal(one.vae.parameters, two.vae.parameters)
    assert np.array_equal(one.standard.centre, two.standard.centre)
    learned_from = data[np.arange(10) % 5 != 4]
    assert one.standard.undo(np.zeros((1, 3)))[0] == pytest.approx(learned_from.mean(axis=(0, 1)))
    check_format(tmp_path / "a.h5")
    assert main([*words, "-o", str(tmp_path / "c.h5"), "--epochs", "4", "--stream"]) == 0
    streamed = statfe.load(tmp_path / "c.h5")
    assert streamed.history["test_bound"][-1] == pytest.approx(one.history["test_bound"][-1], abs=0.5)
    capsys.readouterr()
    assert main([*words, "-o", str(tmp_path / "d.h5"), "--likelihood", "bernoulli"]) == 2
    assert "gaussian" in capsys.readouterr().err


def test_the_rate_falls_epoch_by_epoch():
    from statfe.learned.vae.model import VaeShape
    from statfe.learned.vae.training import fit_vae

    data = np.random.default_rng(1).standard_normal((64, 2))
    shape = VaeShape(2, 1, (), (), "gaussian")
    start = fit_vae(data, shape, epochs=0, options=TrainingOptions(batch=64, rate=0.1, rate_decay=0.5, seed=1))
    one = fit_vae(data, epochs=1, start=start)
    two = fit_vae(data, epochs=2, start=start)
    # Adam's first two steps move every parameter by about the rate
    steps = [np.abs(b.vae.parameters - a.vae.parameters).max() for a, b in ((start, one), (one, two))]
    assert steps[0] == pytest.approx(0.1, rel=0.01)
    assert steps[1] < 0.06
    with pytest.raises(UsageError, match="rate_decay"):
        TrainingOptions(rate_decay=1.5)
