"""`statfe bench references`: errors of every sampled method cover, and the command says so end to end."""

from __future__ import annotations

import csv
import json
import math
import xml.etree.ElementTree as ET

import numpy as np
import pytest
import scipy.stats
from statfe_cli.main import main

from statfe.bench.references import accuracy, budgets, run, zoo
from statfe.bench.references.calibration import Runs, calibrate, run_batch, sampled_methods
from statfe.bench.references.records import LAYOUT, Accuracy, Spread
from statfe.bench.references.zoo import LARGE, ZOO, Case
from statfe.errors import UsageError
from statfe.registry import methods
from tests.retry import sequential

SMALL = (
    Case("Ising", "ising:shape=4x4", 0.4), Case("glass", "ea:shape=4x4,couplings=gaussian,seed=1", 0.8),
    Case("SK", "sk:n=12,seed=2", 0.8))


@pytest.mark.parametrize("name", sampled_methods())
def test_errors_cover(name):
    """The slim twin of the calibration: z of many short runs is neither shifted nor of another width."""

    def p_value(seed: int) -> float:
        z = np.concatenate([c.z for c in calibrate(list(SMALL), [name], 14, 0.15, 1000 * seed, 1)])
        if len(z) < 20:  # honest refusals say nothing about errors
            return 1.0
        width = scipy.stats.chi2(len(z)).cdf(float(np.sum(z**2)))
        shift = scipy.stats.norm.cdf(float(np.sum(z)) / math.sqrt(len(z)))
        return 2.0 * min(width, 1.0 - width, shift, 1.0 - shift)

    sequential(p_value, alarm=0.02)


def test_an_error_that_is_too_small_is_seen():
    (found,) = calibrate([SMALL[0]], ["mbar"], 40, 0.1, 5, 1)
    assert found.converged == found.runs == 40
    assert 0.6 < found.summary.deviation < 1.5
    halved = Spread.of([2.0 * z for z in found.z])
    assert halved.deviation == pytest.approx(2.0 * found.summary.deviation)
    assert halved.within_one < found.summary.within_one


def test_runs_are_the_same_for_any_number_of_workers():
    one, two = (calibrate(list(SMALL[:2]), ["wang-landau", "ais"], 12, 0.05, 3, workers) for workers in (1, 2))
    assert [(c.case, c.method, c.z) for c in one] == [(c.case, c.method, c.z) for c in two]


def test_a_spread_is_that_of_its_scores():
    z = [-2.5, -0.5, 0.5, 1.5]
    s = Spread.of(z)
    assert (s.count, s.mean, s.largest) == (4, -0.25, 2.5)
    assert s.deviation == pytest.approx(np.std(z, ddof=1))
    assert (s.within_one, s.within_two) == (0.5, 0.75)
    assert math.isnan(Spread.of([]).mean)
    assert math.isnan(Spread.of([1.0]).deviation)


def test_the_zoo_is_known_exactly_and_has_every_kind():
    for case in ZOO + LARGE:
        assert math.isfinite(case.exact)
        assert abs(case.exact) >= case.model.n_sites * math.log(2.0) * 0.99
    families = {case.spec.split(":")[0] for case in ZOO}
    assert families == {"ising", "ea", "sk", "hopfield", "random-regular", "rbm"}


def test_every_sampled_method_scales():
    for name in sampled_methods():
        method = methods()[name]
        assert method.work
        assert method.scaled(0.5) != method.scaled(0.25)


