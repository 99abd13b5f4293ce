"""Spectra, recurrence and sections of motions that are known; records that support no number; files and commands."""

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pytest

import statfe
from statfe.attractors.exponents import of_growth
from statfe.attractors.intrinsic import intrinsic_dimensions
from statfe.attractors.invariants_file import read_invariants
from statfe.attractors.record import Record, cloud_of, correlation_time
from statfe.attractors.recurrence import recurrence
from statfe.attractors.section import hermite, poincare_section, return_map
from statfe.attractors.spectrum import power_spectrum
from statfe.attractors.tangent import Growth, plan_growth
from statfe.attractors.trajectory_writer import Part, trajectory_writer
from statfe.errors import UsageError
from statfe.kernels.pairs import recurrences
from tests.hdf5_rules import check_format
from tests.systems_for_tests import flow


def draw(seed=1):
    return np.random.default_rng(seed)


def oscillation(frequency=0.37, samples=8192, dt=0.05, noise=0.0):
    t = np.arange(samples) * dt
    phase = 2 * np.pi * frequency * t
    values = np.stack([np.cos(phase), np.sin(phase)], axis=1) + noise * draw(14).standard_normal((samples, 2))
    return Record(values[None], dt, ("x", "y"), None, "test")


def test_the_peak_and_the_return_time_of_an_oscillation():
    spectrum, peak = power_spectrum(oscillation(noise=0.05))
    assert abs(float(peak.value) - 0.37) < 3 * float(peak.error) < 0.02
    area = spectrum.density.sum(axis=0) * (spectrum.frequency[1] - spectrum.frequency[0])
    assert np.allclose(area, 0.5, rtol=0.05)  # Parseval: the variance of a cosine
    section, time = poincare_section(oscillation(), "y=0.2")
    assert float(time.value) == pytest.approx(1 / 0.37, abs=1e-6)
    assert np.allclose(section.points[1:-1], [math.sqrt(1 - 0.04), 0.2], atol=2e-6)
    name, pairs = return_map(oscillation())
    assert name == "y"
    assert np.allclose(pairs, 1.0, atol=1e-3)


def test_the_cubic_of_hermite_is_exact_on_cubics():
    s = np.linspace(0.0, 1.0, 7)
    assert np.allclose(hermite(s, 2.0, 2.0 + 3.0 - 1.0, 3.0, 3.0 - 3.0), 2.0 + 3.0 * s - s**3)


def test_noise_has_no_peak_and_a_short_record_no_spectrum():
    noise = Record(draw(15).standard_normal((1, 8192, 2)), 1.0, ("x", "y"), None, "test")
    assert power_spectrum(noise)[1].status == "diverged"
    assert power_spectrum(oscillation(samples=100))[0] is None
    assert power_spectrum(oscillation(frequency=0.02))[1].status == "not_converged"


