"""`statfe bench attractors`: two integrators agree, a wrong one does not, and the tables say what was measured."""

from __future__ import annotations

import csv
import dataclasses
import json
import math

import numpy as np
import pytest
from statfe_cli.main import main

from statfe.attractors import exponents
from statfe.attractors.exponents import lyapunov, of_growth, rests
from statfe.attractors.tangent import grow
from statfe.attractors.tangent_reference import Follower, reference_growth
from statfe.bench.attractors import run
from statfe.bench.attractors.agreement import Agreement, Difference, Pair, Way, compare, differences_of
from statfe.bench.attractors.markdown import expected_outside, number
from statfe.bench.attractors.records import Check
from statfe.errors import UsageError
from statfe.systems.catalogue import build_system
from statfe.systems.families.standard import exponent_of
from tests.systems_for_tests import flow, hamiltonian, plane_map
from tests.tangent_steps import plain_step, rooms, table_of

#: (integrator, step, system): laws in plain Python, for nothing here needs long runs.
STEPPED = [("rk4", 0.005, flow()), ("etdrk4", 0.005, flow(stiff=lambda _p: np.array([-1.0, -0.5, -3.0]))),
           ("yoshida4", 0.02, hamiltonian())]


@pytest.mark.parametrize(("name", "dt", "system"), STEPPED, ids=[s[0] for s in STEPPED])
def test_vectors_of_every_integrator_are_those_of_dop853(name, dt, system):
    n, step, table = system.dimension, plain_step(system, name), table_of(system, name, dt)
    follow = Follower(system, 1e-11, compiled=False)
    x, v, grown, volume = follow.turn(system.start, np.eye(n), 100 * dt)
    y, w, whole = system.start.copy(), np.eye(n), 0.0
    for k in range(100):
        whole += step(k * dt, dt, y, w, system.p, table, True, *rooms(n, n))
    q, r = np.linalg.qr(w)
    assert np.allclose(y, x, rtol=0, atol=3e-7)
    assert np.allclose(np.log(np.abs(np.diag(r))), grown, rtol=0, atol=3e-7)
    assert np.allclose(np.abs(q.T @ v), np.eye(n), rtol=0, atol=3e-6)
    assert whole == pytest.approx(volume, abs=1e-6)
    assert np.sum(grown) == pytest.approx(volume, abs=1e-8)


def test_half_the_step_gives_the_same_exponents():
    pair = Pair("lorenz63", Way("rk4", 1200.0), Way("rk4", 1200.0, dt=0.0025))
    found = compare(build_system("lorenz63"), pair, seed=3)
    assert found.agree, found.differences
    assert [d.quantity for d in found.differences] == ["exponent 1", "exponent 2", "exponent 3", "kaplan_yorke"]
    assert (found.integrators, found.steps) == (("rk4", "rk4"), (0.005, 0.0025))


def test_another_time_is_no_agreement():
    """What steps of a wrong length do: everything happens 10% faster."""
    system = build_system("lorenz63")
    fast = lyapunov(system, length=1200.0, seed=3)
    growth = fast.growth
    slow = of_growth(system, dataclasses.replace(growth, rates=growth.rates / 1.1, traces=growth.traces / 1.1))
    assert not Agreement("", ("", ""), (0.0, 0.0), (0.0, 0.0), tuple(differences_of(fast, slow))).agree


def test_dop853_gives_the_exponents_of_a_cycle():
    growth = reference_growth(flow(), 60.0, seed=2, tolerance=1e-9, trajectories=1)
    found = of_growth(flow(), growth)
    assert np.allclose(found.exponents.value[1:], [-1.0, -3.0], rtol=0, atol=1e-6)
    assert abs(found.exponents.value[0]) < 1e-3  # a vector may still turn into the cycle: as 1 / time
    assert (found.motion, growth.plan.integrator) == ("periodic", "DOP853")
    assert abs(found.rules[0].value) < 1e-7
    with pytest.raises(UsageError, match="is a map"):
        reference_growth(plane_map(0), 10.0)
    with pytest.raises(UsageError, match="length"):
        reference_growth(flow(), -1.0)


def agreed(values, errors, rounding=0.0):
    return Agreement("x", ("rk4", "rk4"), (0.1, 0.05), (1.0, 1.0),
                     tuple(Difference(f"exponent {k}", v, e, rounding) for k, (v, e) in
                           enumerate(zip(values, errors, strict=True))))


def test_a_difference_is_held_against_both_errors():
    assert agreed([(0.9, 0.94)], [(0.03, 0.04)]).sigmas == pytest.approx(0.8)
    assert agreed([(0.9, 0.94)], [(0.003, 0.004)]).agree is False
    assert agreed([(0.9, 0.9)], [(0.0, 0.0)]).agree
    assert agreed([(0.9, 0.9 + 1e-7)], [(0.0, 0.0)]).agree is False
    assert agreed([(0.9, 0.9 + 1e-7)], [(0.0, 0.0)], rounding=1e-6).agree
    # errors that could not tell are no agreement, and neither is nothing
    assert agreed([(0.9, 0.8)], [(0.3, 0.3)]).agree is False
    assert agreed([], []).agree is False
    assert agreed([(0.9, math.nan)], [(0.01, 0.01)]).agree is False


