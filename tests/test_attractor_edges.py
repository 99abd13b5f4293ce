"""Edges of the attractors: marginal motion, odd scales, uneven records, angles, and words that would spoil a file."""

from __future__ import annotations

import dataclasses
import math
from types import SimpleNamespace

import numpy as np
import pytest
import scipy.signal

import statfe
from statfe.attractors.basins import cycles
from statfe.attractors.basins.cycles import Cycle, _closes, find_cycle
from statfe.attractors.basins.exponent import Exponent
from statfe.attractors.basins.ground import Ground
from statfe.attractors.basins.verify import _of_cycle
from statfe.attractors.basins.volume import Contraction
from statfe.attractors.correlation import correlation_dimension, correlation_sum
from statfe.attractors.exponents import of_growth
from statfe.attractors.found import AttractorSet, Points
from statfe.attractors.found_file import write_found
from statfe.attractors.importing import import_data
from statfe.attractors.intrinsic import intrinsic_dimensions
from statfe.attractors.measure import _one
from statfe.attractors.network.grouping import trajectory_labels
from statfe.attractors.observe import View, make_observer
from statfe.attractors.record import Record, cloud_of
from statfe.attractors.recurrence import recurrence
from statfe.attractors.section import poincare_section
from statfe.attractors.sources import source_of
from statfe.attractors.spectrum import power_spectrum
from statfe.attractors.tangent import Growth, grow, plan_growth
from statfe.attractors.trajectory_file import read_trajectories, write_trajectories
from statfe.errors import StoreError, UsageError
from statfe.systems.catalogue import build_system
from tests.systems_for_tests import flow


def draw(seed=1):
    return np.random.default_rng(seed)


def regular(system, exponents):
    """A run whose rates hardly vary."""
    plan = plan_growth(system, len(exponents), length=800.0)
    rates = np.array(exponents) + 1e-7 * draw().standard_normal((8, 32, len(exponents)))
    ends = draw(2).random((8, 33, system.dimension))
    return Growth(plan, rates, rates.sum(axis=2), ends)


@pytest.mark.parametrize("second", [-3e-6, 3e-6])
def test_a_torus_has_its_dimension_whatever_the_sign_of_its_rates(second):
    found = of_growth(flow(), regular(flow(), [1e-6, second, -1.0]))
    assert (found.motion, float(found.kaplan_yorke.value)) == ("torus", 2.0)


@pytest.mark.parametrize("rate", [-1e-6, 1e-6])
def test_a_map_of_the_line_at_a_bifurcation_is_no_torus_and_has_no_dimension(rate):
    system = build_system("logistic:r=3")
    found = of_growth(system, regular(system, [rate]))
    assert found.motion == ""
    assert found.kaplan_yorke.status == "diverged"
    assert "bifurcation" in found.kaplan_yorke.message


def test_where_every_exponent_is_zero_and_volumes_shrink_there_is_no_dimension():
    found = of_growth(flow(), regular(flow(), [1e-5, -1e-5, -1e-5]))
    assert found.kaplan_yorke.status == "diverged"
    assert "bifurcation" in found.kaplan_yorke.message


def test_a_plane_that_keeps_areas_has_no_dimension_by_its_exponents():
    system = dataclasses.replace(flow(), coordinates=("x", "y"), start=np.ones(2), box=np.array([[0.0, 2.0]] * 2))
    growth = dataclasses.replace(regular(system, [1e-5, -1e-5]), traces=np.zeros((8, 32)))
    found = of_growth(system, growth)
    assert (found.motion, found.kaplan_yorke.status) == ("", "diverged")
    assert "volumes are kept" in found.kaplan_yorke.message


@pytest.mark.parametrize(("growth", "verdict"), [(-1e-7, "unclear"), (1e-7, "unclear"), (-0.1, "attractor")])
def test_a_cycle_that_does_not_attract_is_none(growth, verdict):
    found = _of_cycle(Cycle(2.0, np.ones((3, 2)), growth), Exponent(0.0, 1e-3, 100.0), 0.0)
    assert found.verdict == verdict


