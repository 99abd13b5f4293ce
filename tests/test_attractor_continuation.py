"""Attractors along a parameter: known bifurcations are the events, and identities persist between them."""

from __future__ import annotations

import json

import h5py
import numpy as np
import pytest

from statfe.attractors.basins.continuation import continue_attractors
from statfe.attractors.basins.continuation_file import write_continuation
from statfe.attractors.found_file import read_found
from statfe.errors import UsageError
from tests.hdf5_rules import check_format
from tests.systems_for_basins import flow


def told(done):
    return [(e.before, e.identity, e.what) for e in done.events]


def test_a_pitchfork_breaks_the_symmetry():
    done = continue_attractors(flow("pitchfork", [(-2.0, 2.0)]), "a", [-1.0, -0.5, 0.5, 1.0, 1.5], 16, seed=1)
    assert told(done) == [(-0.5, 0, "disappears"), (-0.5, 1, "appears"), (-0.5, 2, "appears")]
    assert [sorted(row) for row in done.identities] == [[0], [0], [1, 2], [1, 2], [1, 2]]
    branch = [found.states[row.index(1), 0] for found, row in zip(done.sets[2:], done.identities[2:], strict=True)]
    np.testing.assert_allclose(np.abs(branch), np.sqrt([0.5, 1.0, 1.5]))
    assert len(set(np.sign(branch))) == 1


def test_a_hopf_bifurcation_changes_the_kind_and_keeps_the_name():
    system = flow("hopf", [(-1.0, 1.0), (-1.0, 1.0)], b=1.0)
    done = continue_attractors(system, "a", [-0.3, -0.2, 0.02, 0.1], 8, seed=1)
    assert told(done) == [(-0.2, 0, "kind")]
    assert done.events[0].message == "fixed point becomes limit cycle"
    assert done.identities == ((0,),) * 4
    assert done.converged


def test_a_saddle_node_ends_a_branch(tmp_path):
    done = continue_attractors(flow("escape", [(-2.0, -0.2)]), "a", [1.0, 0.5, -0.5], 8, seed=1)
    assert told(done) == [(0.5, 0, "disappears")]
    assert "infinity" in done.events[0].message
    write_continuation(tmp_path / "c.h5", done, "statfe attractors continue")
    assert set(check_format(tmp_path / "c.h5")) == {"/continuation", "/events"}
    with h5py.File(tmp_path / "c.h5") as file:
        np.testing.assert_allclose(file["continuation/state"][:2, 0, 0], [-1.0, -np.sqrt(0.5)])
        assert np.isnan(file["continuation/state"][2, 0, 0])
        np.testing.assert_array_equal(file["continuation/share"][:, 1], [0.0, 0.0, 1.0])
        assert file["events/what"].asstr()[:].tolist() == ["disappears"]


def test_an_unknown_parameter_is_named():
    with pytest.raises(UsageError, match="unknown parameter"):
        continue_attractors(flow("pitchfork", [(-2.0, 2.0)]), "c", [1.0])


def test_the_commands(call, here):
    words = ("attractors", "identify", "henon", "--starts", "60", "--box", "x=-2:2,y=-2:2", "--seed", "1")
    code, out, err = call(*words, "--second-seed", "2", "--plane", "x,y,4", "-o", "a.h5")
    assert code == 0, err
    assert "strange" in out
    assert "escaped to infinity" in out
    assert "chi-square" in out
    found = read_found(here / "a.h5")
    assert found.kinds == ("strange",)
    assert 0.3 < found.share(-2) < 0.8
    assert found.basin_slice.labels.shape == (4, 4)
    assert found.stats["seeds_p_value"] > 1e-3
    with h5py.File("a.h5") as file:
        assert file.attrs["command"].startswith("statfe attractors identify henon --starts 60")
    code, out, _ = call(*words, "--json")
    assert json.loads(out)["attractors"][0]["basin_fraction"] == found.basin_fraction[0]
    code, out, _ = call("attractors", "continue", "henon", "--parameter", "a=0.2,0.5", "--starts", "12", "--seed", "1",
                        "-o", "c.h5")
    assert code == 0  # period doubling at a = 3 (1 - b)^2 / 4 = 0.3675 (Henon 1976)
    assert "fixed point becomes limit cycle" in out


@pytest.mark.parametrize(("words", "message"), [
    (("identify", "henon", "--box", "q=0:1"), "unknown coordinate"),
    (("identify", "henon", "--box", "x=0"), "write coordinate=low:high"),
    (("identify", "henon", "--plane", "x"), "write two coordinates"),
    (("identify", "henon", "--seed", "3", "--second-seed", "3"), "take another"),
    (("continue", "henon", "--parameter", "a"), "write name=GRID"),
    (("continue", "henon", "--parameter", "c=1:2:3"), "unknown parameter")])
def test_bad_words_are_named(call, words, message):
    code, _, err = call("attractors", *words)
    assert code == 2
    assert message in err
