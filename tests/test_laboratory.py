"""Attractors of our own models: where a Hopfield network settles, how its recall ends, TAP solutions."""

from __future__ import annotations

import itertools
import json
import math

import numpy as np
import pytest
from statfe_cli.main import main

import statfe
from statfe.attractors.found_file import read_found
from statfe.errors import UsageError
from statfe.laboratory.files import read_recall
from statfe.laboratory.memories import memories, over_loads
from statfe.laboratory.network import kinds_of, network, settled
from statfe.laboratory.recall import recall
from statfe.laboratory.survey import survey_loads, survey_memories, survey_tap
from statfe.laboratory.tap import tap_attractors
from statfe.limits.hopfield import replica_symmetric, retrieval_overlap
from statfe.report.attractors.scan_figures import scanned, shares_by_kind
from tests.hdf5_rules import check_format
from tests.naive import recall as naive


@pytest.mark.parametrize(("spec", "field"), [
    ("hopfield:n=23,patterns=3,seed=2", 0.0), ("hopfield:n=24,patterns=4,seed=5", 0.0),
    ("hopfield:n=17,patterns=3,seed=1,field=0.2", 17 * 0.2)])
def test_states_settle_as_their_slow_twin_does(spec, field):
    net, rng = network(spec), np.random.default_rng(1)
    starts = 2.0 * rng.integers(0, 2, (40, net.n)) - 1.0
    ends, done = settled(net, starts)
    J = naive.couplings_of(net.patterns)
    assert done.all()
    assert ends.tolist() == [naive.settle(s, J, field) for s in starts]
    np.testing.assert_array_equal(settled(net, starts, workers=2)[0], ends)
    model = statfe.model(spec)
    np.testing.assert_allclose(net.energies(ends), [model.energy(s) for s in ends], rtol=1e-12)
    assert net.alignments(ends).min() >= 0.0


@pytest.mark.parametrize("field", [0.0, 0.15])
def test_all_starts_of_a_small_network(field):
    # every state is followed by the slow twin: the attractors and their exact basins
    spec = f"hopfield:n=9,patterns=3,seed=4,field={field}"
    net = network(spec)
    J, ends = naive.couplings_of(net.patterns), {}
    for s in itertools.product((-1, 1), repeat=9):
        end = tuple(naive.settle(s, J, 9 * field))
        key = end if field or end[0] > 0 else tuple(-x for x in end)
        ends[key] = ends.get(key, 0) + 1 / 512
    found = memories(spec, 4000, seed=3)
    seen = {tuple(s if field or s[0] > 0 else -s): k for k, s in enumerate(found.states)}
    assert set(seen) == set(ends)
    for key, share in ends.items():
        k = seen[key]
        assert abs(found.basin_fraction[k] - share) < 4.5 * found.basin_fraction_error[k]
    assert found.basin_fraction.sum() == pytest.approx(1.0)
    for label, start in list(zip(found.labels, found.starts, strict=True))[:50]:
        end = naive.settle(start, J, 9 * field)
        assert list(found.states[label]) in (end, end if field else [-x for x in end])
    if field:
        assert all(word != "reversed memory" or found.stats["overlap"][k] < 0 for k, word in enumerate(found.kinds))


def test_one_pattern_attracts_everything():
    found = memories("hopfield:n=101,patterns=1,seed=3", 200, seed=1)  # an odd number: no start stands on the edge
    assert found.kinds == ("memory",)
    assert found.basin_fraction[0] == 1.0 > 1.0 - found.basin_fraction_error[0]
    assert found.free_energy[0] == pytest.approx(-0.5 * 100)
    assert found.stability[0] == pytest.approx(-100 / 101)


def test_states_are_called_by_what_they_are():
    net = network("hopfield:n=501,patterns=9,seed=1")
    x, rng = net.patterns, np.random.default_rng(2)
    flipped = x[4].copy()
    flipped[:40] *= -1
    states = np.array([x[2], -x[5], flipped, np.sign(x[0] - x[3] + x[7]), np.sign(x[[0, 1, 2, 4, 8]].sum(axis=0)),
                       2.0 * rng.integers(0, 2, 501) - 1])
    words, pattern, overlap = kinds_of(net, states)
    assert words == ["memory", "reversed memory", "memory", "mixture of 3", "mixture of 5", "glass"]
    assert pattern.tolist() == [2, 5, 4, -1, -1, -1]
    assert overlap[:3] == pytest.approx([1.0, -1.0, 1.0 - 80 / 501])


