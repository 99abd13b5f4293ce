"""What safety costs: checkpoints, and all of a run that is no sweep, each timed within one run."""

from __future__ import annotations

import time

import pytest

import statfe
from statfe import simulation
from statfe.sampling import driver
from statfe.store.checkpoints import Checkpoints

MODEL, BETAS, SECONDS = "ea:shape=16x16x16,couplings=gaussian,seed=1", [0.3, 0.6, 0.9], 10.0


class Watch:
    """Seconds spent in each of some functions, which go on as they were."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *places: tuple[object, str]) -> None:
        self.spent: dict[str, list[float]] = {}
        for owner, name in places:
            monkeypatch.setattr(owner, name, self._timed(name, getattr(owner, name)))

    def _timed(self, name, function):
        seconds = self.spent.setdefault(name, [])

        def call(*arguments, **more):
            start = time.perf_counter()
            try:
                return function(*arguments, **more)
            finally:
                seconds.append(time.perf_counter() - start)

        return call

    def run(self, path, sweeps: int, **options) -> float:
        """One simulation; its seconds."""
        for seconds in self.spent.values():
            seconds.clear()
        start = time.perf_counter()
        statfe.simulate(MODEL, BETAS, path, sweeps=sweeps, replicas=4, seed=1, force=True, **options)
        return time.perf_counter() - start


@pytest.fixture
def watch(monkeypatch):
    return Watch(monkeypatch, (driver, "map_tasks"), (Checkpoints, "save"), (simulation, "run_plan"),
                 (simulation, "sampled_reference"), (simulation, "write_run"))


def sweeps_of(watch: Watch, path) -> int:
    """Sweeps that take `SECONDS`; kernels are compiled after it."""
    watch.run(path, 300)
    watch.run(path, 2000)
    return int(2000 * SECONDS / sum(watch.spent["map_tasks"]))


def test_checkpoints_and_driver(figure, tmp_path, watch):
    sweeps = sweeps_of(watch, tmp_path / "x.h5")
    for every in (30.0, 1.0):
        watch.run(tmp_path / "x.h5", sweeps, checkpoint_seconds=every, samples_only=False)
        saves, sampling = watch.spent["save"], sum(watch.spent["run_plan"])
        share, rest = sum(saves) / sampling, 1.0 - sum(watch.spent["map_tasks"]) / sampling
        kept = f"{share:.2%} ({len(saves)} saves)"
        figure(f"a save every {every:.0f} s: of {sampling:.1f} s of sampling", "< 3%", kept)
        figure(f"a save every {every:.0f} s: all of sampling that is no sweep", "< 10%", f"{rest:.2%}")
        assert share < 0.03
        assert rest < 0.10
    estimates, writing = sum(watch.spent["sampled_reference"]), sum(watch.spent["write_run"])
    figure("the same run: estimates, writing", "-", f"{estimates:.1f} s, {writing:.1f} s")
