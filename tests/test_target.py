"""`--target-error`: runs go on until the error is there, forecast what that takes, and say so when time ends first."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from statfe_cli.main import main

import statfe
from statfe.api import plan_simulation
from statfe.errors import Interrupted
from statfe.sampling import driver
from statfe.store.checkpoints import Checkpoints
from statfe.target import FRESH, GROWTH, Target, forecast_seconds

GLASS, ISING = "ea:shape=4x4,seed=2", "ising:shape=8x8"


def worst(run) -> float:
    first = run.reference[0].method
    return max(r.beta_f_error / r.n_sites for r in run.reference if r.method == first)


@pytest.mark.parametrize("spec", [GLASS, "ea:shape=4x4,couplings=gaussian,seed=1", ISING, "sk:n=16,seed=1"])
def test_every_beta_has_the_error_and_covers(spec):
    target = 1e-3
    run = statfe.simulate(spec, "0.3,0.7", target_error=target, sweeps=500, seed=3, max_seconds=60)
    assert run.converged
    assert worst(run) <= target
    assert "target met" in run.verdict
    exact = statfe.free_energy(spec, [0.3, 0.7], method="exact")
    for r, e in zip(run.reference[:2], exact, strict=True):
        assert abs(r.beta_f - e.beta_f) < 4 * r.beta_f_error


def test_the_same_seed_gives_the_same_bits():
    options = {"target_error": 1e-3, "sweeps": 300, "seed": 5, "max_seconds": 60}
    one, two = (statfe.simulate(GLASS, 0.8, workers=w, **options) for w in (1, 2))
    assert np.array_equal(one.chains.energy, two.chains.energy)
    assert one.reference[0].beta_f == two.reference[0].beta_f
    assert one.reference[0].beta_f_error == two.reference[0].beta_f_error


def test_when_time_is_up_the_best_is_kept_and_said(tmp_path, capsys):
    out = tmp_path / "run.h5"
    assert main(["simulate", GLASS, "--beta", "0.8", "--target-error", "1e-9", "--max-seconds", "1", "--seed", "1",
                 "--sweeps", "200", "-o", str(out), "--json"]) == 3
    printed = json.loads(capsys.readouterr().out)
    first = printed["reference"][0]
    assert "target missed" in printed["verdict"]
    assert first["status"] == "not_converged"
    assert "1e-09" in first["message"]
    assert "max_seconds" in first["message"]
    stored = statfe.load(out)
    assert stored.reference[0].beta_f == first["beta_f"]
    assert stored.attributes["seconds"] < 8.0
    exact = statfe.free_energy(GLASS, 0.8, method="exact").beta_f
    assert abs(first["beta_f"] - exact) < 4 * first["beta_f_error"]


def test_a_dry_run_forecasts_the_time(capsys):
    options = {"sweeps": 2000, "seed": 2, "workers": 1}
    near, far = (plan_simulation(ISING, 0.44, target_error=x, **options) for x in (1e-3, 1e-4))
    assert near.target_error == 1e-3
    assert near.first_error is not None
    # Both are timed on a machine that may be busy.
    assert 10 < far.seconds / max(near.seconds, far.seconds / 110) < 120
    assert main(["simulate", ISING, "--beta", "0.44", "--target-error", "1e-4", "--dry-run", "--seed", "2"]) == 0
    assert "going on to 0.0001" in capsys.readouterr().out


def test_a_forecast_is_near_the_time_it_takes():
    plan = plan_simulation(ISING, 0.44, target_error=2e-4, sweeps=4000, seed=2)
    run = statfe.simulate(ISING, 0.44, target_error=2e-4, sweeps=4000, seed=2)
    assert run.converged
    assert run.chains.seconds / 6 < plan.seconds < run.chains.seconds * 6


class Killed(BaseException):
    """Nothing may catch it."""


@pytest.mark.parametrize("saves", [1, 2, 5, 9])
def test_a_run_that_was_stopped_goes_on_to_the_same_bits(saves, tmp_path, monkeypatch):
    monkeypatch.setattr(driver, "ALL_BLOCK_NS", 2e6)
    options = {"target_error": 1e-3, "sweeps": 200, "seed": 4, "max_seconds": 300, "checkpoint_seconds": 0.0}
    whole = statfe.simulate(GLASS, "0.4,0.9", tmp_path / "whole.h5", **options)
    save, count = Checkpoints.save, []

    def stopped(self, *args):
        save(self, *args)
        count.append(1)
        if len(count) == saves:
            raise Killed

    monkeypatch.setattr(Checkpoints, "save", stopped)
    with pytest.raises(Killed):
        statfe.simulate(GLASS, "0.4,0.9", tmp_path / "run.h5", **options)
    again = statfe.simulate(GLASS, "0.4,0.9", tmp_path / "run.h5", resume=True, **options)
    assert np.array_equal(again.chains.energy, whole.chains.energy)
    for a, b in zip(again.reference, whole.reference, strict=True):
        assert (a.beta_f, a.beta_f_error, a.status) == (b.beta_f, b.beta_f_error, b.status)
    assert np.array_equal(again.chains.tally.counts, whole.chains.tally.counts)


def test_a_resume_must_ask_for_the_same_target(tmp_path, monkeypatch):
    options = {"sweeps": 400, "seed": 4, "checkpoint_seconds": 0.0}
    monkeypatch.setattr(Checkpoints, "save", lambda *a: (_ for _ in ()).throw(Killed))
    with pytest.raises(Killed):
        statfe.simulate(GLASS, 0.4, tmp_path / "run.h5", target_error=1e-3, **options)
    with pytest.raises(statfe.UsageError, match="--target-error is"):
        statfe.simulate(GLASS, 0.4, tmp_path / "run.h5", target_error=1e-4, resume=True, **options)


@pytest.mark.parametrize(("options", "words"), [
    ({"target_error": 0.0}, "target_error"), ({"target_error": -1e-3}, "target_error"),
    ({"target_error": math.nan}, "target_error"), ({"target_error": "small"}, "target_error"),
    ({"max_seconds": 5.0}, "target_error"), ({"target_error": 1e-3, "max_seconds": 0.0}, "max_seconds"),
    ({"target_error": 1e-3, "samples_only": True}, "samples"),
    ({"target_error": 1e-3, "sampler": "metropolis:schedule=annealing"}, "tempering"),
    ({"target_error": 1e-3, "sampler": "metropolis:overlaps=1"}, "overlaps")])
def test_bad_targets(options, words):
    with pytest.raises(statfe.UsageError, match=words):
        statfe.simulate(GLASS, 0.5, **options)


def test_the_judge_asks_for_no_more_than_there_is_time_for():
    run = statfe.simulate(GLASS, 0.8, target_error=0.5, sweeps=500, seed=1)
    model, chains = run.model, run.chains
    seconds = chains.seconds
    hopeless = Target(model, 1e-12, seconds * (1.0 + 1e-3))
    assert hopeless.judge(chains).sweeps == 0
    assert not hopeless.met
    long = Target(model, 1e-12, 1e6)
    more = long.judge(chains)
    assert more.forget
    assert more.sweeps == pytest.approx(GROWTH * chains.sweeps[-1], rel=1e-6)
    near = Target(model, long.reached / 1.5, 1e6)
    more = near.judge(chains)
    assert not more.forget
    assert 0 < more.sweeps < (FRESH - 1) * chains.sweeps[-1]
    assert forecast_seconds(chains, near) < forecast_seconds(chains, long)
    failed = replace(near.reference, outcomes={
        name: [replace(o, status="not_converged", message="no") for o in own]
        for name, own in near.reference.outcomes.items()})
    near.reference, near.passes = failed, False
    assert near.factor() >= 2.0


def test_an_interrupted_run_says_how_to_go_on(tmp_path, monkeypatch):
    monkeypatch.setattr(driver, "ALL_BLOCK_NS", 2e6)

    def asked(self, *args):
        self.stop.asked = True
        return True

    monkeypatch.setattr(Checkpoints, "due", asked)
    with pytest.raises(Interrupted, match="--resume goes on"):
        statfe.simulate(GLASS, 0.8, tmp_path / "run.h5", target_error=1e-5, sweeps=400, seed=1)
    assert (tmp_path / "run.h5.parts").exists()
