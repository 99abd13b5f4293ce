"""Trajectories: how fast bulk integration is with scipy beside it, its memory, and whether two integrators agree.

The work is 10^4 Lorenz trajectories of 10^4 steps of 0.005. scipy's solve_ivp does a part of it at tolerances that give
it about the same error, one trajectory after the other and a thousand stacked into one state; its time is scaled up.
`STATFE_BENCH_SHARE` makes the work smaller (a share of the trajectories).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from statfe.attractors.integrators import compiled_law, integrator_of
from statfe.attractors.march import Marcher, march
from statfe.attractors.reference import reference
from statfe.errors import UsageError
from statfe.systems.catalogue import build_system, families

TRAJECTORIES = max(100, round(10_000 * float(os.environ.get("STATFE_BENCH_SHARE", "1"))))
STEPS, KEPT = 10_000, 10
SYSTEM = build_system("lorenz63")
ALONE, STACKED = 4, 1000
#: Tolerances at which solve_ivp, alone and stacked, has the error of the fixed steps after one turn; that is shown too.
TOLERANCE, STACKED_TOLERANCE = 3e-7, 1e-6
#: Steps of the agreement are so many times smaller than the system's own; more where the law has kinks.
REFINED, KINKS = 32, {"chua": 512}
FLOWS = [n for n, f in families().items() if f.group != "file" and build_system(n).kind == "flow"]

MEMORY = """
import json, resource, time
import numpy as np
from statfe.attractors.march import march
from statfe.systems.catalogue import build_system
system = build_system("lorenz63")
starts = system.start + np.random.default_rng(1).normal(size=({r}, 3))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
found = march(system, starts, {kept}, {every}, workers=2)
print(json.dumps([before, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, int(found.kept.min())]))
"""

GENERATE = """
import json, resource, sys
from statfe.attractors.generate import generate
found = generate("lorenz63", sys.argv[1], trajectories=100, samples={n}, transient=5.0, seed=1, float32=True, workers=2)
print(json.dumps(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss))
"""


def stacked(t: float, x: np.ndarray) -> np.ndarray:
    sigma, rho, beta = SYSTEM.p
    a, b, c = x.reshape(3, -1)
    return np.concatenate([sigma * (b - a), a * (rho - c) - b, a * b - beta * c])


def timed(work: Callable[[], object]) -> np.ndarray:
    """Seconds, and seconds of processors."""
    start = np.array([time.perf_counter(), time.process_time()])
    work()
    return np.array([time.perf_counter(), time.process_time()]) - start


def options(tolerance: float) -> dict:
    return {"method": "DOP853", "rtol": tolerance, "atol": tolerance}


def test_errors_are_alike(figure):
    """After one turn from the attractor, against DOP853 at 1e-12."""
    states = march(SYSTEM, SYSTEM.start, 40, 200).states[0, 10:]
    turn, size = np.array([SYSTEM.period]), np.sqrt(states.var(axis=0).sum())
    exact = reference(SYSTEM, states, turn, compiled=False).states[:, 0]
    ends = [march(SYSTEM, states, 1, round(SYSTEM.period / SYSTEM.dt)).states[:, 0],
            reference(SYSTEM, states, turn, tolerance=TOLERANCE, compiled=False).states[:, 0],
            solve_ivp(stacked, (0.0, turn[0]), states.T.ravel(),
                      **options(STACKED_TOLERANCE)).y[:, -1].reshape(3, -1).T]
    errors = [np.median(np.linalg.norm(end - exact, axis=1)) / size for end in ends]
    figure("error after one turn: RK4, solve_ivp alone, stacked", "alike", ", ".join(f"{e:.1e}" for e in errors))
    assert max(errors) < 3.0 * min(errors)


def child(code: str, *words: str) -> list:
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_bulk_integration(figure):
    starts = SYSTEM.start + np.random.default_rng(1).normal(size=(TRAJECTORIES, 3))
    march(SYSTEM, starts[:64], 1, 1, lanes=True)
    march(SYSTEM, starts[:2], 1, 1, lanes=False)
    seconds, scalar, span = [], [], STEPS * SYSTEM.dt
    rhs, p = compiled_law(SYSTEM), SYSTEM.p

    def velocity(t, x):
        out = np.empty(3)
        rhs(t, x, p, out)
        return out

    velocity(0.0, starts[0])
    alone, together, many = [], [], starts[:STACKED].T.ravel()
    for _ in range(3):
        seconds.append(timed(lambda: march(SYSTEM, starts, KEPT, STEPS // KEPT, workers=2)))
        few = starts[:TRAJECTORIES // 20]
        scalar.append(20 * timed(lambda: march(SYSTEM, few, KEPT, STEPS // KEPT, workers=2, lanes=False)))  # noqa: B023
        alone.append(TRAJECTORIES / ALONE * timed(lambda: [
            solve_ivp(velocity, (0.0, span), x, **options(TOLERANCE)) for x in starts[:ALONE]]))
        together.append(20 * TRAJECTORIES / min(STACKED, TRAJECTORIES) * timed(
            lambda: solve_ivp(stacked, (0.0, span / 20), many, **options(STACKED_TOLERANCE))))
    best = np.min(seconds, axis=0)
    figure(f"{TRAJECTORIES} Lorenz trajectories x {STEPS} RK4 steps, 2 threads", "< 4 s",
           f"{best[0]:.2f} s, {best[1]:.2f} s of processors")
    for what, times in (("the same without lanes", scalar), ("solve_ivp (DOP853), compiled law, one by one", alone),
                        ("solve_ivp (DOP853), 1000 stacked", together)):
        other = np.min(times, axis=0)
        figure(what, "ratio", f"{other[0]:.1f} s ({other[0] / best[0]:.1f} x), processors {other[1] / best[1]:.1f} x")
    if TRAJECTORIES == 10_000:
        assert best[0] < 4.0


def test_memory(figure, tmp_path):
    before, after, kept = child(MEMORY.format(r=TRAJECTORIES, kept=KEPT, every=STEPS // KEPT))
    assert kept == KEPT
    own = f"{after / 1e6:.2f} GB ({(after - before) / 1e3:.0f} MB its own)"
    figure("memory of the whole process in that work", "< 1 GB", own)
    assert after < 1e6
    peaks = []
    for n in (200_000, 800_000):
        peaks.append(child(GENERATE.format(n=n), str(tmp_path / "a.h5")))
        (tmp_path / "a.h5").unlink()
    both = f"{peaks[0] / 1e3:.0f}, {peaks[1] / 1e3:.0f} MB"
    figure("generate: peak memory at 2 x 10^7 and at 8 x 10^7 samples", "constant", both)
    assert peaks[1] < 1.15 * peaks[0]


@pytest.mark.parametrize("name", FLOWS)
def test_two_integrators_agree(name, figure):
    """Short horizons, from the attractor: the default integrator of the system with a fine step, and DOP853."""
    system = build_system(name)
    settled = march(system, system.start, 1, max(1, round(system.transient / system.dt))).states[:, 0]
    refined = KINKS.get(name, REFINED)
    samples, time_span = 5, min(system.period, 500 * system.dt) / 2
    every = max(1, round(time_span / samples / (system.dt / refined)))
    method = integrator_of(system).name
    fixed = march(system, settled, samples, every, time_span / samples / every, method=method)
    try:
        exact = reference(system, settled, fixed.times)
    except UsageError as error:
        figure(f"{name}: {method} against DOP853", "1e-9", str(error))
        raise
    size = max(np.abs(settled).max(), 1e-12)
    gap = np.abs(fixed.states - exact.states).max() / size
    figure(f"{name}: {method} (dt / {refined}) against DOP853 after t = {time_span:.3g}", "1e-9", f"{gap:.1e}")
    assert gap < 1e-9


def test_lanes_have_the_bits_of_one_by_one():
    starts = SYSTEM.start + np.random.default_rng(2).normal(size=(100, 3))
    one, other = (np.empty((100, 50, 3)) for _ in range(2))
    Marcher(SYSTEM, lanes=False).advance(starts.copy(), one, 20)
    Marcher(SYSTEM, lanes=True, workers=2).advance(starts.copy(), other, 20)
    np.testing.assert_array_equal(one, other)