def test_recurrence_is_the_naive_one():
    points, n, lines = draw(16).standard_normal((50, 2)), 50, np.zeros(51, dtype=np.int64)
    total, returns, lost = recurrences(points, 1.0, 2, lines)
    near = np.sum((points[:, None] - points[None])**2, axis=2) <= 1.0
    naive = np.zeros(51, dtype=np.int64)
    for lag in range(3, n):
        run = "".join("1" if near[i, i + lag] else "0" for i in range(n - lag))
        for piece in run.split("0"):
            naive[len(piece)] += len(piece) > 0
    assert np.array_equal(lines, naive)
    back = []
    for i in range(n // 2):
        outside = [j for j in range(i + 1, n) if not near[i, j]]
        again = [j for j in range(outside[0], n) if near[i, j]] if outside else []
        back += [again[0] - i] if again else []
    assert (total, returns, lost) == (sum(back), len(back), n // 2 - len(back))


def test_an_oscillation_is_determined_and_noise_is_not():
    found = {f.name: f for f in recurrence(oscillation())}
    assert float(found["determinism"].value) > 0.99
    assert float(found["recurrence_time"].value) == pytest.approx(1 / 0.37, rel=0.1)
    noise = Record(draw(17).standard_normal((1, 8192, 3)), 1.0, ("x", "y", "z"), None, "test")
    assert float({f.name: f for f in recurrence(noise)}["determinism"].value) < 0.2


def test_a_record_that_stands_still_says_so():
    still = Record(np.ones((1, 4096, 2)), 0.1, ("x", "y"), None, "test")
    c = cloud_of(still)
    assert c.still
    assert [float(f.value) for f in intrinsic_dimensions(c)] == [0.0, 0.0]
    assert all(f.status == "diverged" for f in recurrence(still))
    assert power_spectrum(still)[1].status == poincare_section(still)[1].status == "diverged"


def test_records_are_checked_and_windows_follow_the_memory():
    bad = np.zeros((1, 10, 1))
    bad[0, 7] = np.inf
    with pytest.raises(UsageError, match="trajectory 0, sample 7"):
        Record(bad, 1.0, ("x",), None, "f.csv")
    noise = draw(18).standard_normal((1, 4096, 1))
    assert correlation_time(noise) == 1
    slow = np.convolve(noise[0, :, 0], np.exp(-np.arange(200) / 20.0))[None, :4096, None]
    assert 10 < correlation_time(slow) < 60
    two = cloud_of(Record(np.tile(draw(19).standard_normal((2, 50, 1)), (1, 1, 1)), 1.0, ("x",), None, "two"))
    assert two.places[50] - two.places[49] > two.theiler


def written(path, system, values, kind="trajectories"):
    part = Part(("x", "y"), len(values), values.shape[1], 0.0, 1.0, attributes={"dt": 1.0})
    group = "states" if kind == "trajectories" else "observations"
    with trajectory_writer(path, title="t", system=system, sampler="integrator", seed=1, **{group: part}) as writer:
        writer.put(kind, 0, 0, values)
        writer.put_kept(kind, 0, np.full(len(values), values.shape[1]))


def henon(samples):
    x = np.empty((samples, 2))
    x[0] = 0.1, 0.1
    for k in range(1, samples):
        x[k] = 1 - 1.4 * x[k - 1, 0]**2 + x[k - 1, 1], 0.3 * x[k - 1, 0]
    return x[None]


def test_a_system_goes_to_a_file_and_comes_back(here, call):
    code, out, err = call("attractors", "invariants", "henon", "--scale", "0.02", "--seed", "3", "-o", "h.h5",
                          "--quantities", "exponents,intrinsic,spectrum,section", "--json")
    told = json.loads(out)
    assert code == 3  # a map has no section
    assert err == ""
    assert "/invariants/scalars" in check_format(here / "h.h5")
    found = read_invariants("h.h5")
    assert statfe.load("h.h5").seed == 3
    values = {i["name"]: i for i in told["invariants"]}
    assert np.allclose(values["exponents"]["value"], found.exponents.value)
    assert values["kaplan_yorke"]["value"] == float(found.scalar("kaplan_yorke").value)
    assert found.scalar("return_time").status == "diverged"
    assert [r.passed for r in found.rules] == [True]
    assert found.command.startswith("statfe attractors invariants henon --quantities exponents,intrinsic")
    again = statfe.invariants("henon", quantities=["exponents"], scale=0.02, seed=3)
    assert np.array_equal(again.exponents.value, found.exponents.value)
    assert call("attractors", "invariants", "henon", "-o", "h.h5")[0] == 2


def test_stored_states_of_a_known_law_give_exponents_and_bare_data_do_not(here, call):
    values = henon(5000)
    written("law.h5", "henon", values)
    found = statfe.invariants("law.h5", quantities=["exponents", "intrinsic"], scale=0.05, seed=1)
    assert np.all(np.abs(found.exponents.value - [0.41922, -1.62319]) < 4 * found.exponents.error + 1e-4)
    assert abs(float(found.scalar("intrinsic_mle").value) - 1.2) < 0.1
    written("bare.h5", None, values, "observations")
    bare = statfe.invariants("bare.h5", quantities=["exponents", "intrinsic"], seed=1)
    assert bare.exponents.status == "diverged"
    assert "does not say its law" in bare.exponents.message
    assert float(bare.scalar("intrinsic_mle").value) == float(found.scalar("intrinsic_mle").value)
    code, out, _ = call("attractors", "invariants", "bare.h5", "--quantities", "intrinsic")
    assert code == 0
    assert "intrinsic two nn" in out


@pytest.mark.parametrize(("words", "said"), [
    (["henon", "--quantities", "exponent"], "did you mean 'exponents'"), (["henonn"], "did you mean 'henon'"),
    (["missing.h5"], "missing.h5"), (["henon", "--exponents", "3"], "has 2 exponents"),
    (["henon", "--scale", "0"], "scale must be positive")])
def test_bad_requests_are_one_line(here, call, words, said):
    code, out, err = call("attractors", "invariants", *words)
    assert (code, out) == (2, "")
    assert said in err
    assert len(err.strip().splitlines()) == 1


def test_an_escape_is_named(here, call):
    code, out, _ = call("attractors", "invariants", "henon:a=3", "--seed", "1")
    assert code == 3
    assert "left the bound" in out
    assert "nan" not in out


def test_the_benchmark_is_one_table(here, call):
    code, out, _ = call("bench", "attractors", "--system", "henon", "--system", "henon:a=3", "--scale", "0.02",
                        "--seed", "1", "-o", "out")
    assert code == 0
    assert "kaplan_yorke" in out
    told = json.loads((here / "out/attractors.json").read_text())
    assert [r["status"] for r in told["rows"]] == ["converged", "diverged"]
    assert all(c["inside"] for c in told["rows"][0]["checks"])
    assert len((here / "out/attractors.csv").read_text().splitlines()) == 3
    assert call("bench", "attractors", "--system", "henon", "-o", "out")[0] == 2


def test_regular_motion_is_not_taken_for_chaos():
    plan = plan_growth(flow(), 3, length=800.0)
    ends = draw(20).standard_normal((8, 33, 3))
    # vectors that grow in proportion to time, from the fourth window on
    rate = np.diff(np.log(4 + np.arange(33))) / plan.window
    rates = np.stack([rate, -rate, np.full(32, -1.0)], axis=1)[None].repeat(8, axis=0)
    found = of_growth(flow(), Growth(plan, rates, np.full((8, 32), -1.0), ends))
    assert found.motion == "torus"
    assert abs(found.exponents.value[0]) < 2 * found.exponents.error[0]
    assert dataclasses.replace(plan, turn=2).drift == pytest.approx(plan.drift / 2)
