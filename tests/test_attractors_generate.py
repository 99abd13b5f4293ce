"""Trajectories in files: what is written comes back, the same bits after a cut; embedding, lifting."""

from __future__ import annotations

import json

import h5py
import numpy as np
import pytest
from statfe_cli.main import main

import statfe
from statfe.attractors import generation, generation_run
from statfe.attractors.embedding import choose_delay, choose_dimension, delay_vectors, mutual_information
from statfe.attractors.generate import forecast, generate
from statfe.attractors.lifting import chart_of, make_lifting, stored_lifting
from statfe.attractors.march import march
from statfe.attractors.starts import draw_starts
from statfe.attractors.trajectory_file import read_trajectories, write_trajectories
from statfe.errors import StoreError, UsageError
from statfe.store import large_file
from statfe.systems.catalogue import build_system
from tests.hdf5_rules import check_format

LORENZ = build_system("lorenz63")
SHORT = {"trajectories": 5, "samples": 300, "transient": 2.0, "seed": 3}


@pytest.fixture(scope="module")
def motion():
    """One Lorenz trajectory, 12000 samples of 0.03."""
    return march(LORENZ, LORENZ.start, 12_500, 6).states[0, 500:]


def test_states_are_those_of_a_march_and_the_file_keeps_the_format(tmp_path):
    statfe.generate_trajectories("lorenz63:rho=30", tmp_path / "a.h5", every=4, noise=0.1, **SHORT)
    found = statfe.load(tmp_path / "a.h5")
    system = build_system("lorenz63:rho=30")
    starts = draw_starts(system, "attractor", 3, 0, 5)
    after = march(system, starts, 1, 400 // 64 * 64 + 64).states[:, 0]
    np.testing.assert_array_equal(found.states, march(system, after, 300, 4).states)
    np.testing.assert_allclose(found.times, 0.02 * np.arange(1, 301), rtol=1e-14)
    assert (found.system, found.build().name, found.coordinates) == ("lorenz63:rho=30", "lorenz63", ("x", "y", "z"))
    assert found.state_attributes["integrator"] == "rk4"
    assert found.state_attributes["transient"] == pytest.approx(448 * 0.005)
    assert 1e-9 < found.state_attributes["tolerance"] < 1e-4
    assert found.kept.tolist() == [300] * 5
    assert sorted(check_format(tmp_path / "a.h5")) == ["/observations", "/trajectories"]
    np.testing.assert_array_equal(np.concatenate([v for *_, v in found.slices(found.states)]),
                                  np.concatenate(list(found.states)))


def test_noise_has_the_size_that_was_asked(tmp_path):
    found = generate("lorenz63", tmp_path / "a.h5", trajectories=40, samples=500, transient=10.0, noise=0.2, seed=1)
    gap = np.array(found.observations) - found.states
    spread = np.array(found.states).std(axis=(0, 1))
    np.testing.assert_allclose(gap.std(axis=(0, 1)), 0.2 * spread, rtol=0.03)
    assert np.abs(gap.mean(axis=(0, 1)) / spread).max() < 5 * 0.2 / np.sqrt(20_000)
    assert np.abs(np.corrcoef(gap[:, :-1].ravel(), gap[:, 1:].ravel())[0, 1]) < 0.03


@pytest.mark.parametrize("more", [{"embed": 3, "delay": 4, "noise": 0.1}, {"lift": 7, "noise": 0.3},
                                  {"embed": 3, "delay": 4, "lift": 5, "noise": 0.1, "float32": True}])
def test_a_run_that_was_cut_goes_on_to_the_same_bits(tmp_path, monkeypatch, more):
    monkeypatch.setattr(generation, "NUMBERS", 500)
    monkeypatch.setattr(generation, "GROUP", 3)
    whole = generate("lorenz63", tmp_path / "a.h5", **SHORT, **more)

    def cut(label, share):
        if label == "integrating" and share > 0.6:
            raise RuntimeError("the power went")

    with pytest.raises(RuntimeError):
        generate("lorenz63", tmp_path / "b.h5", **SHORT, **more, checkpoint_seconds=0, progress=cut)
    assert not (tmp_path / "b.h5").exists()
    with pytest.raises(StoreError, match="unfinished run"):
        generate("lorenz63", tmp_path / "b.h5", **SHORT, **more)
    with pytest.raises(UsageError, match="--samples is 300 there, 301 here"):
        generate("lorenz63", tmp_path / "b.h5", **{**SHORT, **more, "samples": 301}, resume=True)
    said = []
    monkeypatch.setattr(generation_run, "HELD", 1)
    other = generate("lorenz63", tmp_path / "b.h5", **SHORT, **more, workers=2, resume=True, notify=said.append)
    assert any("going on after" in line for line in said)
    np.testing.assert_array_equal(whole.states, other.states)
    np.testing.assert_array_equal(whole.observations, other.observations)
    assert whole.states.dtype == (np.float32 if "float32" in more else np.float64)
    assert not list(tmp_path.glob("*.parts"))
    said.clear()
    generate("lorenz63", tmp_path / "b.h5", **SHORT, **more, resume=True, notify=said.append)
    assert "complete" in said[0]


def test_delays_and_noise_do_not_feel_the_blocks(tmp_path, monkeypatch):
    more = {"embed": 3, "delay": 40, "noise": 0.1, "observe": "z"}
    monkeypatch.setattr(generation, "NUMBERS", 500)   # blocks shorter than the delays
    found = generate("lorenz63", tmp_path / "a.h5", **SHORT, **more)
    assert found.observations.shape == (5, 220, 3)
    assert found.features == ("z(t)", "z(t+40)", "z(t+80)")
    seen = np.array(found.observations)
    np.testing.assert_array_equal(seen[:, 40:, 0], seen[:, :-40, 1])
    np.testing.assert_array_equal(seen[:, 40:, 1], seen[:, :-40, 2])
    gap = seen[:, :, 0] - found.states[:, :220, 2]
    assert gap.std() == pytest.approx(0.1 * np.array(found.states)[:, :, 2].std(), rel=0.1)
    np.testing.assert_array_equal(found.observation_times, found.times[:220])


def test_escapes_are_kept_as_such(tmp_path):
    found = generate("henon:a=1.45", tmp_path / "a.h5", trajectories=200, samples=2000, start="box", transient=0.0,
                     noise=0.1, seed=2)
    gone = found.kept < 2000
    assert 0 < gone.sum() < 200
    for r in np.flatnonzero(gone)[:5]:
        assert np.isfinite(found.states[r, : found.kept[r]]).all()
        assert np.isnan(found.states[r, found.kept[r]:]).all()
        assert np.isnan(found.observations[r, found.kept[r]:]).all()
    assert np.isfinite(np.array(found.states[~gone])).all()


def test_parameters_without_an_attractor_and_bad_steps_are_refused_before_anything_is_written(tmp_path):
    for system, options, words in (
            ("henon:a=2.5", {}, "may have no attractor"), ("lorenz63", {"dt": 0.4}, "too large and blows up"),
            ("lorenz63", {"dt": 0.1}, "use it"), ("henon", {"dt": 0.5}, "leave out dt"),
            ("lorenz63", {"lift": 2}, "loses the state"), ("lorenz63", {"delay": 3}, "say how many with embed"),
            ("lorenz63", {"embed": 3, "delay": 200}, "at least 401"), ("lorenz63", {"noise": -1.0}, "noise must be"),
            ("lorenz63", {"embed": 2, "observe": "w"}, "unknown coordinate"),
            ("lorenz63", {"start": "x"}, "start must"),
            ("lorenz63", {"transient": float("nan")}, "transient must")):
        with pytest.raises(UsageError, match=words):
            generate(system, tmp_path / "a.h5", **{**SHORT, **options})
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_said_before_the_work_and_spoils_nothing(tmp_path, monkeypatch):
    (tmp_path / "a.h5").write_bytes(b"old")
    monkeypatch.setattr(generation_run, "free_bytes", lambda _: 1000)
    with pytest.raises(StoreError, match="make room"):
        generate("lorenz63", tmp_path / "a.h5", **SHORT, force=True)
    assert [p.name for p in tmp_path.iterdir()] == ["a.h5"]
    monkeypatch.undo()
    monkeypatch.setattr(large_file, "free_bytes", lambda _: 1000)
    with pytest.raises(StoreError, match=r"the disk has.*--resume goes on"):
        generate("lorenz63", tmp_path / "a.h5", **SHORT, force=True, checkpoint_seconds=0)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.h5", "a.h5.parts"]
    assert (tmp_path / "a.h5").read_bytes() == b"old"
    monkeypatch.undo()
    assert generate("lorenz63", tmp_path / "a.h5", **SHORT, resume=True).states.shape == (5, 300, 3)


def test_the_lifting_is_injective_smooth_and_stored(tmp_path, motion):
    lifting = make_lifting(chart_of(motion), 20, 5)
    some = motion[::40]
    u, y = lifting.chart.apply(some), lifting.apply(some)
    def gaps(a):
        return np.linalg.norm(a[:, None] - a[None], axis=2)
    assert (gaps(y) >= gaps(u) * (1 - 1e-12)).all()
    np.testing.assert_allclose(lifting.undo(y), some, atol=1e-11)
    # the formula itself, with O, w and b
    curved = np.sqrt(2.0) * np.cos(u[0] @ lifting.waves.T + lifting.phases)
    np.testing.assert_allclose(y[0], lifting.rotation @ np.concatenate([u[0], curved]), rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(lifting.rotation @ lifting.rotation.T, np.eye(20), atol=1e-13)
    assert np.linalg.matrix_rank(y - y.mean(axis=0), tol=1e-3) == 20
    found = generate("lorenz63", tmp_path / "a.h5", **SHORT, lift=20)
    again = stored_lifting(found.observation_attributes)
    np.testing.assert_allclose(again.undo(np.array(found.observations)), found.states, atol=1e-10)
    assert stored_lifting({"noise": 0.0}) is None


def test_angles_are_lifted_as_circles():
    states = np.random.default_rng(1).uniform(-3, 3, (50, 2))
    chart = chart_of(states, (1,))
    lifting = make_lifting(chart, 8, 1)
    np.testing.assert_allclose(lifting.apply(states), lifting.apply(states + np.array([0.0, 2 * np.pi])), atol=1e-12)
    np.testing.assert_allclose(lifting.undo(lifting.apply(states)), states, atol=1e-12)
    assert chart.names(("q", "a")) == ("q", "cos(a)", "sin(a)")
    with pytest.raises(UsageError, match="takes 3"):
        make_lifting(chart, 2, 1)


def test_mutual_information_of_gaussians_and_of_delays():
    rng = np.random.default_rng(2)
    x = np.zeros((1, 200_000))
    noise = rng.standard_normal(x.shape[1])
    for t in range(1, x.shape[1]):
        x[0, t] = 0.9 * x[0, t - 1] + noise[t]
    found = mutual_information(x, 3)
    # -ln(1 - r^2) / 2 for Gaussians of correlation r; cells lose a little
    np.testing.assert_allclose(found[1:], [-0.5 * np.log(1 - 0.9 ** (2 * k)) for k in (1, 2, 3)], rtol=0.05)
    assert found[0] == pytest.approx(np.log(32), rel=0.01)
    white = mutual_information(rng.standard_normal((4, 5000)), 5)[1:]
    assert np.abs(white).max() < 0.02


def test_delay_and_dimension_of_the_lorenz_attractor_and_of_a_circle(motion):
    delay, words = choose_delay(motion[None, :, 0], 50)
    assert 0.1 < 0.03 * delay < 0.25          # 0.16 to 0.18 in the literature
    assert "first minimum" in words
    assert choose_dimension(motion[None, :, 0], delay)[0] == 3
    phase = 0.05 * np.arange(4000)
    circle = np.array([np.cos(phase), np.cos(phase + 1.0)])
    assert choose_dimension(circle, 31)[0] == 2
    walk = np.cumsum(np.random.default_rng(3).standard_normal((1, 4000)) - 0.1, axis=1)
    assert "has no minimum" in choose_delay(walk, 20)[1]
    with pytest.raises(UsageError, match="high dimension, noisy"):
        choose_dimension(np.random.default_rng(1).standard_normal((1, 3000)), 1, largest=4)
    np.testing.assert_array_equal(delay_vectors(np.arange(6), 2, 3), [[0, 2, 4], [1, 3, 5]])


def test_arrays_in_memory_go_to_a_file_and_come_back(tmp_path):
    seen = np.random.default_rng(1).standard_normal((2, 9, 4)).astype(np.float32)
    seen[1, 6:] = np.nan
    write_trajectories(tmp_path / "a.h5", observations=seen, step=0.5, sampler="import")
    found = read_trajectories(tmp_path / "a.h5")
    np.testing.assert_array_equal(found.data, seen)
    assert (found.states, found.system, found.build(), found.step) == (None, None, None, 0.5)
    assert (found.kept.tolist(), found.features) == ([9, 6], ("y0", "y1", "y2", "y3"))
    check_format(tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5", "r+") as file:
        del file["observations"]
    with pytest.raises(StoreError, match="holds no trajectories"):
        read_trajectories(tmp_path / "a.h5")


def test_the_commands(tmp_path, capsys):
    def run(*words):
        code = main(["attractors", *map(str, words)])
        return code, *capsys.readouterr()

    _, out, _ = run("generate", "lorenz63", "--samples", 2000, "--embed", "auto", "--seed", 1, "--json", "--dry-run")
    plan = json.loads(out)
    assert (plan["integrator"], plan["every"], plan["seed"]) == ("rk4", 6, 1)
    assert plan["embed"] == plan["features"]
    assert plan["embed"] in (3, 4)
    assert plan["bytes"] > 2000 * 6 * 8
    _, out, _ = run("generate", "lorenz63", "--samples", 200, "--seed", 1, "-o", tmp_path / "a.h5", "--json")
    made = json.loads(out)
    assert (made["samples"], made["escaped"], made["dt"]) == (200, 0, 0.005)
    assert run(*made["command"].split()[2:-1], tmp_path / "b.h5")[0] == 0
    one, other = (read_trajectories(tmp_path / name) for name in ("a.h5", "b.h5"))
    np.testing.assert_array_equal(one.states, other.states)
    code, _, err = run("generate", "henon:a=1.45", "--start", "box", "--transient", 0, "--trajectories", 200,
                       "--samples", 99, "--seed", 2, "-o", tmp_path / "c.h5")
    assert (code, "escaped to infinity at t =" in err) == (3, True)
    code, _, err = run("generate", "lorenz63", "--dt", 0.1, "-o", tmp_path / "e.h5")
    assert (code, "dt = 0.0125" in err) == (2, True)


def test_a_forecast_writes_nothing_and_knows_the_size(tmp_path):
    plan = forecast("lorenz63", tmp_path / "a.h5", lift=10, noise=0.1, **SHORT)
    assert list(tmp_path.iterdir()) == []
    found = generate("lorenz63", tmp_path / "a.h5", lift=10, noise=0.1, **SHORT)
    assert plan.facts["every"] == found.state_attributes["every"]
    assert (tmp_path / "a.h5").stat().st_size == pytest.approx(plan.bytes, abs=25_000)
