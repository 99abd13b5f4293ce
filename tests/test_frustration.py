"""Facts of a model against brute force over its loops, and that no gauge changes them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from statfe.models import frustration
from statfe.models.catalogue import build_model
from statfe.models.frustration import count_plaquettes, facts
from statfe.models.geometry import Lattice
from statfe.models.ising import IsingModel
from tests.models_for_tests import disconnected, frustrated_triangle


def loops_by_hand(model: IsingModel, length: int) -> tuple[int, int]:
    """(number, number frustrated) of the cycles of three or four sites, over all choices of sites."""
    J = model.adjacency.toarray()
    signs = []
    for sites in itertools.combinations(range(model.n_sites), length):
        first, *rest = sites
        for order in itertools.permutations(rest):
            if order[0] < order[-1]:  # each cycle in one of its two directions
                ring = (first, *order, first)
                signs.append(np.prod([np.sign(J[a, b]) for a, b in itertools.pairwise(ring)]))
    return int(np.count_nonzero(signs)), int(np.sum(np.array(signs) < 0))


def squares_by_hand(model: IsingModel) -> tuple[int, int]:
    """Plaquettes of a hypercubic lattice site by site and plane by plane, every bond found by its ends."""
    assert model.lattice is not None
    shape, periodic = model.lattice.shape, model.lattice.periodic
    bond = {}
    for k, (i, d) in enumerate(zip(model.lattice.bonds()[0].tolist(), model.lattice.bonds()[2].tolist(), strict=True)):
        bond[i, d] = np.sign(model.couplings[k])
    products = []
    for site in itertools.product(*map(range, shape)):
        for a, b in itertools.combinations(range(len(shape)), 2):
            corners = [site]
            for axis in (a, b):
                step = list(site)
                step[axis] += 1
                corners.append(tuple(step))
            if 1 in (shape[a], shape[b]):
                continue
            if not periodic and (corners[1][a] >= shape[a] or corners[2][b] >= shape[b]):
                continue
            at, up, right = (
                int(np.ravel_multi_index([x % n for x, n in zip(c, shape, strict=True)], shape)) for c in corners)
            products.append(bond[at, a] * bond[up, b] * bond[right, a] * bond[at, b])
    return int(np.count_nonzero(products)), int(np.sum(np.array(products) < 0))


def random_graph(n: int, share: float, seed: int) -> IsingModel:
    rng = np.random.default_rng(seed)
    i, j = np.triu_indices(n, 1)
    keep = rng.random(len(i)) < share
    return IsingModel.from_edges(n, i[keep], j[keep], rng.normal(size=keep.sum()))


def gauged(model: IsingModel, seed: int) -> IsingModel:
    e = np.random.default_rng(seed).choice([-1.0, 1.0], model.n_sites)
    return IsingModel.from_edges(
        model.n_sites, model.rows, model.cols, e[model.rows] * e[model.cols] * model.couplings, e * model.fields,
        lattice=model.lattice)


@pytest.mark.parametrize("dense", [True, False])
@pytest.mark.parametrize("seed", range(6))
def test_triangles_of_graphs(seed: int, dense: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frustration, "DENSE_SITES", 2000 if dense else 0)
    model = random_graph(9, 0.6, seed)
    assert count_plaquettes(model) == ("triangles", *loops_by_hand(model, 3))


@pytest.mark.parametrize("dense", [True, False])
@pytest.mark.parametrize("seed", range(6))
def test_squares_of_graphs_without_triangles(seed: int, dense: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frustration, "DENSE_SITES", 2000 if dense else 0)
    rng = np.random.default_rng(seed)
    i, j = (x.ravel() for x in np.meshgrid(np.arange(4), np.arange(4, 9), indexing="ij"))
    keep = rng.random(20) < 0.8
    model = IsingModel.from_edges(9, i[keep], j[keep], rng.normal(size=keep.sum()))
    assert count_plaquettes(model) == ("squares", *loops_by_hand(model, 4))


@pytest.mark.parametrize("spec", [
    "ea:shape=4x5,seed=3", "ea:shape=4x5,boundary=open", "ea:shape=2x2,seed=2", "ea:shape=2x3", "ea:shape=3x3x2",
    "ea:shape=3x1x4", "ea:shape=2x2x2x2", "ising:shape=5x5,coupling=-1", "ising:shape=3x3,coupling=0"])
def test_plaquettes_of_lattices(spec: str) -> None:
    model = build_model(spec)
    loops, bad = squares_by_hand(model)
    assert len(model.lattice.plaquettes()) == (loops or 9)  # type: ignore[union-attr]
    assert count_plaquettes(model) == ("squares", loops, bad)


@pytest.mark.parametrize("periodic", [True, False])
@pytest.mark.parametrize("shape", [(3, 4), (4, 4), (5, 3)])
def test_triangles_of_the_triangular_lattice(shape: tuple[int, int], periodic: bool) -> None:
    text = "x".join(map(str, shape)) + ("" if periodic else ",boundary=open")
    model = build_model(f"triangular:shape={text},coupling=-1")
    cells = shape[0] * shape[1] if periodic else (shape[0] - 1) * (shape[1] - 1)
    assert count_plaquettes(model) == ("triangles", 2 * cells, 2 * cells)
    assert count_plaquettes(build_model(f"triangular:shape={text}")) == ("triangles", 2 * cells, 0)
    if 3 not in shape or not periodic:  # a ring of three sites round the torus is a triangle of the graph as well
        assert loops_by_hand(model, 3) == (2 * cells, 2 * cells)


@pytest.mark.parametrize("kind", ["hypercubic", "triangular"])
@pytest.mark.parametrize("shape", [(2, 2), (2, 5), (3, 4)])
def test_plaquettes_are_closed_loops_of_bonds(shape: tuple[int, int], kind: str) -> None:
    lattice = Lattice(shape, True, kind)
    source, target, _ = lattice.bonds()
    for loop in lattice.plaquettes():
        ends = np.concatenate([source[loop], target[loop]])
        assert len(set(loop.tolist())) == len(loop)
        assert np.all(np.bincount(ends)[np.unique(ends)] % 2 == 0)


@pytest.mark.parametrize("spec", [
    "ea:shape=4x4,seed=2", "ea:shape=3x3x3,couplings=gaussian,field=0.3", "sk:n=14", "random-regular:n=20,degree=4",
    "erdos-renyi:n=30,mean_degree=4", "hopfield:n=12", "triangular:shape=4x5,coupling=-1", "ea:shape=2x2"])
def test_facts_are_gauge_invariant(spec: str) -> None:
    model = build_model(spec)
    for seed in range(3):
        assert facts(gauged(model, seed)) == facts(model)


def test_facts_of_small_models() -> None:
    assert facts(frustrated_triangle()) == {
        "n_sites": 3, "n_bonds": 3, "n_pairs": 3, "mean_degree": 2.0, "components": 1, "has_fields": False,
        "plaquette_kind": "triangles", "plaquettes": 1, "frustrated_plaquettes": 1, "frustrated_fraction": 1.0}
    pieces = facts(disconnected())
    assert (pieces["n_bonds"], pieces["n_pairs"], pieces["components"]) == (4, 3, 3)
    assert (pieces["plaquette_kind"], pieces["plaquettes"], pieces["frustrated_fraction"]) == ("none", 0, None)
    ring = facts(build_model("ea:shape=4,seed=1"))
    assert (ring["plaquette_kind"], ring["plaquettes"]) == ("squares", 1)
    assert facts(build_model("ising:shape=7"))["plaquette_kind"] == "none"


def test_too_much_work_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frustration, "MAX_WORK", 10)
    monkeypatch.setattr(frustration, "DENSE_SITES", 0)
    found = facts(build_model("sk:n=20"))
    assert found["plaquette_kind"] == "not counted"
    assert found["plaquettes"] is None
    assert found["frustrated_fraction"] is None


def test_half_the_plaquettes_of_a_spin_glass_are_frustrated() -> None:
    found = facts(build_model("ea:shape=100x100"))
    assert found["plaquettes"] == 10_000
    assert abs(found["frustrated_fraction"] - 0.5) < 5 * 0.005