def test_budgets_are_spent(monkeypatch):
    took = {"share": 0.0}

    def pretend(spec, model, beta, seeds):
        share = float(spec.partition("=")[2]) / 10_000
        took["share"] = share
        exact = SMALL[0].exact
        return Runs([exact + 0.016] * len(seeds), [0.01] * len(seeds), [True] * len(seeds), [8.0 * share] * len(seeds))

    monkeypatch.setattr(budgets, "run_batch", pretend)
    (found,) = budgets.spend([SMALL[0]], ["mbar"], 2.0, 3, 1)
    assert took["share"] == pytest.approx(0.25, rel=0.4)
    assert (found.runs, found.converged) == (3, 3)
    assert found.error == pytest.approx(1e-3)
    assert found.to_target == pytest.approx(found.seconds * 100.0)
    monkeypatch.setattr(budgets, "run_batch", lambda *a: Runs([0.0], [1.0], [True], [1e3]))
    (late,) = budgets.spend([SMALL[0]], ["mbar"], 2.0, 3, 1)
    assert late.runs == 0
    assert "smallest run" in late.note


def test_a_goal_is_run_towards():
    goal = accuracy.Goal("small", "ising:shape=6x6", 0.4, 5e-3, 30.0)
    (found,) = accuracy.reach((goal,), 1, 1)
    assert found.status == "converged"
    assert found.error <= 5e-3
    assert abs(found.sigmas) < 5
    assert found.seconds < 30.0
    unknown = accuracy.Goal("glass", "ea:shape=8x8x8,seed=1", 0.2, 1e-2, 30.0)
    (found,) = accuracy.reach((unknown,), 1, 1)
    assert math.isnan(found.distance)


@pytest.fixture
def tiny(monkeypatch):
    monkeypatch.setattr(run, "ZOO", SMALL[:1])
    monkeypatch.setattr(run, "LARGE", SMALL[1:2])
    monkeypatch.setattr(run, "GOALS", (accuracy.Goal("small", "ising:shape=4x4", 0.4, 1e-2, 10.0),))
    monkeypatch.setitem(run.MODES, "default", run.Mode("default", 4, 0.05, 0.05, 1, run.PARTS))


def test_the_command_end_to_end(tiny, tmp_path, capsys):
    words = ["bench", "references", "--methods", "mbar,ais", "--seed", "3", "--workers", "1", "-o",
             str(tmp_path / "out")]
    assert main(words) == 0
    page = capsys.readouterr().out
    for word in ("mean z", "seconds to an error", "target/N", "wrote"):
        assert word in page
    stored = json.loads((tmp_path / "out" / "references.json").read_text())
    assert stored["layout"] == LAYOUT
    assert set(stored["spreads"]) == {"mbar", "ais"}
    assert "references --methods mbar,ais --seed 3" in stored["command"]
    rows = list(csv.DictReader((tmp_path / "out" / "references.csv").open()))
    assert [r["method"] for r in rows] == ["mbar", "ais"]
    for name in ("references-z.svg", "references-time.svg"):
        ET.parse(tmp_path / "out" / name)
    assert main(words) == 2
    assert "--force" in capsys.readouterr().err


def test_json_is_strict(tiny, capsys):
    assert main(["bench", "references", "--methods", "mbar", "--parts", "accuracy", "--json"]) == 0
    found = json.loads(capsys.readouterr().out, parse_constant=lambda word: pytest.fail(word))
    assert Accuracy(**found["accuracies"][0]).title == "small"


@pytest.mark.parametrize(("options", "words"), [
    ({"mode": "slow"}, "mode"), ({"parts": ["speed"]}, "part"), ({"method_names": ["mbr"]}, "mbar"),
    ({"method_names": ["tap"]}, "method"), ({"runs": 0}, "runs")])
def test_bad_input(options, words):
    with pytest.raises(UsageError, match=words):
        run.bench_references(**options)


def test_a_batch_runs_the_seeds_it_is_given():
    found = run_batch("mbar:sweeps=300", "ising:shape=4x4", 0.4, [1, 2])
    again = run_batch("mbar:sweeps=300", "ising:shape=4x4", 0.4, [2])
    assert found.beta_f[1] == again.beta_f[0]
    assert pytest.approx(0.5 * math.log(1.0 + math.sqrt(2.0)), rel=1e-15) == zoo.CRITICAL