def test_memories_follow_the_theory_and_end_with_it():
    seen = recall(500, [0.05, 0.1, 0.2], networks=8, starts=50, seed=4, workers=2)
    assert seen.theory[2] == 0.0 < seen.theory[1] == retrieval_overlap(math.inf, 0.1) == pytest.approx(0.998, abs=5e-4)
    assert replica_symmetric(math.inf, 0.04).order["m"] == pytest.approx(retrieval_overlap(math.inf, 0.04))
    # at n = 500 finite-size shifts are below the errors
    assert np.all(np.abs(seen.overlap - seen.theory)[:2] < 4 * np.maximum(seen.overlap_error[:2], 2e-4))
    assert seen.overlap[2] < 0.8
    assert np.all(np.diff(seen.share[:2, ::3]) >= 0)
    assert seen.radius[0] < seen.radius[1]
    assert np.all(seen.share_error > 0)
    assert seen.basin[0] > 0.1 > 0.02 > seen.basin[1] >= 0.0 < seen.basin_error[1]


def test_loads_stand_in_one_set():
    both = over_loads(40, [0.05, 0.15], 60, network_seed=2, seed=5)
    apart = [memories(f"hopfield:n=40,patterns={p},seed=2", 60, seed=5) for p in (2, 6)]
    assert both.kinds == apart[0].kinds + apart[1].kinds
    assert set(both.labels[60:]) <= set(range(apart[0].count, both.count))
    np.testing.assert_array_equal(both.states[both.labels[60:]], apart[1].states[apart[1].labels])
    assert set(both.stats["load"]) == {0.05, 0.15}
    assert scanned(both) == "load"
    assert scanned(apart[0]) is None
    loads, _, counts, shares = shares_by_kind(both, "load")
    np.testing.assert_array_equal(loads, [0.05, 0.15])
    np.testing.assert_allclose(shares.sum(axis=1), 1.0)
    np.testing.assert_array_equal(counts.sum(axis=1), [found.count for found in apart])


def test_tap_solutions_as_attractors(tmp_path):
    path = tmp_path / "tap.h5"
    found = survey_tap("sk:n=20,seed=3", [0.5, 8.0], path, starts=60, seed=2)
    plain = statfe.tap_solutions("sk:n=20,seed=3", [0.5, 8.0], starts=60, seed=2)
    np.testing.assert_array_equal(found.stats["beta_f"], np.concatenate([at.beta_f for at in plain.at]))
    np.testing.assert_allclose(found.free_energy * found.stats["beta"], found.stats["beta_f"])
    assert found.kinds[0] == "paramagnet"
    assert "magnetized" in found.kinds
    assert {word == "beyond TAP" for word in np.array(found.kinds)[found.stats["plefka"] >= 1]} <= {True}
    assert np.all(found.stability < 0)
    check_format(path)
    back = read_found(path)
    np.testing.assert_array_equal(back.states, found.states)
    np.testing.assert_array_equal(back.stats["plefka"], found.stats["plefka"])
    with pytest.raises(UsageError, match="beta must be above 0"):
        tap_attractors("sk:n=10", [0.0, 1.0], starts=5)


def test_files_open_and_come_back(tmp_path):
    path = tmp_path / "loads.h5"
    found, seen = survey_loads("hopfield:n=60,seed=3", "0.05,0.2", path, networks=4, starts=40, seed=1)
    check_format(path)
    back, again = read_found(path), read_recall(path)
    assert back.kinds == found.kinds
    assert again is not None
    for name in ("patterns", "share", "share_error", "overlap", "theory", "radius", "load"):
        np.testing.assert_array_equal(getattr(again, name), getattr(seen, name))
    with pytest.raises(UsageError, match="exists"):
        survey_memories("hopfield:n=10,patterns=1", path)
    survey_memories("hopfield:n=11,patterns=1", path, starts=5, force=True)
    assert read_recall(path) is None


@pytest.mark.parametrize(("words", "message"), [
    (["memories", "sk:n=10"], "no stored patterns"), (["memories", "hopfield:n=100,coupling=-1"], "stores nothing"),
    (["memories", "hopfield:n=20", "--loads", "0.01,0.02"], "one number of patterns"),
    (["memories", "hopfield:n=20", "--loads", "0,0.1"], "must be above 0"),
    (["memories", "hopfield:n=20,patterns=1", "-o", "no/such/folder.h5"], "no/such"),
    (["tap", "sk:n=10", "--beta", "0,1"], "above 0")])
def test_bad_input(words, message, capsys):
    assert main(["attractors", *words]) == 2
    assert message in capsys.readouterr().err


def test_commands_say_what_they_found(capsys):
    assert main(["attractors", "memories", "hopfield:n=41,patterns=2,seed=1", "--starts", "50", "--seed", "1"]) == 0
    assert "memory" in capsys.readouterr().out
    words = ["memories", "hopfield:n=41", "--loads", "0.05,0.2", "--networks", "4", "--starts", "20", "--json"]
    assert main(["attractors", *words]) == 0
    told = json.loads(capsys.readouterr().out)
    assert len(told["recall"]["overlap"]) == 2
    assert {row["kind"] for row in told["attractors"]} >= {"memory"}
    assert main(["attractors", "tap", "sk:n=12,seed=1", "--beta", "0.5,6", "--starts", "20", "--seed", "1"]) == 0
    assert "beyond TAP" in capsys.readouterr().out