def test_trajectories_begin_apart_by_the_size_of_the_box():
    system = dataclasses.replace(flow(), start=1e-9 * flow().start, box=1e-9 * flow().box)
    ends = grow(system, plan_growth(system, 1, length=0.5, transient=0.0)).ends
    assert np.abs(ends).max() < 1e-8


def test_a_map_of_the_line_keeps_no_volumes_because_its_exponent_is_zero():
    assert Contraction(0.01, 0.02).kept
    assert not Contraction(0.01, 0.02, folds=True).kept
    assert Contraction(0.0, 0.0, folds=True).kept


def test_a_cycle_just_born_by_doubling_has_twice_the_period():
    a, b = 0.3675 + 3.4e-8, 0.3  # Henon's fixed point doubles at a = 3 (1 - b)^2 / 4
    system = build_system(f"henon:a={a!r}")
    ones = np.ones(2)
    ground = Ground(system, 1.0, np.zeros(2, dtype=bool), ones, 0.01 * ones, 0.0 * ones, 100, np.empty((0, 2)))
    u, v = ((1 - b + s * math.sqrt(4 * a - 3 * (1 - b) ** 2)) / (2 * a) for s in (1, -1))
    assert 1e-4 < u - v < 2e-3
    cycle = find_cycle(ground, np.array([u, b * v]))
    assert cycle is not None
    assert cycle.period == 2.0


def test_a_near_return_of_a_map_is_a_cycle_only_where_it_comes_nearer():
    ones = np.ones(2)
    ground = Ground(build_system("henon"), 1.0, np.zeros(2, dtype=bool), ones, ones, ones, 100, np.empty((0, 2)))
    n = np.arange(2049)
    # a cycle of 7 and something small that turns by a third in that time, for ever or less and less
    for rate, shrink, closed in ((-0.01, 0.0, False), (-0.2, 0.2, True)):
        z = np.exp(2j * np.pi * n / 7) + 1e-3 * np.exp(2j * np.pi * n / 21 - shrink * n)
        states = np.stack([z.real, z.imag], axis=1)
        assert _closes(ground, states[0], states[1:], 7, rate) is closed


@pytest.mark.parametrize(("multiplier", "closed"), [(0.0, True), (0.3, True), (-0.9, True), (-1.0, False)])
def test_a_cycle_of_a_flow_is_not_half_a_cycle(multiplier, closed, monkeypatch):
    ones = np.ones(3)
    ground = Ground(flow(), 1.0, np.zeros(3, dtype=bool), ones, ones, ones, 100, np.empty((0, 3)))
    x = np.array([1e-3, 0.0, 0.0])  # beside a cycle through 0 of period 1
    monkeypatch.setattr(cycles, "_after", lambda _ground, at, time: at * multiplier ** round(time))
    assert cycles._comes_back(ground, x, 1.0, abs(1.0 - multiplier) * 1e-3) is closed


@pytest.mark.parametrize(("scale", "offset"), [(1e-9, 0.0), (1e-4, 300.0), (1.0, 1e5)])
def test_data_of_any_scale_move(scale, offset):
    t = 0.05 * np.arange(8192)
    values = offset + scale * np.stack([np.cos(t), np.sin(math.sqrt(2) * t)], axis=1)
    record = Record(values[None], 0.05, ("x", "y"), None, "test")
    assert not cloud_of(record).still
    assert power_spectrum(record)[1].status == "converged"
    assert Record(np.full((1, 100, 1), offset), 1.0, ("x",), None, "test").still


def test_a_record_of_a_law_rests_by_the_size_of_its_box():
    values = np.zeros((1, 100, 3))
    values[0, :, 0] = 1e-9 * np.exp(-np.arange(100.0))
    assert Record(values, 1.0, ("x", "y", "z"), build_system("lorenz63:rho=0.5"), "test").still
    assert not Record(values, 1.0, ("x", "y", "z"), None, "test").still


def test_a_record_at_rest_has_no_return_map():
    still, parts = Record(np.ones((1, 900, 2)), 1.0, ("x", "y"), None, "test"), {}
    assert _one("section", still, None, None, 1, parts)[0].status == "diverged"
    assert "return_map" not in parts


