"""What terminal, files, reports and Python say of attractors is one: numbers, names, and files that load."""

from __future__ import annotations

import numpy as np
import pytest

import statfe
from statfe.attractors.basins.branches import Branches, read_branches
from statfe.attractors.found import ESCAPED, AttractorSet, BasinSlice
from statfe.errors import StoreError
from statfe.report.attractors.found_figures import draw_slice, palette
from statfe.report.styles import COLOURS


def rows(out):
    """First cell and kind of the lines of a table that begin with a number."""
    return [line.split("  ")[0] for line in out.splitlines() if line[:1].isdigit() or line[:2].strip().isdigit()]


def test_attractors_have_one_number(here, call):
    code, out, _ = call("attractors", "identify", "duffing:gamma=0", "--starts", "12", "--seed", "1", "-o", "a.h5")
    assert code == 0
    found = statfe.load("a.h5")
    assert rows(out) == [str(k) for k in range(found.count)] == ["0", "1"]
    told = {line.split()[0]: line for line in out.splitlines() if line[:1].isdigit()}
    for k in range(found.count):
        assert f"x={found.states[k, 0]:.4g}" in told[str(k)]
        assert np.sum(found.labels == k) / 12 == found.basin_fraction[k]
    code, out, _ = call("attractors", "memories", "hopfield:n=30,patterns=1,seed=1", "--starts", "20", "--seed", "1")
    assert code == 0
    assert "\n0  memory" in out


def test_the_largest_exponent_of_a_cycle_of_a_flow_is_zero():
    found = statfe.identify_attractors("duffing:gamma=0.2", starts=4, seed=1)
    assert set(found.kinds) == {"limit cycle"}
    assert found.stats["largest_exponent"].tolist() == [0.0] * found.count
    assert (found.stability < 0.0).all()


def test_a_continuation_loads_as_it_was_written(tmp_path):
    path = tmp_path / "c.h5"
    done = statfe.continue_attractors("logistic", "r=2.8,3.2", path, starts=6, seed=1)
    found = statfe.load(path)
    assert isinstance(found, Branches)
    assert (found.system, found.parameter, found.seed, found.count) == ("logistic", "r", 1, done.count)
    assert found.values.tolist() == [2.8, 3.2]
    assert found.converged is done.converged is True
    assert found.kinds[:, 0].tolist() == ["fixed point", "limit cycle"]
    assert [e[3] for e in found.events] == ["kind"] == [e.what for e in done.events]
    for k, own in enumerate(done.sets):
        assert found.states[k, done.identities[k]].tolist() == own.states.tolist()
        assert found.numbers["stability"][k, done.identities[k]].tolist() == own.stability.tolist()
        assert found.fractions[k, done.identities[k]].tolist() == own.basin_fraction.tolist()
        assert found.shares["escaped to infinity"][k] == own.share(ESCAPED)
    statfe.identify_attractors("logistic:r=2.8", tmp_path / "i.h5", starts=6, seed=1)
    assert isinstance(statfe.load(tmp_path / "i.h5"), AttractorSet)
    with pytest.raises(StoreError, match="continuation"):
        read_branches(tmp_path / "i.h5")


def test_the_scan_of_loads_has_a_name(tmp_path):
    assert "memories_against_load" in statfe.__all__
    found, seen = statfe.memories_against_load("hopfield:n=20", [0.05, 0.2], tmp_path / "l.h5", networks=4, starts=20,
                                               seed=1)
    assert seen.patterns.tolist() == [1, 4]
    assert set(found.stats["load"]) == {0.05, 0.2}
    assert statfe.load(tmp_path / "l.h5").kinds == found.kinds


def test_no_colour_of_a_slice_stands_for_two_attractors():
    colours = palette(3000)
    assert len(set(colours)) == 3000
    assert tuple(colours[:len(COLOURS)]) == COLOURS
    parts = np.array([[int(c[k:k + 2], 16) for k in (1, 3, 5)] for c in palette(24)])
    apart = np.abs(parts[:, None] - parts[None]).max(axis=2)[~np.eye(24, dtype=bool)]
    assert apart.min() >= 15  # of 255: told apart side by side
    count, plane = 20, np.arange(20)
    found = AttractorSet(
        "test", "test", ("fixed point",) * count, np.zeros((count, 2)), ("x", "y"), np.full(count, np.nan),
        np.zeros(count), np.full(count, 0.05), np.zeros(count), np.zeros((1, 2)), np.zeros(1, dtype=np.int64), 1,
        basin_slice=BasinSlice((0, 1), plane * 1.0, plane * 1.0, np.tile(plane, (20, 1)), np.zeros(2)))
    mesh = draw_slice(found).axes[0].collections[0]
    shown = mesh.cmap(mesh.norm(mesh.get_array()))
    assert len(np.unique(np.round(255 * shown).reshape(-1, 4), axis=0)) == count


def test_images_under_every_symmetry_are_told():
    # a particle in a cubic lattice of forces with much friction: two points, which the exchange keeps
    found = statfe.identify_attractors("thomas:b=0.6", starts=12, seed=1)
    assert found.kinds == ("fixed point", "fixed point")
    assert found.stats["symmetric_to"].tolist() == [0, 1]  # cyclic exchange
    assert found.stats["symmetric_to_2"].tolist() == [1, 0]  # inversion


def test_a_search_tells_beforehand_how_long_its_pilots_took():
    told = []
    statfe.identify_attractors("logistic:r=2.8", starts=6, seed=1, progress=lambda *said: told.append(said))
    assert [share for _, share in told[:2]] == [0.0, 0.0]
    assert "pilot runs" in told[0][0]
    assert "pilot runs took" in told[1][0]
    assert "6 starts" in told[1][0]
    assert told[-1][1] == 1.0


@pytest.mark.parametrize("method", ["recurrences", "features"])
def test_a_search_tells_of_each_start_as_it_ends(method):
    told = []
    statfe.identify_attractors("logistic:r=2.8", starts=8, method=method, seed=1, workers=2,
                               progress=lambda *said: told.append(said))
    assert [share for _, share in told[2:]] == [k / 8 for k in range(1, 9)]
