"""Lattices, random graphs, colourings, elimination orders and balance, against counts by hand."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from statfe.errors import ModelError
from statfe.models.balance import balance, is_balanced
from statfe.models.catalogue import build_model
from statfe.models.geometry import Lattice
from statfe.models.ising import IsingModel
from statfe.models.random_graphs import erdos_renyi_graph, regular_graph
from statfe.models.structure import elimination, two_colouring
from tests.naive.ising import states


def bond_multiset(shape: tuple[int, ...], periodic: bool, kind: str) -> list[tuple[int, int]]:
    """Bonds by hand: from every site one step along every direction; a length of 1 has none."""
    steps = [tuple(int(a == d) for a in range(len(shape))) for d in range(len(shape))]
    steps += [(1, 1)] if kind == "triangular" else []
    found = []
    for site in itertools.product(*map(range, shape)):
        for step in steps:
            if any(s and size == 1 for s, size in zip(step, shape, strict=True)):
                continue
            end = tuple(x + s for x, s in zip(site, step, strict=True))
            if not periodic and any(x >= size for x, size in zip(end, shape, strict=True)):
                continue
            wrapped = tuple(x % size for x, size in zip(end, shape, strict=True))
            pair = sorted(int(np.ravel_multi_index(x, shape)) for x in (site, wrapped))
            found.append((pair[0], pair[1]))
    return sorted(found)


LATTICES = [
    *[(shape, "hypercubic") for shape in (
        (1,), (2,), (3,), (7,), (1, 1), (1, 2), (2, 1), (2, 2), (1, 5), (2, 5), (3, 4), (1, 1, 1), (2, 2, 2),
        (1, 3, 2), (3, 4, 5), (2, 1, 4), (2, 3, 2, 3))],
    *[(shape, "triangular") for shape in ((1, 1), (1, 4), (4, 1), (2, 2), (2, 3), (3, 3), (4, 5))],
]


@pytest.mark.parametrize("periodic", [True, False])
@pytest.mark.parametrize(("shape", "kind"), LATTICES)
def test_bonds_of_lattices(shape: tuple[int, ...], kind: str, periodic: bool) -> None:
    lattice = Lattice(shape, periodic, kind)
    source, target, _ = lattice.bonds()
    pairs = sorted((min(i, j), max(i, j)) for i, j in zip(source.tolist(), target.tolist(), strict=True))
    assert pairs == bond_multiset(shape, periodic, kind)
    assert lattice.n_bonds == len(pairs)
    assert all(i != j for i, j in pairs)


def test_direction_of_bonds() -> None:
    lattice = Lattice((3, 4), periodic=True)
    for i, j, d in zip(*lattice.bonds(), strict=True):
        a, b = np.unravel_index([i, j], lattice.shape)
        move = (np.array([a[1] - a[0], b[1] - b[0]])) % lattice.shape
        assert move.tolist() == [int(d == 0), int(d == 1)]


@pytest.mark.parametrize(("n", "degree"), [(4, 3), (6, 3), (10, 4), (50, 3), (11, 8), (9, 8), (2000, 5), (100, 60)])
def test_regular_graphs_are_simple_and_regular(n: int, degree: int) -> None:
    for seed in range(5):
        rows, cols = regular_graph(n, degree, np.random.default_rng(seed))
        assert np.all(rows < cols)
        assert len({*zip(rows.tolist(), cols.tolist(), strict=True)}) == n * degree // 2
        assert np.all(np.bincount(np.concatenate([rows, cols]), minlength=n) == degree)


def test_regular_graphs_are_uniform_where_they_can_be_counted() -> None:
    # 6 sites, degree 2: 60 hexagons and 10 pairs of triangles.
    rng, draws = np.random.default_rng(5), 7000
    seen: dict[tuple[int, ...], int] = {}
    for _ in range(draws):
        rows, cols = regular_graph(6, 2, rng)
        key = tuple((6 * rows + cols).tolist())
        seen[key] = seen.get(key, 0) + 1
    assert len(seen) == 70
    chi2 = sum((count - draws / 70) ** 2 for count in seen.values()) / (draws / 70)
    assert chi2 < 140  # 69 degrees of freedom: p = 1e-6


@pytest.mark.parametrize(("n", "degree"), [(4, 4), (5, 3), (1, 1)])
def test_regular_graphs_that_do_not_exist(n: int, degree: int) -> None:
    with pytest.raises(ModelError, match="no graph"):
        regular_graph(n, degree, np.random.default_rng(1))
    with pytest.raises(ModelError, match="no graph"):
        build_model(f"random-regular:n={n},degree={degree}")


def test_erdos_renyi_pairs_are_independent() -> None:
    rng, n, p, draws = np.random.default_rng(2), 7, 0.3, 4000
    counts = np.zeros((n, n))
    totals = np.zeros(draws)
    for k in range(draws):
        rows, cols = erdos_renyi_graph(n, p, rng)
        assert np.all(rows < cols)
        counts[rows, cols] += 1
        totals[k] = len(rows)
    share = counts[np.triu_indices(n, 1)] / draws
    assert np.abs(share - p).max() < 5 * np.sqrt(p * (1 - p) / draws)
    assert totals.var() == pytest.approx(21 * p * (1 - p), rel=0.15)


def test_erdos_renyi_extremes() -> None:
    rng = np.random.default_rng(1)
    assert len(erdos_renyi_graph(50, 0.0, rng)[0]) == 0
    assert len(erdos_renyi_graph(50, 1.0, rng)[0]) == 1225
    assert len(erdos_renyi_graph(1, 0.5, rng)[0]) == 0
    rows, cols = erdos_renyi_graph(100_000, 1e-5, rng)
    assert cols.max() < 100_000
    assert len(set((rows.astype(np.int64) * 100_000 + cols).tolist())) == len(rows)
    assert abs(len(rows) - 49_999.5) < 5 * np.sqrt(5e4)
    with pytest.raises(ModelError, match="too large"):
        build_model("erdos-renyi:n=4,mean_degree=3.5")


def test_two_colouring() -> None:
    for spec in ("ising:shape=4x6", "ising:shape=3x5,boundary=open", "rbm:visible=3,hidden=4", "ising:shape=2x2"):
        model = build_model(spec)
        colour = two_colouring(model)
        assert colour is not None
        i, j, _ = model.pairs
        assert np.all(colour[i] != colour[j])
        _, first = np.unique(model.components, return_index=True)
        assert not colour[first].any()
    for spec in ("ising:shape=3x4", "triangular:shape=3x3", "sk:n=4"):
        assert two_colouring(build_model(spec)) is None


@pytest.mark.parametrize(("spec", "width"), [
    ("ising:shape=30x5,boundary=open,field=1", 5), ("ising:shape=30x5,field=1", 10), ("ising:shape=30,field=1", 2),
    ("ising:shape=30,boundary=open", 1), ("ising:shape=1", 0), ("ising:shape=5x30,boundary=open,field=1", 5)])
def test_width_of_the_frontier(spec: str, width: int) -> None:
    plan = elimination(build_model(spec))
    assert plan.width <= width
    assert sorted([*plan.order.tolist(), *plan.pinned.tolist()]) == list(range(build_model(spec).n_sites))


def test_width_of_wide_graphs_is_said_as_it_is() -> None:
    assert elimination(build_model("ising:shape=400x400")).width > 700
    assert np.isfinite(elimination(build_model("ising:shape=1100x1100,boundary=open")).work)


def test_balance_against_all_gauges() -> None:
    rng = np.random.default_rng(4)
    for _ in range(40):
        n = 6
        i, j = np.triu_indices(n, 1)
        keep = rng.random(len(i)) < 0.45
        model = IsingModel.from_edges(n, i[keep], j[keep], rng.choice([-1.0, 1.0], keep.sum()))
        found = balance(model)
        unsatisfied = [(s[model.rows] * s[model.cols] * model.couplings < 0).sum() for s in states(n)]
        assert is_balanced(model) == (min(unsatisfied) == 0)
        g = found.gauge
        assert found.frustrated == (g[model.rows] * g[model.cols] * model.couplings < 0).sum()