@pytest.mark.parametrize("samples", [1, 2, 5, 40])
def test_a_few_samples_that_are_alike_are_no_fixed_point(samples):
    cloud = cloud_of(Record(np.ones((1, samples, 2)), 1.0, ("x", "y"), None, "test"))
    for found in (correlation_dimension(cloud, correlation_sum(cloud)), *intrinsic_dimensions(cloud)):
        assert (found.status, f"{samples} points are too few" in found.message) == ("diverged", True)


def test_recurrences_leave_out_the_whole_window():
    values = scipy.signal.lfilter([1.0], [1.0, -0.95], draw(3).standard_normal((16385, 1)), axis=0)
    record = Record(values[None], 1.0, ("x",), None, "test")
    cloud = cloud_of(record)
    assert cloud.stride == 2
    assert recurrence(record, cloud)[0].stats["theiler"] == 2 * cloud.theiler > 10


def test_one_trajectory_that_hardly_returns_does_not_hide_the_others():
    t = 0.05 * np.arange(4000)
    swings = np.sin(t + 0.3 * np.sin(0.37 * t))
    record = Record(np.stack([swings, np.tanh(t - 50.0)])[:, :, None], 0.05, ("x",), None, "test")
    section, found = poincare_section(record, "x=0")
    assert section is not None
    assert found.stats["returns"] == len(section.times) - 2
    assert abs(float(found.value) - 2 * np.pi) < 4 * float(found.error) + 0.05
    assert float(found.error) > 1e-3
    short = poincare_section(Record(np.array([-1.0, 1.0])[None, :, None], 1.0, ("x",), None, "t"), "x=0")
    assert (len(short[0].times), short[1].status) == (1, "diverged")


def test_an_angle_crosses_a_plane_once_a_turn():
    t = 0.1 * np.arange(3000)
    record = Record(np.stack([np.cos(t), 1.3 * t], axis=1)[None], 0.1, ("x", "phase"), None, "test", angles=(1,))
    section, found = poincare_section(record, "phase=6.0")
    assert float(found.value) == pytest.approx(2 * np.pi / 1.3, abs=1e-6)
    assert np.allclose(np.remainder(section.points[:, 1] - 6.0 + 1.0, 2 * np.pi), 1.0)
    back = dataclasses.replace(record, values=record.values * [1.0, -1.0])
    section, found = poincare_section(back, f"phase={6.0 - 4 * np.pi}")
    assert (section.level, float(found.value)) == (pytest.approx(6.0), pytest.approx(2 * np.pi / 1.3, abs=1e-6))


def test_points_that_coincide_do_not_pull_dimensions():
    a = draw(4).random((4000, 2)) * 2 * np.pi
    values = np.hstack([np.cos(a), np.sin(a)])
    twice = values.copy()
    twice[1::400] = twice[::400]
    found, rough = (intrinsic_dimensions(cloud_of(Record(v[None], 1.0, tuple("abcd"), None, "t"), theiler=0.0))
                    for v in (values, twice))
    for one, other in zip(found, rough, strict=True):
        assert other.status == one.status == "converged"
        assert abs(float(other.value) - float(one.value)) < 0.02


def test_noise_with_a_memory_has_no_peak():
    values = scipy.signal.lfilter([1.0], [1.0, -0.9], draw(2).standard_normal((16384, 2)), axis=0)
    assert power_spectrum(Record(values[None], 0.05, ("x", "y"), None, "test"))[1].status != "converged"


def test_delays_of_an_angle_are_those_of_its_sine():
    system = build_system("kuramoto:n=3")
    view = View(embed=2, delay=3).check(system)
    head = np.cumsum(np.full((1, 400, system.dimension), 0.3), axis=1)
    observer = make_observer(view, system, head, 400, 20.0, 1)
    seen, _ = observer.apply(head, (0, 0), np.empty((1, 0)))
    assert np.allclose(seen[0, :, 0], np.sin(head[0, :-3, 0]))
    assert observer.features[0].startswith("sin ")