def test_the_second_term_of_the_standard_map_is_that_of_a_mean_over_its_torus():
    """Starts spread evenly stay so: the map keeps areas. The mean growth of a vector that has found its direction."""
    draw, K = np.random.default_rng(1), 10.0
    angle, momentum = draw.uniform(0.0, 2 * math.pi, (2, 150_000))
    a, b, growth = np.ones_like(angle), np.zeros_like(angle), []
    for _ in range(34):
        kick = b + K * np.cos(angle) * a
        momentum = momentum + K * np.sin(angle)
        angle = (angle + momentum) % (2 * math.pi)
        a, b = a + kick, kick
        size = np.hypot(a, b)
        growth.append(np.log(size))
        a, b = a / size, b / size
    of_start = np.mean(growth[4:], axis=0)
    mean, error = of_start.mean(), of_start.std() / math.sqrt(len(of_start))
    assert error < 8e-4
    assert abs(mean - exponent_of(K)) < 4 * error
    assert abs(mean - math.log(K / 2)) > 8 * error
    known = next(k for k in build_system("standard:K=10").known if k.quantity == "exponents")
    assert known.value == (exponent_of(K), -exponent_of(K))


def test_a_coordinate_that_ends_at_zero_does_not_keep_a_system_from_rest():
    system = flow(-0.4, 2.0, -0.7, 0.0)
    box = system.box.copy()
    box[2] = 0.0
    system = dataclasses.replace(system, box=box)
    growth = lyapunov(system, 1, length=80.0).growth
    noise = 1e-15 * np.random.default_rng(1).standard_normal(growth.ends.shape)
    assert rests(system, dataclasses.replace(growth, ends=noise))
    moving = noise + 1e-3 * np.sin(np.arange(noise.shape[1]))[:, None]
    assert not rests(system, dataclasses.replace(growth, ends=moving))


def test_many_coordinates_at_rest_need_a_short_run(monkeypatch):
    calls = []

    def counted(system, plan, *rest):
        calls.append((plan.count, plan.turns))
        return grow(system, plan, *rest)

    monkeypatch.setattr(exponents, "grow", counted)
    monkeypatch.setattr(exponents, "MANY", 2)
    resting = lyapunov(flow(-0.4, 2.0, -0.7, 0.0), length=800.0, transient=60.0)
    assert np.allclose(resting.exponents.value, [-0.4, -0.4, -0.7], atol=1e-12)
    assert resting.motion == "fixed point"
    assert [count for count, _ in calls] == [1]
    cycle = lyapunov(flow(), length=800.0)
    assert cycle.motion == "periodic"
    assert [count for count, _ in calls] == [1, 1, 3]
    assert calls[2][1] > 20 * calls[1][1]
    assert lyapunov(flow(0.1, 2.0, -0.7, 0.0), length=2000.0).exponents.status == "diverged"
    # a start on a saddle stays there for some time, and is no rest
    saddle = dataclasses.replace(flow(0.001, 2.0, -0.7, 0.0), start=np.zeros(3))
    calls.clear()
    lyapunov(saddle, length=80.0, trajectories=1)
    assert [count for count, _ in calls] == [1, 3]


def test_a_second_run_is_made_for_published_exponents_as_far_as_they_are_trusted():
    assert run.target_of(build_system("henon-heiles")) is None
    assert run.target_of(build_system("lorenz63")) == run.TARGET
    assert run.target_of(build_system("standard")) == pytest.approx(run.TRUST * 2e-3 / 0.10497)


def test_what_chance_leaves_outside():
    checks = [Check("", 1.0, 0.1, 1.0, 0.0, "")] * 100 + [Check("", 1.0, 0.0, 1.0, 0.0, "")] * 50
    assert expected_outside(checks) == pytest.approx(4.55, abs=0.01)
    assert [number(0.90563, 0.0014), number(2.0, 0.0), number(math.nan, 1.0)] == ["0.9056 ± 0.0014", "2", "-"]


def test_the_command_writes_its_tables(tmp_path, capsys, monkeypatch):
    out = tmp_path / "bench"
    monkeypatch.setattr(run, "PAIRS", (Pair("lorenz63", Way("rk4", 20000.0), Way("rk4", 20000.0, dt=0.0025)),))
    code = main(["bench", "attractors", "--system", "lorenz63", "--scale", "0.02", "--seed", "3", "--workers", "1",
                 "-o", str(out)])
    page = capsys.readouterr().out
    assert code == 0
    assert "two integrators" in page
    found = json.loads((out / "attractors.json").read_text())
    assert [r["system"] for r in found["rows"]] == ["lorenz63"]
    assert [a["integrators"] for a in found["agreements"]] == [["rk4", "rk4"]]
    assert found["cpu_seconds"] > 0.0
    rows = list(csv.DictReader((out / "attractors.csv").open()))
    assert float(rows[0]["trace_rule"]) == found["rows"][0]["rules"][0]["value"]
    text = (out / "attractors.md").read_text()
    for part in ("statfe bench attractors", "## Two integrators", "| lorenz63 | flow | 3 | chaotic |", "Sprott"):
        assert part in text
