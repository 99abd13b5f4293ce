"""What terminal, files, reports and Python say of attractors is one: numbers, names, and files that load."""

from __future__ import annotations

import numpy as np

import statfe


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