def test_a_trajectory_that_escapes_among_its_last_delays_is_left_out(tmp_path):
    states, seen = draw(5).standard_normal((2, 50, 2)), draw(6).standard_normal((2, 40, 3))
    states[1, 48:], seen[1, 38:] = np.nan, np.nan
    write_trajectories(tmp_path / "d.h5", states, system="henon", observations=seen)
    record = source_of(tmp_path / "d.h5", "observations").record()
    assert record.values.shape == (1, 40, 3)


def test_steps_of_imported_trajectories_are_one(tmp_path):
    times = np.stack([0.1 * np.arange(40), 0.2 * np.arange(40)])
    np.save(tmp_path / "r.npy", np.stack([times, np.sin(times)], axis=2))
    with pytest.raises(StoreError, match=r"the step is 0\.2 in trajectory 1"):
        import_data(tmp_path / "r.npy", tmp_path / "o.h5", time=0)
    assert not (tmp_path / "o.h5").exists()


def test_an_escaped_trajectory_is_in_no_group(tmp_path):
    states = np.zeros((2, 200, 2))
    states[1, 150:] = np.nan
    write_trajectories(tmp_path / "d.h5", states, system="henon")
    found = AttractorSet(
        "henon", "test", ("a", "b"), np.zeros((2, 2)), ("x", "y"), np.full(2, np.nan), np.zeros(2), np.full(2, 0.5),
        np.zeros(2), np.zeros((0, 2)), np.empty(0, dtype=np.int64), 1,
        points=Points(np.array([[5.0, 5.0], [0.0, 0.0]]), np.array([0, 1])))
    parts = SimpleNamespace(file=read_trajectories(tmp_path / "d.h5"))
    assert trajectory_labels(parts, found, np.array([0, 1])).tolist() == [1, -1]


LAW = "[equations]\nx = '-x'\n"


@pytest.mark.parametrize("words", [
    ["identify", "file:law.toml"], ["continue", "file:law.toml", "--parameter", "a=0:1:2"],
    ["invariants", "file:law.toml"]])
def test_no_output_takes_the_place_of_the_law(here, call, words):
    (here / "law.toml").write_text(LAW)
    code, out, err = call("attractors", *words, "-o", "law.toml", "--force")
    assert (code, out) == (2, "")
    assert "is the input itself" in err
    assert (here / "law.toml").read_text() == LAW


@pytest.mark.parametrize(("words", "said"), [
    (["invariants", "henon", "--theiler", "nan"], "theiler must be a time"),
    (["invariants", "henon", "--theiler", "inf"], "theiler must be a time"),
    (["invariants", "henon", "--plane", "q=1"], "leave it out"),
    (["continue", "lorenz63", "--parameter", "rho=0:x:3"], "rho grid '0:x:3'"),
    (["memories", "hopfield:n=20", "--loads", "0.1;0.2"], "load grid")])
def test_bad_words_are_one_line(here, call, words, said):
    code, out, err = call("attractors", *words)
    assert (code, out) == (2, "")
    assert said in err
    assert len(err.strip().splitlines()) == 1


def test_commands_are_functions_and_their_files_load(tmp_path):
    from statfe.attractors.basins.to_file import continue_to_file, identify_to_file
    from statfe.laboratory.survey import survey_memories, survey_tap

    names = ("identify_attractors", "continue_attractors", "memories", "tap_attractors")
    assert set(names) <= set(statfe.__all__)
    assert [getattr(statfe, n) for n in names] == [identify_to_file, continue_to_file, survey_memories, survey_tap]
    found = statfe.memories("hopfield:n=21,patterns=1,seed=1", tmp_path / "m.h5", starts=5, seed=1)
    back = statfe.load(tmp_path / "m.h5")
    assert isinstance(back, AttractorSet)
    assert back.kinds == found.kinds
    write_found(tmp_path / "i.h5", found)
    assert statfe.load(tmp_path / "i.h5").count == found.count
    with pytest.raises(UsageError, match="exists"):
        statfe.tap_attractors("sk:n=8", 0.5, tmp_path / "m.h5")
